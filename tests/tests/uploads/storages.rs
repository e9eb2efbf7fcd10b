//! The main path, on every storage that relays stand on: the same bodies on a folder with the embedded
//! database, and on Postgres with S3.

use std::ops::Range;
use std::thread;

use kartei_test_support::{S3Kind, until};

use super::*;

/// Makes a test of each body on each storage.
macro_rules! on_each_storage {
    ($($body:ident),* $(,)?) => {
        mod in_a_folder {
            use super::*;
            $(#[test] fn $body() -> Result<()> { super::$body(&mut service()?) })*
        }
        mod on_postgres_and_s3 {
            use super::*;
            $(#[test] fn $body() -> Result<()> {
                super::$body(&mut service_on(Kind::Shared(S3Kind::Garage), &[])?)
            })*
        }
    };
}

on_each_storage!(
    parts_come_at_once_in_any_order_and_make_the_file,
    what_was_acknowledged_outlives_the_relay_in_every_door,
    what_is_given_up_leaves_nothing,
    equal_contents_are_kept_once,
    a_small_file_is_one_request,
);

/// The pieces of a session: where each begins and ends.
fn pieces(session: &Value, size: usize) -> Result<Vec<Range<usize>>> {
    let piece = session["piece_bytes"].as_u64().context("a session says its piece")?;
    let piece = usize::try_from(piece)?;
    Ok((0..size).step_by(piece).map(|from| from..size.min(from + piece)).collect())
}

impl Service {
    /// How many blobs there are, finished or not, wherever they are.
    fn blobs_and_drafts(&self) -> Result<(u64, u64)> {
        if let Ground::Shared(shared) = &self.ground {
            return shared.s3.contents();
        }
        let folder = self.home.data().join("blobs");
        let count =
            |name: &str| -> Result<u64> { Ok(files::files_in(&folder.join(name))?.len() as u64) };
        Ok((count("files")? + count("tails")?, count(".drafts")?))
    }

    /// Waits until so many blobs are there, and no drafts: Garage counts a moment later.
    fn until_there_are(&self, blobs: u64) -> Result<()> {
        until(WITHIN, &format!("there are {blobs} blobs and no drafts"), || {
            Ok(self.blobs_and_drafts()? == (blobs, 0))
        })
    }
}

fn parts_come_at_once_in_any_order_and_make_the_file(service: &Service) -> Result<()> {
    let size = 25 * MIB + 77_777;
    let bytes = noise(100, size);
    let session = service.session("at once ☃.bin", size)?;
    let id = &session["id"];
    let mut all = pieces(&session, size)?;
    all.reverse();
    // Four at once, the file's end first, and each of the first ones twice.
    let twice: Vec<Range<usize>> = all.iter().take(3).cloned().chain(all.iter().cloned()).collect();
    let body = &bytes;
    for some in twice.chunks(4) {
        let answers: Vec<Result<Reply>> = thread::scope(|scope| {
            let sent: Vec<_> = some
                .iter()
                .map(|range| {
                    scope.spawn(move || service.chunk(id, range.start, &body[range.clone()]))
                })
                .collect();
            sent.into_iter().map(|one| one.join().expect("nothing panics there")).collect()
        });
        for answer in answers {
            let answer = answer?;
            // Who overlaps takes over, and then the piece comes through that one.
            assert!(answer.status == 200 || code(&answer) == "taken_over", "{}", answer.text());
        }
    }
    let said = json!({ "digest": blake3::hash(&bytes).to_string(), "sha256": sha256(&bytes) });
    let done = service.act("complete", id, &said)?.expect(200)?.json();
    assert_eq!(done["state"], "completed");
    assert!(service.bytes(&done["file"])? == bytes);
    assert_eq!(service.act("complete", id, &said)?.expect(200)?.json(), done, "asked again");
    let path = format!("/api/files/serve/{}", text(&done["file"]));
    let range = [("range", "bytes=8388600-8388615")];
    let part = service.http.send("GET", &path, &range, &[])?.expect(206)?;
    assert!(part.body == bytes[8_388_600..8_388_616], "across pieces");
    Ok(())
}

