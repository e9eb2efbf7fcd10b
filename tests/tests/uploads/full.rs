//! A disk that is full: 507, nothing half published, and on it goes once there is room.

use std::path::PathBuf;
use std::time::Duration;

use kartei_test_support::until;

use super::*;

/// The disk that the relay's bytes lie on.
const DISK_BYTES: usize = 48 * MIB;

/// What is left of it when a test begins.
const ROOM_BYTES: usize = 12 * MIB;

/// How long a client tries before it is looked at: longer than an upload takes that fits.
const TRIES: Duration = Duration::from_secs(3);

/// A relay on a small disk, most of which is taken by something else.
struct Full {
    service: Service,
    ballast: PathBuf,
    blobs: PathBuf,
}

fn full(settings: &[(&str, &str)]) -> Result<Full> {
    let stage = Stage::new()?;
    let (ground, home) = Ground::make(Kind::Folder, &stage)?;
    let home = home.with(&[("KARTEI_KEEP_FREE_PERCENT", "0")]).with(settings);
    let home = home.on_small_disk("blobs", DISK_BYTES as u64)?;
    let relay = home.start()?;
    let blobs = relay.sees(&home.data().join("blobs"));
    let ballast = blobs.join("ballast");
    fs::write(&ballast, vec![7; DISK_BYTES - ROOM_BYTES])?;
    let token = home.token("analyst", "uploader")?;
    let http = Http::new(relay.url(), Some(&token));
    let service = Service { stage, home, relay, http, token, ground };
    Ok(Full { service, ballast, blobs })
}

impl Full {
    fn make_room(&self) -> Result<()> {
        Ok(fs::remove_file(&self.ballast)?)
    }

    fn drafts(&self) -> Result<usize> {
        Ok(files::files_in(&self.blobs.join(".drafts"))?.len())
    }
}

/// That a reply says that the disk is full, in the form of all problems.
fn says_full(reply: &Reply) {
    assert_eq!((reply.status, code(reply).as_str()), (507, "disk_full"), "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
}

#[test]
fn what_does_not_fit_is_refused_before_it_comes_and_leaves_nothing() -> Result<()> {
    let full = full(&[])?;
    let service = &full.service;
    let size = 2 * ROOM_BYTES;
    says_full(&service.begin(&json!({ "name": "large", "size": size }))?);
    assert_eq!(full.drafts()?, 0);
    assert_eq!(service.http.get("/api/uploads")?.json()["uploads"], json!([]));
    // What fits goes on meanwhile.
    let small = noise(120, MIB);
    let file = service.upload("small", &small)?;
    assert!(service.bytes(&file)? == small);
    full.make_room()?;
    let bytes = noise(121, size);
    let session = service.session("large", size)?;
    service.chunk(&session["id"], 0, &bytes)?.expect(200)?;
    let done = service.act("complete", &session["id"], &Value::Null)?.expect(200)?.json();
    assert!(service.bytes(&done["file"])? == bytes);
    Ok(())
}

#[test]
fn a_disk_that_fills_while_bytes_come_keeps_what_was_acknowledged() -> Result<()> {
    let full = full(&[])?;
    let service = &full.service;
    let bytes = noise(122, 2 * ROOM_BYTES + 99);
    // Nothing is reserved for a size that nobody knows.
    let session = service.begin(&json!({ "name": "stream" }))?.expect(201)?.json();
    let id = &session["id"];
    service.chunk(id, 0, &bytes[..4 * MIB])?.expect(200)?;
    says_full(&service.chunk(id, 4 * MIB, &bytes[4 * MIB..24 * MIB])?);
    let state = service.status(id)?;
    assert_eq!((&state["state"], &state["received"][0][0]), (&json!("open"), &json!(0)));
    let there = usize::try_from(state["received"][0][1].as_u64().context("a prefix")?)?;
    assert!((4 * MIB..ROOM_BYTES).contains(&there), "{state}");
    assert_eq!(service.http.get("/api/files")?.json()["files"], json!([]), "nothing is published");
    says_full(&service.chunk(id, there, &bytes[there..24 * MIB])?);
    full.make_room()?;
    let path = format!("/api/upload?action=chunk&upload={}&offset={there}&complete=true", text(id));
    let done = service.http.send("POST", &path, &[RAW], &bytes[there..])?.expect(200)?.json();
    assert!(service.bytes(&done["file"])? == bytes);
    Ok(())
}

#[test]
fn what_an_operator_keeps_free_stays_free() -> Result<()> {
    let full = full(&[("KARTEI_KEEP_FREE_PERCENT", "20")])?;
    let service = &full.service;
    // A quarter is free, and a fifth has to stay so.
    says_full(&service.begin(&json!({ "name": "more", "size": 6 * MIB }))?);
    service.begin(&json!({ "name": "less", "size": MIB }))?.expect(201)?;
    Ok(())
}

#[test]
fn our_client_waits_for_room_and_goes_on() -> Result<()> {
    let full = full(&[])?;
    let service = &full.service;
    let client = service.stage.client("a")?;
    client.login(service.relay.url(), &service.token)?;
    let bytes = noise(123, 2 * ROOM_BYTES);
    let path = service.stage.path("waits.bin");
    fs::write(&path, &bytes)?;
    let upload = ["upload".to_owned(), path.display().to_string()];
    assert!(client.run_or_kill(&upload, TRIES)?.is_none(), "it does not end without room");
    let listed = client.run(&["uploads"])?.done()?;
    assert_eq!(listed["uploads"][0]["stage"], "waiting", "nor is it given up: {listed}");
    let mut child = client.start(&["uploads", "--watch"])?;
    full.make_room()?;
    until(WITHIN, "it goes on by itself", || Ok(child.try_wait()?.is_some()))?;
    let page = service.http.get("/api/files")?.expect(200)?.json();
    assert!(service.bytes(&page["files"][0]["id"])? == bytes);
    Ok(())
}
