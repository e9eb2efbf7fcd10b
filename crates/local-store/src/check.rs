//! The check of a data folder: that everything in it agrees, and mending what can be mended.

use kartei_index::ChunkBuilder;
use kartei_profile::{Document, Record};
use kartei_protocol::desktop::{Finding, StoreCheck};
use rusqlite::{Transaction, params};

use crate::block::index;
use crate::error::StoreError;
use crate::row::{Pk, Prepared, StoredProfile, Written};
use crate::store::Store;
use crate::writing::Writing;
use crate::{chunk, compare, many, row};

/// What was found so far, counted by what it is.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, code: &str, count: u64, message: impl FnOnce() -> String) {
        if count == 0 {
            return;
        }
        match self.0.iter_mut().find(|finding| finding.code == code) {
            Some(finding) => finding.count += count,
            None => self.0.push(Finding {
                code: code.to_owned(),
                message: message(),
                count,
                repaired: false,
            }),
        }
    }

    fn has(&self, code: &str) -> bool {
        self.0.iter().any(|finding| finding.code == code)
    }

    fn repaired(&mut self, code: &str) {
        self.0.iter_mut().filter(|f| f.code == code).for_each(|finding| finding.repaired = true);
    }
}

/// Conditions that hold for no row of a sound database: code, count of rows, and what it means.
const RULES: &[(&str, &str, &str)] = &[
    (
        "outbox",
        "SELECT count(*) FROM pending_changes c WHERE NOT EXISTS \
         (SELECT 1 FROM outbox o WHERE o.profile = c.profile)",
        "changes wait for the relay that are not listed for sending",
    ),
    (
        "outbox",
        "SELECT count(*) FROM profiles p WHERE accepted = 0 AND NOT EXISTS \
         (SELECT 1 FROM outbox o WHERE o.profile = p.pk)",
        "profiles that the relay does not have are not listed for sending",
    ),
    (
        "orphan",
        "SELECT (SELECT count(*) FROM outbox t WHERE NOT EXISTS \
           (SELECT 1 FROM profiles p WHERE p.pk = t.profile)) + \
         (SELECT count(*) FROM documents t WHERE NOT EXISTS \
           (SELECT 1 FROM profiles p WHERE p.pk = t.profile AND p.edited)) + \
         (SELECT count(*) FROM pending_changes t WHERE NOT EXISTS \
           (SELECT 1 FROM profiles p WHERE p.pk = t.profile)) + \
         (SELECT count(*) FROM rejected t WHERE NOT EXISTS \
           (SELECT 1 FROM profiles p WHERE p.pk = t.profile))",
        "rows belong to no profile",
    ),
    (
        "document",
        "SELECT count(*) FROM profiles p WHERE edited AND NOT EXISTS \
         (SELECT 1 FROM documents d WHERE d.profile = p.pk)",
        "edited profiles have lost their document",
    ),
    (
        "counter",
        "SELECT profiles <> (SELECT count(*) FROM profiles WHERE deleted = 0) FROM counters",
        "the counter of profiles is wrong",
    ),
    (
        "counter",
        "SELECT loose <> (SELECT count(*) FROM profiles WHERE loose = 1) FROM counters",
        "the counter of loose rows is wrong",
    ),
    (
        "columns",
        "SELECT count(*) FROM profiles WHERE deleted = 1 AND loose = 1",
        "deleted profiles are in the lists",
    ),
    (
        "counter",
        "SELECT next_pk <= (SELECT coalesce(max(pk), 0) FROM profiles) FROM counters",
        "the next key was given before",
    ),
];

/// What a document says of its profile.
#[derive(Debug, Clone)]
struct Truth {
    record: Record,
    conflicts: usize,
    deleted: bool,
    became: Option<String>,
}

/// What is wrong with one profile, and its record as it should be where that is known.
struct Wrong {
    code: &'static str,
    message: String,
    mended: Option<Truth>,
}

impl Store {
    /// Reads everything and says what does not agree; mends what can be mended, if asked to.
    ///
    /// # Errors
    /// [`StoreError`] where the check itself cannot be made.
    pub fn check(&self, repair: bool) -> Result<StoreCheck, StoreError> {
        let mut findings = Findings::default();
        let mut profiles = 0;
        self.read(|db| {
            sqlite(db, &mut findings)?;
            for (code, sql, message) in RULES {
                let count: u64 = db.query_row(sql, [], |row| row.get(0))?;
                findings.add(code, count, || (*message).to_owned());
            }
            profiles = self.each_profile(db, |_, wrong| {
                findings.add(wrong.code, 1, || wrong.message);
                Ok(())
            })?;
            if !compare::digests_are_true(db)? {
                findings.add("digest", 1, || {
                    "what is kept for comparing with the relay is not what the records say"
                        .to_owned()
                });
            }
            columns(db, &mut findings)
        })?;
        if repair && !findings.0.is_empty() {
            self.mend(&mut findings)?;
        }
        Ok(StoreCheck { profiles, findings: findings.0 })
    }

