//! Who has which profile open.
//!
//! Presence is forgotten by itself: a seat is held until a moment that its holder keeps moving on.
//! It is no history and no secret, so it is kept apart from profiles: nothing here takes the
//! organisation's row lock, gives a revision or waits for a writer. A counter of each organisation
//! changes with everything that others could see, so that a relay reads seats only after a change.

use crate::access::OrgId;
use crate::engine::{Notice, Result};
use crate::error::RelayStoreError;
use crate::store::RelayStore;

/// How long a seat is held without a word of its holder, in milliseconds. Replicas speak every
/// fifteen seconds: two words may be lost, and clocks of relays may differ by some seconds.
pub const SEAT_TTL_MS: i64 = 40_000;

/// Seats of one token at most; the ones that were heard of longest ago go first. A device has one
/// window, and leaves a seat behind with each connection that was cut without a word.
pub(crate) const SEATS_PER_TOKEN_MAX: usize = 8;

/// Seats that are told of one organisation at most, so that a notice stays under half a megabyte.
pub(crate) const SEATS_TOLD_MAX: usize = 1_000;

/// Characters of a person's name in a seat at most.
const PERSON_CHARS_MAX: usize = 64;

/// A profile that somebody has open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seat {
    /// The profile's id.
    pub profile: String,
    /// The token's name.
    pub person: String,
    /// The token's number.
    pub token: i64,
    /// Names the connection among those of the token.
    pub session: String,
}

/// All seats of an organisation at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seats {
    /// The counter: another number where another seat may be seen. Nothing else is meant by it.
    pub version: u64,
    /// Ordered by profile and person.
    pub seats: Vec<Seat>,
}

impl RelayStore {
    /// Notes that a seat is held from `now` (milliseconds since 1970) on, in place of the one that
    /// the same session held.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn sit(&self, org: OrgId, seat: Seat, now: i64) -> Result<()> {
        let person = match seat.person.char_indices().nth(PERSON_CHARS_MAX) {
            Some((end, _)) => seat.person[..end].to_owned(),
            None => seat.person,
        };
        self.engine.sit(org, &Seat { person, ..seat }, now, now.saturating_add(SEAT_TTL_MS))
    }

    /// Notes that a session holds no seat any more.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn leave(&self, org: OrgId, token: i64, session: &str, now: i64) -> Result<()> {
        self.engine.leave(org, token, session, now)
    }

    /// The seats that are held at `now`.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn seats(&self, org: OrgId, now: i64) -> Result<Seats> {
        self.engine.seats(org, now)
    }

    /// Takes away the seats that nobody holds any more at `now`.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn expire_seats(&self, org: OrgId, now: i64) -> Result<()> {
        self.engine.expire_seats(org, now)
    }

    /// What connected replicas may have to be told, of some organisations, in any order; unknown
    /// ones are left out.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn notices(&self, orgs: &[OrgId]) -> std::result::Result<Vec<Notice>, RelayStoreError> {
        self.engine.notices(orgs)
    }
}

/// The counter after a change: never one that was there before, not even after the database lost
/// the table with a crash.
pub(crate) fn next_version(before: u64, now: i64) -> u64 {
    (before + 1).max(now.unsigned_abs())
}
