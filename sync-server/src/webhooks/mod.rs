//! Telling organisations over their webhooks (docs/jobs.md).
//!
//! ```text
//! look ─▶ fan_out ─▶ claim ─▶ sign ─▶ send, to a public address ─▶ settle: arrived, again later, given up
//! ```
//! The database decides who sends what and when; what is sent is the same bytes and the same id in every attempt.

mod address;
mod sign;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use futures_util::future::join_all;
use kartei_relay_store::{Attempted, DeliveryRow, OrgId, RelayStore, Sending, Webhook};
use reqwest::{Client, StatusCode, Url, redirect};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::task::JoinSet;

use crate::admin::now;
use crate::problem::Failure;
use crate::rounds::Rounds;
use crate::serve::Relay;
use crate::uploads::hex;

pub(crate) use sign::{SECRET_BYTES, shown};

/// How often it is looked for something to tell.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long a relay has a delivery: longer than an attempt takes.
const LEASE_MS: i64 = 30_000;

/// How long a receiver may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Deliveries of an organisation that are sent at once.
const AT_ONCE: usize = 16;

/// What secrets are sealed for.
const SECRET: &str = "webhook";

/// Where webhooks may lead.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct WebhookOptions {
    /// Lets webhooks lead to private addresses and to this machine, also without TLS to the latter. Without it
    /// who administers an organisation could reach what only the relay's network reaches.
    #[arg(long, env = "KARTEI_WEBHOOK_PRIVATE")]
    webhook_private: bool,
}

impl WebhookOptions {
    /// An address that a webhook may have.
    ///
    /// # Errors
    /// Why it may not, for people.
    pub(crate) fn checked(self, url: &str) -> Result<Url, &'static str> {
        address::checked(url, self.webhook_private)
    }
}

/// What receivers know a delivery by: the same in every attempt, and another one for every other.
pub(crate) fn webhook_id(org: OrgId, row: &DeliveryRow) -> String {
    let parts = [&org.to_string(), &row.person, &row.key, row.channel.word()];
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    format!("msg_{}", hex(&hasher.finalize().as_bytes()[..16]))
}

/// What is sent: the same bytes in every attempt.
fn body(sending: &Sending) -> Value {
    let row = &sending.delivery;
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(row.told_at) * 1_000_000);
    let moment = moment.ok().and_then(|moment| moment.format(&Rfc3339).ok());
    match &sending.digest {
        Some((count, jobs)) => json!({
            "type": "notifications.digest",
            "timestamp": moment,
            "data": {"person": row.person, "count": count, "job_ids": jobs},
        }),
        None => json!({
            "type": row.kind.replacen('_', ".", 1),
            "timestamp": moment,
            "data": {"person": row.person, "job_id": row.job},
        }),
    }
}

/// Who sends.
struct Sender {
    relay: Arc<Relay>,
    options: WebhookOptions,
    client: Client,
    /// Organisations that somebody of this relay is at.
    busy: Mutex<HashSet<OrgId>>,
}

