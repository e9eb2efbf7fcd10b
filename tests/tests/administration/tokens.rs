//! Making, listing and revoking tokens.

use anyhow::{Context, Result};
use kartei_protocol::admin::{DeviceList, FileUse, OrganisationInfo, TokenRole};
use kartei_test_support::Postgres;
use serde_json::{Value, json};

use crate::{Seat, seat, seat_on, send};

const DAY: i64 = 24 * 60 * 60 * 1_000;

fn life_of_tokens(seat: &Seat) -> Result<()> {
    let wish = json!({"name": "Ada, laptop", "role": "analyst", "expires_in_days": 30});
    let reply = send(&seat.chef, "POST", "/admin/tokens", &wish)?.expect(201)?;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let ada = serde_json::from_value::<kartei_protocol::admin::TokenCreated>(reply.json())?;
    assert!(ada.token.starts_with("kartei_") && ada.token.len() > 60);
    let info = &ada.info;
    assert_eq!((info.role, info.created_by.as_deref()), (TokenRole::Analyst, Some("Chef")));
    assert_eq!(info.expires_at, Some(info.created_at + 30 * DAY));
    assert_eq!((info.last_used_at, info.revoked_at, info.is_yours), (None, None, false));
    // It is good for what its role may do.
    let whoami = seat.with(&ada.token).get("/sync/v1/whoami")?.expect(200)?.json();
    assert_eq!((&whoami["name"], &whoami["role"]), (&json!("Ada, laptop"), &json!("analyst")));
    let listed = seat.tokens("/admin/tokens")?;
    assert_eq!(listed.iter().map(|one| &*one.name).collect::<Vec<_>>(), ["Ada, laptop", "Chef"]);
    assert!(listed[0].last_used_at.is_some() && listed[1].last_used_at.is_some());
    assert_eq!((listed[0].is_yours, listed[1].is_yours), (false, true));
    assert_eq!(listed[1].created_by.as_deref(), Some("administrator (grace)"));
    let second = seat.make(&json!({"name": "Ada, laptop", "role": "viewer"}))?;
    assert_eq!(second.info.expires_at, None);

    for _ in 0..2 {
        assert_eq!(seat.revoke(&info.token_id)?.status, 204, "again is no mistake");
    }
    seat.with(&ada.token).get("/profiles")?.expect(401)?;
    seat.with(&second.token).get("/profiles")?.expect(200)?;
    let held: Vec<String> =
        seat.tokens("/admin/tokens")?.into_iter().map(|one| one.token_id).collect();
    let chef = &listed[1].token_id;
    assert_eq!(held, [&second.info.token_id, chef].map(String::clone));
    let all = seat.tokens("/admin/tokens?include=ended")?;
    assert_eq!(all.len(), 3);
    assert!(all[1].revoked_at.is_some_and(|at| at >= info.created_at));

    // An administrator is left, however they go about it.
    let refused = seat.revoke(chef)?.expect(409)?.json();
    assert_eq!(refused["code"], "last_administrator");
    let deputy = seat.make(&json!({"name": "Deputy", "role": "admin"}))?;
    let by_deputy = seat.with(&deputy.token);
    assert_eq!(by_deputy.send("DELETE", &format!("/admin/tokens/{chef}"), &[], &[])?.status, 204);
    seat.chef.get("/admin/tokens")?.expect(401)?;
    let own = format!("/admin/tokens/{}", deputy.info.token_id);
    assert_eq!(by_deputy.send("DELETE", &own, &[], &[])?.status, 409);
    for nowhere in ["999999", "x", "-1", "99999999999999999999", "1%20"] {
        let path = format!("/admin/tokens/{nowhere}");
        assert_eq!(by_deputy.send("DELETE", &path, &[], &[])?.status, 404, "{nowhere}");
    }

    // The token itself is in no list, no audit and no log.
    let mut texts = vec![
        by_deputy.get("/admin/tokens?include=ended")?.expect(200)?.text(),
        by_deputy.get("/admin/audit")?.expect(200)?.text(),
        by_deputy.get("/admin/audit?format=csv")?.expect(200)?.text(),
        by_deputy.get("/admin/devices")?.expect(200)?.text(),
    ];
    for command in [
        &["admin", "token", "list", "--org", "Test", "--all"][..],
        &["admin", "token", "list", "--org", "Test", "--all", "--json"],
        &["audit", "--org", "Test"],
    ] {
        let answer = seat.home.run(command)?.expect_code(0)?;
        texts.push(answer.text());
    }
    assert!(texts.iter().all(|text| text.contains("Ada, laptop") || text.contains("devices")));
    texts.push(std::fs::read_to_string(seat.stage.path("relay.log"))?);
    for text in &texts {
        assert!(!text.contains("kartei_") || text.contains("kartei_relay"), "{text}");
        for token in [&ada.token, &second.token, &deputy.token] {
            assert!(!text.contains(token.trim_start_matches("kartei_")), "{text}");
        }
    }
    let told = by_deputy.get("/admin/audit?action=token.revoked")?.expect(200)?.json();
    assert_eq!(
        told["events"].as_array().map(Vec::len),
        Some(2),
        "what changed nothing is not told"
    );
    assert_eq!(told["events"][0]["actor"], "Deputy");
    assert_eq!(told["events"][1]["data"]["token_id"], json!(info.token_id));
    Ok(())
}

