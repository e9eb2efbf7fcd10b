//! Whether what is kept of a job is a history that it can have.

use kartei_protocol::jobs::{JobEvent, JobEventKind, JobState};

use crate::judge::follows;

/// Checks the events of a job, all of them, against its state and whether it has a result: they are
/// numbered 1, 2, 3 and so on, each may follow the one before, nothing follows an end, and there is a
/// result if and only if it was completed. Moments never go back.
///
/// # Errors
/// What is wrong, in words.
pub fn check_history(events: &[JobEvent], state: JobState, has_result: bool) -> Result<(), String> {
    let (first, rest) = events.split_first().ok_or("there is no event")?;
    if (first.event_seq, first.kind, first.from, first.status)
        != (1, JobEventKind::Queued, None, JobState::Queued)
    {
        return Err(format!("it does not begin with `queued`: {first:?}"));
    }
    let (mut at, mut number, mut moment) = (JobState::Queued, 1, first.occurred_at);
    for event in rest {
        number += 1;
        if event.event_seq != number {
            return Err(format!("event {} stands where {number} should", event.event_seq));
        }
        if event.from != Some(at) || follows(at, event.kind) != Some(event.status) {
            return Err(format!("event {number} cannot follow on {at:?}: {event:?}"));
        }
        if event.occurred_at < moment {
            return Err(format!("event {number} is older than the one before"));
        }
        (at, moment) = (event.status, event.occurred_at);
    }
    if at != state {
        return Err(format!("it is {state:?}, and its events end with {at:?}"));
    }
    if has_result != (state == JobState::Completed) {
        return Err(format!("it is {state:?}, and has a result: {has_result}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn events(steps: &[(JobEventKind, Option<JobState>, JobState)]) -> Vec<JobEvent> {
        let made = steps.iter().zip(1..).map(|((kind, from, status), event_seq)| JobEvent {
            event_seq,
            kind: *kind,
            from: *from,
            status: *status,
            actor: "worker".to_owned(),
            occurred_at: 5,
            data: Value::Null,
        });
        made.collect()
    }

    #[test]
    fn what_cannot_be_is_found() {
        use JobEventKind as Kind;
        use JobState::{Canceled, Completed, Queued, Running};
        let good = [
            (Kind::Queued, None, Queued),
            (Kind::Started, Some(Queued), Running),
            (Kind::Partial, Some(Running), Running),
            (Kind::Completed, Some(Running), Completed),
        ];
        check_history(&events(&good), Completed, true).unwrap();
        assert!(check_history(&events(&good), Completed, false).is_err(), "no result");
        assert!(check_history(&events(&good[..3]), Completed, true).is_err(), "not there yet");
        assert!(check_history(&events(&good[..3]), Running, true).is_err(), "too early");
        assert!(check_history(&events(&good[1..]), Completed, true).is_err(), "no beginning");
        assert!(check_history(&[], Queued, false).is_err());
        let mut twice = good.to_vec();
        twice.push((Kind::Canceled, Some(Completed), Canceled));
        assert!(check_history(&events(&twice), Canceled, false).is_err(), "after the end");
        let mut hole = events(&good);
        hole[2].event_seq = 4;
        assert!(check_history(&hole, Completed, true).is_err(), "a hole");
        let mut back = events(&good);
        back[3].occurred_at = 4;
        assert!(check_history(&back, Completed, true).is_err(), "back in time");
    }
}
