//! A write transaction, with what it counts.

use std::cell::{Cell, RefCell};
use std::ops::Deref;

use kartei_sync_core::{Digest, Digests};
use rusqlite::Transaction;

use crate::error::StoreError;
use crate::row::Pk;

/// A write transaction. Its number, the next key and the counts of profiles are one row of the
/// database, read at its beginning and written at its end.
#[derive(Debug)]
pub(crate) struct Writing<'a> {
    db: Transaction<'a>,
    stamp: i64,
    next_pk: Cell<Pk>,
    profiles: Cell<i64>,
    loose: Cell<i64>,
    era: Cell<i64>,
    digests: RefCell<Tally>,
}

/// What became of the digests in a transaction.
#[derive(Debug, Default)]
enum Tally {
    /// Nothing.
    #[default]
    Same,
    /// So much came; what went was subtracted.
    Changed(Digests),
    /// They were counted anew.
    Counted(Digests),
}

impl<'a> Deref for Writing<'a> {
    type Target = Transaction<'a>;

    fn deref(&self) -> &Self::Target {
        &self.db
    }
}

impl<'a> Writing<'a> {
    pub(crate) fn begin(db: Transaction<'a>) -> Result<Self, StoreError> {
        let (stamp, next_pk, profiles, loose, era): (i64, _, _, _, _) = db
            .prepare_cached("SELECT stamp, next_pk, profiles, loose, era FROM counters")?
            .query_row([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?;
        Ok(Self {
            db,
            stamp: stamp + 1,
            next_pk: Cell::new(next_pk),
            profiles: Cell::new(profiles),
            loose: Cell::new(loose),
            era: Cell::new(era),
            digests: RefCell::default(),
        })
    }

    pub(crate) fn commit(self) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "UPDATE counters SET stamp = ?1, next_pk = ?2, profiles = ?3, loose = ?4, era = ?5",
            )?
            .execute((
                self.stamp,
                self.next_pk.get(),
                self.profiles.get(),
                self.loose.get(),
                self.era.get(),
            ))?;
        self.write_digests()?;
        Ok(self.db.commit()?)
    }

    fn write_digests(&self) -> Result<(), StoreError> {
        let Some(digests) = self.digests()? else { return Ok(()) };
        if matches!(*self.digests.borrow(), Tally::Same) {
            return Ok(());
        }
        self.db
            .prepare_cached("UPDATE counters SET digests = ?1")?
            .execute([digests.to_bytes()])?;
        Ok(())
    }

    /// The digests as this transaction has them; nothing where they are not counted yet.
    pub(crate) fn digests(&self) -> Result<Option<Digests>, StoreError> {
        let tally = self.digests.borrow();
        if let Tally::Counted(digests) = &*tally {
            return Ok(Some(digests.clone()));
        }
        let mut kept = kept_digests(&self.db)?;
        if let (Some(kept), Tally::Changed(more)) = (&mut kept, &*tally) {
            kept.add_all(more);
        }
        Ok(kept)
    }

    /// Notes that a profile is there that was not, or as it was not.
    pub(crate) fn digest_added(&self, bucket: u8, digest: Digest) {
        let mut tally = self.digests.borrow_mut();
        match &mut *tally {
            Tally::Changed(digests) | Tally::Counted(digests) => digests.add(bucket, digest),
            Tally::Same => {
                let mut digests = Digests::default();
                digests.add(bucket, digest);
                *tally = Tally::Changed(digests);
            }
        }
    }

    /// Notes that a profile is no longer there, or not as it was.
    pub(crate) fn digest_taken(&self, bucket: u8, digest: Digest) {
        self.digest_added(bucket, Digest::default().minus(digest));
    }

    /// Sets the digests to what was counted in this transaction.
    pub(crate) fn digests_counted(&self, digests: Digests) {
        self.digests.replace(Tally::Counted(digests));
    }

    /// The number of this transaction, which its loose rows carry.
    pub(crate) fn stamp(&self) -> i64 {
        self.stamp
    }

    /// The key that the next new row or chunk will have.
    pub(crate) fn next_pk(&self) -> Pk {
        self.next_pk.get()
    }

    /// Uses up the next key.
    pub(crate) fn take_pk(&self) -> Pk {
        let pk = self.next_pk.get();
        self.next_pk.set(pk + 1);
        pk
    }

    /// Notes that there are so many profiles more, or fewer.
    pub(crate) fn count_profiles(&self, more: i64) {
        self.profiles.set(self.profiles.get() + more);
    }

    /// Notes that so many rows more, or fewer, are in no chunk as they are.
    pub(crate) fn count_loose(&self, more: i64) {
        self.loose.set(self.loose.get() + more);
    }

    /// Notes that chunks were taken away: whoever has read them must read all anew.
    pub(crate) fn next_era(&self) {
        self.era.set(self.era.get() + 1);
    }

    /// Sets the counts anew, where they were found wrong.
    pub(crate) fn recount(&self, profiles: i64, loose: i64, next_pk: Pk) {
        self.profiles.set(profiles);
        self.loose.set(loose);
        self.next_pk.set(self.next_pk.get().max(next_pk));
    }

    /// Rows that are in no chunk as they are.
    pub(crate) fn loose(&self) -> i64 {
        self.loose.get()
    }
}

/// The digests as they are kept; nothing where they are not counted yet.
pub(crate) fn kept_digests(db: &Transaction<'_>) -> Result<Option<Digests>, StoreError> {
    let bytes: Option<Vec<u8>> =
        db.prepare_cached("SELECT digests FROM counters")?.query_row([], |row| row.get(0))?;
    Ok(bytes.and_then(|bytes| Digests::from_bytes(&bytes)))
}
