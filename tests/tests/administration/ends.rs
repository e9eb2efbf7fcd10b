//! Tokens that come to their end: with the next request, and in the middle of what goes on for long.

use anyhow::Result;
use kartei_test_support::Postgres;
use serde_json::{Value, json};

use crate::{JSON, Seat, seat, seat_on};

/// Streams of somebody whose token ends, beside those of somebody whose token does not.
fn streams_end(seat: &Seat, end: impl FnOnce(&str) -> Result<()>) -> Result<()> {
    let wish = |name: &str| json!({"name": name, "role": "analyst", "expires_in_days": 1});
    let (ada, ben) = (seat.make(&wish("Ada"))?, seat.make(&wish("Ben"))?);
    let (listener, writer) = (seat.with(&ada.token), seat.with(&ben.token));
    let accept = [("accept", "text/event-stream")];
    let mut changes = listener.events("/profiles/changes", &accept)?;
    let mut heads = listener.events("/sync/v1/events?session=0123456789abcdef", &accept)?;
    let mut kept = writer.events("/profiles/changes", &accept)?;
    let put = |id: &str| {
        let body = json!({"schema": "user_profile.v1", "id": id}).to_string();
        let headers = [JSON, ("if-none-match", "*")];
        writer.send("PUT", &format!("/profiles/{id}"), &headers, body.as_bytes())?.expect(201)
    };
    put("before")?;
    assert!(changes.next_event()?.data.contains("before"));
    assert!(kept.next_event()?.data.contains("before"));
    end(&ada.info.token_id)?;
    listener.get("/profiles")?.expect(401)?;
    // Reading waits; what ends it is the relay.
    while changes.next_event().is_ok() {}
    while heads.next_event().is_ok() {}
    put("after")?;
    assert!(kept.next_event()?.data.contains("after"), "others hear on");
    assert!(listener.events("/profiles/changes", &accept).is_err());
    let held = seat.tokens("/admin/tokens")?;
    assert!(held.iter().all(|token| token.name != "Ada"), "it no longer holds");
    let all = seat.tokens("/admin/tokens?include=ended")?;
    let ended = all.iter().find(|token| token.name == "Ada");
    assert!(ended.is_some_and(|token| token.revoked_at.is_none()), "nobody revoked it");
    Ok(())
}

#[test]
fn streams_end_with_the_token_that_opened_them() -> Result<()> {
    let seat = seat(&[])?;
    streams_end(&seat, |id| seat.end(id))
}

#[test]
fn streams_on_postgres() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let seat = seat_on(&cluster.database("ends")?)?;
    streams_end(&seat, |id| {
        let sql = format!("UPDATE kartei.tokens SET expires_at = created_at + 1 WHERE id = {id}");
        cluster.sql("ends", &sql).map(drop)
    })
}

/// A relay of the format before asks the database as it always did.
#[test]
fn a_relay_of_the_version_before_refuses_what_ended() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("before")?;
    let seat = seat_on(&database)?;
    let known = |days: Value| -> Result<String> {
        let name = format!("Ada {days}");
        let made = seat.make(&json!({"name": name, "role": "viewer", "expires_in_days": days}))?;
        Ok(made.info.token_id)
    };
    let (ends, stays) = (known(json!(1))?, known(json!(null))?);
    let asked = |id: &str| {
        let hash = format!("(SELECT hash FROM kartei.tokens WHERE id = {id})");
        cluster.sql("before", &format!("SELECT count(*) FROM kartei.token_by_hash({hash})"))
    };
    assert_eq!((asked(&ends)?, asked(&stays)?), ("1".to_owned(), "1".to_owned()));
    let end = format!("UPDATE kartei.tokens SET expires_at = created_at + 1 WHERE id = {ends}");
    cluster.sql("before", &end)?;
    assert_eq!((asked(&ends)?, asked(&stays)?), ("0".to_owned(), "1".to_owned()));
    // And makes tokens without what it does not know.
    let old = "SET kartei.org = '1'; INSERT INTO kartei.tokens (org, name, role, hash, created_at) \
               VALUES (1, 'old', 'viewer', '\\x01', 1)";
    cluster.sql("before", old)?;
    let listed = seat.tokens("/admin/tokens")?;
    assert!(listed.iter().any(|token| token.name == "old" && token.created_by.is_none()));
    Ok(())
}
