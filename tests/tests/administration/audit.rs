//! The audit by actor and time, and as a file.

use anyhow::{Context, Result};
use kartei_protocol::admin::{AuditEvent, AuditPage};
use serde_json::json;

use crate::{Seat, seat, send};

fn page(seat: &Seat, query: &str) -> Result<Vec<AuditEvent>> {
    let reply = seat.chef.get(&format!("/admin/audit?{query}"))?.expect(200)?;
    Ok(serde_json::from_value::<AuditPage>(reply.json())?.events)
}

#[test]
fn the_audit_is_found_by_actor_and_time() -> Result<()> {
    let seat = seat(&[])?;
    for n in 0..4 {
        send(&seat.chef, "PUT", "/admin/quota", &json!({"bytes": n}))?.expect(200)?;
    }
    seat.home.admin(&["quota", "set", "--org", "Test", "--unlimited"])?.expect_code(0)?;
    let all = page(&seat, "limit=500")?;
    assert_eq!(all.len(), 7, "the organisation, the token, and five quotas");
    let of_chef = page(&seat, "actor=Chef")?;
    assert_eq!(of_chef.iter().map(|event| event.seq).collect::<Vec<_>>(), [6, 5, 4, 3]);
    // Whatever account it was.
    let set = page(&seat, "actor=administrator&action=quota.set")?;
    assert_eq!((set.len(), set[0].actor.as_str()), (1, "administrator (grace)"));
    assert_eq!(page(&seat, "actor=nobody")?, []);
    let (first, last) = (all[6].at, all[0].at);
    assert_eq!(page(&seat, &format!("since={first}&until={}", last + 1))?, all);
    assert_eq!(page(&seat, &format!("since={}", last + 1))?, []);
    assert_eq!(page(&seat, &format!("until={first}"))?, []);
    let paged = seat.chef.get("/admin/audit?actor=Chef&limit=3")?.expect(200)?.json();
    let next = paged["next"].as_str().context("there is more")?;
    assert_eq!(page(&seat, &format!("actor=Chef&limit=3&cursor={next}"))?, of_chef[3..]);
    for wrong in ["since=x", "format=xml", "format=csv&limit=3", "format=ndjson&cursor=3"] {
        seat.chef.get(&format!("/admin/audit?{wrong}"))?.expect(400)?;
    }
    Ok(())
}

/// More than is read at once.
const MANY: usize = 2_300;

#[test]
fn all_of_the_audit_is_a_file() -> Result<()> {
    let seat = seat(&[])?;
    let sheet = seat.chef.get("/admin/audit?format=csv&actor=nobody")?.expect(200)?;
    assert_eq!(sheet.text().lines().count(), 1, "a header");
    let none = seat.chef.get("/admin/audit?format=ndjson&actor=nobody")?.expect(200)?;
    assert_eq!(none.text(), "");
    let name = "=1+1;\"Ada\", laptop";
    seat.make(&json!({"name": name, "role": "viewer"}))?;
    {
        let store = kartei_relay_store::RelayStore::open(seat.home.data())?;
        let org = store.organisation("Test")?.id;
        for n in 3..MANY as u64 {
            store.set_quota(org, "Chef", Some(n))?;
        }
    }
    let reply = seat.chef.get("/admin/audit?format=ndjson")?.expect(200)?;
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    let events: Vec<AuditEvent> =
        reply.text().lines().map(|line| Ok(serde_json::from_str(line)?)).collect::<Result<_>>()?;
    assert!(events.iter().map(|event| event.seq).eq((1..=MANY as u64).rev()), "each one once");
    let newest = page(&seat, "limit=2")?;
    assert_eq!(events[..2], newest);
    let accepts = [("accept", "text/csv")];
    let sheet = seat.chef.send("GET", "/admin/audit", &accepts, &[])?.expect(200)?;
    assert_eq!(sheet.header("content-type"), Some("text/csv"));
    assert_eq!(sheet.header("content-disposition"), Some("attachment; filename=\"audit.csv\""));
    let text = sheet.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), MANY + 1);
    assert_eq!(lines[0], "seq,at,actor,action,subject,data,hash");
    assert_eq!(lines.iter().filter(|line| line.starts_with("seq,")).count(), 1, "one header");
    assert!(lines[1].starts_with(&format!("{MANY},")), "{}", lines[1]);
    let made = lines[MANY - 2];
    assert!(made.contains("\"'=1+1;\"\"Ada\"\", laptop\""), "no formula begins a cell: {made}");
    let one = seat.chef.get("/admin/audit?format=csv&action=token.created")?.expect(200)?;
    assert_eq!(one.text().lines().count(), 3, "a header and two tokens");
    Ok(())
}
