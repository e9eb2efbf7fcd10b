//! How long an analysis takes still, by how quickly it came on since it is followed.

use kartei_protocol::jobs::{JobEvent, JobEventKind};
use serde_json::Value;

/// Of less the pace says nothing yet.
const SINCE_MS_MIN: i64 = 500;

/// How far an analysis was, and when: of the attempt that runs now.
#[derive(Debug, Default)]
pub(super) struct Pace {
    first: Option<(u64, i64)>,
    last: Option<(u64, u64, i64)>,
}

impl Pace {
    /// Takes an event. Another attempt begins with what the one before left, so its pace begins anew.
    pub(super) fn take(&mut self, event: &JobEvent) {
        let count = |name: &str| event.data.get(name).and_then(Value::as_u64);
        match event.kind {
            JobEventKind::Started => *self = Self::default(),
            JobEventKind::Partial => {
                if let (Some(done), Some(total)) = (count("done"), count("total")) {
                    self.first.get_or_insert((done, event.occurred_at));
                    self.last = Some((done, total, event.occurred_at));
                }
            }
            _ => {}
        }
    }

    /// Seconds that are left; nothing as long as that cannot be said.
    pub(super) fn seconds_left(&self) -> Option<f64> {
        let ((from, since), (done, total, at)) = (self.first?, self.last?);
        let (came, passed_ms) = (done.checked_sub(from)?, at - since);
        if came == 0 || passed_ms < SINCE_MS_MIN {
            return None;
        }
        Some(total.saturating_sub(done) as f64 * passed_ms as f64 / 1_000.0 / came as f64)
    }
}

#[cfg(test)]
mod tests {
    use kartei_protocol::jobs::JobState;
    use serde_json::json;

    use super::*;

    fn event(kind: JobEventKind, occurred_at: i64, data: Value) -> JobEvent {
        let (actor, status) = ("worker".to_owned(), JobState::Running);
        JobEvent { event_seq: 1, kind, from: None, status, actor, occurred_at, data }
    }

    fn partial(at: i64, done: u64) -> JobEvent {
        event(JobEventKind::Partial, at, json!({"done": done, "total": 10_000}))
    }

    #[test]
    fn the_rest_takes_as_long_as_the_part_that_was_followed() {
        let mut pace = Pace::default();
        pace.take(&partial(1_000, 1_000));
        assert_eq!(pace.seconds_left(), None, "one moment has no pace");
        pace.take(&partial(3_000, 4_000));
        assert_eq!(pace.seconds_left(), Some(4.0));
    }

    #[test]
    fn another_attempt_has_a_pace_of_its_own() {
        let mut pace = Pace::default();
        pace.take(&partial(1_000, 1_000));
        pace.take(&partial(2_000, 2_000));
        pace.take(&event(JobEventKind::Started, 60_000, json!({"attempt": 2})));
        assert_eq!(pace.seconds_left(), None);
        pace.take(&partial(61_000, 2_000));
        pace.take(&partial(62_000, 6_000));
        assert_eq!(pace.seconds_left(), Some(1.0));
    }
}
