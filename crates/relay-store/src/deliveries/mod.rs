//! Notifications on their way to people: in their own list, and to a webhook of their organisation.
//!
//! ```text
//! job ends ─▶ notification ─▶ fan_out: a delivery for each channel ─▶ claim ─▶ send ─▶ settle
//!                              └─ too many: suppressed, and one digest        └─ lapsed: claimed again
//! ```
//! The notification is written with the job's end, and is all that a job's end waits for; deliveries are made of
//! it after that, once. Who sends has a claim with a number, as workers do with jobs: a relay that was taken for
//! dead settles nothing.

mod rules;

use kartei_protocol::admin::{Channel, DeliveryState};

use serde_json::json;

use crate::access::OrgId;
use crate::audit::NewAudit;
use crate::engine::Result;
use crate::store::RelayStore;

use rules::wait_ms;
pub(crate) use rules::{DIGEST, WINDOW_MS, deliveries_of};

/// Notifications of which one transaction makes deliveries.
pub(crate) const FANNED_AT_ONCE: usize = 200;

/// Jobs that a digest names.
pub(crate) const DIGEST_JOBS: usize = 50;

/// A notification of which no delivery was made.
#[derive(Debug, Clone)]
pub(crate) struct Untold {
    pub(crate) pk: i64,
    pub(crate) person: String,
    pub(crate) key: String,
    pub(crate) kind: String,
    pub(crate) job: Option<String>,
    pub(crate) created_at: i64,
}

/// A delivery that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewDelivery {
    pub(crate) person: String,
    pub(crate) key: String,
    pub(crate) channel: Channel,
    pub(crate) state: DeliveryState,
    pub(crate) kind: String,
    pub(crate) job: Option<String>,
    pub(crate) told_at: i64,
    pub(crate) merged: Option<String>,
    pub(crate) due_at: i64,
}

/// Where an organisation wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The address.
    pub url: String,
    /// Sealed with the organisation's key.
    pub secret: Vec<u8>,
    /// Who set it.
    pub by: String,
    /// Milliseconds since 1970, as all moments here.
    pub created_at: i64,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its number; later ones have larger ones.
    pub id: i64,
    /// For whom: the token's name.
    pub person: String,
    /// What it is told once for.
    pub key: String,
    /// The way.
    pub channel: Channel,
    /// Where it is.
    pub state: DeliveryState,
    /// What it is about: as its notification, or `digest`.
    pub kind: String,
    /// The job.
    pub job: Option<String>,
    /// When it came to be told.
    pub told_at: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// The number of its newest claim.
    pub claim: u64,
    /// Not tried before.
    pub due_at: i64,
    /// The status of the newest answer.
    pub status: Option<u16>,
    /// What became of the newest attempt, in words.
    pub detail: Option<String>,
    /// When it ended.
    pub finished_at: Option<i64>,
}

/// The columns of a [`DeliveryRow`], in the order in which engines read them.
pub(crate) const DELIVERY_COLUMNS: &str = "pk, person, key, channel, state, kind, job, told_at, \
    attempts, claim, due_at, status, detail, finished_at";

/// A delivery that is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The delivery.
    pub delivery: DeliveryRow,
    /// Of a digest: how many things it tells, and the jobs of some of them.
    pub digest: Option<(u64, Vec<String>)>,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// The delivery.
    pub id: i64,
    /// The claim for which it was tried.
    pub claim: u64,
    /// Whether it arrived.
    pub arrived: bool,
    /// Whether it is given up, however often it was tried.
    pub refused: bool,
    /// The answer's status.
    pub status: Option<u16>,
    /// In words.
    pub detail: Option<String>,
    /// Any number: when it is tried again.
    pub chance: u64,
}

impl Attempted {
    /// Where the delivery is after so many attempts, and from when on it is tried again.
    pub(crate) fn outcome(&self, attempts: u32, now: i64) -> (DeliveryState, Option<i64>) {
        let wait = wait_ms(attempts, self.chance).filter(|_| !self.refused);
        match (self.arrived, wait) {
            (true, _) => (DeliveryState::Delivered, None),
            (false, Some(wait)) => (DeliveryState::Pending, Some(now.saturating_add(wait))),
            (false, None) => (DeliveryState::Failed, None),
        }
    }
}

