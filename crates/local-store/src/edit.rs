//! Edits and decisions by people: the change and its outbox row in one transaction.

use kartei_profile::{Change, Document, Edit, EditError, Stamp};
use rusqlite::Transaction;

use crate::error::StoreError;
use crate::row::{self, Prepared, StoredProfile, Written};
use crate::session::Session;
use crate::store::Store;

impl Store {
    /// Applies edits to a profile as one change. Answers whether anything changed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Edit`] or a failure; nothing changed then.
    pub fn edit(
        &self,
        session: &Session,
        now: i64,
        id: &str,
        edits: &[Edit],
    ) -> Result<bool, StoreError> {
        self.change(session, now, id, |document, schema| {
            document.edit(schema, session.actor, &stamp(session, now), edits)
        })
    }

    /// Decides a conflict for the value that `key` names.
    ///
    /// # Errors
    /// As [`Store::edit`].
    pub fn resolve(
        &self,
        session: &Session,
        now: i64,
        id: &str,
        pointer: &str,
        key: &str,
    ) -> Result<bool, StoreError> {
        self.change(session, now, id, |document, schema| {
            document.resolve(schema, session.actor, &stamp(session, now), pointer, key)
        })
    }

    fn change(
        &self,
        session: &Session,
        now: i64,
        id: &str,
        make: impl FnOnce(
            &mut Document,
            &kartei_profile::RecordSchema,
        ) -> Result<Option<Change>, EditError>,
    ) -> Result<bool, StoreError> {
        self.write(|db| {
            let stored = StoredProfile::get(db, id)?;
            let mut document = stored.document(db, &self.schema)?;
            let Some(change) = make(&mut document, &self.schema)? else { return Ok(false) };
            self.store_changed(db, &stored, &document, now)?;
            row::add_pending(db, stored.pk, &change)?;
            session.remember_actor(db)?;
            Ok(true)
        })
    }

    fn store_changed(
        &self,
        db: &Transaction<'_>,
        stored: &StoredProfile,
        document: &Document,
        now: i64,
    ) -> Result<(), StoreError> {
        let row = Prepared::new(document.record(&self.schema)?);
        let written = Written {
            row: &row,
            genesis: stored.genesis,
            accepted: stored.accepted,
            document: Some(document),
            conflicts: document.conflict_count(&self.schema)?,
            rev: stored.rev,
            changed_at: now,
            import: stored.import,
        };
        row::update(db, stored.pk, &written)
    }
}

fn stamp(session: &Session, now: i64) -> Stamp {
    Stamp { at_seconds: now.div_euclid(1000), by: session.author.clone() }
}