fn what_was_acknowledged_outlives_the_relay_in_every_door(service: &mut Service) -> Result<()> {
    let size = 17 * MIB + 4_321;
    let bytes = noise(101, size);
    let session = service.session("record.bin", size)?;
    let id = &session["id"];
    let all = pieces(&session, size)?;
    service.chunk(id, all[1].start, &bytes[all[1].clone()])?.expect(200)?;
    let length = size.to_string();
    let tus = ("tus-resumable", "1.0.0");
    let begun = service.http.send("POST", "/api/tus", &[tus, ("upload-length", &length)], &[])?;
    let place = begun.expect(201)?.header("location").context("a place")?.to_owned();
    let mut at = 0;
    // Within a piece, across pieces, and short of the end.
    for end in [5 * MIB + 1, 9 * MIB + 70_001, size - 1, size] {
        let offset = at.to_string();
        let headers = [
            tus,
            ("content-type", "application/offset+octet-stream"),
            ("upload-offset", offset.as_str()),
        ];
        service.http.send("PATCH", &place, &headers, &bytes[at..end])?.expect(204)?;
        at = end;
        service.die_and_come_back()?;
        let head = service.http.send("HEAD", &place, &[tus], &[])?.expect(200)?;
        assert_eq!(head.header("upload-offset"), Some(end.to_string().as_str()));
    }
    let expected = json!([[all[1].start, all[1].end]]);
    assert_eq!(service.status(id)?["received"], expected, "of the other door");
    for range in all {
        service.chunk(id, range.start, &bytes[range])?.expect(200)?;
    }
    let done = service.act("complete", id, &Value::Null)?.expect(200)?.json();
    assert!(service.bytes(&done["file"])? == bytes);
    let page = service.http.get("/api/files")?.expect(200)?.json();
    assert_eq!(page["files"].as_array().map(Vec::len), Some(2), "the one of tus too");
    service.until_there_are(1)
}

fn what_is_given_up_leaves_nothing(service: &Service) -> Result<()> {
    let size = 17 * MIB;
    let bytes = noise(102, size);
    let session = service.session("given up", size)?;
    let first = pieces(&session, size)?[0].clone();
    service.chunk(&session["id"], 0, &bytes[first])?.expect(200)?;
    service.act("abort", &session["id"], &Value::Null)?.expect(200)?;
    // Of a tail as well, which is a blob of its own.
    let tus = ("tus-resumable", "1.0.0");
    let body = ("content-type", "application/offset+octet-stream");
    let headers = [tus, body, ("upload-length", "100000")];
    let begun = service.http.send("POST", "/api/tus", &headers, &bytes[..70_000])?.expect(201)?;
    let place = begun.header("location").context("a place")?.to_owned();
    service.http.send("DELETE", &place, &[tus], &[])?.expect(204)?;
    // And of what was not what it was said to be.
    let wrong = service.session("wrong", 10)?;
    service.chunk(&wrong["id"], 0, &bytes[..10])?.expect(200)?;
    let said = json!({ "digest": "00".repeat(32) });
    assert_eq!(service.act("complete", &wrong["id"], &said)?.status, 422);
    service.until_there_are(0)?;
    assert_eq!(service.http.get("/api/files")?.json()["files"], json!([]));
    Ok(())
}

fn equal_contents_are_kept_once(service: &Service) -> Result<()> {
    let bytes = noise(103, 9 * MIB + 5);
    let (one, two) = (service.upload("one", &bytes)?, service.upload("two", &bytes)?);
    service.until_there_are(1)?;
    let delete =
        |file: &Value| service.http.send("DELETE", &format!("/api/files/{}", text(file)), &[], &[]);
    delete(&one)?.expect(204)?;
    assert!(service.bytes(&two)? == bytes);
    delete(&two)?.expect(204)?;
    let clean = ["files", "clean", "--json", "--file-grace-hours", "0"];
    let answer = service.home.run(&clean)?.expect_code(0)?;
    let cleaned: Value = serde_json::from_slice(answer.stdout())?;
    assert_eq!((&cleaned["contents"], &cleaned["bytes"]), (&json!(1), &json!(bytes.len())));
    service.until_there_are(0)
}

fn a_small_file_is_one_request(service: &Service) -> Result<()> {
    for size in [0, 1, 65_536, MIB + 1] {
        let bytes = noise(size as u64, size);
        let file = service.upload(&format!("{size}.bin"), &bytes)?;
        assert!(service.bytes(&file)? == bytes, "{size}");
    }
    Ok(())
}