impl DeliveryRow {
    /// Whether it ended, on a way that can be gone again.
    pub(crate) fn can_be_resent(&self) -> bool {
        let is_open = matches!(self.state, DeliveryState::Pending | DeliveryState::Sending);
        self.channel == Channel::Webhook && !is_open
    }

    pub(crate) fn told_resent(&self, actor: &str) -> NewAudit {
        let data = json!({"person": self.person, "key": self.key, "status": self.state.word()});
        let (actor, subject) = (actor.to_owned(), self.id.to_string());
        NewAudit { actor, action: "delivery.resent", subject, data }
    }
}

/// What became of a delivery that is to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resent {
    /// It is sent again, with the same id.
    Again(DeliveryRow),
    /// It is on its way, or goes no way that can be gone again.
    Blocked,
    /// There is no such delivery.
    Missing,
}

/// What the databases do about deliveries. Every method is one transaction.
pub(crate) trait DeliveryEngine {
    fn webhook(&self, org: OrgId) -> Result<Option<Webhook>>;

    fn set_webhook(&self, org: OrgId, actor: &str, url: &str, secret: &[u8]) -> Result<Webhook>;

    /// Takes it away; what was on its way there is suppressed. Whether there was one.
    fn remove_webhook(&self, org: OrgId, actor: &str) -> Result<bool>;

    fn telling_organisations(&self) -> Result<Vec<OrgId>>;

    /// Makes deliveries of some notifications; answers of how many.
    fn fan_out(&self, org: OrgId) -> Result<u64>;

    fn claim_deliveries(&self, org: OrgId, lease_ms: i64, rows_max: usize) -> Result<Vec<Sending>>;

    /// Keeps what became of an attempt, where its claim is the newest.
    fn settle_delivery(&self, org: OrgId, attempted: &Attempted) -> Result<bool>;

    fn deliveries(
        &self,
        org: OrgId,
        state: Option<DeliveryState>,
        before: Option<i64>,
        rows_max: usize,
    ) -> Result<Vec<DeliveryRow>>;

    fn resend(&self, org: OrgId, actor: &str, id: i64) -> Result<Resent>;
}

impl RelayStore {
    /// Where an organisation wants to be told.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError), as all of these.
    pub fn webhook(&self, org: OrgId) -> Result<Option<Webhook>> {
        self.engine.webhook(org)
    }

    /// Sets that, with its sealed secret.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn set_webhook(
        &self,
        org: OrgId,
        actor: &str,
        url: &str,
        secret: &[u8],
    ) -> Result<Webhook> {
        self.engine.set_webhook(org, actor, url, secret)
    }

    /// Takes it away; what was on its way there is suppressed. Whether there was one.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn remove_webhook(&self, org: OrgId, actor: &str) -> Result<bool> {
        self.engine.remove_webhook(org, actor)
    }

    /// Organisations that have something to tell now.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn telling_organisations(&self) -> Result<Vec<OrgId>> {
        self.engine.telling_organisations()
    }

    /// Makes deliveries of notifications of which none were made yet; answers of how many.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn fan_out(&self, org: OrgId) -> Result<u64> {
        let mut fanned = 0;
        loop {
            let some = self.engine.fan_out(org)?;
            fanned += some;
            if some < FANNED_AT_ONCE as u64 {
                return Ok(fanned);
            }
        }
    }

    /// Takes deliveries to the webhook that are due, for some time.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn claim_deliveries(
        &self,
        org: OrgId,
        lease_ms: i64,
        rows_max: usize,
    ) -> Result<Vec<Sending>> {
        self.engine.claim_deliveries(org, lease_ms, rows_max)
    }

    /// Keeps what became of an attempt; `false` where its claim is no longer the newest.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn settle_delivery(&self, org: OrgId, attempted: &Attempted) -> Result<bool> {
        self.engine.settle_delivery(org, attempted)
    }

    /// Deliveries, the newest first.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn deliveries(
        &self,
        org: OrgId,
        state: Option<DeliveryState>,
        before: Option<i64>,
        rows_max: usize,
    ) -> Result<Vec<DeliveryRow>> {
        self.engine.deliveries(org, state, before, rows_max)
    }

    /// Sends again what ended, with the same id: a receiver that has it knows.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn resend(&self, org: OrgId, actor: &str, id: i64) -> Result<Resent> {
        self.engine.resend(org, actor, id)
    }
}
