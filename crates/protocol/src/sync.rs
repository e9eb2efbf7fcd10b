//! The wire rows of sync: NDJSON in both directions, gzip around it.
//!
//! `POST /sync/v1/push` takes one [`PushItem`] a line and answers one [`PushAnswer`] a line in the
//! same order and closes with `PushAnswer::End`. `GET /sync/v1/pull` answers [`PullLine`]s in the order of
//! revisions, closed by one [`PullLine::End`]; a stream without that line was cut off, and what
//! came before it may be kept. `GET /sync/v1/events` is an SSE stream of [`HeadNotice`]s
//! (event `head`) and, for a stream with a session, of [`PresenceNotice`]s (event `presence`). Clients
//! pass over events that they do not know.
//!
//! Whether both sides hold the same is told by digests (docs/adr/0011): the total stands in the last
//! line of a pull or push, `GET /sync/v1/digests` answers [`BucketDigests`], `GET
//! /sync/v1/digests/{buckets}` (numbers with commas between) the [`MemberLine`]s of buckets that
//! differ, and `POST /sync/v1/fetch` of a [`FetchRequest`] whole profiles as a pull would.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::problem::ProblemCode;

/// Items in one push at most. A relay writes them in one transaction; 2,000 records of 1.3 KB are
/// 2.6 MB, small enough to be sent again after a cut.
pub const PUSH_ITEMS_MAX: usize = 2_000;

/// Bytes in one push at most before compression: two records at the line limit and their changes
/// still fit.
pub const PUSH_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Rows in one pull answer at most; the client asks again while `more` is set.
pub const PULL_ROWS_MAX: usize = 5_000;

/// Bytes of an Automerge change or a digest; base64 on the wire.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Bytes(pub Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes({})", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        STANDARD_NO_PAD.decode(text.as_ref()).map(Bytes).map_err(serde::de::Error::custom)
    }
}

/// What a replica sends of one profile.
#[derive(Debug, Serialize, Deserialize)]
pub struct PushItem {
    /// The record's id.
    pub id: String,
    /// Hash of the genesis record that this replica's profile began with, hex.
    pub genesis: String,
    /// That record, canonical, until the relay has acknowledged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<RawValue>>,
    /// Automerge changes on top, in causal order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Bytes>,
}

/// What the relay says to one item, in the order of the items.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushAnswer {
    /// The relay has it (now, or had it before).
    Accepted {
        /// The item's id.
        id: String,
        /// The profile's revision at the relay.
        rev: u64,
    },
    /// The relay's profile began with another genesis. The replica takes it and replays its own.
    OtherGenesis {
        /// The relay's profile, whole.
        profile: ProfileLine,
    },
    /// The relay asks for the whole, the genesis record and all changes: it does not hold this profile,
    /// or lacks changes that those of the item build on.
    GenesisWanted {
        /// The item's id.
        id: String,
    },
    /// The relay refuses this item; the others are not held up.
    Rejected {
        /// The item's id.
        id: String,
        /// The closed code.
        code: ProblemCode,
        /// What is wrong, in English, without the record's contents.
        reason: String,
    },
    /// The profile was erased for good: the replica erases it too.
    Erased {
        /// The item's id.
        id: String,
        /// What the feed says of it.
        erased: ErasedLine,
    },
    /// The last line: what the push did to the order. An answer without it was cut off.
    End(PushEnd),
}

/// What a push did to the organisation's order of changes. A replica that had everything up to
/// `head_before` has everything up to `head_rev` now, because all revisions between are its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushEnd {
    /// Identity of the relay's history.
    pub epoch: String,
    /// The newest revision before the push.
    pub head_before: u64,
    /// The newest revision after it.
    pub head_rev: u64,
    /// Digest of all profiles at `head_rev`, where the relay knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
}

/// One profile in a pull: its genesis record where the cursor is below it, and the changes above
/// the cursor.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProfileLine {
    /// The record's id.
    pub id: String,
    /// The profile's revision: rises along the stream.
    pub rev: u64,
    /// Hash of the genesis record, hex.
    pub genesis: String,
    /// The genesis record, canonical, unless the cursor says that the replica has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<RawValue>>,
    /// Automerge changes above the cursor, in the order in which the relay took them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Bytes>,
}

/// A profile that was erased for good. Its id is not told: whoever has the profile knows it again by
/// the hash (`kartei_sync_core::ErasureKey`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedLine {
    /// The erasure's own revision.
    pub rev: u64,
    /// The organisation's key, 32 bytes.
    pub key: Bytes,
    /// HMAC-SHA256 of the id under the key.
    pub hash: Bytes,
}

/// One line of a pull.
// Tagged from outside: serde cannot keep a raw record inside an internally tagged variant.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullLine {
    /// A profile that changed above the cursor.
    Profile(ProfileLine),
    /// A profile that was erased above the cursor. They come before the profiles of a page, and the
    /// cursor of its end counts them.
    Erased(ErasedLine),
    /// The last line.
    End {
        /// Where to go on.
        cursor: Cursor,
        /// The organisation's newest revision when the last row was read.
        head_rev: u64,
        /// Whether rows above `cursor` remain.
        more: bool,
        /// Digest of all profiles at `head_rev`, where nothing remains and the relay knows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total: Option<String>,
    },
}

/// Profiles that are fetched whole at once at most. They are few: what a repair is about.
pub const FETCH_IDS_MAX: usize = 200;

/// The digests of all buckets at a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketDigests {
    /// Identity of the relay's history.
    pub epoch: String,
    /// The newest revision of the same snapshot.
    pub rev: u64,
    /// One for each bucket, in order, in hex; nothing where the relay has to count them first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<Vec<String>>,
}