#[test]
fn tokens_are_made_listed_and_revoked() -> Result<()> {
    life_of_tokens(&seat(&[])?)
}

#[test]
fn tokens_on_postgres() -> Result<()> {
    let cluster = Postgres::start(false)?;
    life_of_tokens(&seat_on(&cluster.database("tokens")?)?)
}

#[test]
fn a_wish_that_cannot_be_is_told_so() -> Result<()> {
    let seat = seat(&[])?;
    let long = "x".repeat(201);
    for (wish, status) in [
        (json!({"name": "", "role": "viewer"}), 422),
        (json!({"name": "  ", "role": "viewer"}), 422),
        (json!({"name": long, "role": "viewer"}), 422),
        (json!({"name": "a\nb", "role": "viewer"}), 422),
        (json!({"name": "a", "role": "viewer", "expires_in_days": 0}), 422),
        (json!({"name": "a", "role": "viewer", "expires_in_days": -1}), 422),
        (json!({"name": "a", "role": "viewer", "expires_in_days": 3_651}), 422),
        (json!({"name": "a", "role": "owner"}), 400),
        (json!({"name": "a"}), 400),
        (json!({"name": "a", "role": "viewer", "days": 3}), 400),
    ] {
        let refused = send(&seat.chef, "POST", "/admin/tokens", &wish)?;
        assert_eq!(refused.status, status, "{wish}: {}", refused.text());
        assert_eq!(refused.json()["code"], "invalid_request");
    }
    let plain =
        seat.chef.send("POST", "/admin/tokens", &[("content-type", "text/plain")], b"{}")?;
    assert_eq!(plain.status, 415);
    seat.chef.get("/admin/tokens?include=all")?.expect(400)?;
    assert_eq!(seat.tokens("/admin/tokens?include=ended")?.len(), 1, "nothing was made");
    // The same rules at the relay's own machine.
    for more in [&["--name", ""][..], &["--name", "a\tb"], &["--name", &long]] {
        let create = ["token", "create", "--org", "Test", "--role", "viewer"];
        assert_ne!(seat.home.admin(&[&create, more].concat())?.code(), Some(0), "{more:?}");
    }
    let create = ["token", "create", "--org", "Test", "--role", "viewer", "--name", "a"];
    let days = [&create[..], &["--expires-in-days", "3651"]].concat();
    assert_ne!(seat.home.admin(&days)?.code(), Some(0));
    assert_eq!(seat.tokens("/admin/tokens?include=ended")?.len(), 1);
    Ok(())
}

