//! When something is told, how often it is tried, and what is told together. Pure.

use kartei_protocol::admin::{Channel, DeliveryState};

use super::{NewDelivery, Untold};

/// Things that a person is told over a channel one by one, within [`WINDOW_MS`]; the rest is one digest.
pub(crate) const SINGLE_MAX: u64 = 30;

/// Milliseconds.
pub(crate) const WINDOW_MS: i64 = 10 * 60 * 1_000;

/// The kind of a delivery that tells several things together.
pub(crate) const DIGEST: &str = "digest";

/// How long it is waited after the first attempt, the second and so on, at most: 5 s, 5 min, 30 min, 2 h, 5 h and
/// 10 h, in milliseconds. After the last one it has failed.
const WAITS_MS: [u64; 6] = [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000];

/// Milliseconds until the next attempt, after so many of them: anything up to the bound ("full jitter"), so that
/// what failed together does not come back together. Nothing where it is given up. `chance` is any number.
pub(crate) fn wait_ms(attempts: u32, chance: u64) -> Option<i64> {
    let number = usize::try_from(attempts.checked_sub(1)?).ok()?;
    let bound = WAITS_MS.get(number)?;
    i64::try_from(chance % (bound + 1)).ok()
}

/// The digest that tells what is too much now, and the moment from which on it is told.
fn digest_of(now: i64) -> (String, i64) {
    let window = now.div_euclid(WINDOW_MS);
    (format!("digest:{window}"), (window + 1) * WINDOW_MS)
}

/// What becomes of a notification: a delivery for each channel, and the digest where it is one too many.
/// `recent` is how many this person was told one by one over the webhook within the window; `None` where the
/// organisation has none.
pub(crate) fn deliveries_of(note: &Untold, recent: Option<u64>, now: i64) -> Vec<NewDelivery> {
    let delivery = |channel, state, due_at, merged| NewDelivery {
        person: note.person.clone(),
        key: note.key.clone(),
        channel,
        state,
        kind: note.kind.clone(),
        job: note.job.clone(),
        told_at: note.created_at,
        merged,
        due_at,
    };
    // It is in the person's list since it was written.
    let mut made = vec![delivery(Channel::InApp, DeliveryState::Delivered, now, None)];
    match recent {
        None => {}
        Some(recent) if recent < SINGLE_MAX => {
            made.push(delivery(Channel::Webhook, DeliveryState::Pending, now, None));
        }
        Some(_) => {
            let (key, due_at) = digest_of(now);
            let state = DeliveryState::Suppressed;
            made.push(delivery(Channel::Webhook, state, now, Some(key.clone())));
            let digest = delivery(Channel::Webhook, DeliveryState::Pending, due_at, None);
            made.push(NewDelivery {
                key,
                kind: DIGEST.to_owned(),
                job: None,
                told_at: now,
                ..digest
            });
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> Untold {
        Untold {
            pk: 1,
            person: "Ada".to_owned(),
            key: "job:a".to_owned(),
            kind: "job_completed".to_owned(),
            job: Some("a".to_owned()),
            created_at: 5,
        }
    }

    #[test]
    fn waits_grow_and_end() {
        assert_eq!(wait_ms(1, 5_000), Some(5_000));
        assert_eq!(wait_ms(1, 5_001), Some(0), "never beyond the bound");
        assert_eq!(wait_ms(6, 36_000_000), Some(36_000_000));
        assert_eq!((wait_ms(7, 0), wait_ms(u32::MAX, 0), wait_ms(0, 0)), (None, None, None));
    }

    #[test]
    fn what_is_too_much_is_told_together() {
        let told = |recent| -> Vec<(String, Channel, DeliveryState)> {
            let made = deliveries_of(&note(), recent, WINDOW_MS + 7);
            made.into_iter().map(|one| (one.key, one.channel, one.state)).collect()
        };
        use Channel::{InApp, Webhook};
        use DeliveryState::{Delivered, Pending, Suppressed};
        let in_app = ("job:a".to_owned(), InApp, Delivered);
        assert_eq!(told(None), std::slice::from_ref(&in_app));
        assert_eq!(told(Some(29)), [in_app.clone(), ("job:a".to_owned(), Webhook, Pending)]);
        let suppressed = ("job:a".to_owned(), Webhook, Suppressed);
        let digest = ("digest:1".to_owned(), Webhook, Pending);
        assert_eq!(told(Some(30)), [in_app, suppressed, digest]);
        let made = deliveries_of(&note(), Some(30), WINDOW_MS + 7);
        assert_eq!((made[2].due_at, made[2].job.clone()), (2 * WINDOW_MS, None));
        assert_eq!(made[1].merged.as_deref(), Some("digest:1"));
    }
}
