//! Who may do what of administration: each role's answer for each operation of the description.

use anyhow::Result;
use kartei_test_support::Http;
use serde_json::{Value, json};

use crate::{seat, send};

/// A body that the operation would take.
fn body_of(operation: &str) -> Value {
    match operation {
        "post /admin/tokens" => json!({"name": "x", "role": "admin"}),
        "put /admin/quota" => json!({"bytes": 1}),
        "put /admin/webhook" => json!({"url": "https://example.org/"}),
        "post /admin/retention/apply" => json!({"plan_hash": "00", "as_of": 0}),
        _ => json!({}),
    }
}

#[test]
fn only_administrators_administer() -> Result<()> {
    let seat = seat(&[("KARTEI_WORKERS", "0")])?;
    let role = |role: &str| -> Result<Http> { Ok(seat.with(&seat.home.token(role, role)?)) };
    let (viewer, analyst) = (role("viewer")?, role("analyst")?);
    let nobody = Http::new(seat.relay.url(), None);
    let revoked = seat.make(&json!({"name": "revoked", "role": "admin"}))?;
    seat.revoke(&revoked.info.token_id)?.expect(204)?;
    let ended = seat.make(&json!({"name": "ended", "role": "admin", "expires_in_days": 1}))?;
    seat.end(&ended.info.token_id)?;
    let foreign = seat.home.organisation("Foreign")?;
    let theirs = seat.with(&foreign.token("admin", "Chef")?);
    let before = seat.tokens("/admin/tokens?include=ended")?.len();
    let description = nobody.get("/openapi.json")?.expect(200)?.json();
    let mut operations = 0;
    for (path, methods) in description["paths"].as_object().into_iter().flatten() {
        if !path.starts_with("/admin/") {
            continue;
        }
        for method in methods.as_object().into_iter().flatten().map(|(method, _)| method) {
            let operation = format!("{method} {path}");
            let (method, body) = (method.to_uppercase(), body_of(&operation));
            let path = path.replace("{id}", "1");
            let ask =
                |http: &Http| -> Result<u16> { Ok(send(http, &method, &path, &body)?.status) };
            for (whose, http, status) in [
                ("a viewer", &viewer, 403),
                ("an analyst", &analyst, 403),
                ("nobody", &nobody, 401),
                ("who was revoked", &seat.with(&revoked.token), 401),
                ("whose token ended", &seat.with(&ended.token), 401),
            ] {
                assert_eq!(ask(http)?, status, "{whose}: {operation}");
            }
            operations += 1;
        }
    }
    assert!(operations >= 25, "{operations} operations were asked for");
    // The token of another organisation is nowhere, for reading and for revoking.
    for token in seat.tokens("/admin/tokens?include=ended")? {
        let path = format!("/admin/tokens/{}", token.token_id);
        assert_eq!(theirs.send("DELETE", &path, &[], &[])?.status, 404);
    }
    let own = theirs.get("/admin/tokens?include=ended")?.expect(200)?.json();
    assert_eq!(own["tokens"].as_array().map(Vec::len), Some(1));
    assert_eq!(seat.tokens("/admin/tokens?include=ended")?.len(), before, "nothing was made");
    viewer.get("/profiles")?.expect(200)?;
    Ok(())
}

#[test]
fn who_tries_many_tokens_waits() -> Result<()> {
    let seat = seat(&[("KARTEI_RATE_UNKNOWN_TOKENS", "5")])?;
    seat.chef.get("/admin/tokens")?.expect(200)?;
    let fresh = seat.home.token("viewer", "Ben")?;
    for _ in 0..3 {
        Http::new(seat.relay.url(), None).get("/profiles")?.expect(401)?;
    }
    for n in 0..5 {
        seat.with(&format!("kartei_{n:064}")).get("/profiles")?.expect(401)?;
    }
    for path in ["/profiles", "/sync/v1/whoami", "/admin/tokens", "/api/files"] {
        let refused = seat.with("kartei_x").get(path)?.expect(429)?;
        assert_eq!(refused.json()["code"], "too_many_requests");
        let seconds: u64 = refused.header("retry-after").unwrap_or_default().parse()?;
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    // Who was known before goes on; who was not waits with the others of the address.
    seat.chef.get("/admin/tokens")?.expect(200)?;
    seat.with(&fresh).get("/profiles")?.expect(429)?;
    Http::new(seat.relay.url(), None).get("/healthz")?.expect(200)?;
    Http::new(seat.relay.url(), None).get("/profiles")?.expect(401)?;
    Ok(())
}
