//! Administration of an organisation: its tokens and their ends, quota, devices and audit, over HTTP and at the
//! relay's own machine.
#![expect(clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod audit;
mod ends;
mod roles;
mod tokens;

use anyhow::{Context, Result};
use kartei_protocol::admin::{TokenCreated, TokenInfo, TokenList};
use kartei_test_support::{Database, Http, Relay, RelayHome, Reply, Stage};
use serde_json::Value;

const JSON: (&str, &str) = ("content-type", "application/json");

/// A relay whose organisation `Test` has one administrator.
struct Seat {
    stage: Stage,
    home: RelayHome,
    relay: Relay,
    chef: Http,
}

fn seat(settings: &[(&str, &str)]) -> Result<Seat> {
    let stage = Stage::new()?;
    let log = stage.path("relay.log");
    let home = stage.relay_home()?.with(settings).logging_to(log);
    seated(stage, home)
}

fn seat_on(database: &Database) -> Result<Seat> {
    let stage = Stage::new()?;
    let log = stage.path("relay.log");
    let home = stage.relay_home_on(database)?.logging_to(log);
    seated(stage, home)
}

fn seated(stage: Stage, home: RelayHome) -> Result<Seat> {
    let relay = home.start()?;
    let chef = Http::new(relay.url(), Some(&home.token("admin", "Chef")?));
    Ok(Seat { stage, home, relay, chef })
}

fn send(http: &Http, method: &str, path: &str, body: &Value) -> Result<Reply> {
    http.send(method, path, &[JSON], body.to_string().as_bytes())
}

/// Somebody's own connection to the relay.
impl Seat {
    fn with(&self, token: &str) -> Http {
        Http::new(self.relay.url(), Some(token))
    }

    fn make(&self, wish: &Value) -> Result<TokenCreated> {
        let reply = send(&self.chef, "POST", "/admin/tokens", wish)?.expect(201)?;
        Ok(serde_json::from_value(reply.json())?)
    }

    fn tokens(&self, path: &str) -> Result<Vec<TokenInfo>> {
        let list: TokenList = serde_json::from_value(self.chef.get(path)?.expect(200)?.json())?;
        Ok(list.tokens)
    }

    fn revoke(&self, id: &str) -> Result<Reply> {
        self.chef.send("DELETE", &format!("/admin/tokens/{id}"), &[], &[])
    }

    /// Lets a token of the embedded database end a moment after it was made.
    fn end(&self, id: &str) -> Result<()> {
        let database = rusqlite::Connection::open(self.home.data().join("relay.sqlite"))?;
        database.busy_timeout(std::time::Duration::from_secs(10))?;
        let ended = "UPDATE tokens SET expires_at = created_at + 1 WHERE id = ?1";
        let ended = database.execute(ended, [id.parse::<i64>().context("an id")?])?;
        assert_eq!(ended, 1, "there is such a token");
        Ok(())
    }
}
