//! The interface of record.

use super::*;

#[test]
fn pieces_come_in_any_order_twice_and_make_the_file() -> Result<()> {
    let service = service()?;
    let bytes = noise(1, 5 * MIB + 77_777);
    let session = service.session("große Datei ☃.bin", bytes.len())?;
    let id = &session["id"];
    assert_eq!(session["piece_bytes"], MIB);
    service.chunk(id, 5 * MIB, &bytes[5 * MIB..])?.expect(200)?;
    service.chunk(id, 2 * MIB, &bytes[2 * MIB..4 * MIB])?.expect(200)?;
    let state = service.status(id)?;
    assert_eq!(state["received"], json!([[2 * MIB, 4 * MIB], [5 * MIB, bytes.len()]]));
    let missing = service.act("complete", id, &Value::Null)?.expect(409)?;
    assert_eq!(code(&missing), "upload_incomplete");
    assert_eq!(missing.json()["missing"], json!([[0, 2 * MIB], [4 * MIB, 5 * MIB]]));
    // Over what is there already: only the gaps count, whatever else comes.
    service.chunk(id, MIB, &bytes[MIB..5 * MIB])?.expect(200)?;
    service.chunk(id, 0, &bytes[..2 * MIB])?.expect(200)?;
    let said = json!({ "digest": blake3::hash(&bytes).to_string(), "sha256": sha256(&bytes) });
    let done = service.act("complete", id, &said)?.expect(200)?.json();
    assert_eq!(done["state"], "completed");
    assert_eq!(done["digest"], said["digest"]);
    assert!(service.bytes(&done["file"])? == bytes);
    // The same again answers the same.
    assert_eq!(service.act("complete", id, &said)?.expect(200)?.json(), done);
    assert_eq!(service.chunk(id, 0, &bytes[..MIB])?.expect(200)?.json(), done);
    let info =
        service.http.get(&format!("/api/files/{}", text(&done["file"])))?.expect(200)?.json();
    assert_eq!(info["name"], "große Datei ☃.bin");
    assert_eq!(info["size"], bytes.len());
    assert!(!lies_plain(service.home.data(), &bytes[MIB..MIB + 64])?, "bytes lie unencrypted");
    Ok(())
}

#[test]
fn a_small_file_is_one_request_and_an_empty_one_is_a_file_too() -> Result<()> {
    let service = service()?;
    for size in [0, 1, 1_000, 1_024, 65_535, 65_536, MIB - 1, MIB, MIB + 1, 3 * MIB] {
        let bytes = noise(size as u64, size);
        let file = service.upload(&format!("{size}.bin"), &bytes)?;
        assert!(service.bytes(&file)? == bytes, "{size}");
        let info = service.http.get(&format!("/api/files/{}", text(&file)))?.expect(200)?.json();
        assert_eq!(info["digest"], blake3::hash(&bytes).to_string(), "{size}");
    }
    Ok(())
}

#[test]
fn a_file_of_unknown_size_ends_where_its_client_says() -> Result<()> {
    let service = service()?;
    let bytes = noise(2, 2 * MIB + 5);
    let session = service.begin(&json!({ "name": "stream" }))?.expect(201)?.json();
    let id = &session["id"];
    service.chunk(id, 0, &bytes[..2 * MIB])?.expect(200)?;
    let path =
        format!("/api/upload?action=chunk&upload={}&offset={}&complete=true", text(id), 2 * MIB);
    let done = service.http.send("POST", &path, &[RAW], &bytes[2 * MIB..])?.expect(200)?.json();
    assert_eq!((&done["state"], &done["size"]), (&json!("completed"), &json!(bytes.len())));
    assert!(service.bytes(&done["file"])? == bytes);
    Ok(())
}