    /// Looks at every profile in other threads; `found` is told what is wrong. Answers how many
    /// there were.
    fn each_profile(
        &self,
        db: &Transaction<'_>,
        mut found: impl FnMut(StoredProfile, Wrong) -> Result<(), StoreError>,
    ) -> Result<u64, StoreError> {
        let pks: Vec<Pk> = {
            let mut select = db.prepare("SELECT pk FROM profiles ORDER BY pk")?;
            select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
        };
        let jobs = pks.iter().map(|pk| {
            let stored = StoredProfile::get_by_pk(db, *pk)?;
            let hash: [u8; 32] = db
                .prepare_cached("SELECT hash FROM profiles WHERE pk = ?1")?
                .query_row([pk], |row| row.get(0))?;
            // A lost document is found by its rule.
            let body = if stored.edited { stored.body(db).ok() } else { None };
            Ok((stored, hash, body))
        });
        let work = |job: &(StoredProfile, [u8; 32], Option<Vec<u8>>)| {
            self.wrong(&job.0, &job.1, job.2.as_deref())
        };
        many::run(pks.len(), jobs, work, |(stored, ..), wrong| match wrong {
            Some(wrong) => found(stored, wrong),
            None => Ok(()),
        })?;
        Ok(pks.len() as u64)
    }

    fn wrong(&self, stored: &StoredProfile, hash: &[u8; 32], body: Option<&[u8]>) -> Option<Wrong> {
        let id = &stored.id;
        let truth = match body.map(|body| self.read_document(stored, body)) {
            Some(Err(reason)) => {
                let message = format!("document of `{id}`: {reason}");
                return Some(Wrong { code: "document", message, mended: None });
            }
            Some(Ok(truth)) => Some(truth),
            None => None,
        };
        let wrong = |code, what: &str| {
            let message = format!("`{id}`: {what}");
            Some(Wrong { code, message, mended: truth.clone() })
        };
        let Ok(record) = Record::from_stored(&stored.text) else {
            return wrong("record", "the record cannot be read");
        };
        if record.hash().bytes() != hash || record.text() != stored.text {
            return wrong("hash", "the record is not the one that its hash was made of");
        }
        if record.id() != *id {
            return wrong("record", "the record has another id");
        }
        match &truth {
            Some(Truth { record: from_document, conflicts, deleted, became }) => {
                if from_document.hash() != record.hash() {
                    return wrong("document", "the record is not what its document says");
                }
                if stored.conflicts != *conflicts as u64 {
                    return wrong(
                        "document",
                        "the number of conflicts is not what its document says",
                    );
                }
                if stored.deleted != *deleted {
                    return wrong(
                        "document",
                        "whether it is deleted is not what its document says",
                    );
                }
                if stored.became != *became {
                    return wrong(
                        "document",
                        "what it was merged into is not what its document says",
                    );
                }
                None
            }
            None if stored.deleted => wrong("document", "it is deleted without a document"),
            None => None,
        }
    }

    fn read_document(&self, stored: &StoredProfile, body: &[u8]) -> Result<Truth, String> {
        let read = || {
            let document = Document::load(body)?;
            let genesis = document.genesis_record(&self.schema)?.hash();
            let record = document.record(&self.schema)?;
            let conflicts = document.conflict_count(&self.schema)?;
            let (deleted, became) = (document.is_deleted(), document.became());
            Ok((genesis, Truth { record, conflicts, deleted, became }))
        };
        let (genesis, truth) = read().map_err(|e: kartei_profile::DocumentError| e.to_string())?;
        if genesis != stored.genesis {
            return Err("it began with another record than the row says".to_owned());
        }
        Ok(truth)
    }

