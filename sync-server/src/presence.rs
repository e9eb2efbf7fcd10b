//! Those who are told who has which profile open.
//!
//! The database holds the seats ([`kartei_relay_store::Seats`]), so that several relays know the same.
//! [`Audiences`] has what was last read of each organisation that somebody follows here; [`Follower`]
//! turns it into notices for one connection. Nothing here is written to a log.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kartei_protocol::sync::{OpenAt, PresenceNotice};
use kartei_relay_store::{Access, Notice, OrgId, Seats};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin::now;
use crate::problem::Failure;
use crate::serve::Relay;

/// How often seats that nobody holds any more are looked for: a small part of the time for which a
/// seat is held without a word.
const EXPIRE_EVERY: Duration = Duration::from_secs(1);

/// What is told to the connections of each organisation.
#[derive(Debug, Default)]
pub(crate) struct Audiences {
    rooms: Mutex<HashMap<OrgId, watch::Sender<Arc<Seats>>>>,
    leaving: Mutex<JoinSet<()>>,
}

impl Audiences {
    fn follow(&self, org: OrgId, seats: Seats) -> watch::Receiver<Arc<Seats>> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.entry(org).or_insert_with(|| watch::channel(Arc::new(seats)).0).subscribe()
    }

    /// Organisations whose open profiles somebody follows, with the counter that was read last.
    fn followed(&self) -> HashMap<OrgId, u64> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.retain(|_, sender| sender.receiver_count() > 0);
        rooms.iter().map(|(org, sender)| (*org, sender.borrow().version)).collect()
    }

    fn tell(&self, org: OrgId, seats: Seats) {
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = rooms.get(&org) {
            sender.send_replace(Arc::new(seats));
        }
    }

    /// Waits until the seats of connections that have ended are given back.
    pub(crate) async fn all_left(&self) {
        let leaving =
            std::mem::take(&mut *self.leaving.lock().unwrap_or_else(PoisonError::into_inner));
        leaving.join_all().await;
    }
}

/// Reads the seats of organisations where they changed. A failure is in the log, and the next look
/// makes up for it.
pub(crate) async fn bring_up(relay: &Relay, notices: &[Notice]) {
    let followed = relay.audiences().followed();
    for notice in notices {
        let org = notice.org;
        if followed.get(&org).is_none_or(|version| *version == notice.presence) {
            continue;
        }
        if let Ok(seats) = relay.store(move |store| store.seats(org, now())).await {
            relay.audiences().tell(org, seats);
        }
    }
}

/// Takes seats away that nobody holds any more, where somebody would see them.
pub(crate) async fn expire(relay: &Relay, last: &mut Instant) {
    if last.elapsed() < EXPIRE_EVERY {
        return;
    }
    *last = Instant::now();
    let orgs: Vec<OrgId> = relay.audiences().followed().into_keys().collect();
    if orgs.is_empty() {
        return;
    }
    let expired =
        relay.store(move |store| orgs.iter().try_for_each(|org| store.expire_seats(*org, now())));
    if let Err(failure) = expired.await {
        tracing::debug!(?failure, "Seats were not looked through");
    }
}

/// One connection that is told. Its own seat ends with it.
pub(crate) struct Follower {
    relay: Arc<Relay>,
    org: OrgId,
    token: i64,
    session: String,
    seats: watch::Receiver<Arc<Seats>>,
    told: Option<Arc<Seats>>,
}

impl Follower {
    pub(crate) async fn new(
        relay: &Arc<Relay>,
        access: &Access,
        session: String,
    ) -> Result<Self, Failure> {
        let org = access.org;
        let now_held = relay.store(move |store| store.seats(org, now())).await?;
        let mut seats = relay.audiences().follow(org, now_held);
        // What is open already is told at once.
        seats.mark_changed();
        let relay = Arc::clone(relay);
        Ok(Self { relay, org, token: access.token, session, seats, told: None })
    }

    /// Waits until others opened or closed a profile; nothing where the relay stops.
    pub(crate) async fn next(&mut self) -> Option<PresenceNotice> {
        loop {
            self.seats.changed().await.ok()?;
            let seats = Arc::clone(&self.seats.borrow_and_update());
            let before = self.told.replace(Arc::clone(&seats));
            let full = before.is_none();
            let before = before.as_deref().map(|seats| by_profile(seats, self.token));
            let profiles = difference(&before.unwrap_or_default(), &by_profile(&seats, self.token));
            // Where only the own seat changed there is nothing to tell.
            if full || !profiles.is_empty() {
                return Some(PresenceNotice { full, profiles });
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let relay = Arc::clone(&self.relay);
        let (org, token, session) = (self.org, self.token, std::mem::take(&mut self.session));
        let mut leaving =
            self.relay.audiences().leaving.lock().unwrap_or_else(PoisonError::into_inner);
        while leaving.try_join_next().is_some() {}
        leaving.spawn(async move {
            let left = relay.store(move |store| store.leave(org, token, &session, now())).await;
            if let Err(failure) = left {
                // The seat expires by itself.
                tracing::debug!(?failure, "A seat was not given back");
            }
        });
    }
}

/// Names by profile, without those of the token `own`.
type Open<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

fn by_profile(seats: &Seats, own: i64) -> Open<'_> {
    let mut open = Open::new();
    for seat in seats.seats.iter().filter(|seat| seat.token != own) {
        open.entry(&seat.profile).or_default().insert(&seat.person);
    }
    open
}

/// The profiles where `after` has other names, with these names.
fn difference(before: &Open<'_>, after: &Open<'_>) -> Vec<OpenAt> {
    let changed = |id: &&&str| before.get(**id) != after.get(**id);
    let ids: BTreeSet<&&str> = before.keys().chain(after.keys()).filter(changed).collect();
    ids.into_iter()
        .map(|id| OpenAt {
            id: (*id).to_owned(),
            people: after.get(*id).into_iter().flatten().map(|name| (*name).to_owned()).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use kartei_relay_store::Seat;

    use super::*;

    fn seats(held: &[(&str, &str, i64)]) -> Seats {
        let seat = |(at, (profile, person, token)): (usize, &(&str, &str, i64))| Seat {
            profile: (*profile).to_owned(),
            person: (*person).to_owned(),
            token: *token,
            session: format!("session-{at}"),
        };
        Seats { version: 1, seats: held.iter().enumerate().map(seat).collect() }
    }

    fn told(before: &[(&str, &str, i64)], after: &[(&str, &str, i64)]) -> Vec<(String, String)> {
        let (before, after) = (seats(before), seats(after));
        difference(&by_profile(&before, 1), &by_profile(&after, 1))
            .into_iter()
            .map(|open| (open.id, open.people.join(" ")))
            .collect()
    }

    #[test]
    fn only_what_changed_for_others_is_told() {
        let pair = |id: &str, people: &str| (id.to_owned(), people.to_owned());
        assert_eq!(told(&[], &[("p", "Me", 1)]), [], "the own seat");
        assert_eq!(
            told(&[], &[("p", "Ben", 2), ("p", "Ada", 3), ("p", "Ben", 4)]),
            [pair("p", "Ada Ben")],
            "each name once"
        );
        assert_eq!(
            told(&[("p", "Ben", 2), ("q", "Ada", 3)], &[("q", "Ada", 3), ("r", "Ben", 2)]),
            [pair("p", ""), pair("r", "Ben")]
        );
        assert_eq!(
            told(&[("p", "Ben", 2), ("p", "Ben", 4)], &[("p", "Ben", 2)]),
            [],
            "still there at another desk"
        );
    }
}
