//! Bringing in the records of a file.

use std::collections::{HashMap, HashSet};

use kartei_profile::{Document, ImportOutcome, Record, RecordHash};

use crate::access::OrgId;
use crate::engine::{AsOf, Asked, Held, ImportEnd, ImportName, ImportRow, Looked, Want};
use crate::error::RelayStoreError;
use crate::leases::{Lease, Note};
use crate::push::{damaged, untouched};
use crate::rest::{Author, WriteError};
use crate::rounds::{Judged, Seen, ask};
use crate::store::RelayStore;

/// How records meet profiles that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// As a later import of the same profile: what people changed since the last one stays, and a
    /// field that both changed becomes a conflict.
    Upsert,
    /// A profile that is there with another record is refused.
    Create,
    /// The record takes the place of what is there, as one change in its history.
    Replace,
}

/// A record on its way in.
#[derive(Debug, Clone)]
pub struct ImportRecord {
    /// Its id.
    pub id: String,
    /// Its hash.
    pub hash: RecordHash,
    /// Its canonical text.
    pub text: String,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportLanded {
    /// The profile was not there.
    Created,
    /// It changed; so many of its fields are in conflict that were not before.
    Updated(u64),
    /// It was so already.
    Unchanged,
    /// Refused: the profile is there.
    Exists,
    /// Refused: the profile was erased for good.
    Erased,
}

/// What is kept of an import with each of its commits.
#[derive(Clone, Copy)]
pub struct Noting<'a> {
    /// Its id.
    pub import: &'a str,
    /// The hold on it.
    pub lease: &'a Lease,
    /// How far it is, from what became of each record; nothing for one that is still to be done.
    pub progress: &'a dyn Fn(&[Option<ImportLanded>]) -> String,
    /// Whether the records are likely to be new ones, as those before them in the file were. Then it
    /// is not looked first whether they are there: writing them finds it out, at the price of doing
    /// it again where they are.
    pub likely_new: bool,
}

impl std::fmt::Debug for Noting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Noting").field("import", &self.import).finish_non_exhaustive()
    }
}

/// What would become of a record, from what a look at its profile tells.
fn foreseen(mode: ImportMode, record: &ImportRecord, held: Option<&Held>) -> ImportLanded {
    match held {
        None => ImportLanded::Created,
        Some(held) if held.hash == record.hash && !held.deleted => ImportLanded::Unchanged,
        Some(held) if mode == ImportMode::Create && !held.deleted => ImportLanded::Exists,
        Some(_) => ImportLanded::Updated(0),
    }
}