/// Tells what is to be told, for as long as the relay runs. Several relays may do it at once.
///
/// # Errors
/// Where there can be no client.
pub(crate) async fn tell(relay: Arc<Relay>, options: WebhookOptions) -> Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(address::Guarded { is_private_allowed: options.webhook_private }))
        .timeout(ANSWER_WITHIN)
        .user_agent(concat!("kartei-relay/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("make a client for webhooks")?;
    let mut rounds = Rounds::every(LOOK_EVERY, relay.stopping());
    let sender = Arc::new(Sender { relay, options, client, busy: Mutex::default() });
    let mut tasks = JoinSet::new();
    while rounds.next().await {
        while tasks.try_join_next().is_some() {}
        // A failure is in the log; the next look may succeed.
        let Ok(orgs) = sender.relay.store(RelayStore::telling_organisations).await else {
            continue;
        };
        for org in orgs {
            if sender.busy().insert(org) {
                let sender = Arc::clone(&sender);
                tasks.spawn(async move {
                    if sender.tell(org).await.is_err() {
                        tracing::warn!(org_id = %org, "Telling failed; the next look may succeed");
                    }
                    sender.busy().remove(&org);
                });
            }
        }
    }
    // What is being sent may arrive still.
    while tasks.join_next().await.is_some() {}
    Ok(())
}

impl Sender {
    fn busy(&self) -> std::sync::MutexGuard<'_, HashSet<OrgId>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what an organisation has to tell now.
    async fn tell(&self, org: OrgId) -> Result<(), Failure> {
        self.relay.store(move |store| store.fan_out(org)).await?;
        let Some(webhook) = self.relay.store(move |store| store.webhook(org)).await? else {
            return Ok(());
        };
        let stopping = self.relay.stopping();
        while !*stopping.borrow() {
            let claim = move |store: &RelayStore| store.claim_deliveries(org, LEASE_MS, AT_ONCE);
            let claimed = self.relay.store(claim).await?;
            if claimed.is_empty() {
                return Ok(());
            }
            let settled = claimed.iter().map(|sending| self.attempt(org, &webhook, sending));
            for settled in join_all(settled).await {
                settled?;
            }
        }
        Ok(())
    }

    /// One attempt, and what became of it.
    async fn attempt(
        &self,
        org: OrgId,
        webhook: &Webhook,
        sending: &Sending,
    ) -> Result<(), Failure> {
        let row = &sending.delivery;
        let (status, detail) = match self.send(org, webhook, sending).await {
            Ok(status) if status.is_success() => (Some(status), None),
            Ok(status) => {
                (Some(status), Some(format!("the receiver answered {}", status.as_u16())))
            }
            Err(detail) => (None, Some(detail.to_owned())),
        };
        let attempted = Attempted {
            id: row.id,
            claim: row.claim,
            arrived: status.is_some_and(|status| status.is_success()),
            refused: status == Some(StatusCode::GONE),
            status: status.map(|status| status.as_u16()),
            detail,
            chance: crate::random::chance(),
        };
        tracing::info!(
            org_id = %org,
            delivery_id = row.id,
            attempt = row.attempts,
            status = attempted.status,
            arrived = attempted.arrived,
            "Webhook told"
        );
        self.relay.store(move |store| store.settle_delivery(org, &attempted)).await?;
        Ok(())
    }

    /// Sends it; the answer's status, or why there is none, for people.
    async fn send(
        &self,
        org: OrgId,
        webhook: &Webhook,
        sending: &Sending,
    ) -> Result<StatusCode, &'static str> {
        // Set under another option, perhaps.
        let url = self.options.checked(&webhook.url)?;
        let keys = self.relay.uploads().keys().map_err(|_| "the relay has no operator's key")?;
        let secret = keys.open(&self.relay, org, SECRET, &webhook.secret).await;
        let secret = secret.map_err(|_| "the webhook's secret cannot be read")?;
        let (id, body) = (webhook_id(org, &sending.delivery), body(sending).to_string());
        let seconds = now() / 1_000;
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-signature", sign::signature(&secret, &id, seconds, &body))
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .body(body);
        match request.send().await {
            Ok(response) => Ok(response.status()),
            Err(error) if error.is_timeout() => Err("the receiver did not answer in time"),
            Err(_) => Err("the receiver cannot be reached"),
        }
    }
}

/// A new secret, sealed for the database, and as it is shown once.
///
/// # Errors
/// Where the relay has no operator's key, or its database or system fails.
pub(crate) async fn new_secret(relay: &Relay, org: OrgId) -> Result<(Vec<u8>, String), Failure> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret)
        .map_err(|e| Failure::internal(&std::io::Error::other(e.to_string())))?;
    let sealed = relay.uploads().keys()?.seal(relay, org, SECRET, &secret).await?;
    Ok((sealed, shown(&secret)))
}
