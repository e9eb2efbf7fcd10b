//! tus 1.0 and the IETF's draft, request by request as their documents have them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const OFFSET_TYPE: (&str, &str) = ("content-type", "application/offset+octet-stream");
const PARTIAL_TYPE: (&str, &str) = ("content-type", "application/partial-upload");

impl Service {
    fn tus(&self, headers: &[(&str, &str)], body: &[u8]) -> Result<(Reply, String)> {
        let reply = self.http.send("POST", "/api/tus", &[&[TUS], headers].concat(), body)?;
        let place = reply.header("location").unwrap_or_default().to_owned();
        Ok((reply, place))
    }

    fn patch(
        &self,
        place: &str,
        offset: usize,
        more: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply> {
        let offset = offset.to_string();
        let headers = [&[TUS, OFFSET_TYPE, ("upload-offset", offset.as_str())], more].concat();
        self.http.send("PATCH", place, &headers, body)
    }

    fn offset(&self, place: &str) -> Result<Option<usize>> {
        let head = self.http.send("HEAD", place, &[TUS], &[])?.expect(200)?;
        assert_eq!(head.header("cache-control"), Some("no-store"));
        Ok(head.header("upload-offset").and_then(|text| text.parse().ok()))
    }

    fn only_file(&self) -> Result<Value> {
        let page = self.http.get("/api/files")?.expect(200)?.json();
        let files = page["files"].as_array().context("a page has files")?;
        assert_eq!(files.len(), 1, "{files:?}");
        Ok(files[0].clone())
    }
}

#[test]
fn tus_says_what_it_can_without_a_token() -> Result<()> {
    let service = service()?;
    let nobody = Http::new(service.relay.url(), None);
    let told = nobody.send("OPTIONS", "/api/tus", &[], &[])?.expect(204)?;
    assert_eq!(told.header("tus-resumable"), Some("1.0.0"));
    assert_eq!(told.header("tus-version"), Some("1.0.0"));
    for extension in [
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "checksum",
        "expiration",
        "termination",
        "concatenation",
    ] {
        let all = told.header("tus-extension").unwrap_or_default();
        assert!(all.split(',').any(|one| one == extension), "{extension}");
    }
    let old = service.http.send("POST", "/api/tus", &[("tus-resumable", "0.2.0")], &[])?;
    assert_eq!((old.status, old.header("tus-version")), (412, Some("1.0.0")));
    Ok(())
}

#[test]
fn tus_goes_on_at_every_byte() -> Result<()> {
    let service = service()?;
    let bytes = noise(50, 3 * MIB + 17);
    let (length, name) = (bytes.len().to_string(), STANDARD.encode("daten ☃.bin"));
    let metadata = format!("filename {name},filetype {}", STANDARD.encode("text/csv"));
    let headers = [("upload-length", length.as_str()), ("upload-metadata", metadata.as_str())];
    let (begun, place) = service.tus(&headers, &[])?;
    begun.expect(201)?;
    // Odd ends, within units and across them, and nothing at all.
    let ends = [1, 2, 1_000, 1_000, 65_536, MIB - 1, MIB, MIB + 70_001, 2 * MIB + 3, bytes.len()];
    let mut at = 0;
    for end in ends {
        assert_eq!(service.offset(&place)?, Some(at));
        let reply = service.patch(&place, at, &[], &bytes[at..end])?.expect(204)?;
        assert_eq!(reply.header("upload-offset"), Some(end.to_string().as_str()));
        assert!(end == bytes.len() || reply.header("upload-expires").is_some());
        let wrong = service.patch(&place, at + 5, &[], b"x")?;
        assert!(wrong.status == 409 || end == bytes.len(), "{}", wrong.status);
        at = end;
    }
    assert_eq!(service.offset(&place)?, Some(bytes.len()), "a finished upload still tells");
    let file = service.only_file()?;
    assert_eq!((&file["name"], &file["content_type"]), (&json!("daten ☃.bin"), &json!("text/csv")));
    assert_eq!(file["digest"], blake3::hash(&bytes).to_string());
    assert!(service.bytes(&file["id"])? == bytes);
    Ok(())
}

#[test]
fn tus_goes_on_after_the_relay_died() -> Result<()> {
    let mut service = service()?;
    let bytes = noise(51, 2 * MIB + 333);
    let length = bytes.len().to_string();
    let (_, place) = service.tus(&[("upload-length", &length)], &[])?;
    for end in [700_001, MIB + 5] {
        let at = service.offset(&place)?.context("an offset")?;
        service.patch(&place, at, &[], &bytes[at..end])?.expect(204)?;
        service.die_and_come_back()?;
        assert_eq!(service.offset(&place)?, Some(end));
    }
    service.patch(&place, MIB + 5, &[], &bytes[MIB + 5..])?.expect(204)?;
    assert!(service.bytes(&service.only_file()?["id"])? == bytes);
    Ok(())
}

#[test]
fn who_hears_from_tus_that_everything_is_there_finds_the_file() -> Result<()> {
    let service = service()?;
    let bytes = noise(55, MIB + 3);
    let (begun, place) = service.tus(&[("upload-length", &bytes.len().to_string())], &[])?;
    begun.expect(201)?;
    // The bytes are there and no file is made of them, as where the relay dies just then.
    let id = json!(place.rsplit('/').next());
    service.chunk(&id, 0, &bytes)?.expect(200)?;
    assert_eq!(service.http.get("/api/files")?.json()["files"], json!([]));
    let viewer = Http::new(service.relay.url(), Some(&service.home.token("viewer", "reader")?));
    viewer.send("HEAD", &place, &[TUS], &[])?.expect(200)?;
    assert_eq!(service.http.get("/api/files")?.json()["files"], json!([]), "who may only read");
    assert_eq!(service.offset(&place)?, Some(bytes.len()));
    assert!(service.bytes(&service.only_file()?["id"])? == bytes);
    Ok(())
}

#[test]
fn tus_lengths_may_come_late_and_bodies_early() -> Result<()> {
    let service = service()?;
    let bytes = noise(52, 100_000);
    let (begun, place) =
        service.tus(&[("upload-defer-length", "1"), OFFSET_TYPE], &bytes[..40_000])?;
    assert_eq!(begun.expect(201)?.header("upload-offset"), Some("40000"));
    let head = service.http.send("HEAD", &place, &[TUS], &[])?;
    assert_eq!(head.header("upload-defer-length"), Some("1"));
    let length = bytes.len().to_string();
    service.patch(&place, 40_000, &[("upload-length", &length)], &bytes[40_000..])?.expect(204)?;
    assert!(service.bytes(&service.only_file()?["id"])? == bytes);
    let (neither, _) = service.tus(&[], &[])?;
    assert_eq!(neither.status, 400);
    Ok(())
}

#[test]
fn tus_checks_what_it_is_told_to_check() -> Result<()> {
    let service = service()?;
    let (_, place) = service.tus(&[("upload-length", "11")], &[])?;
    let wrong = [("upload-checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")];
    let refused = service.patch(&place, 0, &wrong, b"hello world!"[..11].as_ref())?;
    // The sum of "hello world".
    assert_eq!(refused.status, 204);
    let (_, place) = service.tus(&[("upload-length", "11")], &[])?;
    assert_eq!(service.patch(&place, 0, &wrong, b"hello w0rld")?.status, 460);
    assert_eq!(service.offset(&place)?, Some(0));
    assert_eq!(service.patch(&place, 0, &[("upload-checksum", "md9 AAAA")], b"x")?.status, 400);
    Ok(())
}

#[test]
fn tus_joins_what_came_in_parts() -> Result<()> {
    let service = service()?;
    let bytes = noise(53, 2 * MIB + 1);
    let cut = 700_003;
    let mut places = Vec::new();
    for part in [&bytes[..cut], &bytes[cut..]] {
        let length = part.len().to_string();
        let (begun, place) =
            service.tus(&[("upload-length", &length), ("upload-concat", "partial")], &[])?;
        begun.expect(201)?;
        let concat = format!("final;{place}");
        assert_eq!(service.tus(&[("upload-concat", &concat)], &[])?.0.status, 409, "not whole yet");
        service.patch(&place, 0, &[], part)?.expect(204)?;
        places.push(place);
    }
    assert_eq!(service.http.get("/api/files")?.json()["files"], json!([]), "parts are no files");
    let concat = format!("final;{} {}{}", places[0], service.relay.url(), places[1]);
    let name = format!("filename {}", STANDARD.encode("joined"));
    let (joined, place) =
        service.tus(&[("upload-concat", &concat), ("upload-metadata", &name)], &[])?;
    joined.expect(201)?;
    let head = service.http.send("HEAD", &place, &[TUS], &[])?.expect(200)?;
    assert_eq!(head.header("upload-concat"), Some(concat.as_str()));
    let file = service.only_file()?;
    assert_eq!(file["name"], "joined");
    assert!(service.bytes(&file["id"])? == bytes);
    Ok(())
}

#[test]
fn tus_ends_what_is_given_up() -> Result<()> {
    let service = service()?;
    let (_, place) = service.tus(&[("upload-length", "5")], &[])?;
    service.http.send("DELETE", &place, &[TUS], &[])?.expect(204)?;
    assert_eq!(service.http.send("HEAD", &place, &[TUS], &[])?.status, 410);
    assert_eq!(service.patch(&place, 0, &[], b"hello")?.status, 410);
    let (begun, _) = service.tus(&[("upload-length", "0")], &[])?;
    begun.expect(201)?;
    assert_eq!(service.only_file()?["size"], 0);
    Ok(())
}

#[test]
fn the_draft_speaks_interop_version_8_where_it_is_switched_on() -> Result<()> {
    let closed = service()?;
    let complete = ("upload-complete", "?0");
    assert_eq!(closed.http.send("POST", "/api/resumable", &[complete, RAW], b"x")?.status, 404);
    let service = service_with(&[("KARTEI_RESUMABLE_DRAFT", "true")])?;
    let version = ("upload-draft-interop-version", "8");
    let bytes = noise(54, MIB + 900);
    let begun = service.http.send(
        "POST",
        "/api/resumable?name=draft.bin",
        &[version, complete, RAW],
        &bytes[..1_000],
    )?;
    let begun = begun.expect(201)?;
    assert_eq!(begun.header("upload-offset"), Some("1000"));
    let place = begun.header("location").context("a place")?.to_owned();
    let head = service.http.send("HEAD", &place, &[version], &[])?;
    assert_eq!((head.status, head.header("upload-complete")), (204, Some("?0")));
    assert!(head.header("upload-limit").is_some_and(|limit| limit.contains("max-size=")));
    let patch = |offset: &str, is_last: &str, body: &[u8]| {
        let headers =
            [version, PARTIAL_TYPE, ("upload-offset", offset), ("upload-complete", is_last)];
        service.http.send("PATCH", &place, &headers, body)
    };
    let wrong = patch("7", "?0", b"x")?;
    assert_eq!((wrong.status, wrong.header("upload-offset")), (409, Some("1000")));
    let told = wrong.json();
    assert_eq!(
        told["type"],
        "https://iana.org/assignments/http-problem-types#mismatching-upload-offset"
    );
    assert_eq!((&told["expected-offset"], &told["provided-offset"]), (&json!(1_000), &json!(7)));
    patch("1000", "?0", &bytes[1_000..2_000])?.expect(204)?;
    let done = patch("2000", "?1", &bytes[2_000..])?.expect(204)?;
    assert_eq!(done.header("upload-complete"), Some("?1"));
    assert_eq!(patch("2000", "?1", b"x")?.status, 400);
    let file = service.only_file()?;
    assert_eq!(file["name"], "draft.bin");
    assert!(service.bytes(&file["id"])? == bytes);
    let refused = service.http.send(
        "POST",
        "/api/resumable",
        &[version, ("upload-complete", "?1"), ("upload-length", "9"), RAW],
        b"x",
    )?;
    assert_eq!(refused.status, 400);
    let other = [("upload-draft-interop-version", "3"), complete, RAW];
    assert_eq!(service.http.send("POST", "/api/resumable", &other, b"x")?.status, 400);
    Ok(())
}
