//! Uploads whose parts a client brings to S3 by itself, with requests that the relay signed.

use std::process::Command;

use kartei_test_support::{Http, S3Kind, S3Server, python_packages};

use super::*;

const LOG: &str = "relay.log";

/// A relay that keeps its bytes on the server, and lets clients bring theirs.
fn on_s3(server: &S3Server, settings: &[(&str, &str)]) -> Result<Service> {
    let variable = |name| server.variable(name).context("the server has credentials");
    let (key, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
    let url = server.url("files");
    let mut all = vec![
        ("KARTEI_BLOB_URL", url.as_str()),
        ("AWS_ACCESS_KEY_ID", key.as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
    ];
    all.extend(settings);
    let stage = Stage::new()?;
    let path = stage.path("operator.key");
    fs::write(&path, "0f".repeat(32))?;
    let path = path.display().to_string();
    all.push(("KARTEI_KEY_FILE", &path));
    let home = stage.relay_home()?.logging_to(stage.path(LOG));
    serve(stage, Ground::Folder, home, &all)
}

/// Sends a signed request as whoever has it would: without a token.
fn send(signed: &Value, body: &[u8]) -> Result<Reply> {
    let url = text(&signed["url"]);
    let path = url.find("://").and_then(|at| url[at + 3..].find('/').map(|slash| at + 3 + slash));
    let (base, path) = url.split_at(path.context("an address has a path")?);
    let headers = signed["headers"].as_object().context("headers are told")?;
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
    Http::new(base, None).send(text(&signed["method"]), path, &headers, body)
}

impl Service {
    fn bring(&self, id: &Value, number: usize, part: &[u8]) -> Result<Value> {
        let wanted = json!({"parts": [{"number": number, "sha256": sha256(part)}]});
        let signed = self.act("sign", id, &wanted)?.expect(200)?.json()["parts"][0].clone();
        assert_eq!(signed["bytes"], part.len());
        let answer = send(&signed, part)?.expect(200)?;
        let tag = answer.header("etag").context("S3 answers a tag")?;
        Ok(json!({"number": number, "sha256": sha256(part), "etag": tag}))
    }
}

/// What boto3 brings: with the relay's link, and by itself.
fn as_boto3_has_it(server: &S3Server, link: &str) -> Result<Value> {
    // http://address/bucket/key?signature
    let plain = link.split_once('?').context("it is signed")?.0;
    let mut parts = plain.splitn(5, '/').skip(2);
    let mut part = || parts.next().context("it names a bucket and a key");
    let (address, bucket, key) = (part()?, part()?, part()?);
    let output = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/python/presigned.py"))
        .args([&format!("http://{address}"), server.region(), bucket, key])
        .env("PYTHONPATH", python_packages()?)
        .env("PRESIGNED", link)
        .envs(
            ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
                .map(|name| (name, server.variable(name).unwrap_or_default())),
        )
        .output()
        .context("cannot start python3")?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{}: {said}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn parts_go_to_s3_and_the_file_is_what_was_sent(kind: S3Kind) -> Result<()> {
    let server = S3Server::start(kind)?;
    let mut service = on_s3(&server, &[("KARTEI_DIRECT_UPLOADS", "true")])?;
    let bytes = noise(71, 9 * MIB + 5);
    let new = json!({"name": "Größe \"x\".bin", "size": bytes.len(), "direct": true});
    let begun = service.begin(&new)?.expect(201)?.json();
    let id = &begun["id"];
    let piece = usize::try_from(begun["piece_bytes"].as_u64().context("it has pieces")?)?;
    assert_eq!(code(&service.chunk(id, 0, &bytes[..piece])?.expect(409)?), "direct_off");
    // From behind, with another process of the relay in between.
    let last = service.bring(id, 1, &bytes[piece..])?;
    service.act("brought", id, &json!({"parts": [last]}))?.expect(200)?;
    service.relay.kill()?;
    service.relay = service.home.start()?;
    service.http = Http::new(service.relay.url(), Some(&service.token));
    let state = service.status(id)?;
    assert_eq!(state["received"], json!([[piece, bytes.len()]]));
    assert_eq!(code(&service.act("complete", id, &Value::Null)?.expect(409)?), "upload_incomplete");
    let first = service.bring(id, 0, &bytes[..piece])?;
    for _ in 0..2 {
        // An answer that was lost is asked for again.
        service.act("brought", id, &json!({"parts": [first]}))?.expect(200)?;
    }
    let again = json!({"parts": [{"number": 0, "sha256": sha256(b"other")}]});
    service.act("sign", id, &again)?.expect(409)?;
    let done = service.act("complete", id, &Value::Null)?.expect(200)?.json();
    assert_eq!(done["digest"], blake3::hash(&bytes).to_hex().as_str(), "read once for its digest");
    let file = &done["file"];
    assert!(service.bytes(file)? == bytes, "the relay gives other bytes");
    let path = format!("/api/files/serve/{}", text(file));
    let part = service.http.send("GET", &path, &[("range", "bytes=8388600-8388615")], &[])?;
    assert!(part.expect(206)?.body == bytes[8_388_600..8_388_616]);
    // Whoever has the link reads it from S3, and not for what another link is.
    let link = service.http.send("POST", &format!("/api/files/{}/link", text(file)), &[], &[])?;
    let url = link.expect(200)?.json()["url"].clone();
    let get = |url: &str| send(&json!({"method": "GET", "url": url, "headers": {}}), &[]);
    assert!(get(text(&url))?.expect(200)?.body == bytes, "the link gives other bytes");
    let boto3 = as_boto3_has_it(&server, text(&url))?;
    let expected = json!({"relay": sha256(&bytes), "boto3": sha256(&bytes), "size": bytes.len()});
    assert_eq!(boto3, expected);
    let forged = text(&url).replace("X-Amz-Expires=900", "X-Amz-Expires=901");
    assert_ne!(forged, text(&url), "it is good for a quarter of an hour");
    get(&forged)?.expect(403)?;
    let log = fs::read_to_string(service.stage.path(LOG))?;
    assert!(log.contains("Relay is ready"), "{log}");
    assert!(!log.contains("X-Amz-Signature"), "a signature was logged");
    Ok(())
}

#[test]
fn direct_parts_on_garage() -> Result<()> {
    parts_go_to_s3_and_the_file_is_what_was_sent(S3Kind::Garage)
}

#[test]
fn direct_parts_on_s3s_fs() -> Result<()> {
    parts_go_to_s3_and_the_file_is_what_was_sent(S3Kind::S3sFs)
}

#[test]
fn what_is_announced_of_a_part_is_what_s3_takes() -> Result<()> {
    let server = S3Server::start(S3Kind::Garage)?;
    let service = on_s3(&server, &[("KARTEI_DIRECT_UPLOADS", "true")])?;
    let bytes = noise(72, 1_000);
    let new = json!({"name": "small.bin", "size": bytes.len(), "direct": true});
    let id = &service.begin(&new)?.expect(201)?.json()["id"];
    let wanted = json!({"parts": [{"number": 0, "sha256": sha256(&bytes)}]});
    let signed = service.act("sign", id, &wanted)?.expect(200)?.json()["parts"][0].clone();
    let status = send(&signed, &noise(73, 1_000))?.status;
    assert!((400..500).contains(&status), "other bytes got {status}");
    for parts in [
        json!([]),
        json!([{"number": 1, "sha256": sha256(&bytes)}]),
        json!([{"number": u64::MAX, "sha256": sha256(&bytes)}]),
        json!([{"number": 0, "sha256": "no digest"}]),
    ] {
        service.act("sign", id, &json!({"parts": parts}))?.expect(400)?;
    }
    for tag in ["", "a b", "<x/>"] {
        let part = json!({"number": 0, "sha256": sha256(&bytes), "etag": tag});
        service.act("brought", id, &json!({"parts": [part]}))?.expect(400)?;
    }
    // Nobody brought it, whatever is said.
    let part = json!({"number": 0, "sha256": sha256(&bytes), "etag": "\"0123\""});
    service.act("brought", id, &json!({"parts": [part]}))?.expect(200)?;
    assert!(service.act("complete", id, &Value::Null)?.status >= 400);
    let files = service.http.get("/api/files")?.expect(200)?.json();
    assert_eq!(files["files"], json!([]), "nothing is published");
    let foreign = service.home.organisation("other")?.token("analyst", "x")?;
    let foreign = Http::new(service.relay.url(), Some(&foreign));
    let path = format!("/api/upload?action=sign&upload={}", text(id));
    let refused = foreign.send("POST", &path, &[JSON], wanted.to_string().as_bytes())?;
    assert_eq!(code(&refused.expect(404)?), "unknown_upload");
    Ok(())
}

#[test]
fn direct_uploads_are_off_where_nobody_switched_them_on() -> Result<()> {
    let new = json!({"name": "a", "size": 5, "direct": true});
    // In a folder there is nothing to sign for.
    let service = service_with(&[("KARTEI_DIRECT_UPLOADS", "true")])?;
    assert_eq!(code(&service.begin(&new)?.expect(409)?), "direct_off");
    let file = service.upload("sealed.bin", b"bytes")?;
    let path = format!("/api/files/{}/link", text(&file));
    assert_eq!(code(&service.http.send("POST", &path, &[], &[])?.expect(409)?), "direct_off");
    let server = S3Server::start(S3Kind::S3sFs)?;
    let service = on_s3(&server, &[])?;
    assert_eq!(code(&service.begin(&new)?.expect(409)?), "direct_off");
    Ok(())
}
