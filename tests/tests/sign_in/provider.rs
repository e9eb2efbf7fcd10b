//! Providers that answer wrongly, change their keys, or are away; and codes that are not whoever's brings them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use kartei_test_support::{Http, Provider, Signed, Stage, until};
use serde_json::{Value, json};

use crate::{Hall, NONCE, PLACE, VERIFIER, code_of, hall, hall_at, wish};

/// A provider that was away is asked again after seconds.
const WITHIN: Duration = Duration::from_secs(30);

fn refused(hall: &Hall, wish: &Value, word: &str) -> Result<()> {
    let reply = hall.end(wish)?.expect(400)?;
    assert_eq!(code_of(&reply), "sign_in_failed", "{}", reply.text());
    let said = reply.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(said.contains(word), "{word}: {said}");
    Ok(())
}

#[test]
fn a_code_is_good_once_and_for_whoever_began() -> Result<()> {
    let hall = hall(&[])?;
    let code = hall.code()?;
    hall.end(&wish(&code))?.expect(201)?;
    refused(&hall, &wish(&code), "used before")?;
    let mut other = wish(&hall.code()?);
    other["code_verifier"] = json!("x".repeat(43));
    refused(&hall, &other, "`code_verifier`")?;
    let mut other = wish(&hall.code()?);
    other["redirect_uri"] = json!("http://127.0.0.1:49153/sign-in");
    refused(&hall, &other, "`redirect_uri`")?;
    let mut other = wish(&hall.code()?);
    other["nonce"] = json!("another-nonce-of-somebody");
    refused(&hall, &other, "another sign-in")?;
    Ok(())
}

#[test]
fn a_token_that_says_something_else_is_not_believed() -> Result<()> {
    let hall = hall(&[])?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    for (twist, word) in [
        (json!({"aud": "another-client"}), "another client"),
        (json!({"aud": ["another-client"]}), "another client"),
        (json!({"aud": ["kartei", "another-client"]}), "another client"),
        (json!({"aud": ["kartei", "another-client"], "azp": "another-client"}), "another client"),
        (json!({"azp": "another-client"}), "another client"),
        (json!({"aud": null}), "`aud`"),
        (json!({"iss": "https://login.example.org"}), "another issuer"),
        (json!({"iss": null}), "another issuer"),
        (json!({"exp": now - 120}), "expired"),
        (json!({"exp": null}), "`exp`"),
        (json!({"exp": "tomorrow"}), "`exp`"),
        (json!({"iat": now + 600}), "not good yet"),
        (json!({"nbf": now + 600}), "not good yet"),
        (json!({"iat": null}), "`iat`"),
        (json!({"nonce": "n"}), "another sign-in"),
        (json!({"nonce": null}), "another sign-in"),
        (json!({"sub": null}), "`sub`"),
        (json!({"sub": ""}), "`sub`"),
    ] {
        hall.provider.twist(&twist);
        refused(&hall, &wish(&hall.code()?), word)?;
    }
    for twist in [
        json!({"aud": ["kartei", "another-client"], "azp": "kartei"}),
        json!({"exp": now - 5, "iat": now + 5}),
    ] {
        hall.provider.twist(&twist);
        hall.sign_in()?.expect(201)?;
    }
    Ok(())
}

#[test]
fn only_the_providers_own_signature_is_believed() -> Result<()> {
    let hall = hall(&[])?;
    for (signed, word) in [
        (Signed::Not, "not accepted"),
        (Signed::ByPublicKey, "not accepted"),
        (Signed::ByAnother, "does not fit"),
        (Signed::ByUnnamed, "does not name"),
    ] {
        hall.provider.sign(signed);
        refused(&hall, &wish(&hall.code()?), word)?;
    }
    hall.provider.sign(Signed::Well);
    hall.sign_in()?.expect(201)?;
    Ok(())
}

#[test]
fn a_key_that_is_new_is_found() -> Result<()> {
    let hall = hall(&[])?;
    hall.sign_in()?.expect(201)?;
    hall.provider.rotate()?;
    hall.sign_in()?.expect(201)?;
    Ok(())
}

#[test]
fn a_provider_that_is_away_stops_nothing_and_comes_back() -> Result<()> {
    let provider = Provider::start()?;
    provider.away(true);
    let hall = hall_at(provider, &[])?;
    let way = hall.nobody.get("/sign-in")?.expect(200)?.json();
    assert_eq!(way["oidc"]["authorization_endpoint"], json!(null));
    let reply = hall.end(&wish("x"))?.expect(503)?;
    assert_eq!(code_of(&reply), "provider_away");
    assert!(reply.header("retry-after").is_some());
    let chef = Http::new(hall.relay.url(), Some(&hall.home.token("admin", "Chef")?));
    chef.get("/profiles")?.expect(200)?;
    hall.provider.away(false);
    until(WITHIN, "the provider is found again", || Ok(hall.sign_in()?.status == 201))?;
    // What is known of it goes on being told.
    let code = hall.code()?;
    hall.provider.away(true);
    hall.end(&wish(&code))?.expect(503)?;
    let way = hall.nobody.get("/sign-in")?.expect(200)?.json();
    assert!(way["oidc"]["authorization_endpoint"].is_string());
    hall.provider.away(false);
    hall.end(&wish(&code))?.expect(201)?;
    Ok(())
}

