//! What is durable of uploads: runs of pieces, noted for many sessions in one transaction.
//!
//! What was noted is never replaced, because it was acknowledged. The same run again is fine; another
//! one that overlaps is refused by itself, and the rest of the note is kept.

use std::collections::HashMap;

use kartei_protocol::uploads::UploadPhase;

use crate::access::OrgId;
use crate::engine::Result;
use crate::store::RelayStore;
use crate::uploads::Tail;

/// A run of pieces at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandedRow {
    /// Where it begins.
    pub offset: u64,
    /// Bytes, more than 0.
    pub len: u64,
    /// Its subtrees' hashes.
    pub tree: Vec<u8>,
    /// The blob store's own name for it.
    pub part: Option<String>,
}

impl LandedRow {
    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// What landed of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadNote {
    /// The organisation.
    pub org: OrgId,
    /// The session.
    pub id: String,
    /// Runs that are durable now.
    pub landed: Vec<LandedRow>,
    /// What the session's tail is from now on: `Some(None)` for no tail, nothing for no change.
    pub tail: Option<Option<Tail>>,
    /// Milliseconds since 1970.
    pub now: i64,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// What became of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted {
    /// All of it is kept.
    Open,
    /// The session is not open any more, but this. Nothing is kept.
    Ended(UploadPhase),
    /// These offsets are not kept, because other bytes that were acknowledged are there; the rest is.
    /// A tail is kept only where all runs are, and where it goes on from what was acknowledged; that
    /// none is there, only where its bytes landed (nothing has an offset then).
    Overlap(Vec<u64>),
    /// The organisation has no such session. Nothing is kept.
    Unknown,
}

/// All that a call notes of one session.
#[derive(Debug)]
pub(crate) struct Landing<'n> {
    pub(crate) org: OrgId,
    pub(crate) id: &'n str,
    /// None overlaps another.
    pub(crate) runs: Vec<&'n LandedRow>,
    pub(crate) tail: Option<Option<Tail>>,
    pub(crate) now: i64,
    pub(crate) expires_at: i64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Landed {
    /// Kept, without these runs, and perhaps without the tail.
    Open {
        refused: Vec<u64>,
        tail_refused: bool,
    },
    Ended(UploadPhase),
    Unknown,
}

/// Whether a tail may be one after another. What was acknowledged does not become less: not at the
/// same offset, and not before what landed, which ends at `landed_end`.
pub(crate) fn tail_follows(known: Option<Tail>, next: Option<Tail>, landed_end: u64) -> bool {
    match (known, next) {
        (_, Some(next)) if next.offset < landed_end => false,
        (Some(known), Some(next)) if known.offset == next.offset => {
            next == known || (next.seq > known.seq && next.len >= known.len)
        }
        (Some(known), Some(next)) => next.offset >= known.offset + known.len,
        // Its bytes have landed.
        (Some(known), None) => landed_end >= known.offset + known.len,
        (None, _) => true,
    }
}

/// One session's part of the notes: which ones, and what they come to.
struct Plan<'n> {
    landing: Landing<'n>,
    notes: Vec<usize>,
    /// Runs that overlap others of the same call: of which note, and their offsets.
    refused: Vec<(usize, u64)>,
}

/// Notes by session, in the order of the first note of each.
fn plan(notes: &[UploadNote]) -> Vec<Plan<'_>> {
    let mut plans: Vec<Plan<'_>> = Vec::new();
    let mut at: HashMap<(OrgId, &str), usize> = HashMap::new();
    for (number, note) in notes.iter().enumerate() {
        let slot = *at.entry((note.org, &note.id)).or_insert_with(|| {
            let UploadNote { org, id, now, expires_at, .. } = note;
            let (org, now, expires_at) = (*org, *now, *expires_at);
            let landing = Landing { org, id, runs: Vec::new(), tail: None, now, expires_at };
            plans.push(Plan { landing, notes: Vec::new(), refused: Vec::new() });
            plans.len() - 1
        });
        let Plan { landing, notes, refused } = &mut plans[slot];
        notes.push(number);
        landing.now = landing.now.max(note.now);
        landing.expires_at = landing.expires_at.max(note.expires_at);
        if note.tail.is_some() {
            landing.tail = note.tail;
        }
        for run in note.landed.iter().filter(|run| run.len > 0) {
            let meets = |other: &&&LandedRow| other.offset < run.end() && run.offset < other.end();
            match landing.runs.iter().find(meets) {
                None => landing.runs.push(run),
                Some(other) if *other == run => {}
                Some(_) => refused.push((number, run.offset)),
            }
        }
    }
    for Plan { landing, refused, .. } in &mut plans {
        if !refused.is_empty() {
            landing.tail = None;
        }
    }
    plans
}

impl RelayStore {
    /// Notes what landed, of sessions of any organisations: in one transaction where the database
    /// allows it, and in one for each organisation otherwise. One answer for each note, in order. The
    /// same notes may be sent again after an error.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError); some of it may be kept then.
    pub fn note_landed(&self, notes: &[UploadNote]) -> Result<Vec<Noted>> {
        let mut answers = vec![Noted::Unknown; notes.len()];
        if notes.is_empty() {
            return Ok(answers);
        }
        let (landings, plans): (Vec<Landing<'_>>, Vec<_>) =
            plan(notes).into_iter().map(|plan| (plan.landing, (plan.notes, plan.refused))).unzip();
        for (landed, (numbers, early)) in self.engine.note_landed(&landings)?.iter().zip(plans) {
            for number in numbers {
                answers[number] = answer(number, &notes[number], landed, &early);
            }
        }
        Ok(answers)
    }
}

fn answer(number: usize, note: &UploadNote, landed: &Landed, early: &[(usize, u64)]) -> Noted {
    match landed {
        Landed::Unknown => Noted::Unknown,
        Landed::Ended(phase) => Noted::Ended(*phase),
        Landed::Open { refused, tail_refused } => {
            let is_refused =
                |offset: &u64| refused.contains(offset) || early.contains(&(number, *offset));
            let tail_refused = *tail_refused || !early.is_empty();
            let mut lost: Vec<u64> =
                note.landed.iter().map(|run| run.offset).filter(is_refused).collect();
            let tail = note.tail.filter(|_| tail_refused);
            lost.extend(tail.flatten().map(|tail| tail.offset));
            if lost.is_empty() && tail.is_none() { Noted::Open } else { Noted::Overlap(lost) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(seq: u64, offset: u64, len: u64) -> Option<Tail> {
        Some(Tail { seq, offset, len })
    }

    #[test]
    fn a_tail_grows_or_moves_on() {
        assert!(tail_follows(None, tail(1, 0, 5), 0));
        assert!(tail_follows(tail(1, 0, 5), tail(2, 0, 9), 0));
        assert!(tail_follows(tail(1, 0, 5), tail(1, 0, 5), 0), "the same again");
        assert!(!tail_follows(tail(1, 0, 5), tail(1, 0, 9), 0), "another blob has another number");
        assert!(!tail_follows(tail(2, 0, 9), tail(3, 0, 5), 0), "acknowledged bytes stay");
        assert!(tail_follows(tail(2, 0, 9), tail(0, 16, 1), 16));
        assert!(tail_follows(tail(2, 0, 9), None, 16));
        assert!(!tail_follows(tail(2, 0, 9), None, 0), "nothing took its place");
        assert!(!tail_follows(None, tail(1, 0, 5), 16), "it landed meanwhile");
    }
}
