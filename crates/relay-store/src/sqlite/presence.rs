//! Presence beside the embedded database: in memory. One relay serves a data folder, what it knows of
//! open profiles ends with it anyway, and heartbeats must not wait for the disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::access::OrgId;
use crate::presence::{SEATS_PER_TOKEN_MAX, SEATS_TOLD_MAX, Seat, Seats, next_version};

/// Seats of one organisation by token and session.
#[derive(Debug, Default)]
struct Room {
    version: u64,
    held: BTreeMap<(i64, String), Held>,
}

#[derive(Debug)]
struct Held {
    seat: Seat,
    until: i64,
}

/// Seats of all organisations.
#[derive(Debug, Default)]
pub(super) struct Presence(Mutex<HashMap<OrgId, Room>>);

impl Presence {
    pub(super) fn sit(&self, org: OrgId, seat: &Seat, now: i64, until: i64) {
        let mut rooms = self.lock();
        let room = rooms.entry(org).or_default();
        let key = (seat.token, seat.session.clone());
        if let Some(held) = room.held.get_mut(&key)
            && held.until > now
            && held.seat == *seat
        {
            held.until = until;
            return;
        }
        room.held.insert(key, Held { seat: seat.clone(), until });
        while room.of_token(seat.token).count() > SEATS_PER_TOKEN_MAX {
            let oldest = room.of_token(seat.token).min_by_key(|(_, held)| held.until);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { break };
            room.held.remove(&oldest);
        }
        room.version = next_version(room.version, now);
    }

    pub(super) fn leave(&self, org: OrgId, token: i64, session: &str, now: i64) {
        if let Some(room) = self.lock().get_mut(&org)
            && room.held.remove(&(token, session.to_owned())).is_some()
        {
            room.version = next_version(room.version, now);
        }
    }

    pub(super) fn seats(&self, org: OrgId, now: i64) -> Seats {
        let rooms = self.lock();
        let Some(room) = rooms.get(&org) else { return Seats::default() };
        let mut seats: Vec<Seat> = room
            .held
            .values()
            .filter(|held| held.until > now)
            .map(|held| held.seat.clone())
            .collect();
        seats.sort_unstable();
        seats.truncate(SEATS_TOLD_MAX);
        Seats { version: room.version, seats }
    }

    pub(super) fn expire(&self, org: OrgId, now: i64) {
        if let Some(room) = self.lock().get_mut(&org) {
            let before = room.held.len();
            room.held.retain(|_, held| held.until > now);
            if room.held.len() < before {
                room.version = next_version(room.version, now);
            }
        }
    }

    pub(super) fn version(&self, org: OrgId) -> u64 {
        self.lock().get(&org).map_or(0, |room| room.version)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrgId, Room>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn of_token(&self, token: i64) -> impl Iterator<Item = (&(i64, String), &Held)> {
        self.held.range((token, String::new())..).take_while(move |((of, _), _)| *of == token)
    }
}