/// A profile of a bucket, as the relay counts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The record's id.
    pub id: String,
    /// Hash of the record, hex.
    pub hash: String,
    /// Fields in conflict.
    pub conflicts: u64,
}

/// One line of the list of some buckets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberLine {
    /// A profile that is there and not deleted.
    Member(Member),
    /// The last line; a list without it was cut off.
    End {
        /// Identity of the relay's history.
        epoch: String,
        /// The newest revision of the same snapshot.
        rev: u64,
    },
}

/// Which profiles are wanted whole. Those that the relay does not have are not in the answer, whose
/// lines are those of a pull.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchRequest {
    /// Ids, [`FETCH_IDS_MAX`] at most.
    pub ids: Vec<String>,
}

/// How far a replica has come. Opaque to everyone but the relay; sent as `epoch.base.rev`, or as
/// `epoch.base.rev.begun` in the middle of a first reading.
///
/// `rev` is the position in the feed. `base` is the revision up to which the replica is complete:
/// a feed shows a profile once, at its newest revision, so a profile that moves up while a replica
/// pages still owes it every change above `base`, not only those above `rev`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Identity of the relay's history; a relay restored from a backup starts another.
    pub epoch: String,
    /// The replica has every change up to here.
    pub base: u64,
    /// The replica has applied the feed up to here.
    pub rev: u64,
    /// The newest revision when a reading from the start began; 0 in any other reading. What was
    /// deleted and forgotten before cannot have been missed.
    pub begun: u64,
}

impl Cursor {
    /// The cursor of a replica that has everything up to `rev`.
    #[must_use]
    pub fn complete(epoch: String, rev: u64) -> Self {
        Self { epoch, base: rev, rev, begun: 0 }
    }

    /// Whether everything up to `rev` is there, rather than a part of what comes after `base`.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.base == self.rev
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.epoch, self.base, self.rev)?;
        if self.begun > 0 { write!(f, ".{}", self.begun) } else { Ok(()) }
    }
}

/// A cursor that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a cursor reads `epoch.base.rev` or `epoch.base.rev.begun` with base ≤ rev")]
pub struct CursorError;

impl std::str::FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let mut parts = text.split('.');
        let (Some(epoch), Some(base), Some(rev), begun, None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(CursorError);
        };
        let begun: u64 = begun.map_or(Ok(0), str::parse).map_err(|_| CursorError)?;
        let base: u64 = base.parse().map_err(|_| CursorError)?;
        let rev: u64 = rev.parse().map_err(|_| CursorError)?;
        let epoch_is_plain = !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_alphanumeric());
        if !epoch_is_plain || base > rev {
            return Err(CursorError);
        }
        Ok(Self { epoch: epoch.to_owned(), base, rev, begun })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Who a token belongs to: the answer of `GET /sync/v1/whoami`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoAmI {
    /// The organisation's name.
    pub organisation: String,
    /// The token's name, shown as the author of changes.
    pub name: String,
    /// `viewer`, `analyst` or `admin`.
    pub role: String,
    /// Identity of the relay's history.
    pub epoch: String,
}

/// Tells that the organisation's newest revision is (at least) this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadNotice {
    /// The newest revision.
    pub head_rev: u64,
}

/// The body of `POST /sync/v1/presence`, sent when another profile is opened or none is open any more,
/// and every [`PRESENCE_EVERY_SECS`] while one is. Ends with the event stream of the same session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceReport {
    /// Names the event stream (`GET /sync/v1/events?session=…`): 16 to 64 letters and digits.
    pub session: String,
    /// The profile that is open; none where the window shows none.
    pub profile: Option<String>,
}

impl std::fmt::Debug for PresenceReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Who looks at what must never reach a log.
        f.debug_struct("PresenceReport").finish_non_exhaustive()
    }
}

/// Seconds between two reports of a profile that stays open: the relay forgets a session that it has
/// not heard of for more than twice as long.
pub const PRESENCE_EVERY_SECS: u64 = 15;

/// The event `presence` of a stream with a session: who else has which profile open. Sessions of the
/// stream's own token are left out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceNotice {
    /// Whether these are all open profiles, rather than those where something changed.
    pub full: bool,
    /// Profiles with who has them open now, in the order of their ids.
    pub profiles: Vec<OpenAt>,
}

/// Who has a profile open.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAt {
    /// The profile's id.
    pub id: String,
    /// Names, each once, in order; empty where nobody has it open any more.
    pub people: Vec<String>,
}

impl std::fmt::Debug for PresenceNotice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Who looks at what must never reach a log.
        f.debug_struct("PresenceNotice").field("full", &self.full).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_survives_its_text_form() {
        let cursor = Cursor { epoch: "k3v9".to_owned(), base: 7, rev: 12, begun: 0 };
        assert_eq!(cursor.to_string(), "k3v9.7.12", "what older programs read");
        for cursor in [Cursor { begun: 15, ..cursor.clone() }, cursor] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
    }

    #[test]
    fn cursors_that_no_relay_wrote_are_refused() {
        for text in
            ["", "a", "a.1", "a.2.1", ".1.2", "a.1.2.x", "a.1.2.3.4", "a.-1.2", "a b.1.2", "a.1.x"]
        {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text:?}");
        }
    }

    #[test]
    fn a_pull_line_keeps_the_record_as_it_was_written() {
        let text = r#"{"profile":{"id":"a","rev":3,"genesis":"00","record":{"b":1,"a":2}}}"#;
        let line: PullLine = serde_json::from_str(text).unwrap();
        let PullLine::Profile(profile) = &line else { panic!("a profile line") };
        assert_eq!(profile.record.as_ref().unwrap().get(), r#"{"b":1,"a":2}"#);
    }
}