    fn mend(&self, findings: &mut Findings) -> Result<(), StoreError> {
        let mut unmended = Vec::new();
        self.write(|db| {
            if findings.has("outbox") {
                db.execute_batch(
                    "INSERT OR IGNORE INTO outbox (profile) SELECT profile FROM pending_changes; \
                     INSERT OR IGNORE INTO outbox (profile) \
                       SELECT pk FROM profiles WHERE accepted = 0;",
                )?;
                findings.repaired("outbox");
            }
            if findings.has("orphan") {
                for table in ["outbox", "documents", "pending_changes", "rejected"] {
                    db.execute(
                        &format!(
                            "DELETE FROM {table} WHERE profile NOT IN (SELECT pk FROM profiles)"
                        ),
                        [],
                    )?;
                }
                db.execute(
                    "DELETE FROM documents WHERE profile IN (SELECT pk FROM profiles WHERE NOT edited)",
                    [],
                )?;
                findings.repaired("orphan");
            }
            let mut repaired = Vec::new();
            let mut mended = Vec::new();
            self.each_profile(db, |stored, wrong| {
                match wrong.mended {
                    Some(truth) => {
                        repaired.push(wrong.code);
                        mended.push((stored, truth));
                    }
                    None => unmended.push(wrong.code),
                }
                Ok(())
            })?;
            for (stored, truth) in mended {
                write_truth(db, &stored, truth)?;
            }
            for code in repaired {
                findings.repaired(code);
            }
            let has_lost_documents = findings.0.iter().any(|f| {
                f.code == "document" && f.message.starts_with("edited profiles have lost")
            });
            if has_lost_documents {
                unmended.push("document");
            }
            if findings.has("columns") || findings.has("counter") || !findings.0.is_empty() {
                chunk::rebuild_all(db)?;
                findings.repaired("columns");
                findings.repaired("counter");
            }
            // What cannot be mended here differs from the relay now, and the next sync gets it there.
            compare::recount(db)?;
            findings.repaired("digest");
            Ok(())
        })?;
        for finding in &mut findings.0 {
            finding.repaired &= !unmended.contains(&finding.code.as_str());
        }
        if findings.has("sqlite") {
            self.with_writer(|connection| Ok(connection.execute_batch("REINDEX")?))?;
            let mut again = Findings::default();
            self.read(|db| sqlite(db, &mut again))?;
            if again.0.is_empty() {
                findings.repaired("sqlite");
            }
        }
        Ok(())
    }
}

/// Writes what the document says into the row.
fn write_truth(db: &Writing<'_>, stored: &StoredProfile, truth: Truth) -> Result<(), StoreError> {
    let body = stored.body(db)?;
    let changed_at: i64 = db
        .prepare_cached("SELECT changed_at FROM profiles WHERE pk = ?1")?
        .query_row([stored.pk], |row| row.get(0))?;
    let prepared = Prepared::new(truth.record);
    let written = Written {
        row: &prepared,
        genesis: stored.genesis,
        accepted: stored.accepted,
        document: Some(&body),
        conflicts: truth.conflicts,
        deleted: truth.deleted,
        became: truth.became,
        rev: stored.rev,
        changed_at,
        import: stored.import,
    };
    row::update(db, stored, &written)
}

/// What SQLite says of its own file.
fn sqlite(db: &Transaction<'_>, findings: &mut Findings) -> Result<(), StoreError> {
    let mut check = db.prepare("PRAGMA integrity_check(100)")?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            findings.add("sqlite", 1, || line);
        }
    }
    Ok(())
}

/// Whether the chunks name every profile once, and hold what the records say.
fn columns(db: &Transaction<'_>, findings: &mut Findings) -> Result<(), StoreError> {
    for chunk in chunk::damaged_chunks(db)? {
        findings.add("columns", 1, || format!("chunk {chunk} is damaged"));
    }
    let mut covered = std::collections::HashSet::new();
    let mut chunks = chunk::chunks_after(db, 0)?;
    // The newest chunk of a profile counts.
    chunks.reverse();
    for chunk in chunks {
        let keys = match chunk.keys() {
            Ok(keys) => keys,
            Err(error) => {
                findings.add("columns", 1, || error.to_string());
                continue;
            }
        };
        let mut builder = ChunkBuilder::default();
        let mut is_whole = true;
        for key in keys {
            let text: Option<String> = match key {
                Some(pk) if covered.insert(pk) => {
                    use rusqlite::OptionalExtension;
                    db.prepare_cached(
                        "SELECT record FROM profiles WHERE pk = ?1 AND loose = 0 AND deleted = 0",
                    )?
                    .query_row([pk], |row| row.get(0))
                    .optional()?
                }
                _ => None,
            };
            match text.and_then(|text| Record::from_stored(&text).ok()) {
                Some(record) => index(&mut builder, &record),
                None => is_whole = false,
            }
        }
        // Rows that changed since cannot be made again; for those chunks their digest has to do.
        if is_whole && !same_columns(db, chunk.id, builder.finish())? {
            findings.add("columns", 1, || {
                format!("chunk {} does not hold what its records say", chunk.id)
            });
        }
    }
    let mut select = db.prepare("SELECT pk FROM profiles WHERE loose = 0 AND deleted = 0")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        if !covered.contains(&row.get::<_, Pk>(0)?) {
            findings.add("columns", 1, || "profiles are missing from the lists".to_owned());
        }
    }
    Ok(())
}

fn same_columns(
    db: &Transaction<'_>,
    chunk: i64,
    made: Vec<(String, Vec<u8>)>,
) -> Result<bool, StoreError> {
    let mut select =
        db.prepare_cached("SELECT body FROM columns WHERE name = ?1 AND chunk = ?2")?;
    for (name, body) in made {
        use rusqlite::OptionalExtension;
        let stored: Option<Vec<u8>> =
            select.query_row(params![name, chunk], |row| row.get(0)).optional()?;
        if stored.as_ref() != Some(&body) {
            return Ok(false);
        }
    }
    Ok(true)
}
