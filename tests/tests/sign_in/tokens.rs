//! Who comes in, as what, for how long, and what is told of it.

use anyhow::Result;
use kartei_protocol::admin::{TokenList, TokenRole};
use kartei_protocol::sign_in::{SignInWays, SignedIn};
use kartei_test_support::Http;
use serde_json::{Value, json};

use crate::{Hall, PLACE, ada, code_of, hall, wish};

fn signed_in(hall: &Hall) -> Result<SignedIn> {
    Ok(serde_json::from_value(hall.sign_in()?.expect(201)?.json())?)
}

#[test]
fn a_client_is_told_where_to_begin() -> Result<()> {
    let hall = hall(&[])?;
    let reply = hall.nobody.get("/sign-in")?.expect(200)?;
    let ways: SignInWays = serde_json::from_value(reply.json())?;
    let way = ways.oidc.expect("there is a provider");
    let place = format!("{}/authorize", hall.provider.url());
    assert_eq!(way.authorization_endpoint.as_deref(), Some(place.as_str()));
    assert_eq!((way.issuer.as_str(), way.client_id.as_str()), (hall.provider.url(), "kartei"));
    assert!(way.says_issuer && way.scopes.split(' ').any(|scope| scope == "openid"));
    let without = kartei_test_support::Stage::new()?;
    let relay = without.relay_home()?.start()?;
    let http = Http::new(relay.url(), None);
    assert_eq!(http.get("/sign-in")?.expect(200)?.json(), json!({}));
    let wish = wish("x").to_string();
    let json = [("content-type", "application/json")];
    let off = http.send("POST", "/sign-in/oidc", &json, wish.as_bytes())?.expect(404)?;
    assert_eq!(code_of(&off), "sign_in_off");
    Ok(())
}

#[test]
fn each_group_has_its_role_and_the_highest_holds() -> Result<()> {
    let hall = hall(&[])?;
    for (groups, role, token_role) in [
        (&["staff"][..], "viewer", TokenRole::Viewer),
        (&["other", "analysts", "staff"], "analyst", TokenRole::Analyst),
        (&["staff", "cn=chefs,dc=example"], "admin", TokenRole::Admin),
    ] {
        hall.provider.person(ada(groups));
        let ada = signed_in(&hall)?;
        assert_eq!((ada.role, ada.name.as_str()), (token_role, "ada@example.org"));
        assert_eq!(ada.organisation, "Test");
        let http = Http::new(hall.relay.url(), Some(&ada.token));
        let who = http.get("/sync/v1/whoami")?.expect(200)?.json();
        assert_eq!(who["role"], role, "{who}");
        let status = if role == "admin" { 200 } else { 403 };
        http.get("/admin/tokens")?.expect(status)?;
    }
    // One text rather than a list, as some providers have it.
    let mut one = ada(&[]);
    one["groups"] = json!("analysts");
    hall.provider.person(one);
    assert_eq!(signed_in(&hall)?.role, TokenRole::Analyst);
    Ok(())
}

#[test]
fn whom_no_group_lets_in_is_told_so() -> Result<()> {
    let hall = hall(&[])?;
    for groups in
        [json!(["visitors", "Staff"]), json!([]), json!(null), json!({"staff": true}), json!([7])]
    {
        let mut person = ada(&[]);
        person["groups"] = groups;
        hall.provider.person(person);
        let refused = hall.sign_in()?.expect(403)?;
        assert_eq!(code_of(&refused), "not_admitted");
        let said = refused.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(said.contains("none of your groups") && said.contains("`groups`"), "{said}");
    }
    let chef = Http::new(hall.relay.url(), Some(&hall.home.token("admin", "Chef")?));
    let list: TokenList = serde_json::from_value(chef.get("/admin/tokens")?.json())?;
    assert_eq!(list.tokens.len(), 1, "nobody got a token");
    Ok(())
}

#[test]
fn who_has_less_than_a_client_is_for_gets_no_token() -> Result<()> {
    let hall = hall(&[])?;
    let chef = Http::new(hall.relay.url(), Some(&hall.home.token("admin", "Chef")?));
    let mut asked = wish(&hall.code()?);
    asked["at_least"] = json!("admin");
    let refused = hall.end(&asked)?.expect(403)?;
    assert_eq!(code_of(&refused), "forbidden");
    assert!(refused.text().contains("as viewer"), "{}", refused.text());
    let list: TokenList = serde_json::from_value(chef.get("/admin/tokens")?.json())?;
    assert_eq!(list.tokens.len(), 1);
    hall.provider.person(ada(&["cn=chefs,dc=example"]));
    let mut asked = wish(&hall.code()?);
    asked["at_least"] = json!("admin");
    hall.end(&asked)?.expect(201)?;
    Ok(())
}