#[test]
fn a_relay_with_a_secret_shows_it() -> Result<()> {
    let provider = Provider::with_secret(Some("s3cr%t é"))?;
    let hall = hall_at(provider, &[("KARTEI_OIDC_CLIENT_SECRET", "s3cr%t é")])?;
    hall.sign_in()?.expect(201)?;
    let file = hall.stage.path("secret");
    std::fs::write(&file, "s3cr%t é\n")?;
    let file = file.display().to_string();
    let other = hall.home.clone().with(&[("KARTEI_OIDC_CLIENT_SECRET", "")]);
    let relay = other.with(&[("KARTEI_OIDC_CLIENT_SECRET_FILE", &file)]).start()?;
    let json = [("content-type", "application/json")];
    let body = wish(&hall.code()?).to_string();
    let http = Http::new(relay.url(), None);
    http.send("POST", "/sign-in/oidc", &json, body.as_bytes())?.expect(201)?;
    // One that the provider does not know is the operator's to mend.
    let wrong = hall.home.clone().with(&[("KARTEI_OIDC_CLIENT_SECRET", "guessed")]).start()?;
    let http = Http::new(wrong.url(), None);
    let body = wish(&hall.code()?).to_string();
    let reply = http.send("POST", "/sign-in/oidc", &json, body.as_bytes())?.expect(502)?;
    assert_eq!(code_of(&reply), "provider_failed");
    assert!(!hall.log()?.contains("s3cr%t") && !hall.log()?.contains("guessed"));
    Ok(())
}

#[test]
fn a_browser_comes_back_to_this_machine_or_to_the_relays_page() -> Result<()> {
    let hall = hall(&[("KARTEI_OIDC_PAGES", "https://kartei.example/admin/")])?;
    let ended = |place: &str| -> Result<u16> {
        let code = hall.provider.code(place, VERIFIER, NONCE)?;
        let mut wish = wish(&code);
        wish["redirect_uri"] = json!(place);
        Ok(hall.end(&wish)?.status)
    };
    let page = format!("{}/admin/", hall.relay.url());
    for good in [PLACE, "http://[::1]:8080/", page.as_str(), "https://kartei.example/admin/"] {
        assert_eq!(ended(good)?, 201, "{good}");
    }
    let asked = hall.provider.redeemed();
    for foreign in [
        "https://evil.example/admin/",
        "https://kartei.example/admin/more",
        "https://127.0.0.1:49152/sign-in",
        "http://127.0.0.1/sign-in",
        "http://127.0.0.1.example:80/",
        "http://127.0.0.2:49152/",
        "http://localhost:49152/",
        "http://name@127.0.0.1:49152/",
        "http://127.0.0.1:49152/#x",
        "http://127.0.0.1:49152/?x=y",
        "javascript:alert(1)",
        "/admin/",
    ] {
        let mut wish = wish("x");
        wish["redirect_uri"] = json!(foreign);
        let reply = hall.end(&wish)?.expect(400)?;
        assert_eq!(code_of(&reply), "invalid_request", "{foreign}");
    }
    assert_eq!(hall.provider.redeemed(), asked, "no code left the relay");
    Ok(())
}

#[test]
fn a_relay_says_at_its_start_what_is_missing() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let issuer = ("KARTEI_OIDC_ISSUER", "https://login.example.org");
    let client = ("KARTEI_OIDC_CLIENT_ID", "kartei");
    let here = ("KARTEI_OIDC_ORGANISATION", "Test");
    let roles = ("KARTEI_OIDC_ROLES", "staff=viewer");
    for (settings, word) in [
        (vec![issuer], "--oidc-client-id"),
        (vec![issuer, client], "--oidc-organisation"),
        (vec![issuer, client, here], "--oidc-role"),
        (vec![client], "--oidc-issuer"),
        (vec![("KARTEI_OIDC_ISSUER", "http://login.example.org"), client, here, roles], "https://"),
        (vec![issuer, client, ("KARTEI_OIDC_ORGANISATION", "Elsewhere"), roles], "Elsewhere"),
        (vec![issuer, client, here, ("KARTEI_OIDC_ROLES", "staff=boss")], "boss"),
        (vec![issuer, client, here, roles, ("KARTEI_OIDC_SCOPES", "email")], "openid"),
        (vec![issuer, client, here, roles, ("KARTEI_OIDC_TOKEN_HOURS", "0")], "744"),
    ] {
        let answer = home.clone().with(&settings).run(&["serve", "--listen", "127.0.0.1:0"])?;
        assert_ne!(answer.code(), Some(0), "{settings:?}");
        assert!(answer.stderr().contains(word), "{word}: {answer}");
    }
    Ok(())
}
