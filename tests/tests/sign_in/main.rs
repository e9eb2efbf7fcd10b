//! Signing in with a provider of OpenID Connect: through a real relay, with a real provider that may answer wrongly.
#![expect(clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod cli;
mod provider;
mod tokens;

use anyhow::Result;
use kartei_test_support::{Http, Provider, Relay, RelayHome, Reply, Stage};
use serde_json::{Value, json};

const ROLES: &str = "staff=viewer;analysts=analyst;cn=chefs,dc=example=admin";
const VERIFIER: &str = "dBjftJeZ4CVP-mBMmnCvzHHBhRKE5JrYwDzHoN8QK8M";
const NONCE: &str = "n-0S6_WzA2Mj-n-0S6";
const PLACE: &str = "http://127.0.0.1:49152/sign-in";

/// A relay at whose provider people sign in.
struct Hall {
    stage: Stage,
    home: RelayHome,
    relay: Relay,
    provider: Provider,
    nobody: Http,
}

fn hall(settings: &[(&str, &str)]) -> Result<Hall> {
    hall_at(Provider::start()?, settings)
}

fn hall_at(provider: Provider, settings: &[(&str, &str)]) -> Result<Hall> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?.with(&provider.settings(ROLES)).with(settings);
    let home = home.logging_to(stage.path("relay.log"));
    let relay = home.start()?;
    let nobody = Http::new(relay.url(), None);
    provider.person(ada(&["staff"]));
    Ok(Hall { stage, home, relay, provider, nobody })
}

fn ada(groups: &[&str]) -> Value {
    json!({"email": "ada@example.org", "email_verified": true, "name": "Ada L.", "groups": groups})
}

impl Hall {
    fn code(&self) -> Result<String> {
        self.provider.code(PLACE, VERIFIER, NONCE)
    }

    /// Begins and ends it as a client does.
    fn sign_in(&self) -> Result<Reply> {
        self.end(&wish(&self.code()?))
    }

    fn end(&self, wish: &Value) -> Result<Reply> {
        let json = [("content-type", "application/json")];
        self.nobody.send("POST", "/sign-in/oidc", &json, wish.to_string().as_bytes())
    }

    fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.stage.path("relay.log"))?)
    }
}

fn wish(code: &str) -> Value {
    json!({"code": code, "code_verifier": VERIFIER, "redirect_uri": PLACE, "nonce": NONCE})
}

fn code_of(reply: &Reply) -> String {
    reply.json()["code"].as_str().unwrap_or_default().to_owned()
}
