//! Small files in one request, which are one transaction: what holds of them when many come at once, when their
//! body breaks, and when the relay dies at the worst moment.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

use kartei_test_support::until;

use super::*;

impl Service {
    fn blobs(&self) -> PathBuf {
        self.home.data().join("blobs")
    }

    /// How many blobs and drafts lie in the folder.
    fn lying(&self) -> Result<(usize, usize)> {
        let count = |name: &str| Ok(files::files_in(&self.blobs().join(name))?.len());
        let count = |name: &str| -> Result<usize> {
            if self.blobs().join(name).exists() { count(name) } else { Ok(0) }
        };
        Ok((count("files")?, count(".drafts")?))
    }

    /// One request with more in its query.
    fn whole(&self, query: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Reply> {
        let path = format!("/api/upload?action=create&complete=true&{query}");
        self.http.send("POST", &path, &[&[RAW], headers].concat(), body)
    }

    fn cleaned(&self) -> Result<Value> {
        let answer = self.home.run(&["files", "clean", "--json"])?;
        Ok(serde_json::from_slice(answer.expect_code(0)?.stdout())?)
    }
}

/// As it was two hours ago, when nobody writes to it any more.
fn make_old(folder: &Path) -> Result<()> {
    let old = SystemTime::now() - Duration::from_secs(7_200);
    for file in files::files_in(folder)? {
        fs::File::options().write(true).open(file)?.set_modified(old)?;
    }
    Ok(())
}

#[test]
fn the_session_is_listed_as_any_other_and_the_key_answers_it_again() -> Result<()> {
    let service = service()?;
    let bytes = noise(200, 5_000);
    let sha = sha256(&bytes);
    let digest = blake3::hash(&bytes).to_string();
    let query = format!("name=a.bin&key=mine&sha256={sha}&digest={digest}");
    let first = service.whole(&query, &[], &bytes)?.expect(201)?.json();
    assert_eq!((&first["state"], &first["digest"]), (&json!("completed"), &json!(digest)));
    assert_eq!(first["received"], json!([[0, bytes.len()]]));
    assert_eq!(service.status(&first["id"])?, first);
    assert_eq!(service.http.get("/api/uploads")?.expect(200)?.json()["uploads"], json!([first]));
    assert_eq!(service.lying()?, (1, 0));
    // A lost answer costs nothing, and another file does not get the name.
    assert_eq!(service.whole(&query, &[], &bytes)?.expect(201)?.json(), first);
    let other = service.whole("name=b.bin&key=mine", &[], &bytes)?;
    assert_eq!((other.status, code(&other).as_str()), (422, "key_reused"));
    assert_eq!(service.lying()?, (1, 0));
    Ok(())
}

#[test]
fn a_key_that_has_an_open_session_goes_on_with_it() -> Result<()> {
    let service = service()?;
    let bytes = noise(201, 5_000);
    let new = json!({ "name": "a.bin", "size": bytes.len(), "key": "mine" });
    let begun = service.begin(&new)?.expect(201)?.json();
    let done = service.whole("name=a.bin&key=mine", &[], &bytes)?.expect(201)?.json();
    assert_eq!((&done["id"], &done["state"]), (&begun["id"], &json!("completed")));
    assert!(service.bytes(&done["file"])? == bytes);
    Ok(())
}

#[test]
fn a_body_that_breaks_or_is_another_leaves_nothing() -> Result<()> {
    let service = service()?;
    let bytes = noise(202, 5_000);
    let head = format!(
        "POST /api/upload?action=create&complete=true&name=cut&key=k HTTP/1.1\r\nhost: x\r\n\
         authorization: Bearer {}\r\ncontent-type: application/octet-stream\r\n\
         content-length: 5000\r\nexpect: 100-continue\r\n\r\n",
        service.token
    );
    let mut stream = TcpStream::connect(("127.0.0.1", service.relay.port()?))?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.write_all(head.as_bytes())?;
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on)?;
    assert_eq!(service.lying()?, (0, 1), "its draft");
    stream.write_all(&bytes[..1_000])?;
    drop(stream);
    until(WITHIN, "the broken request is cleaned up", || Ok(service.lying()? == (0, 0)))?;
    let wrong = "00".repeat(32);
    for (query, headers, status) in [
        ("name=a", &[("content-digest", "crc32c=:AAAAAA==:")][..], 400),
        (&format!("name=a&digest={wrong}"), &[], 422),
        (&format!("name=a&sha256={wrong}"), &[], 422),
        ("name=a&size=4999", &[], 413),
    ] {
        let refused = service.whole(query, headers, &bytes)?;
        assert_eq!(refused.status, status, "{query}");
    }
    // What is shorter than it says is open still, as it was begun the ordinary way.
    assert_eq!(service.whole("name=a&size=5001", &[], &bytes)?.status, 409);
    let listed = service.http.get("/api/uploads")?.json();
    for upload in listed["uploads"].as_array().into_iter().flatten() {
        if upload["state"] == "open" {
            service.act("abort", &upload["id"], &Value::Null)?.expect(200)?;
        }
    }
    assert_eq!(service.lying()?, (0, 0));
    let done = service.whole("name=cut&key=k", &[], &bytes)?.expect(201)?.json();
    assert!(service.bytes(&done["file"])? == bytes, "the key was not used up");
    Ok(())
}

