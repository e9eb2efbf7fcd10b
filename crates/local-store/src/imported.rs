//! Deleting the profiles of an import, where it can no longer be undone: the relay has them.
//!
//! An undone import never was; that is over once others have its profiles. Deleting them is an
//! ordinary step then, which everybody learns of and which can be taken back.

use kartei_profile::Steps;
use kartei_protocol::desktop::{ActDone, ActKind, ImportedNow, Obstacle};
use rusqlite::{OptionalExtension, Transaction};

use crate::acts::Recorder;
use crate::bulk::{BULK_PROFILES_MAX, Job, nothing_done, refuse};
use crate::error::StoreError;
use crate::row::Pk;
use crate::session::Session;
use crate::store::Store;

/// A profile that an import brought and that is still here.
struct Brought {
    pk: Pk,
    id: String,
    since: Since,
}

/// What became of it since.
#[derive(PartialEq, Eq)]
enum Since {
    Nothing,
    Edited,
    Imported,
}

impl Store {
    /// What is still here of the profiles that an import brought.
    ///
    /// # Errors
    /// [`StoreError::NoImport`] or a failure.
    pub fn imported_now(&self, import: u64) -> Result<ImportedNow, StoreError> {
        self.read(|db| {
            let brought = brought_by(db, import)?;
            let count = |since| brought.iter().filter(|one| one.since == since).count() as u64;
            Ok(ImportedNow {
                unchanged: count(Since::Nothing),
                edited: count(Since::Edited),
                imported: count(Since::Imported),
            })
        })
    }

    /// Deletes the profiles that an import brought, as one step. Those that were edited since are
    /// named and stay, unless `with_edited` says that they go too. What a later import changed is named
    /// and stays; what was here before, and was only changed by this one, stays.
    ///
    /// # Errors
    /// [`StoreError::NoImport`], [`StoreError::Blocked`] for too many at once, or a failure; nothing
    /// changed then.
    pub fn delete_imported(
        &self,
        session: &Session,
        now: i64,
        import: u64,
        with_edited: bool,
    ) -> Result<ActDone, StoreError> {
        self.write(|db| {
            let mut done = nothing_done();
            let mut pks = Vec::new();
            for Brought { pk, id, since } in brought_by(db, import)? {
                let (reason, code) = match since {
                    Since::Edited if !with_edited => ("it was edited since", "edited_since"),
                    Since::Imported => ("a later import changed it", "imported_since"),
                    Since::Edited | Since::Nothing => {
                        pks.push(pk);
                        continue;
                    }
                };
                let (reason, code) = (reason.to_owned(), code.to_owned());
                refuse(&mut done, Obstacle { id, reason, code });
            }
            if pks.len() > BULK_PROFILES_MAX {
                return Err(StoreError::Blocked(format!(
                    "{} profiles are more than the {BULK_PROFILES_MAX} of one step: delete them by \
                     filters",
                    pks.len()
                )));
            }
            let kind = ActKind::Delete;
            let mut act = Recorder::begin(db, kind, now, session.author.as_deref(), None)?;
            let work = |job: &Job| self.outcome(session, now, job, Steps::Delete);
            self.each(db, session, now, &pks, &mut act, &mut done, work)?;
            done.act = act.finish()?;
            Ok(done)
        })
    }
}

/// The profiles that an import brought and that are not deleted, in the order of the file.
fn brought_by(db: &Transaction<'_>, import: u64) -> Result<Vec<Brought>, StoreError> {
    db.prepare_cached("SELECT 1 FROM imports WHERE id = ?1")?
        .query_row([import], |_| Ok(()))
        .optional()?
        .ok_or(StoreError::NoImport(import))?;
    // Keys rise, so what was new in an import lies between its first and its last one. What was pulled
    // while it ran lies there too, and belongs to no import.
    let mut select = db.prepare_cached(
        "SELECT p.pk, p.id, p.edited, p.import IS i.id FROM imports i \
         JOIN profiles p ON p.pk BETWEEN i.first_pk AND i.last_pk \
         WHERE i.id = ?1 AND p.deleted = 0 AND p.import IS NOT NULL ORDER BY p.pk",
    )?;
    let rows = select.query_map([import], |row| {
        let since = match (row.get(2)?, row.get(3)?) {
            (_, false) => Since::Imported,
            (true, true) => Since::Edited,
            (false, true) => Since::Nothing,
        };
        Ok(Brought { pk: row.get(0)?, id: row.get(1)?, since })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