#[test]
fn the_same_at_the_relays_own_machine() -> Result<()> {
    let seat = seat(&[])?;
    let json = |arguments: &[&str]| -> Result<Value> {
        seat.home.admin(&[arguments, &["--json"]].concat())?.expect_code(0)?.json()
    };
    let create = ["token", "create", "--org", "Test", "--role", "analyst", "--name", "Ada"];
    let made = json(&[&create[..], &["--expires-in-days", "7"]].concat())?;
    let id = made["token_id"].as_str().context("an id")?.to_owned();
    assert_eq!(made["created_by"], "administrator (grace)");
    seat.with(made["token"].as_str().context("a token")?).get("/profiles")?.expect(200)?;
    let list = ["token", "list", "--org", "Test"];
    let listed = json(&list)?;
    assert_eq!(listed["tokens"][0]["token_id"], json!(id));
    let plain = seat.home.admin(&list)?.expect_code(0)?;
    let plain = String::from_utf8_lossy(plain.stdout()).into_owned();
    assert!(plain.lines().count() == 2 && plain.contains("ends "), "{plain}");
    let revoke = ["token", "revoke", "--org", "Test", "--id", &id];
    assert_eq!(json(&revoke)?, json!({"revoked": 1}));
    assert_ne!(seat.home.admin(&revoke)?.code(), Some(0), "there is nothing left to revoke");
    assert_eq!(json(&list)?["tokens"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        json(&[&list[..], &["--all"]].concat())?["tokens"].as_array().map(Vec::len),
        Some(2)
    );
    // Also the last administrator's: here another one can be made.
    let chef = seat.tokens("/admin/tokens")?.remove(0).token_id;
    json(&["token", "revoke", "--org", "Test", "--id", &chef])?;
    seat.chef.get("/admin/tokens")?.expect(401)?;
    seat.home.organisation("Other")?;
    let all = json(&["org", "list"])?;
    let names = all["organisations"].as_array().map(|all| {
        all.iter().map(|one| one["name"].as_str().unwrap_or_default()).collect::<Vec<_>>()
    });
    assert_eq!(names, Some(vec!["Test", "Other"]));
    let shown = json(&["org", "show", "Test"])?;
    assert_eq!((&shown["name"], &shown["tokens"]), (&json!("Test"), &json!(0)));
    assert_ne!(seat.home.admin(&["org", "show", "Nobody"])?.code(), Some(0));
    seat.home.admin(&["org", "show", "Test"])?.expect_code(0)?;
    Ok(())
}

fn organisation(seat: &Seat) -> Result<OrganisationInfo> {
    Ok(serde_json::from_value(seat.chef.get("/admin/organisation")?.expect(200)?.json())?)
}

fn from_above(seat: &Seat) -> Result<()> {
    let empty = organisation(seat)?;
    assert_eq!((&*empty.name, empty.head_rev, empty.tokens, empty.devices), ("Test", 0, 1, 0));
    assert_eq!(seat.chef.get("/admin/devices")?.expect(200)?.json(), json!({"devices": []}));
    let ada = seat.make(&json!({"name": "Ada, laptop", "role": "analyst"}))?;
    let desk = seat.stage.client("ada")?;
    desk.login(seat.relay.url(), &ada.token)?;
    let file = seat.stage.path("some.ndjson");
    let records = ["p", "q"].map(|id| json!({"schema": "user_profile.v1", "id": id}));
    kartei_test_support::write_lines(&file, &records)?;
    desk.import(&[&file])?;
    desk.sync()?;
    let writes = seat.with(&ada.token);
    let there = writes.get("/profiles/p")?.expect(200)?;
    let tag = ("if-match", there.header("etag").context("a tag")?);
    assert_eq!(writes.send("DELETE", "/profiles/p", &[tag], &[])?.status, 204);
    desk.sync()?;
    let seen = organisation(seat)?;
    assert_eq!((seen.profiles, seen.deleted, seen.tokens, seen.devices), (1, 1, 2, 1));
    assert!(seen.head_rev >= 3 && seen.created_at > 0);
    let devices: DeviceList =
        serde_json::from_value(seat.chef.get("/admin/devices")?.expect(200)?.json())?;
    let [device] = devices.devices.as_slice() else { anyhow::bail!("{devices:?}") };
    assert_eq!(device.name.as_deref(), Some("Ada, laptop"));
    assert_eq!(device.replica_id, ada.info.token_id);
    assert!(device.last_seen_at >= ada.info.created_at);

    let set = |bytes: &Value, status: u16| -> Result<Value> {
        let change = json!({"bytes": bytes});
        Ok(send(&seat.chef, "PUT", "/admin/quota", &change)?.expect(status)?.json())
    };
    let quota: FileUse = serde_json::from_value(set(&json!(5_000), 200)?)?;
    assert_eq!((quota.quota, quota.used, quota.files, quota.open_uploads), (Some(5_000), 0, 0, 0));
    assert_eq!(organisation(seat)?.files, quota);
    assert_eq!(set(&json!(null), 200)?.get("quota"), None, "no limit");
    set(&json!(-1), 400)?;
    set(&json!("5"), 400)?;
    send(&seat.chef, "PUT", "/admin/quota", &json!({}))?.expect(400)?;
    let told = seat.chef.get("/admin/audit?action=quota.set")?.expect(200)?.json();
    assert_eq!(told["events"][1]["data"], json!({"from": null, "to": 5_000}));
    assert_eq!(told["events"].as_array().map(Vec::len), Some(2));
    seat.revoke(&ada.info.token_id)?.expect(204)?;
    let seen = organisation(seat)?;
    assert_eq!((seen.tokens, seen.devices), (1, 0), "what was revoked is no device any more");
    Ok(())
}

#[test]
fn an_organisation_is_seen_from_above() -> Result<()> {
    from_above(&seat(&[])?)
}

#[test]
fn an_organisation_on_postgres() -> Result<()> {
    let cluster = Postgres::start(false)?;
    from_above(&seat_on(&cluster.database("above")?)?)
}