#[test]
fn a_name_is_one_that_the_provider_vouches_for() -> Result<()> {
    let hall = hall(&[("KARTEI_OIDC_ROLE_CLAIM", "realm_access.roles")])?;
    let roles = json!({"roles": ["staff"]});
    for (person, name) in [
        (json!({"email": "a@b.example", "email_verified": true, "name": "x"}), "a@b.example"),
        (
            json!({"email": "a@b.example", "email_verified": false, "preferred_username": "ada"}),
            "ada",
        ),
        (json!({"email": "a@b.example", "name": "Ада"}), "Ада"),
        (json!({}), "248289761001"),
    ] {
        let mut person = person;
        person["realm_access"] = roles.clone();
        hall.provider.person(person);
        assert_eq!(signed_in(&hall)?.name, name);
    }
    for name in ["administrator", "relay", "a\nb", &"x".repeat(201)] {
        hall.provider.person(json!({"preferred_username": name, "realm_access": roles}));
        assert_eq!(code_of(&hall.sign_in()?.expect(403)?), "not_admitted", "{name}");
    }
    Ok(())
}

#[test]
fn a_token_ends_after_its_hours_and_can_be_revoked_before() -> Result<()> {
    let hall = hall(&[("KARTEI_OIDC_TOKEN_HOURS", "3")])?;
    let chef = Http::new(hall.relay.url(), Some(&hall.home.token("admin", "Chef")?));
    let (ada, again) = (signed_in(&hall)?, signed_in(&hall)?);
    assert_ne!(ada.token, again.token, "each sign-in has a token of its own");
    let list: TokenList = serde_json::from_value(chef.get("/admin/tokens")?.json())?;
    let row = list.tokens.iter().find(|row| row.token_id == ada.token_id).expect("it is listed");
    assert_eq!(row.expires_at, Some(ada.expires_at));
    assert_eq!(ada.expires_at - row.created_at, 3 * 60 * 60 * 1_000);
    assert_eq!(row.created_by.as_deref(), Some("127.0.0.1"), "the provider's host");
    let status = |one: &SignedIn| -> Result<u16> {
        Ok(Http::new(hall.relay.url(), Some(&one.token)).get("/profiles")?.status)
    };
    chef.send("DELETE", &format!("/admin/tokens/{}", ada.token_id), &[], &[])?.expect(204)?;
    assert_eq!((status(&ada)?, status(&again)?), (401, 200));
    let database = rusqlite::Connection::open(hall.home.data().join("relay.sqlite"))?;
    database.busy_timeout(std::time::Duration::from_secs(10))?;
    let ended = "UPDATE tokens SET expires_at = created_at + 1 WHERE id = ?1";
    assert_eq!(database.execute(ended, [again.token_id.parse::<i64>()?])?, 1);
    assert_eq!(status(&again)?, 401);
    let list: TokenList = serde_json::from_value(chef.get("/admin/tokens")?.json())?;
    assert!(
        list.tokens.iter().all(|row| row.name != "ada@example.org"),
        "ended ones are not shown"
    );
    Ok(())
}

#[test]
fn the_audit_tells_who_signed_in_and_the_log_tells_no_secret() -> Result<()> {
    let hall = hall(&[])?;
    let chef = Http::new(hall.relay.url(), Some(&hall.home.token("admin", "Chef")?));
    let code = hall.code()?;
    let ada: SignedIn = serde_json::from_value(hall.end(&wish(&code))?.expect(201)?.json())?;
    hall.end(&wish(&code))?.expect(400)?;
    hall.provider.person(json!({"email": "eve@example.org", "email_verified": true}));
    let refused = hall.code()?;
    hall.end(&wish(&refused))?.expect(403)?;
    let audit = chef.get("/admin/audit?action=token.signed_in")?.expect(200)?.json();
    let events = audit["events"].as_array().cloned().unwrap_or_default();
    assert_eq!(events.len(), 1, "{audit}");
    assert_eq!(
        (&events[0]["actor"], &events[0]["subject"]),
        (&json!("ada@example.org"), &json!("ada@example.org"))
    );
    let data: &Value = &events[0]["data"];
    assert_eq!((&data["subject"], &data["role"]), (&json!("248289761001"), &json!("viewer")));
    assert_eq!(data["token_id"], json!(ada.token_id));
    hall.home.run(&["audit", "--org", "Test", "--verify"])?.expect_code(0)?;
    let log = hall.log()?;
    assert!(
        log.contains("Somebody was not signed in") && log.contains("none of your groups"),
        "{log}"
    );
    let everything =
        [log, audit.to_string(), chef.get("/admin/tokens?include=ended")?.text()].concat();
    for secret in [code.as_str(), &refused, &ada.token, crate::VERIFIER, crate::NONCE] {
        assert!(!everything.contains(secret), "{secret}");
    }
    let log = hall.log()?;
    for said in ["ada@example.org", "eve@example.org", "248289761001", PLACE] {
        assert!(!log.contains(said), "{said} is in the log");
    }
    Ok(())
}

#[test]
fn who_tries_many_codes_waits() -> Result<()> {
    let hall = hall(&[("KARTEI_RATE_UNKNOWN_TOKENS", "5")])?;
    for n in 0..5 {
        hall.end(&wish(&format!("made-up-{n}")))?.expect(400)?;
    }
    let asked = hall.provider.redeemed();
    let refused = hall.end(&wish(&hall.code()?))?.expect(429)?;
    assert_eq!(code_of(&refused), "too_many_requests");
    let seconds: u64 = refused.header("retry-after").unwrap_or_default().parse()?;
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(hall.provider.redeemed(), asked, "the provider was not asked");
    hall.nobody.get("/sign-in")?.expect(200)?;
    Ok(())
}
