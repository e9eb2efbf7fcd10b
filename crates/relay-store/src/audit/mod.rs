//! What administrators did: one chain of events for each organisation, written in the transaction of what
//! it tells of.

mod chain;

use serde_json::{Value, json};

use crate::access::OrgId;
use crate::engine::Result;
use crate::store::RelayStore;

pub use chain::{AuditChain, BrokenAudit};
pub(crate) use chain::{beginning, link};

/// Events that are checked at once.
const CHECKED_AT_ONCE: usize = 1_000;

/// Something that is to be told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewAudit {
    pub(crate) actor: String,
    /// A word such as `job.forced`.
    pub(crate) action: &'static str,
    pub(crate) subject: String,
    pub(crate) data: Value,
}

impl NewAudit {
    /// The next event behind the one with this number and hash.
    pub(crate) fn after(&self, head: &AuditHead, at: i64) -> AuditEvent {
        let data = if self.data.is_null() { String::new() } else { self.data.to_string() };
        let mut event = AuditEvent {
            seq: head.seq + 1,
            at,
            actor: self.actor.clone(),
            action: self.action.to_owned(),
            subject: self.subject.clone(),
            data,
            hash: [0; 32],
        };
        event.hash = link(&head.hash, &event);
        event
    }
}

/// What is done at the relay's own machine and is no single transaction: it is told right after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorAct<'a> {
    /// The organisation was made, under a name.
    OrganisationCreated(&'a str),
    /// A backup was made of the whole relay: its id, and the bytes that it stands for.
    BackedUp(&'a str, u64),
    /// So many of its profiles did not fit together, and were mended.
    ProfilesMended(u64),
}

impl OperatorAct<'_> {
    fn told(self, actor: &str) -> NewAudit {
        let (action, subject, data) = match self {
            Self::OrganisationCreated(name) => ("organisation.created", name, Value::Null),
            Self::BackedUp(id, bytes) => ("backup.made", id, json!({"bytes": bytes})),
            Self::ProfilesMended(count) => ("profiles.mended", "check", json!({"profiles": count})),
        };
        NewAudit { actor: actor.to_owned(), action, subject: subject.to_owned(), data }
    }
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Its number: 1, 2, 3 and so on for each organisation.
    pub seq: u64,
    /// Milliseconds since 1970, by the database's clock.
    pub at: i64,
    /// Who: a token's name, `administrator` at the relay's own machine, or `relay`.
    pub actor: String,
    /// What: a word such as `queue.set`.
    pub action: String,
    /// With what.
    pub subject: String,
    /// What there is to say beside it, as JSON; empty where nothing is.
    pub data: String,
    /// BLAKE3 over the hash before and this event.
    pub hash: [u8; 32],
}

/// The newest event of an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl AuditHead {
    /// Before the first event.
    pub(crate) fn begin(org: OrgId) -> Self {
        Self { seq: 0, hash: beginning(org.0) }
    }
}

/// Which events, the newest first.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// At most so many.
    pub limit: usize,
    /// Those before this number.
    pub before: Option<u64>,
    /// Those with this word.
    pub action: Option<String>,
    /// Those of this one; `administrator` is whoever worked at the relay's own machine.
    pub actor: Option<String>,
    /// Those from this moment on, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Those before this moment, in milliseconds since 1970.
    pub until: Option<i64>,
}

impl AuditQuery {
    /// From which moment on, and before which.
    pub(crate) fn span(&self) -> (i64, i64) {
        (self.since.unwrap_or(i64::MIN), self.until.unwrap_or(i64::MAX))
    }
}

/// What the databases keep of the audit.
pub(crate) trait AuditEngine {
    /// A page of events.
    fn audit(&self, org: OrgId, query: &AuditQuery) -> Result<Vec<AuditEvent>>;

    /// One more event.
    fn add_audit(&self, org: OrgId, new: &NewAudit) -> Result<()>;

    /// Events behind a number in their order, and the end, of one snapshot.
    fn audit_after(
        &self,
        org: OrgId,
        after: u64,
        rows_max: usize,
    ) -> Result<(Vec<AuditEvent>, Option<AuditHead>)>;
}

impl RelayStore {
    /// What was done, the newest first.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn audit(&self, org: OrgId, query: &AuditQuery) -> Result<Vec<AuditEvent>> {
        self.engine.audit(org, query)
    }

    /// Tells of something that was done at the relay's own machine.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn tell_of(&self, org: OrgId, actor: &str, act: OperatorAct<'_>) -> Result<()> {
        self.engine.add_audit(org, &act.told(actor))
    }

    /// Checks the whole audit of an organisation; answers where it ends, or the first event that does not
    /// fit.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn check_audit(&self, org: OrgId) -> Result<std::result::Result<AuditChain, BrokenAudit>> {
        let mut chain = AuditChain::begin(org.0);
        loop {
            let (events, head) = self.engine.audit_after(org, chain.seq(), CHECKED_AT_ONCE)?;
            for event in &events {
                if let Err(broken) = chain.next(event) {
                    return Ok(Err(broken));
                }
            }
            if events.len() < CHECKED_AT_ONCE {
                return Ok(chain.ends_at(head.as_ref()).map(|()| chain));
            }
        }
    }
}
