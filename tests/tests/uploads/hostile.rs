//! What attackers and broken clients send, with the answer that each is to get.

use std::thread;

use super::*;

#[test]
fn names_and_ids_never_become_paths() -> Result<()> {
    let service = service()?;
    let secret = service.stage.path("secret.txt");
    fs::write(&secret, "hush")?;
    let names = [
        "../../../../etc/passwd",
        "..%2f..%2fsecret.txt",
        "%252e%252e%252fsecret.txt",
        "／etc／passwd",
        "/etc/passwd",
        "C:\\Windows\\win.ini",
        "..\u{2216}secret.txt",
        "con",
    ];
    for name in names {
        let session = service.session(name, 1)?;
        service.chunk(&session["id"], 0, b"x")?.expect(200)?;
        let done = service.act("complete", &session["id"], &Value::Null)?.expect(200)?.json();
        assert_eq!(service.bytes(&done["file"])?, b"x", "{name}");
    }
    let ids = [
        "..",
        "../secret.txt",
        "..%2f..%2fsecret.txt",
        "%2e%2e%2f%2e%2e%2fsecret.txt",
        "%252e%252e%252fsecret.txt",
        "..%c0%af..%c0%afsecret.txt",
        "%2fetc%2fpasswd",
        "..%5c..%5csecret.txt",
        "%00",
        "file-%ef%bc%8f",
    ];
    for id in ids {
        for path in [
            format!("/api/files/serve/{id}"),
            format!("/api/files/serve/{id}/x"),
            format!("/api/files/{id}"),
            format!("/api/upload?action=status&upload={id}"),
        ] {
            let method = if path.contains("upload?") { "POST" } else { "GET" };
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 0\r\n\
                 connection: close\r\n\r\n",
                service.token
            );
            let (_, answer) = raw(&service.relay, request.as_bytes(), b"")?;
            let is_refused =
                ["404", "400", "405"].iter().any(|s| answer.starts_with(&format!("HTTP/1.1 {s}")));
            assert!(is_refused && !answer.contains("hush"), "{path}: {answer}");
        }
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn links_in_the_data_folder_lead_nowhere() -> Result<()> {
    let service = service()?;
    let outside = service.stage.path("outside");
    fs::create_dir_all(&outside)?;
    let file = service.upload("first", b"first")?;
    let org =
        fs::read_dir(service.home.data().join("blobs/files"))?.next().context("an org")??.path();
    let blob = fs::read_dir(&org)?.next().context("a blob")??.path();
    // Whoever can write there can do harm; what the relay reads is still only what it sealed.
    let secret = outside.join("secret");
    fs::write(&secret, vec![b'h'; 2 * MIB])?;
    fs::remove_file(&blob)?;
    std::os::unix::fs::symlink(&secret, &blob)?;
    let path = format!("/api/files/serve/{}", text(&file));
    // Where it broke off before a byte was given out there is no reply.
    if let Ok(reply) = service.http.get(&path) {
        assert!(!reply.body.contains(&b'h') || reply.status >= 400, "{}", reply.status);
    }
    assert_eq!(fs::read(&secret)?.len(), 2 * MIB);
    Ok(())
}

#[test]
fn what_a_file_says_it_is_is_never_shown_as_a_page() -> Result<()> {
    let service = service()?;
    let page = b"<html><script>alert(1)</script>";
    let path = "/api/upload?action=create&complete=true&name=x.html&content_type=text/html";
    let file = service.http.send("POST", path, &[RAW], page)?.expect(201)?.json()["file"].clone();
    let reply = service.http.get(&format!("/api/files/serve/{}", text(&file)))?.expect(200)?;
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert!(reply.header("content-security-policy").is_some_and(|p| p.contains("sandbox")));
    assert!(reply.header("content-disposition").is_some_and(|d| d.starts_with("attachment")));
    Ok(())
}

#[test]
fn a_name_cannot_write_headers() -> Result<()> {
    let service = service()?;
    for name in ["a\r\nset-cookie: x=1", "a\nb", "a\0b", "", &"x".repeat(256)] {
        let refused = service.begin(&json!({ "name": name, "size": 1 }))?;
        assert_eq!(refused.status, 400, "{name:?}");
    }
    let file = service.upload("a%22%3B%20x%3D%22.txt", b"x")?;
    let reply = service.http.get(&format!("/api/files/serve/{}", text(&file)))?.expect(200)?;
    let disposition = reply.header("content-disposition").context("a disposition")?.to_owned();
    assert_eq!(
        disposition,
        "attachment; filename=\"a__ x__.txt\"; filename*=UTF-8''a%22%3B%20x%3D%22.txt"
    );
    for kind in ["text/html\r\nx: y", "nonsense", "a/b c"] {
        let refused = service.begin(&json!({ "name": "a", "size": 1, "content_type": kind }))?;
        assert_eq!(refused.status, 400, "{kind:?}");
    }
    Ok(())
}

#[test]
fn a_head_that_is_too_large_is_refused() -> Result<()> {
    let service = service()?;
    let request =
        format!("GET /api/files HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "a".repeat(200_000));
    let answer = raw(&service.relay, request.as_bytes(), b"");
    // Either it is told, or the connection is closed while we still write.
    if let Ok((_, answer)) = answer {
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    service.http.get("/api/files")?.expect(200)?;
    Ok(())
}

#[test]
fn a_dripping_body_is_broken_off_and_its_place_is_free() -> Result<()> {
    let service = service_with(&[("KARTEI_SLOW_SECONDS", "1")])?;
    let session = service.session("slow", MIB)?;
    let head = format!(
        "POST /api/upload?action=chunk&upload={}&offset=0 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/octet-stream\r\ncontent-length: {MIB}\r\n\r\n",
        text(&session["id"]),
        service.token,
    );
    let (_, answer) = raw(&service.relay, head.as_bytes(), b"drip")?;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("too_slow"), "{answer}");
    service.chunk(&session["id"], 0, &noise(1, MIB))?.expect(200)?;
    Ok(())
}

#[test]
fn compressed_bodies_are_not_unpacked() -> Result<()> {
    let service = service()?;
    let bomb = kartei_test_support::gzipped(&vec![0; 4 * MIB])?;
    let session = service.session("bomb", bomb.len())?;
    let path = format!("/api/upload?action=chunk&upload={}&offset=0", text(&session["id"]));
    let refused = service.http.send("POST", &path, &[RAW, ("content-encoding", "gzip")], &bomb)?;
    assert_eq!(refused.status, 415);
    service.chunk(&session["id"], 0, &bomb)?.expect(200)?;
    let done = service.act("complete", &session["id"], &Value::Null)?.expect(200)?.json();
    assert!(service.bytes(&done["file"])? == bomb);
    Ok(())
}

#[test]
fn lies_about_sizes_and_digests_are_told() -> Result<()> {
    let service = service()?;
    let bytes = noise(30, 2 * MIB);
    let session = service.session("liar", MIB)?;
    let id = &session["id"];
    let beyond = service.chunk(id, 0, &bytes)?;
    assert_eq!((beyond.status, code(&beyond).as_str()), (413, "size_exceeded"));
    let between = service.chunk(id, 1_000, &bytes[..10])?;
    assert_eq!((between.status, code(&between).as_str()), (400, "offset_invalid"));
    let path = format!("/api/upload?action=chunk&upload={}&offset=0", text(id));
    let wrong = [RAW, ("content-digest", "crc32c=:AAAAAA==:")];
    let refused = service.http.send("POST", &path, &wrong, &bytes[..MIB])?;
    assert_eq!((refused.status, code(&refused).as_str()), (400, "digest_mismatch"));
    assert_eq!(service.status(id)?["received"], json!([]), "nothing of it counts");
    service.chunk(id, 0, &bytes[..MIB])?.expect(200)?;
    let said = json!({ "digest": blake3::hash(&bytes).to_string() });
    let refused = service.act("complete", id, &said)?;
    assert_eq!((refused.status, code(&refused).as_str()), (422, "digest_mismatch"));
    assert_eq!(service.status(id)?["state"], "failed");
    assert_eq!(service.http.get("/api/files")?.json()["files"], json!([]), "nothing is published");
    // A size that nobody can have.
    let huge = service.begin(&json!({ "name": "huge", "size": u64::MAX }))?;
    assert_eq!(huge.status, 413);
    Ok(())
}

#[test]
fn another_organisations_things_are_not_there() -> Result<()> {
    let service = service()?;
    let file = service.upload("ours", b"ours")?;
    let session = service.session("ours too", MIB)?;
    let strangers = service.home.organisation("strangers")?;
    let stranger = Http::new(service.relay.url(), Some(&strangers.token("admin", "stranger")?));
    let id = text(&session["id"]);
    let file_id = text(&file);
    let asked = [
        ("POST", format!("/api/upload?action=status&upload={id}"), ""),
        ("POST", format!("/api/upload?action=chunk&upload={id}&offset=0"), "x"),
        ("POST", format!("/api/upload?action=complete&upload={id}"), ""),
        ("POST", format!("/api/upload?action=abort&upload={id}"), ""),
        ("GET", format!("/api/files/{file_id}"), ""),
        ("GET", format!("/api/files/serve/{file_id}"), ""),
        ("PATCH", format!("/api/files/{file_id}"), "{\"name\":\"mine\"}"),
        ("DELETE", format!("/api/files/{file_id}"), ""),
        ("PUT", format!("/api/files/{file_id}/profiles/p"), ""),
        ("POST", format!("/api/files/{file_id}/import"), ""),
    ];
    for (method, path, body) in asked {
        let kind = if method == "PATCH" { JSON } else { RAW };
        let foreign = stranger.send(method, &path, &[kind], body.as_bytes())?;
        let unknown = path
            .replace(id, "up-000000000000000000000000")
            .replace(file_id, "file-000000000000000000000000");
        let unknown = stranger.send(method, &unknown, &[kind], body.as_bytes())?;
        assert_eq!((foreign.status, &foreign.body), (404, &unknown.body), "{method} {path}");
    }
    let tus = [
        ("tus-resumable", "1.0.0"),
        ("content-type", "application/offset+octet-stream"),
        ("upload-offset", "0"),
    ];
    for method in ["HEAD", "PATCH", "DELETE"] {
        assert_eq!(stranger.send(method, &format!("/api/tus/{id}"), &tus, &[])?.status, 404);
    }
    for path in ["/api/files", "/api/uploads"] {
        assert!(!stranger.get(path)?.expect(200)?.text().contains("ours"));
    }
    // Nobody gets a file by naming its digest.
    let digest = blake3::hash(b"ours").to_string();
    let claimed = json!({ "name": "claimed", "size": 4, "digest": digest }).to_string();
    let claimed =
        stranger.send("POST", "/api/upload?action=create", &[JSON], claimed.as_bytes())?;
    let refused = stranger.send(
        "POST",
        &format!("/api/upload?action=complete&upload={}", text(&claimed.json()["id"])),
        &[JSON],
        b"",
    )?;
    assert_eq!(refused.status, 409);
    Ok(())
}

#[test]
fn who_only_reads_and_who_is_nobody_changes_nothing() -> Result<()> {
    let service = service()?;
    let file = service.upload("f", b"x")?;
    let viewer = Http::new(service.relay.url(), Some(&service.home.token("viewer", "reader")?));
    let nobody = Http::new(service.relay.url(), Some("nonsense"));
    viewer.get(&format!("/api/files/serve/{}", text(&file)))?.expect(200)?;
    let asked = [
        ("POST", "/api/upload?action=create".to_owned(), "{\"name\":\"x\"}"),
        ("POST", "/api/upload?action=abort&upload=up-1".to_owned(), ""),
        ("PATCH", format!("/api/files/{}", text(&file)), "{}"),
        ("DELETE", format!("/api/files/{}", text(&file)), ""),
        ("POST", format!("/api/files/{}/import", text(&file)), ""),
    ];
    for (method, path, body) in asked {
        assert_eq!(viewer.send(method, &path, &[JSON], body.as_bytes())?.status, 403, "{path}");
        assert_eq!(nobody.send(method, &path, &[JSON], body.as_bytes())?.status, 401, "{path}");
    }
    assert_eq!(nobody.get(&format!("/api/files/serve/{}", text(&file)))?.status, 401);
    Ok(())
}

#[test]
fn a_token_that_is_revoked_meanwhile_brings_nothing_more() -> Result<()> {
    let service = service()?;
    let session = service.session("f", 2 * MIB)?;
    let bytes = noise(40, 2 * MIB);
    service.chunk(&session["id"], 0, &bytes[..MIB])?.expect(200)?;
    service
        .home
        .admin(&["token", "revoke", "--name", "uploader", "--org", "Test"])?
        .expect_code(0)?;
    assert_eq!(service.chunk(&session["id"], MIB, &bytes[MIB..])?.status, 401);
    assert_eq!(service.act("complete", &session["id"], &Value::Null)?.status, 401);
    // A colleague of the organisation goes on.
    let colleague = service.home.token("analyst", "colleague")?;
    let service = Service { http: Http::new(service.relay.url(), Some(&colleague)), ..service };
    service.chunk(&session["id"], MIB, &bytes[MIB..])?.expect(200)?;
    service.act("complete", &session["id"], &Value::Null)?.expect(200)?;
    Ok(())
}

#[test]
fn a_token_that_ends_meanwhile_brings_nothing_more() -> Result<()> {
    let service = service()?;
    let session = service.session("f", 2 * MIB)?;
    let bytes = noise(41, 2 * MIB);
    service.chunk(&session["id"], 0, &bytes[..MIB])?.expect(200)?;
    let database = rusqlite::Connection::open(service.home.data().join("relay.sqlite"))?;
    database.busy_timeout(Duration::from_secs(10))?;
    let ended = "UPDATE tokens SET expires_at = created_at + 1 WHERE name = 'uploader'";
    assert_eq!(database.execute(ended, [])?, 1);
    assert_eq!(service.chunk(&session["id"], MIB, &bytes[MIB..])?.status, 401);
    assert_eq!(service.act("complete", &session["id"], &Value::Null)?.status, 401);
    let colleague = service.home.token("analyst", "colleague")?;
    let service = Service { http: Http::new(service.relay.url(), Some(&colleague)), ..service };
    service.chunk(&session["id"], MIB, &bytes[MIB..])?.expect(200)?;
    service.act("complete", &session["id"], &Value::Null)?.expect(200)?;
    Ok(())
}

#[test]
fn many_who_begin_at_once_never_get_more_than_the_quota() -> Result<()> {
    let service = service()?;
    let quota = (10 * MIB).to_string();
    service.home.admin(&["quota", "set", "--org", "Test", "--bytes", &quota])?.expect_code(0)?;
    let begun: Vec<u16> = thread::scope(|scope| {
        let asks: Vec<_> = (0..40)
            .map(|n| {
                let http = service.http.clone();
                scope.spawn(move || {
                    let new = json!({ "name": format!("f{n}"), "size": MIB }).to_string();
                    http.send("POST", "/api/upload?action=create", &[JSON], new.as_bytes())
                        .map_or(0, |reply| reply.status)
                })
            })
            .collect();
        asks.into_iter().map(|ask| ask.join().unwrap_or(0)).collect()
    });
    assert_eq!(begun.iter().filter(|status| **status == 201).count(), 10, "{begun:?}");
    assert_eq!(begun.iter().filter(|status| **status == 413).count(), 30, "{begun:?}");
    let refused = service.begin(&json!({ "name": "more", "size": 1 }))?;
    assert_eq!(
        (code(&refused).as_str(), &refused.json()["reserved"]),
        ("quota_exceeded", &json!(10 * MIB))
    );
    // An end gives the room back.
    let listed = service.http.get("/api/uploads")?.json();
    service.act("abort", &listed["uploads"][0]["id"], &Value::Null)?.expect(200)?;
    service.begin(&json!({ "name": "more", "size": MIB }))?.expect(201)?;
    // A size that was not announced is held to it as well.
    let session = service.begin(&json!({ "name": "unknown" }))?;
    assert_eq!(session.status, 413, "its first lease does not fit");
    Ok(())
}

#[test]
fn web_pages_may_ask_only_where_the_operator_named_them() -> Result<()> {
    let closed = service()?;
    let preflight = |service: &Service, origin: &str| {
        let asked = [("origin", origin), ("access-control-request-method", "POST")];
        service.http.send("OPTIONS", "/api/upload", &asked, &[])
    };
    let allowed = |reply: &Reply| reply.header("access-control-allow-origin").map(str::to_owned);
    assert_eq!(allowed(&preflight(&closed, "https://evil.test")?), None);
    let open = service_with(&[("KARTEI_CORS_ORIGINS", "https://app.test,https://two.test")])?;
    assert_eq!(
        allowed(&preflight(&open, "https://two.test")?).as_deref(),
        Some("https://two.test")
    );
    assert_eq!(allowed(&preflight(&open, "https://evil.test")?), None);
    assert_eq!(allowed(&preflight(&open, "null")?), None);
    Ok(())
}

#[test]
fn who_asks_too_often_is_told_when_to_ask_again() -> Result<()> {
    let service = service_with(&[("KARTEI_RATE_PER_TOKEN", "1")])?;
    let mut refused = None;
    for _ in 0..10 {
        let reply = service.http.get("/api/files")?;
        assert!(reply.header("ratelimit").is_some() && reply.header("ratelimit-policy").is_some());
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.context("ten at once are more than one a second")?;
    assert_eq!(code(&refused), "too_many_requests");
    assert!(
        refused.header("retry-after").and_then(|s| s.parse::<u64>().ok()).is_some_and(|s| s > 0)
    );
    Ok(())
}

#[test]
fn a_body_that_is_read_whole_may_not_drip_either() -> Result<()> {
    let service = service_with(&[("KARTEI_SLOW_SECONDS", "1")])?;
    for path in ["/analyze/jobs", "/sync/v1/push", "/profiles/validate"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: 100\r\n\r\n",
            service.token,
        );
        let (_, answer) = raw(&service.relay, head.as_bytes(), b"{\"analysis\"")?;
        assert!(answer.starts_with("HTTP/1.1 408"), "{path}: {answer}");
        assert!(answer.contains("too_slow") && answer.contains("nosniff"), "{path}: {answer}");
    }
    // A small one that comes whole is no slow one, whatever it says of the pace.
    let whole = json!({"analysis": "quality"}).to_string();
    service.http.send("POST", "/analyze/jobs", &[JSON], whole.as_bytes())?.expect(201)?;
    Ok(())
}
