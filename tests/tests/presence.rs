//! Who has a profile open is told to others, through whichever relay they are connected, and is gone
//! when they are.

use anyhow::{Context, Result, bail};
use kartei_test_support::{Events, Http, Postgres, Stage};
use serde_json::{Value, json};

const ANNAS: &str = "annasannasannasannas";
const BENS: &str = "bensbensbensbensbens";

/// A person at a relay.
struct Person {
    http: Http,
    session: &'static str,
}

impl Person {
    fn new(relay: &str, token: &str, session: &'static str) -> Self {
        Self { http: Http::new(relay, Some(token)), session }
    }

    fn listen(&self) -> Result<Events> {
        self.http.events(&format!("/sync/v1/events?session={}", self.session), &[])
    }

    fn open(&self, profile: Option<&str>) -> Result<()> {
        let body = json!({ "session": self.session, "profile": profile }).to_string();
        let headers = [("content-type", "application/json")];
        self.http.send("POST", "/sync/v1/presence", &headers, body.as_bytes())?.expect(204)?;
        Ok(())
    }
}

/// The next notice of open profiles: whether it is of all, and names by profile.
fn told(events: &mut Events) -> Result<Value> {
    loop {
        let event = events.next_event()?;
        match event.name.as_str() {
            "presence" => return serde_json::from_str(&event.data).context("a notice"),
            "head" => {}
            other => bail!("an event `{other}`"),
        }
    }
}

fn all(profiles: &[(&str, &[&str])]) -> Value {
    json!({ "full": true, "profiles": list(profiles) })
}

fn changed(profiles: &[(&str, &[&str])]) -> Value {
    json!({ "full": false, "profiles": list(profiles) })
}

fn list(profiles: &[(&str, &[&str])]) -> Value {
    profiles.iter().map(|(id, people)| json!({ "id": id, "people": people })).collect()
}

#[test]
fn who_is_there_is_seen_through_another_relay_and_gone_with_the_connection() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("presence")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?;
    let (first, second) = (home.start()?, home.start()?);
    let annas = home.token("analyst", "Anna")?;
    let anna = Person::new(first.url(), &annas, ANNAS);
    let ben = Person::new(second.url(), &home.token("viewer", "Ben")?, BENS);

    let mut to_anna = anna.listen()?;
    assert_eq!(told(&mut to_anna)?, all(&[]), "nobody is there, and that is told");
    let to_ben = ben.listen()?;
    anna.open(Some("p-1"))?;
    ben.open(Some("p-1"))?;
    assert_eq!(told(&mut to_anna)?, changed(&[("p-1", &["Ben"])]), "him, and not herself");
    ben.open(Some("p-2"))?;
    assert_eq!(told(&mut to_anna)?, changed(&[("p-1", &[]), ("p-2", &["Ben"])]), "he went on");

    // Who comes later is told what is open already, at either relay.
    let cleo = home.token("analyst", "Cleo")?;
    for relay in [&first, &second] {
        let mut to_cleo = Person::new(relay.url(), &cleo, "cleoscleoscleoscleos").listen()?;
        assert_eq!(told(&mut to_cleo)?, all(&[("p-1", &["Anna"]), ("p-2", &["Ben"])]));
    }

    drop(to_ben);
    assert_eq!(told(&mut to_anna)?, changed(&[("p-2", &[])]), "gone with his connection");

    // A word without a connection, as of a machine that lost its network: its seat runs out.
    ben.open(Some("p-3"))?;
    assert_eq!(told(&mut to_anna)?, changed(&[("p-3", &["Ben"])]));
    cluster.sql("presence", "UPDATE kartei.presence SET until = 1 WHERE profile = 'p-3'")?;
    assert_eq!(told(&mut to_anna)?, changed(&[("p-3", &[])]));

    // Closing a profile without leaving.
    let _to_ben = ben.listen()?;
    ben.open(Some("p-4"))?;
    assert_eq!(told(&mut to_anna)?, changed(&[("p-4", &["Ben"])]));
    ben.open(None)?;
    assert_eq!(told(&mut to_anna)?, changed(&[("p-4", &[])]));
    Ok(())
}

#[test]
fn a_stream_without_a_session_tells_of_heads_alone() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let token = home.token("analyst", "Anna")?;
    let ben = Person::new(relay.url(), &home.token("analyst", "Ben")?, BENS);
    let mut to_ben = ben.listen()?;
    assert_eq!(told(&mut to_ben)?, all(&[]));
    ben.open(Some("p-1"))?;

    let anna = Http::new(relay.url(), Some(&token));
    let mut old = anna.events("/sync/v1/events", &[])?;
    let record = json!({ "schema": "user_profile.v1", "id": "p-1" }).to_string();
    let headers = [("content-type", "application/json"), ("if-none-match", "*")];
    anna.send("PUT", "/profiles/p-1", &headers, record.as_bytes())?.expect(201)?;
    loop {
        let event = old.next_event()?;
        assert_eq!(event.name, "head");
        if event.data == r#"{"head_rev":1}"# {
            break;
        }
    }

    let headers = [("content-type", "application/json")];
    for (body, why) in [
        (json!({ "session": "short", "profile": "p" }), "a session that could be guessed"),
        (json!({ "session": BENS, "profile": "x".repeat(129) }), "no id"),
        (json!({ "profile": "p" }), "no session"),
    ] {
        let body = body.to_string();
        let refused = anna.send("POST", "/sync/v1/presence", &headers, body.as_bytes())?;
        assert_eq!(refused.expect(400)?.json()["code"], "invalid_request", "{why}");
    }
    let stranger = Http::new(relay.url(), None);
    stranger.send("POST", "/sync/v1/presence", &headers, b"{}")?.expect(401)?;
    Ok(())
}