impl RelayStore {
    /// Keeps that an import began; `false` where its key is taken.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn begin_import(
        &self,
        org: OrgId,
        import: &ImportRow,
        lease: &Lease,
    ) -> Result<bool, RelayStoreError> {
        self.engine.begin_import(org, import, lease)
    }

    /// Keeps what an import was answered with; `false` where another relay has it.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn end_import(
        &self,
        org: OrgId,
        id: &str,
        lease: &Lease,
        end: ImportEnd<'_>,
    ) -> Result<bool, RelayStoreError> {
        self.engine.end_import(org, id, lease, end)
    }

    /// The newest import that is named so.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn find_import(
        &self,
        org: OrgId,
        named: ImportName<'_>,
    ) -> Result<Option<ImportRow>, RelayStoreError> {
        self.engine.find_import(org, named)
    }

    /// What would become of records. Conflicts are not foreseen, nor that one stands twice.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn look_at_records(
        &self,
        org: OrgId,
        mode: ImportMode,
        records: &[ImportRecord],
    ) -> Result<Vec<ImportLanded>, RelayStoreError> {
        let asked: Vec<Asked<'_>> = records.iter().map(|one| ask(&one.id, Want::Stub)).collect();
        let held = self.engine.look(org, &asked)?.held;
        let missing = records.iter().zip(&held).filter(|(_, held)| held.is_none());
        let missing: Vec<&str> = missing.map(|(record, _)| record.id.as_str()).collect();
        let erased: HashSet<&str> = missing
            .iter()
            .zip(self.erased_of(org, &missing)?)
            .filter_map(|(id, erased)| erased.map(|_| *id))
            .collect();
        let landed = records.iter().zip(held).map(|(record, held)| match held {
            None if erased.contains(record.id.as_str()) => ImportLanded::Erased,
            held => foreseen(mode, record, held.as_ref()),
        });
        Ok(landed.collect())
    }

    /// Brings records in, in their order. Bringing them in again changes nothing.
    ///
    /// # Errors
    /// [`RelayStoreError`]; some may have been brought in then, and `noting` was kept with them.
    /// [`RelayStoreError::ImportLost`] and [`RelayStoreError::ImportCancelled`] where the import is
    /// no longer to be written here.
    pub fn import_records(
        &self,
        org: OrgId,
        author: &Author,
        mode: ImportMode,
        records: &[ImportRecord],
        noting: &Noting<'_>,
    ) -> Result<Vec<ImportLanded>, RelayStoreError> {
        // Most of a file that comes again is known by its hashes alone. Who was erased is found by the
        // commit.
        let asked: Vec<Asked<'_>> = records.iter().map(|one| ask(&one.id, Want::Stub)).collect();
        let (as_of, held) = if noting.likely_new {
            (AsOf::Hope, vec![None; records.len()])
        } else {
            let Looked { as_of, held } = self.engine.look(org, &asked)?;
            (AsOf::Rev(as_of), held)
        };
        let mut landed: Vec<ImportLanded> = records
            .iter()
            .zip(&held)
            .map(|(record, held)| foreseen(mode, record, held.as_ref()))
            .collect();
        // Of a profile that stands twice, each line is judged after the one before it.
        let mut times: HashMap<&str, u32> = HashMap::new();
        for record in records {
            *times.entry(&record.id).or_default() += 1;
        }
        let is_single = |at: usize| times[records[at].id.as_str()] == 1;
        let is_known = |at: &usize| {
            matches!(landed[*at], ImportLanded::Unchanged | ImportLanded::Exists) && is_single(*at)
        };
        let open: Vec<usize> = (0..records.len()).filter(|at| !is_known(at)).collect();
        let absent = open.iter().map(|at| held[*at].is_none() && is_single(*at)).collect();
        let wanted: Vec<&ImportRecord> = open.iter().map(|at| &records[*at]).collect();
        let done = self.settle_in(
            org,
            &wanted,
            Seen { as_of, absent },
            |record| ask(&record.id, Want::Document),
            |_, _| ImportLanded::Erased,
            |record, held| self.judge_record(author, mode, record, held),
            |writes, as_of, answered| {
                let progress = |revs: &[Option<u64>]| {
                    let mut all: Vec<Option<ImportLanded>> =
                        landed.iter().copied().map(Some).collect();
                    for (at, answer) in open.iter().zip(answered.with(revs)) {
                        all[*at] = answer.copied();
                    }
                    (noting.progress)(&all)
                };
                let Noting { import, lease, .. } = *noting;
                let note = Note { import, lease, progress: &progress };
                self.engine.commit_noted(org, writes, as_of, &note)
            },
        )?;
        for (at, (answer, _)) in open.into_iter().zip(done.answers) {
            landed[at] = answer;
        }
        Ok(landed)
    }

    fn judge_record(
        &self,
        author: &Author,
        mode: ImportMode,
        incoming: &ImportRecord,
        held: Option<&Held>,
    ) -> Result<Judged<ImportLanded>, RelayStoreError> {
        let id = &incoming.id;
        let Some(held) = held else {
            let write = untouched(author.now, id, incoming.hash, incoming.text.clone());
            return Ok(Judged::Write(Box::new(write), ImportLanded::Created));
        };
        let record = Record::from_stored(&incoming.text).map_err(|v| damaged(id, &v))?;
        if held.hash == incoming.hash && !held.deleted {
            return Ok(Judged::Answer(ImportLanded::Unchanged));
        }
        let write = match mode {
            ImportMode::Create if !held.deleted => {
                return Ok(Judged::Answer(ImportLanded::Exists));
            }
            // What was deleted and is created again keeps its history.
            ImportMode::Create | ImportMode::Replace => {
                self.step(author, id, held, |_| Ok(record.clone()))
            }
            ImportMode::Upsert => self.merge_record(author, held, &record),
        };
        match write {
            Ok(None) => Ok(Judged::Answer(ImportLanded::Unchanged)),
            Ok(Some(write)) => {
                let fresh = write.conflicts.saturating_sub(held.conflicts);
                Ok(Judged::Write(Box::new(write), ImportLanded::Updated(fresh)))
            }
            Err(WriteError::Store(error)) => Err(error),
            Err(error) => Err(damaged(id, &error)),
        }
    }

    /// A later import of the same profile: a change on its import line.
    fn merge_record(
        &self,
        author: &Author,
        held: &Held,
        record: &Record,
    ) -> Result<Option<crate::engine::Write>, WriteError> {
        let id = record.id();
        let wrong = |error: kartei_profile::DocumentError| damaged(id, &error);
        let mut document: Document = self.document_of(Some(held)).map_err(wrong)?;
        match document.import(&self.schema, record).map_err(wrong)? {
            ImportOutcome::Unchanged => Ok(None),
            ImportOutcome::Changed(change) => {
                self.write_of(author, id, held, &document, &change).map(Some)
            }
        }
    }
}
