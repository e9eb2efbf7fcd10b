//! An organisation's queue as administrators see and set it.

use serde_json::json;

use crate::audit::NewAudit;

/// An organisation's queue as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Jobs that run at once, at most.
    pub cap: u64,
    /// Its share where many wait; 100 is usual.
    pub weight: u64,
    /// Since when nothing begins, in milliseconds since 1970.
    pub paused_at: Option<i64>,
    /// Analyses that do not begin.
    pub paused: Vec<String>,
    /// Jobs that wait.
    pub queued: u64,
    /// Jobs that run.
    pub running: u64,
    /// Since when the oldest one waits that could begin, in milliseconds since 1970.
    pub oldest_due_at: Option<i64>,
    /// For how long it waits, in milliseconds by the database's clock.
    pub lag_ms: u64,
}

/// For how long the oldest job waits.
pub(crate) fn lag_ms(oldest_due_at: Option<i64>, clock: i64) -> u64 {
    let waits = oldest_due_at.map_or(0, |due| clock.saturating_sub(due));
    u64::try_from(waits).unwrap_or(0)
}

/// What an administrator sets.
#[derive(Debug, Clone, Copy)]
pub enum QueueSet<'a> {
    /// Jobs that run at once, at most.
    Cap(u64),
    /// Its share where many wait.
    Weight(u64),
    /// Whether nothing begins, or nothing of one analysis: since when, or nothing for going on.
    Paused(Option<&'a str>, Option<i64>),
}

/// What the audit tells of it; nothing where it is so already, and nothing is done then.
pub(crate) fn told_of_set(before: &Queue, set: &QueueSet<'_>, actor: &str) -> Option<NewAudit> {
    let of_all = |is_paused: bool| if is_paused { "queue.paused" } else { "queue.resumed" };
    let (action, subject, data) = match *set {
        QueueSet::Cap(cap) if cap != before.cap => {
            ("queue.set", "cap", json!({"value": cap, "before": before.cap}))
        }
        QueueSet::Weight(weight) if weight != before.weight => {
            ("queue.set", "weight", json!({"value": weight, "before": before.weight}))
        }
        QueueSet::Paused(None, at) if at.is_some() != before.paused_at.is_some() => {
            (of_all(at.is_some()), "queue", json!(null))
        }
        QueueSet::Paused(Some(analysis), at)
            if at.is_some() != before.paused.iter().any(|one| one == analysis) =>
        {
            (of_all(at.is_some()), "analysis", json!({"analysis": analysis}))
        }
        _ => return None,
    };
    Some(NewAudit { actor: actor.to_owned(), action, subject: subject.to_owned(), data })
}

/// Jobs of all organisations that have not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenJobs {
    /// Those that wait.
    pub queued: u64,
    /// Those that run.
    pub running: u64,
    /// For how long the oldest one waits that may begin, in milliseconds; what was paused may not.
    pub lag_ms: u64,
}