#[test]
fn many_at_once_stay_within_the_quota_and_leave_only_what_is_theirs() -> Result<()> {
    let service = service()?;
    let size = 10_000;
    let quota = (10 * size).to_string();
    service.home.admin(&["quota", "set", "--org", "Test", "--bytes", &quota])?.expect_code(0)?;
    let statuses: Vec<u16> = thread::scope(|scope| {
        let asks: Vec<_> = (0..30)
            .map(|n| {
                let service = &service;
                let body = noise(300 + n, size);
                scope.spawn(move || {
                    service.whole(&format!("name=f{n}"), &[], &body).map_or(0, |reply| reply.status)
                })
            })
            .collect();
        asks.into_iter().map(|ask| ask.join().unwrap_or(0)).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 10, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 413).count(), 20, "{statuses:?}");
    assert_eq!(service.lying()?, (10, 0));
    let refused = service.whole("name=more", &[], b"x")?;
    assert_eq!(
        (code(&refused).as_str(), &refused.json()["used"]),
        ("quota_exceeded", &json!(10 * size))
    );
    Ok(())
}

#[test]
fn equal_ones_and_equal_keys_at_once_are_one_content_and_one_file() -> Result<()> {
    let service = service()?;
    let body = noise(203, 10_000);
    let answers = |query: fn(usize) -> String| -> Vec<(u16, Value)> {
        thread::scope(|scope| {
            let asks: Vec<_> = (0..8)
                .map(|n| {
                    let (service, body) = (&service, &body);
                    scope.spawn(move || {
                        let reply = service.whole(&query(n), &[], body);
                        reply.map_or((0, Value::Null), |reply| {
                            (reply.status, reply.json()["file"].clone())
                        })
                    })
                })
                .collect();
            asks.into_iter().map(|ask| ask.join().unwrap_or_default()).collect()
        })
    };
    let all = answers(|n| format!("name=f{n}"));
    assert!(all.iter().all(|(status, _)| *status == 201), "{all:?}");
    assert_eq!(service.lying()?, (1, 0));
    let all = answers(|_| "name=one&key=one".to_owned());
    let made: Vec<&Value> = all.iter().filter(|(status, _)| *status == 201).map(|a| &a.1).collect();
    assert!(!made.is_empty() && made.iter().all(|file| *file == made[0]), "{all:?}");
    assert_eq!(service.lying()?, (1, 0));
    Ok(())
}

#[test]
fn a_relay_that_dies_before_the_commit_leaves_what_the_sweep_removes() -> Result<()> {
    let mut service = service()?;
    let kept = service.upload("kept", &noise(204, 3_000))?;
    let bytes = noise(205, 5_000);
    // While somebody else writes to the database, the upload waits there with its bytes durable.
    let database = rusqlite::Connection::open(service.home.data().join("relay.sqlite"))?;
    database.execute_batch("BEGIN IMMEDIATE")?;
    thread::scope(|scope| -> Result<()> {
        let http = service.http.clone();
        let body = &bytes;
        let asked = scope.spawn(move || {
            let path = "/api/upload?action=create&complete=true&name=late&key=late";
            http.send("POST", path, &[RAW], body)
        });
        let folder = service.blobs();
        until(WITHIN, "the blob is there and its draft too", || {
            let count =
                |name: &str| -> Result<usize> { Ok(files::files_in(&folder.join(name))?.len()) };
            Ok((count("files")?, count(".drafts")?) == (2, 1))
        })?;
        service.relay.kill()?;
        let answer = asked.join().expect("nothing panics there");
        assert!(answer.is_err(), "it was not acknowledged");
        Ok(())
    })?;
    database.execute_batch("ROLLBACK")?;
    drop(database);
    service.die_and_come_back()?;
    // What is young may be somebody's who commits in a moment.
    assert_eq!((service.cleaned()?["drafts"].clone(), service.lying()?), (json!(0), (2, 1)));
    make_old(&service.blobs())?;
    assert_eq!((service.cleaned()?["drafts"].clone(), service.lying()?), (json!(1), (1, 0)));
    assert_eq!(service.bytes(&kept)?.len(), 3_000);
    // The same again, by the key that nobody knew.
    let done = service.whole("name=late&key=late", &[], &bytes)?.expect(201)?.json();
    assert!(service.bytes(&done["file"])? == bytes);
    Ok(())
}

#[test]
fn a_relay_that_dies_after_the_commit_loses_nothing_to_the_sweep() -> Result<()> {
    let service = service()?;
    let bytes = noise(206, 5_000);
    let file = service.upload("kept", &bytes)?;
    let blob = files::files_in(&service.blobs().join("files"))?.remove(0);
    let name: Vec<String> = blob
        .strip_prefix(service.blobs())?
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    // As it is until the draft is let go of.
    let entry = format!("{}++0123456789abcdef", name.join("+"));
    fs::hard_link(&blob, service.blobs().join(".drafts").join(entry))?;
    make_old(&service.blobs())?;
    assert_eq!((service.cleaned()?["drafts"].clone(), service.lying()?), (json!(1), (1, 0)));
    assert!(service.bytes(&file)? == bytes);
    Ok(())
}
