//! Calibrations that move on by themselves: scores are of a moment, and with time newer things are observed
//! (docs/behavior.md).
//!
//! ```text
//! every hour ─▶ active ones that are old enough ─▶ was anything newer observed? ─▶ job `calibration`: the same fit at
//!               the newest moment, activated where it does not move too many
//! ```

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kartei_behavior::{Schema, newest};
use kartei_job_core::ATTEMPTS_MAX;
use kartei_live_list::{Lists, Order, OrderKey};
use kartei_profile::Record;
use kartei_protocol::calibrations::CalibrationStage;
use kartei_relay_store::{
    CalibrationRow, NewJobRow, OrgId, RelayStore, RelayStoreError, THE_RELAY,
};
use sha2::{Digest, Sha256};

use crate::admin::now;
use crate::jobs::calibrate::{CALIBRATION, FitParams};
use crate::jobs::{DEADLINE_MS, Workshop};
use crate::lists::{self, ListError, Question};
use crate::random::random_id;
use crate::rounds::Rounds;
use crate::serve::Relay;

/// No token has this number: nobody's key for a request meets one of these.
const NO_TOKEN: i64 = 0;

/// How often it is looked whether one is due.
const EVERY: Duration = Duration::from_secs(60 * 60);

const HOUR_SECS: f64 = 3_600.0;

/// Profiles that are looked at, those observed last: more than have a wrong date, or no signal of the schema.
const LOOKED_AT: usize = 200;

/// How often calibrations move on.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Rolling {
    /// Hours after which an active calibration moves on to the newest observation, with the same fit, where that does
    /// not move too many people; also parts of one; 0 for never.
    #[arg(
        long,
        env = "KARTEI_ROLL_HOURS",
        default_value = "24",
        value_name = "HOURS",
        value_parser = hours
    )]
    roll_hours: Duration,
}

fn hours(text: &str) -> Result<Duration, String> {
    let hours: f64 = text.parse().map_err(|_| "hours are a number".to_owned())?;
    Duration::try_from_secs_f64(hours * HOUR_SECS).map_err(|e| e.to_string())
}

#[derive(Debug, thiserror::Error)]
enum RollError {
    #[error(transparent)]
    Store(#[from] RelayStoreError),
    #[error(transparent)]
    List(#[from] ListError),
    #[error("the operating system gave no random bytes")]
    Random(#[from] std::io::Error),
    #[error("what a job is told cannot be written")]
    Params(#[from] serde_json::Error),
}

/// What is needed to look, and to ask for a job.
struct Roller<'r> {
    store: &'r RelayStore,
    lists: &'r Lists<OrgId>,
    shop: &'r Workshop,
}

impl Roller<'_> {
    /// When something was observed that the calibration does not know of yet; nothing where that is not so.
    fn newer(&self, org: OrgId, row: &CalibrationRow) -> Result<Option<i64>, RollError> {
        let Some(whole) = self.store.calibration(org, &row.version)? else { return Ok(None) };
        // It was read when it was added.
        let Ok(schema) = Schema::parse(&whole.schema_text) else { return Ok(None) };
        let question = Question {
            filter: None,
            order: Order { by: OrderKey::LastObservation, descending: true },
            after: None,
            limit: LOOKED_AT,
        };
        let latest = lists::page(self.lists, self.store, org, &question)?
            .rows
            .into_iter()
            .filter_map(|row| {
                let record = Record::from_stored(&row.record).ok()?;
                newest(&schema, &record, now())
            });
        Ok(latest.max().filter(|latest| *latest > row.as_of))
    }

    /// Has a calibration moved on. Where that was asked for before, up to the same moment, nothing happens.
    fn submit(&self, org: OrgId, row: &CalibrationRow, moment: i64) -> Result<(), RollError> {
        let params = serde_json::to_string(&FitParams {
            schema: row.schema.clone(),
            schema_version: row.schema_version,
            schema_text: None,
            as_of: None,
            same_fit_as: Some(row.version.clone()),
            compared_with: Some(row.version.clone()),
            activate: true,
        })?;
        let (id, key) = (random_id("job-")?, format!("roll-{}-{moment}", row.version));
        let job = NewJobRow {
            id: &id,
            token: NO_TOKEN,
            by: THE_RELAY,
            key: Some(&key),
            request: Sha256::digest(&key).into(),
            analysis: CALIBRATION,
            filter: None,
            params: &params,
            retry_of: None,
            attempts_max: ATTEMPTS_MAX,
            deadline_ms: DEADLINE_MS,
            // One for each calibration at most: nobody can make it too many.
            waiting_max: u64::MAX,
        };
        self.shop.submit(org, &job)?;
        Ok(())
    }

    fn of_organisation(&self, org: OrgId, activated_before: i64) -> Result<(), RollError> {
        for row in self.store.calibrations(org)? {
            let is_due =
                row.stage == CalibrationStage::Active && row.changed_at <= activated_before;
            if is_due && let Some(moment) = self.newer(org, &row)? {
                self.submit(org, &row, moment)?;
            }
        }
        Ok(())
    }

    fn round(&self, activated_before: i64) -> Result<(), RollError> {
        for organisation in self.store.organisations()? {
            let org = organisation.id;
            if let Err(error) = self.of_organisation(org, activated_before) {
                tracing::warn!(
                    org_id = %org,
                    error = &error as &dyn std::error::Error,
                    "Calibrations do not move on; the next round may succeed"
                );
            }
        }
        Ok(())
    }
}

/// Has calibrations moved on for as long as the relay runs, at once and then every hour. Several relays may do it at
/// once: what one asked for, another one does not ask for again.
pub(crate) async fn keep_rolling(relay: Arc<Relay>, rolling: Rolling) {
    if rolling.roll_hours.is_zero() {
        return;
    }
    let mut rounds = Rounds::every(EVERY, relay.stopping());
    while rounds.next().await {
        let relay = Arc::clone(&relay);
        let age = i64::try_from(rolling.roll_hours.as_millis()).unwrap_or(i64::MAX);
        let before = now().saturating_sub(age);
        let done = tokio::task::spawn_blocking(move || {
            relay.with(|store, _| {
                let roller = Roller { store, lists: relay.lists(), shop: relay.workshop() };
                roller.round(before)
            })
        })
        .await;
        if let Ok(Err(error)) = done {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "Calibrations do not move on; the next round may succeed"
            );
        }
    }
}
