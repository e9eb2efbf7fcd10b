//! A store of bytes that fails, hangs and comes back: what was acknowledged stays, clients are told to come
//! again, and uploads go on.

use std::thread;

use kartei_test_support::{S3Kind, Weather, until};

use super::*;

const AWAY: Weather = Weather { fail: 1_000, ..Weather::CALM };

/// What a connection is given is lost, and neither side hears of it.
const SILENT: Weather = Weather { swallow: 1_000, ..Weather::CALM };

fn on_s3(settings: &[(&str, &str)]) -> Result<Service> {
    service_on(Kind::Shared(S3Kind::S3sFs), settings)
}

impl Service {
    /// Changes the weather before S3, also for connections that the relay keeps open.
    fn weather_before_s3(&self, weather: Weather) -> Result<()> {
        let way = &self.ground.shared()?.way;
        way.set_weather(weather);
        way.cut_all();
        Ok(())
    }

    /// The piece of a session with this number.
    fn piece(&self, session: &Value, number: usize, bytes: &[u8]) -> Result<Reply> {
        let piece = usize::try_from(session["piece_bytes"].as_u64().context("a piece")?)?;
        let end = bytes.len().min((number + 1) * piece);
        self.chunk(&session["id"], number * piece, &bytes[number * piece..end])
    }
}

/// That a reply says to come again, in the form of all problems.
fn says_come_again(reply: &Reply) {
    assert_eq!((reply.status, code(reply).as_str()), (503, "relay_failed"), "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    let after = reply.header("retry-after").and_then(|text| text.parse::<u64>().ok());
    assert!(after.is_some_and(|seconds| seconds > 0), "{:?}", reply.headers);
}

#[test]
fn a_store_that_fails_is_told_and_costs_nothing_that_was_acknowledged() -> Result<()> {
    let service = on_s3(&[])?;
    let size = 17 * MIB + 5;
    let bytes = noise(110, size);
    let file = service.upload("before", b"before")?;
    let session = service.session("through trouble", size)?;
    let id = &session["id"];
    service.piece(&session, 1, &bytes)?.expect(200)?;
    let acknowledged = service.status(id)?["received"].clone();
    service.weather_before_s3(AWAY)?;
    // At once, as each is tried for some seconds.
    thread::scope(|scope| -> Result<()> {
        let asked = [
            scope.spawn(|| service.piece(&session, 0, &bytes)),
            scope.spawn(|| service.begin(&json!({ "name": "new", "size": size }))),
            scope.spawn(|| service.http.get(&format!("/api/files/serve/{}", text(&file)))),
        ];
        for one in asked {
            says_come_again(&one.join().expect("nothing panics there")?);
        }
        Ok(())
    })?;
    assert_eq!(service.status(id)?["received"], acknowledged, "the database is there");
    service.weather_before_s3(Weather::CALM)?;
    assert!(service.bytes(&file)? == b"before");
    service.piece(&session, 0, &bytes)?.expect(200)?;
    service.piece(&session, 2, &bytes)?.expect(200)?;
    // It fails once more when the file is made, and asking again makes it.
    service.weather_before_s3(AWAY)?;
    says_come_again(&service.act("complete", id, &Value::Null)?);
    service.weather_before_s3(Weather::CALM)?;
    let done = service.act("complete", id, &Value::Null)?.expect(200)?.json();
    assert!(service.bytes(&done["file"])? == bytes);
    assert!(service.ground.shared()?.way.tally().failed > 3);
    Ok(())
}

#[test]
fn a_store_that_says_nothing_is_given_up() -> Result<()> {
    let service = on_s3(&[("KARTEI_S3_SILENT_SECONDS", "1")])?;
    let bytes = noise(111, 9 * MIB);
    let session = service.session("silence", bytes.len())?;
    service.weather_before_s3(SILENT)?;
    says_come_again(&service.piece(&session, 0, &bytes)?);
    service.weather_before_s3(Weather::CALM)?;
    for number in 0..2 {
        service.piece(&session, number, &bytes)?.expect(200)?;
    }
    let done = service.act("complete", &session["id"], &Value::Null)?.expect(200)?.json();
    assert!(service.bytes(&done["file"])? == bytes);
    assert!(service.ground.shared()?.way.tally().swallowed > 0);
    Ok(())
}

#[test]
fn who_takes_over_does_not_wait_for_a_store_that_hangs() -> Result<()> {
    // The relay itself would wait for two minutes.
    let service = on_s3(&[])?;
    let bytes = noise(112, 9 * MIB);
    let session = service.session("hanging", bytes.len())?;
    let way = &service.ground.shared()?.way;
    service.weather_before_s3(SILENT)?;
    thread::scope(|scope| -> Result<()> {
        let hanging = scope.spawn(|| service.piece(&session, 0, &bytes));
        until(WITHIN, "the part is on its way to nowhere", || Ok(way.tally().swallowed > 0))?;
        service.weather_before_s3(Weather::CALM)?;
        service.piece(&session, 0, &bytes)?.expect(200)?;
        let first = hanging.join().expect("nothing panics there")?;
        assert_eq!((first.status, code(&first).as_str()), (409, "taken_over"), "{}", first.text());
        Ok(())
    })?;
    service.piece(&session, 1, &bytes)?.expect(200)?;
    let done = service.act("complete", &session["id"], &Value::Null)?.expect(200)?.json();
    assert!(service.bytes(&done["file"])? == bytes);
    Ok(())
}

#[test]
fn our_client_gets_through_a_store_that_fails_again_and_again() -> Result<()> {
    let service = on_s3(&[])?;
    let client = service.stage.client("a")?;
    client.login(service.relay.url(), &service.token)?;
    let bytes = noise(113, 40 * MIB + 9);
    let path = service.stage.path("rough.bin");
    fs::write(&path, &bytes)?;
    service.weather_before_s3(AWAY)?;
    let mut child = client.start(&["upload".to_owned(), path.display().to_string()])?;
    let way = &service.ground.shared()?.way;
    until(WITHIN, "the store failed altogether", || Ok(way.tally().failed > 6))?;
    // A part is a thousand pieces of the way: most are cut, and of what comes again a quarter fails.
    service.weather_before_s3(Weather { fail: 250, cut: 1, ..Weather::CALM })?;
    assert!(child.wait()?.success());
    service.weather_before_s3(Weather::CALM)?;
    let page = service.http.get("/api/files")?.expect(200)?.json();
    assert_eq!(page["files"].as_array().map(Vec::len), Some(1), "{page}");
    assert!(service.bytes(&page["files"][0]["id"])? == bytes);
    Ok(())
}
