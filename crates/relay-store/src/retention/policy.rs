//! How long what is kept, and what the audit tells of it.

use serde_json::{Value, json};

use crate::audit::NewAudit;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What is kept for a time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Results, and what was known before them.
    Results,
    /// Jobs with their events and notifications, and with their results where these are there still.
    Jobs,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Results, Self::Jobs];

    /// The word, as everywhere outside of this program.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Results => "results",
            Self::Jobs => "jobs",
        }
    }
}

/// How long an organisation keeps what its analyses and imports leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Days from a job's end on; for ever without.
    pub results_days: Option<u32>,
    /// Days from a job's end on; for ever without.
    pub jobs_days: Option<u32>,
    /// Days from an import's end on for its body as it came and for its rejected lines; for ever without.
    pub imports_days: Option<u32>,
    /// Days for which what was marked can be restored.
    pub restore_days: u32,
    /// Whether the relay plans and applies by itself, once a day.
    pub automatic: bool,
    /// Since when nothing is taken away, in milliseconds since 1970.
    pub held_at: Option<i64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            results_days: Some(90),
            jobs_days: Some(730),
            imports_days: None,
            restore_days: 14,
            automatic: false,
            held_at: None,
        }
    }
}

impl Policy {
    /// What ended until this moment is due; nothing where it is kept for ever, or held.
    pub(crate) fn due_until(&self, kind: Kind, as_of: i64) -> Option<i64> {
        let days = match kind {
            Kind::Results => self.results_days,
            Kind::Jobs => self.jobs_days,
        };
        self.ago(days, as_of)
    }

    /// What imports left that ended until this moment goes; nothing where it is kept for ever, or held.
    #[must_use]
    pub fn imports_until(&self, now: i64) -> Option<i64> {
        self.ago(self.imports_days, now)
    }

    fn ago(&self, days: Option<u32>, now: i64) -> Option<i64> {
        let days = days.filter(|_| self.held_at.is_none())?;
        Some(now.saturating_sub(i64::from(days) * DAY_MS))
    }

    /// Until when what is marked at this moment can be restored.
    pub(crate) fn restorable_until(&self, clock: i64) -> i64 {
        clock.saturating_add(i64::from(self.restore_days) * DAY_MS)
    }
}

/// What an administrator sets; what is left out stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PolicySet {
    /// Days for results; for ever with `Some(None)`.
    pub results_days: Option<Option<u32>>,
    /// Days for jobs; for ever with `Some(None)`.
    pub jobs_days: Option<Option<u32>>,
    /// Days for bodies and rejected lines of imports; for ever with `Some(None)`.
    pub imports_days: Option<Option<u32>>,
    /// Days for which what was marked can be restored.
    pub restore_days: Option<u32>,
    /// Whether the relay plans and applies by itself.
    pub automatic: Option<bool>,
    /// Whether nothing is taken away.
    pub hold: Option<bool>,
}

impl PolicySet {
    /// The policy afterwards, and what the audit tells: one event for each thing that changes.
    pub(crate) fn on(&self, before: &Policy, actor: &str, clock: i64) -> (Policy, Vec<NewAudit>) {
        let mut after = before.clone();
        let mut told = Vec::new();
        let mut tell = |action, subject: &str, data: Value| {
            let (actor, subject) = (actor.to_owned(), subject.to_owned());
            told.push(NewAudit { actor, action, subject, data });
        };
        let change = |value: Value, before: Value| json!({"value": value, "before": before});
        if let Some(days) = self.results_days.filter(|days| *days != before.results_days) {
            after.results_days = days;
            tell("retention.set", "results_days", change(json!(days), json!(before.results_days)));
        }
        if let Some(days) = self.jobs_days.filter(|days| *days != before.jobs_days) {
            after.jobs_days = days;
            tell("retention.set", "jobs_days", change(json!(days), json!(before.jobs_days)));
        }
        if let Some(days) = self.imports_days.filter(|days| *days != before.imports_days) {
            after.imports_days = days;
            tell("retention.set", "imports_days", change(json!(days), json!(before.imports_days)));
        }
        if let Some(days) = self.restore_days.filter(|days| *days != before.restore_days) {
            after.restore_days = days;
            tell("retention.set", "restore_days", change(json!(days), json!(before.restore_days)));
        }
        if let Some(automatic) = self.automatic.filter(|one| *one != before.automatic) {
            after.automatic = automatic;
            tell("retention.set", "automatic", change(json!(automatic), json!(before.automatic)));
        }
        if let Some(hold) = self.hold.filter(|hold| *hold != before.held_at.is_some()) {
            after.held_at = hold.then_some(clock);
            let action = if hold { "retention.held" } else { "retention.released" };
            tell(action, "organisation", Value::Null);
        }
        (after, told)
    }
}