#[test]
fn what_was_acknowledged_outlives_the_relay() -> Result<()> {
    let mut service = service()?;
    let bytes = noise(3, 4 * MIB + 9);
    let session = service.session("survivor", bytes.len())?;
    let id = &session["id"];
    service.chunk(id, MIB, &bytes[MIB..3 * MIB])?.expect(200)?;
    service.die_and_come_back()?;
    assert_eq!(service.status(id)?["received"], json!([[MIB, 3 * MIB]]));
    service.chunk(id, 0, &bytes[..MIB])?.expect(200)?;
    service.chunk(id, 3 * MIB, &bytes[3 * MIB..])?.expect(200)?;
    let done = service.act("complete", id, &Value::Null)?.expect(200)?.json();
    assert!(service.bytes(&done["file"])? == bytes);
    Ok(())
}

#[test]
fn a_connection_that_breaks_keeps_the_whole_pieces_that_came() -> Result<()> {
    let service = service()?;
    let bytes = noise(4, 6 * MIB);
    let session = service.session("cut", bytes.len())?;
    let id = &session["id"];
    let head = format!(
        "POST /api/upload?action=chunk&upload={}&offset=0 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
        text(id),
        service.token,
        bytes.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", service.relay.port()?))?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(&bytes[..2 * MIB + 1_000])?;
    drop(stream);
    kartei_test_support::until(WITHIN, "the cut request is settled", || {
        Ok(service.status(id)?["received"] == json!([[0, 2 * MIB]]))
    })?;
    service.chunk(id, 2 * MIB, &bytes[2 * MIB..])?.expect(200)?;
    let done = service.act("complete", id, &Value::Null)?.expect(200)?.json();
    assert!(service.bytes(&done["file"])? == bytes);
    Ok(())
}

#[test]
fn a_new_request_takes_over_from_one_that_hangs() -> Result<()> {
    let service = service()?;
    let bytes = noise(5, 2 * MIB);
    let session = service.session("hanging", bytes.len())?;
    let id = &session["id"];
    let head = format!(
        "POST /api/upload?action=chunk&upload={}&offset=0 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/octet-stream\r\ncontent-length: {}\r\n\
         expect: 100-continue\r\n\r\n",
        text(id),
        service.token,
        bytes.len()
    );
    let mut hanging = TcpStream::connect(("127.0.0.1", service.relay.port()?))?;
    hanging.set_read_timeout(Some(WITHIN))?;
    hanging.write_all(head.as_bytes())?;
    // The relay says so when it begins to read.
    let mut go_on = [0; 25];
    hanging.read_exact(&mut go_on)?;
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    hanging.write_all(&bytes[..1_000])?;
    // The line is dead and nobody knows; the client goes on with a new one, and meets no lock.
    service.chunk(id, 0, &bytes)?.expect(200)?;
    let done = service.act("complete", id, &Value::Null)?.expect(200)?.json();
    assert!(service.bytes(&done["file"])? == bytes);
    Ok(())
}

#[test]
fn the_same_key_is_the_same_session_and_a_lost_answer_costs_nothing() -> Result<()> {
    let service = service()?;
    let new = json!({ "name": "a", "size": 10, "key": "client-7" });
    let first = service.begin(&new)?.expect(201)?.json();
    let again = service.begin(&new)?.expect(201)?.json();
    assert_eq!(first["id"], again["id"]);
    let other = service.begin(&json!({ "name": "b", "size": 10, "key": "client-7" }))?;
    assert_eq!((other.status, code(&other).as_str()), (422, "key_reused"));
    Ok(())
}

#[test]
fn an_ended_session_is_gone_and_says_how() -> Result<()> {
    let service = service()?;
    let session = service.session("given up", MIB)?;
    let id = &session["id"];
    let ended = service.act("abort", id, &Value::Null)?.expect(200)?.json();
    assert_eq!(ended["state"], "aborted");
    assert_eq!(service.act("abort", id, &Value::Null)?.expect(200)?.json()["state"], "aborted");
    let refused = service.chunk(id, 0, b"x")?;
    assert_eq!((refused.status, code(&refused).as_str()), (410, "upload_gone"));
    assert_eq!(service.act("complete", id, &Value::Null)?.status, 410);
    Ok(())
}
