//! Reading all that the relay has anew, and settling then what it does not have.
//!
//! Two reasons: the relay forgot deletions that this replica has not heard of, or it began another
//! history (restored from a backup, or another relay). In both the outbox stays, the revisions that are
//! known of profiles are forgotten, the feed is read from its start, and each profile that comes gets
//! its revision again. What has none at the end is not at the relay.

use std::collections::HashSet;

use kartei_profile::{Change, ChangeHash, RecordHash};
use rusqlite::{OptionalExtension, Transaction};

use crate::error::StoreError;
use crate::pull::Sent;
use crate::row::{self, Pk, StoredProfile};
use crate::session;
use crate::store::Store;
use crate::writing::Writing;

/// Why everything is read anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reread {
    /// The relay forgot deletions: what it does not have was deleted there. It goes here too, unless
    /// somebody edited it here since.
    Forgotten,
    /// The relay began another history: what it does not have is offered.
    OtherHistory,
}

const KEY: &str = "reread";

/// How often everything was read anew.
const TIMES: &str = "rereadings";

impl Reread {
    fn word(self) -> &'static str {
        match self {
            Self::Forgotten => "forgotten",
            Self::OtherHistory => "other_history",
        }
    }
}

/// Why everything is being read anew, where it is.
pub(crate) fn running(db: &Transaction<'_>) -> Result<Option<Reread>, StoreError> {
    let word = session::get(db, KEY)?;
    let found = |why: &Reread| Some(why.word()) == word.as_deref();
    Ok([Reread::Forgotten, Reread::OtherHistory].into_iter().find(found))
}

impl Store {
    /// Why everything is being read anew, where it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rereading(&self) -> Result<Option<Reread>, StoreError> {
        self.read(running)
    }
}

/// How often everything was read anew here. What was asked before the last time says nothing of what the
/// relay has now.
pub(crate) fn times(db: &Transaction<'_>) -> Result<u64, StoreError> {
    Ok(session::get(db, TIMES)?.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Begins to read anew.
pub(crate) fn begin(db: &Transaction<'_>, why: Reread) -> Result<(), StoreError> {
    // Whoever reads for a new history removes nothing, also where deletions are forgotten meanwhile.
    let why = running(db)?.filter(|earlier| *earlier == Reread::OtherHistory).unwrap_or(why);
    session::forget_cursor(db)?;
    session::put(db, KEY, Some(why.word()))?;
    session::put(db, TIMES, Some(&(times(db)? + 1).to_string()))?;
    // Also of those that a relay said it lacks: their revisions are of before that.
    db.execute("UPDATE profiles SET rev = NULL WHERE rev IS NOT NULL", [])?;
    if why == Reread::OtherHistory {
        // What another history refused, this one was not asked.
        db.execute("DELETE FROM rejected", [])?;
    }
    Ok(())
}

/// The end of the feed was reached: settles what the relay does not have. Answers how many profiles
/// are no longer here.
pub(crate) fn finish(db: &Writing<'_>, why: Reread) -> Result<u64, StoreError> {
    let mut removed = 0;
    if why == Reread::Forgotten {
        let pks: Vec<Pk> = {
            let mut select = db.prepare(
                "SELECT pk FROM profiles p WHERE accepted = 1 AND rev IS NULL AND NOT EXISTS \
                 (SELECT 1 FROM pending_changes c WHERE c.profile = p.pk)",
            )?;
            select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
        };
        for pk in pks {
            row::remove(db, &StoredProfile::get_by_pk(db, pk)?)?;
            removed += 1;
        }
    }
    db.execute(
        "INSERT OR IGNORE INTO outbox (profile) SELECT pk FROM profiles \
         WHERE accepted = 1 AND rev IS NULL",
        [],
    )?;
    db.execute("UPDATE profiles SET accepted = 0 WHERE accepted = 1 AND rev IS NULL", [])?;
    session::put(db, KEY, None)?;
    Ok(removed)
}

/// Whether the relay's profile takes the place of a deleted one here. A relay loses changes of a
/// deleted profile in one way only, by forgetting it; what has its id since is another profile.
pub(crate) fn replaces_forgotten(
    store: &Store,
    db: &Writing<'_>,
    stored: &StoredProfile,
    sent: &Sent<'_>,
) -> Result<bool, StoreError> {
    let may_be = stored.deleted
        && stored.accepted
        && sent.record.is_some()
        && running(db)? != Some(Reread::OtherHistory)
        && !has_pending(db, stored.pk)?;
    if !may_be {
        return Ok(false);
    }
    Ok(stored.genesis != sent.genesis || !lacking(store, db, stored, &sent.changes)?.is_empty())
}

/// Changes of a profile here that are not among `theirs`, in causal order.
fn lacking(
    store: &Store,
    db: &Transaction<'_>,
    stored: &StoredProfile,
    theirs: &[Change],
) -> Result<Vec<Change>, StoreError> {
    if !stored.edited {
        return Ok(Vec::new());
    }
    let theirs: HashSet<ChangeHash> = theirs.iter().map(Change::hash).collect();
    let mut mine = stored.document(db, &store.schema)?.changes();
    mine.retain(|change| !theirs.contains(&change.hash()));
    Ok(mine)
}

/// A line with its beginning is the whole profile: what it lacks, the relay lacks, and it is offered
/// again. `stored` is the profile as it was before the line was taken.
pub(crate) fn offer_lacking(
    store: &Store,
    db: &Writing<'_>,
    stored: &StoredProfile,
    is_whole: bool,
    genesis: RecordHash,
    changes: &[Change],
) -> Result<(), StoreError> {
    if !is_whole || stored.genesis != genesis || !stored.edited {
        return Ok(());
    }
    // What is pending already is among them; all are written again, so that they are in order.
    let now = StoredProfile::get_by_pk(db, stored.pk)?;
    offer(db, stored.pk, &lacking(store, db, &now, changes)?)
}

/// Lists exactly these changes of a profile for sending.
pub(crate) fn offer(db: &Writing<'_>, pk: Pk, changes: &[Change]) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    db.prepare_cached("DELETE FROM pending_changes WHERE profile = ?1")?.execute([pk])?;
    for change in changes {
        row::add_pending(db, pk, change)?;
    }
    Ok(())
}

pub(crate) fn has_pending(db: &Transaction<'_>, pk: Pk) -> Result<bool, StoreError> {
    let found = db
        .prepare_cached("SELECT 1 FROM pending_changes WHERE profile = ?1 LIMIT 1")?
        .query_row([pk], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

impl Store {
    /// The relay cannot go on from where this replica is: everything is read anew, and what it does
    /// not have is settled at the end. Profiles, edits and outbox stay as they are until then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn start_over(&self, why: Reread) -> Result<(), StoreError> {
        self.write(|db| begin(db, why))
    }
}
