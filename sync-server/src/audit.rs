//! `kartei-relay audit`: what administrators did, and whether that is what was written.

use anyhow::{Result, bail};
use clap::Args;
use kartei_relay_store::{AuditEvent, AuditQuery, OrgId, RelayStore};
use serde_json::json;

use crate::admin::{Place, one_line};
use crate::routes::audit_told;
use crate::uploads::hex;

/// Events that are read at once.
const READ_AT_ONCE: usize = 1_000;

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// The organisation's name.
    #[arg(long)]
    org: String,
    /// Checks that every event is what was written, and that none is missing. Prints the hash of the newest
    /// one: who notes it elsewhere sees later whether the audit was written anew.
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    place: Place,
}

/// Lists the audit, the oldest first, or checks it.
pub(crate) fn run(options: &Audit) -> Result<()> {
    let store = options.place.storage.open()?;
    let org = store.organisation(&options.org)?.id;
    if options.verify {
        return verify(&store, org, options.place.json);
    }
    for event in all(&store, org)?.into_iter().rev() {
        if options.place.json {
            println!("{}", serde_json::to_string(&audit_told(event))?);
        } else {
            println!("{}", line(&event));
        }
    }
    Ok(())
}

fn all(store: &RelayStore, org: OrgId) -> Result<Vec<AuditEvent>> {
    let mut events: Vec<AuditEvent> = Vec::new();
    loop {
        let before = events.last().map(|event| event.seq);
        let query = AuditQuery { limit: READ_AT_ONCE, before, ..AuditQuery::default() };
        let page = store.audit(org, &query)?;
        let is_last = page.len() < READ_AT_ONCE;
        events.extend(page);
        if is_last {
            return Ok(events);
        }
    }
}

fn line(event: &AuditEvent) -> String {
    let AuditEvent { seq, at, actor, action, subject, data, .. } = event;
    let (at, actor, subject) = (at, one_line(actor), one_line(subject));
    format!("{seq}  {at}  {actor}  {action}  {subject}  {data}").trim_end().to_owned()
}

fn verify(store: &RelayStore, org: OrgId, is_json: bool) -> Result<()> {
    match store.check_audit(org)? {
        Ok(chain) => {
            let hash = hex(chain.hash());
            if is_json {
                println!("{}", json!({"fits": true, "events": chain.seq(), "hash": hash}));
            } else {
                println!("{} events, each as it was written. The newest hash: {hash}", chain.seq());
            }
            Ok(())
        }
        Err(broken) => {
            if is_json {
                let shown = json!({"fits": false, "seq": broken.seq, "reason": broken.reason});
                println!("{shown}");
            }
            bail!("the audit does not fit: {broken}")
        }
    }
}
