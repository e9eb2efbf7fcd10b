//! Profiles that lie sealed in the database, where an organisation asked for it.
//!
//! ```text
//! rules ──▶ Vault ──▶ engine        records, documents and changes are sealed on the way in,
//!             ▲                     and opened on the way out, whichever way they lie
//!             └ Keyring: the organisation's key, which the database has wrapped
//! ```
//! What finds and orders rows stays as it is: ids, revisions, moments, hashes and counts. What is sealed begins with a
//! sign that no record, document or change begins with, so a row says itself which way it lies: both are read at any
//! time, while [`RelayStore::reseal`] brings the rows from one to the other.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::access::OrgId;
use crate::audit::NewAudit;
use crate::engine::{
    AsOf, Asked, Committed, Engine, Fed, FeedLimits, FeedRow, Head, Looked, NewChange, Result, Row,
    Write,
};
use crate::error::RelayStoreError;
use crate::jobs::{Acted, Acting, Deed, JobPartial};
use crate::leases::Note;
use crate::snapshot::Rows;
use crate::store::RelayStore;

/// Begins what is sealed: records are JSON, documents and changes begin with Automerge's own sign.
pub(crate) const SIGN: u8 = b'~';

/// For so long a relay believes what it knows of an organisation's wish. What is written meanwhile is brought in line by
/// the next look for such rows.
const BELIEVED: Duration = Duration::from_secs(2);

/// Rows that are sealed or opened at once.
const ROWS: usize = 256;

/// A key of an organisation, for whatever is sealed with it.
pub trait RowSeal: std::fmt::Debug + Send + Sync {
    /// Seals bytes for a context; nothing where the system gives no random bytes.
    fn seal(&self, bytes: &[u8], context: &[u8]) -> Option<Vec<u8>>;

    /// Opens them again; nothing where key, context or bytes are others.
    fn open(&self, sealed: &[u8], context: &[u8]) -> Option<Vec<u8>>;
}

/// Who has the key that organisations' keys are wrapped with.
pub trait Keyring: std::fmt::Debug + Send + Sync {
    /// An organisation's key; nothing where another one wrapped it.
    fn unwrap(&self, org: OrgId, wrapped: &[u8]) -> Option<Arc<dyn RowSeal>>;
}

/// Whether an organisation's profiles are to lie sealed, and the key for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealWish {
    /// Whether it asked for it.
    pub asked: bool,
    /// Whether all that was there before is known to lie so.
    pub settled: bool,
    /// The organisation's key, wrapped.
    pub wrapped: Option<Vec<u8>>,
}

/// What is sealed of a profile, and of what an analysis knows of profiles before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The record as it is.
    Record,
    /// The record that it began with, where that differs.
    Genesis,
    Document,
    Change,
    /// What is told of a job that runs.
    Note,
    /// Where another worker would go on with it.
    Resume,
}

const PARTS: [Part; 6] =
    [Part::Record, Part::Genesis, Part::Document, Part::Change, Part::Note, Part::Resume];

/// A part as it lies in the database.
#[derive(Debug, Clone)]
pub(crate) struct PartRow {
    /// In the order of which they are asked for.
    pub(crate) key: i64,
    /// The id of the profile, or of the job.
    pub(crate) id: String,
    pub(crate) bytes: Vec<u8>,
}

/// What an engine does for profiles that lie sealed.
pub(crate) trait SealEngine {
    fn seal_wish(&self, org: OrgId) -> Result<SealWish>;

    /// Keeps a wish, in the words of the audit; `false` where it was so already.
    fn set_seal_wish(&self, org: OrgId, by: &str, asked: bool) -> Result<bool>;

    /// Keeps that all rows are in line with a wish, where that is still the wish.
    fn settle_seal(&self, org: OrgId, asked: bool) -> Result<()>;

    /// Parts above a key that lie sealed, or that do not, in the order of their keys.
    fn parts(
        &self,
        org: OrgId,
        part: Part,
        sealed: bool,
        after: i64,
        rows: usize,
    ) -> Result<Vec<PartRow>>;

    /// Writes parts anew: key, what they were, what they are to be. Those that are others by now stay.
    fn put_parts(&self, org: OrgId, part: Part, news: &[(i64, Vec<u8>, Vec<u8>)]) -> Result<()>;
}

impl Part {
    /// What a part's bytes are bound to: a sealed one opens in no other place. A record can become the one that the
    /// profile began with without being written anew.
    fn context(self, org: OrgId, id: &str) -> Vec<u8> {
        let what = match self {
            Self::Record | Self::Genesis => "record",
            Self::Document => "document",
            Self::Change => "change",
            Self::Note => "note",
            Self::Resume => "resume",
        };
        format!("kartei row {org} {what} {id}").into_bytes()
    }

    /// Whether a row's column is text.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Record | Self::Genesis | Self::Note)
    }

    fn sealed_text(self, org: OrgId, id: &str, key: &dyn RowSeal, plain: &str) -> Result<String> {
        let sealed = self.sealed(org, id, key, plain.as_bytes())?;
        // The sign and base64 are text.
        String::from_utf8(sealed).map_err(|error| RelayStoreError::Random(error.to_string()))
    }

    fn sealed(self, org: OrgId, id: &str, key: &dyn RowSeal, plain: &[u8]) -> Result<Vec<u8>> {
        let sealed = key.seal(plain, &self.context(org, id));
        let sealed = sealed.ok_or_else(|| RelayStoreError::Random("nothing is sealed".into()))?;
        let mut signed = vec![SIGN];
        if self.is_text() {
            signed.extend_from_slice(encoded(&sealed).as_bytes());
        } else {
            signed.extend_from_slice(&sealed);
        }
        Ok(signed)
    }

    /// What lies sealed behind the sign.
    fn opened(self, org: OrgId, id: &str, key: &dyn RowSeal, signed: &[u8]) -> Result<Vec<u8>> {
        let damaged = || RelayStoreError::Damaged {
            id: id.to_owned(),
            reason:
                "what lies sealed of it does not open: the key is another one, or it was changed"
                    .to_owned(),
        };
        let sealed = signed.strip_prefix(&[SIGN]).ok_or_else(damaged)?;
        let opened = if self.is_text() {
            decoded(sealed).and_then(|sealed| key.open(&sealed, &self.context(org, id)))
        } else {
            key.open(sealed, &self.context(org, id))
        };
        opened.ok_or_else(damaged)
    }
}

fn encoded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
}

fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD_NO_PAD.decode(text).ok()
}

fn is_sealed(bytes: &[u8]) -> bool {
    bytes.first() == Some(&SIGN)
}

/// What is known of an organisation.
#[derive(Debug, Clone)]
struct Known {
    seals: bool,
    key: Option<Arc<dyn RowSeal>>,
    at: Instant,
}

/// The engine, and what seals and opens on the way. Everything else of the engine is the engine's own.
#[derive(Debug)]
pub(crate) struct Vault {
    engine: Box<dyn Engine>,
    opener: Opener,
}

/// Finds keys, and remembers them.
#[derive(Debug, Default)]
struct Opener {
    keyring: OnceLock<Arc<dyn Keyring>>,
    known: Mutex<HashMap<OrgId, Known>>,
}

impl Deref for Vault {
    type Target = dyn Engine;

    fn deref(&self) -> &Self::Target {
        &*self.engine
    }
}

impl Opener {
    fn known(&self, engine: &dyn Engine, org: OrgId, fresh: Duration) -> Result<Known> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&org).filter(|known| known.at.elapsed() < fresh) {
            return Ok(known.clone());
        }
        let at = Instant::now();
        let wish = engine.seal_wish(org)?;
        let before = lock().get(&org).and_then(|known| known.key.clone());
        let unwrapped = || {
            let (keyring, wrapped) = (self.keyring.get()?, wish.wrapped.as_deref()?);
            keyring.unwrap(org, wrapped)
        };
        let known = Known { seals: wish.asked, key: before.or_else(unwrapped), at };
        lock().insert(org, known.clone());
        Ok(known)
    }

    /// The key, for something that lies sealed.
    fn key(&self, engine: &dyn Engine, org: OrgId) -> Result<Arc<dyn RowSeal>> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = lock().get(&org).and_then(|known| known.key.clone()) {
            return Ok(key);
        }
        self.known(engine, org, Duration::ZERO)?.key.ok_or(RelayStoreError::Sealed)
    }
}

impl Vault {
    pub(crate) fn new(engine: Box<dyn Engine>) -> Self {
        Self { engine, opener: Opener::default() }
    }

    fn key(&self, org: OrgId) -> Result<Arc<dyn RowSeal>> {
        self.opener.key(&*self.engine, org)
    }

    /// The key that what is written now is sealed with; nothing where it lies plain.
    fn sealing(&self, org: OrgId) -> Result<Option<Arc<dyn RowSeal>>> {
        let known = self.opener.known(&*self.engine, org, BELIEVED)?;
        match (known.seals, known.key) {
            (false, _) => Ok(None),
            (true, Some(key)) => Ok(Some(key)),
            // Plain it must not be written.
            (true, None) => Err(RelayStoreError::Sealed),
        }
    }

    fn open_bytes(&self, org: OrgId, part: Part, id: &str, bytes: &mut Vec<u8>) -> Result<()> {
        if is_sealed(bytes) {
            *bytes = part.opened(org, id, &*self.key(org)?, bytes)?;
        }
        Ok(())
    }

    fn open_row(&self, org: OrgId, row: &mut Row) -> Result<()> {
        open_text(&row.id, &mut row.record, |id, text| {
            Part::Record.opened(org, id, &*self.key(org)?, text)
        })
    }

    fn open_fed(&self, org: OrgId, row: &mut FeedRow) -> Result<()> {
        open_text(&row.id, &mut row.genesis_record, |id, text| {
            Part::Genesis.opened(org, id, &*self.key(org)?, text)
        })?;
        for change in &mut row.changes {
            self.open_bytes(org, Part::Change, &row.id, &mut change.body)?;
        }
        Ok(())
    }

    /// Writes as they lie in the database.
    fn sealed(&self, org: OrgId, writes: &[Write]) -> Result<Option<Vec<Write>>> {
        let Some(key) = self.sealing(org)? else { return Ok(None) };
        let sealed = writes.iter().map(|write| {
            let text = |part: Part, text: &str| part.sealed_text(org, &write.id, &*key, text);
            let bytes = |part: Part, bytes: &[u8]| part.sealed(org, &write.id, &*key, bytes);
            let genesis = write.genesis_record.as_deref();
            let document = write.document.as_deref();
            let changes = write.changes.iter();
            Ok(Write {
                id: write.id.clone(),
                expected: write.expected,
                genesis: write.genesis,
                genesis_record: genesis.map(|it| text(Part::Genesis, it)).transpose()?,
                record: text(Part::Record, &write.record)?,
                hash: write.hash,
                conflicts: write.conflicts,
                deleted: write.deleted,
                became: write.became.clone(),
                document: document.map(|it| bytes(Part::Document, it)).transpose()?,
                changes: changes
                    .map(|NewChange { hash, body, sent_by }| {
                        let body = bytes(Part::Change, body)?;
                        Ok(NewChange { hash: *hash, body, sent_by: sent_by.clone() })
                    })
                    .collect::<Result<_>>()?,
                changed_at: write.changed_at,
            })
        });
        sealed.collect::<Result<_>>().map(Some)
    }

    pub(crate) fn commit(&self, org: OrgId, writes: &[Write], as_of: AsOf) -> Result<Committed> {
        let sealed = self.sealed(org, writes)?;
        self.engine.commit(org, sealed.as_deref().unwrap_or(writes), as_of)
    }

    pub(crate) fn commit_noted(
        &self,
        org: OrgId,
        writes: &[Write],
        as_of: AsOf,
        note: &Note<'_>,
    ) -> Result<Committed> {
        let sealed = self.sealed(org, writes)?;
        self.engine.commit_noted(org, sealed.as_deref().unwrap_or(writes), as_of, note)
    }

    pub(crate) fn look(&self, org: OrgId, asked: &[Asked<'_>]) -> Result<Looked> {
        self.look_with(org, asked, |opened| opened)
    }

    /// As [`look`](Self::look), with what is damaged as it lies: that is how a check finds it.
    pub(crate) fn look_closely(&self, org: OrgId, asked: &[Asked<'_>]) -> Result<Looked> {
        self.look_with(org, asked, or_as_it_lies)
    }

    fn look_with(
        &self,
        org: OrgId,
        asked: &[Asked<'_>],
        settle: fn(Result<()>) -> Result<()>,
    ) -> Result<Looked> {
        let mut looked = self.engine.look(org, asked)?;
        for (held, asked) in looked.held.iter_mut().zip(asked) {
            let Some(held) = held else { continue };
            if let Some(record) = &mut held.record {
                settle(open_text(asked.id, record, |id, text| {
                    Part::Record.opened(org, id, &*self.key(org)?, text)
                }))?;
            }
            if let Some(document) = &mut held.document {
                settle(self.open_bytes(org, Part::Document, asked.id, document))?;
            }
        }
        Ok(looked)
    }

    pub(crate) fn feed(
        &self,
        org: OrgId,
        from: u64,
        base: u64,
        limits: FeedLimits,
    ) -> Result<(Head, Fed)> {
        let (head, mut fed) = self.engine.feed(org, from, base, limits)?;
        fed.rows.iter_mut().try_for_each(|row| self.open_fed(org, row))?;
        Ok((head, fed))
    }

    pub(crate) fn whole(&self, org: OrgId, id: &str) -> Result<Option<FeedRow>> {
        let mut whole = self.engine.whole(org, id)?;
        whole.iter_mut().try_for_each(|row| self.open_fed(org, row))?;
        Ok(whole)
    }

    pub(crate) fn by_key(&self, org: OrgId, keys: &[i64]) -> Result<Vec<Row>> {
        let mut rows = self.engine.by_key(org, keys)?;
        rows.iter_mut().try_for_each(|row| self.open_row(org, row))?;
        Ok(rows)
    }

    pub(crate) fn rows_since(
        &self,
        org: OrgId,
        from: u64,
        limits: FeedLimits,
    ) -> Result<(Head, Vec<Row>)> {
        let (head, mut rows) = self.engine.rows_since(org, from, limits)?;
        rows.iter_mut().try_for_each(|row| self.open_row(org, row))?;
        Ok((head, rows))
    }

    /// As [`rows_since`](Self::rows_since), with what is damaged as it lies.
    pub(crate) fn rows_closely(
        &self,
        org: OrgId,
        from: u64,
        limits: FeedLimits,
    ) -> Result<(Head, Vec<Row>)> {
        let (head, mut rows) = self.engine.rows_since(org, from, limits)?;
        rows.iter_mut().try_for_each(|row| or_as_it_lies(self.open_row(org, row)))?;
        Ok((head, rows))
    }

    pub(crate) fn act_on_jobs(&self, org: OrgId, acts: &[Acting]) -> Result<Vec<Option<Acted>>> {
        let knows = |act: &Acting| matches!(act.deed, Deed::Note { .. });
        let key = if acts.iter().any(knows) { self.sealing(org)? } else { None };
        let Some(key) = key else { return self.engine.act_on_jobs(org, acts) };
        let sealed = acts.iter().cloned().map(|mut act| {
            if let Deed::Note { payload, resume, .. } = &mut act.deed {
                *payload = Part::Note.sealed_text(org, &act.job, &*key, payload)?;
                *resume = Part::Resume.sealed(org, &act.job, &*key, resume)?;
            }
            Ok(act)
        });
        self.engine.act_on_jobs(org, &sealed.collect::<Result<Vec<_>>>()?)
    }

    pub(crate) fn job_partial(&self, org: OrgId, id: &str) -> Result<Option<JobPartial>> {
        let mut partial = self.engine.job_partial(org, id)?;
        if let Some(JobPartial { payload, resume }) = &mut partial {
            open_text(id, payload, |id, text| Part::Note.opened(org, id, &*self.key(org)?, text))?;
            self.open_bytes(org, Part::Resume, id, resume)?;
        }
        Ok(partial)
    }

    pub(crate) fn snapshot(&self, org: OrgId) -> Result<(Head, Box<dyn Rows>)> {
        // Before anything is read: the database's connections may all be lent to readers.
        let key = match self.key(org) {
            Err(RelayStoreError::Sealed) => None,
            key => Some(key?),
        };
        let (head, rows) = self.engine.snapshot(org)?;
        Ok((head, Box::new(OpenedRows { rows, org, key })))
    }
}

/// Lets what does not open stay sealed. A key that is missing is another matter.
fn or_as_it_lies(opened: Result<()>) -> Result<()> {
    match opened {
        Err(RelayStoreError::Damaged { .. }) => Ok(()),
        other => other,
    }
}

fn open_text(
    id: &str,
    text: &mut String,
    open: impl FnOnce(&str, &[u8]) -> Result<Vec<u8>>,
) -> Result<()> {
    if is_sealed(text.as_bytes()) {
        let opened = String::from_utf8(open(id, text.as_bytes())?);
        *text = opened.map_err(|_| RelayStoreError::Damaged {
            id: id.to_owned(),
            reason: "what lies sealed of it is no text".to_owned(),
        })?;
    }
    Ok(())
}

/// A snapshot's rows, opened.
#[derive(Debug)]
struct OpenedRows {
    rows: Box<dyn Rows>,
    org: OrgId,
    key: Option<Arc<dyn RowSeal>>,
}

impl Rows for OpenedRows {
    fn next(&mut self, limits: FeedLimits) -> Result<Vec<Row>> {
        let mut rows = self.rows.next(limits)?;
        for row in &mut rows {
            open_text(&row.id, &mut row.record, |id, text| {
                let key = self.key.as_deref().ok_or(RelayStoreError::Sealed)?;
                Part::Record.opened(self.org, id, key, text)
            })?;
        }
        Ok(rows)
    }

    fn rewind(&mut self) -> Result<()> {
        self.rows.rewind()
    }
}

impl RelayStore {
    /// Gives it who has the keys of organisations whose profiles lie sealed. Without one they are not read, and nothing is
    /// written of them. The first one stays.
    pub fn unlock(&self, keyring: Arc<dyn Keyring>) {
        let _ = self.engine.opener.keyring.set(keyring);
    }

    /// Whether an organisation's profiles are to lie sealed.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn seal_wish(&self, org: OrgId) -> Result<SealWish> {
        self.engine.seal_wish(org)
    }

    /// Says whether an organisation's profiles are to lie sealed; `false` where that was said before. It holds for what is
    /// written from now on; [`reseal`](Self::reseal) brings the rest in line.
    ///
    /// # Errors
    /// [`RelayStoreError::Sealed`] where the key is not at hand, and failures of the database.
    pub fn set_seal_wish(&self, org: OrgId, by: &str, asked: bool) -> Result<bool> {
        // Whoever turns the key has it.
        self.engine.opener.key(&*self.engine, org)?;
        let changed = self.engine.set_seal_wish(org, by, asked)?;
        self.engine.opener.known(&*self.engine, org, Duration::ZERO)?;
        Ok(changed)
    }

    /// Keeps that all rows of an organisation lie as it wished.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn settle_seal(&self, org: OrgId, asked: bool) -> Result<()> {
        self.engine.settle_seal(org, asked)
    }

    /// Brings rows of an organisation in line with its wish, some hundreds at once, from `after` on; answers how many there
    /// were, and where the next ones are; nothing where all were looked at.
    ///
    /// # Errors
    /// [`RelayStoreError`]; it may be called again.
    pub fn reseal(&self, org: OrgId, after: Resealing) -> Result<(u64, Option<Resealing>)> {
        let Some(part) = PARTS.get(after.part).copied() else { return Ok((0, None)) };
        let wish = self.engine.seal_wish(org)?.asked;
        let rows = self.engine.parts(org, part, !wish, after.key, ROWS)?;
        let Some(last) = rows.last() else {
            let next = Resealing { part: after.part + 1, key: 0 };
            return Ok((0, (next.part < PARTS.len()).then_some(next)));
        };
        let next = Resealing { part: after.part, key: last.key };
        let key = self.engine.key(org)?;
        let news = rows.into_iter().map(|PartRow { key: at, id, bytes }| {
            let other = match wish {
                true => part.sealed(org, &id, &*key, &bytes)?,
                false => part.opened(org, &id, &*key, &bytes)?,
            };
            Ok((at, bytes, other))
        });
        let news: Vec<_> = news.collect::<Result<_>>()?;
        self.engine.put_parts(org, part, &news)?;
        Ok((news.len() as u64, Some(next)))
    }
}

/// What is told of another wish.
pub(crate) fn told(by: &str, asked: bool) -> NewAudit {
    let action = if asked { "profiles.sealed" } else { "profiles.unsealed" };
    NewAudit { actor: by.to_owned(), action, subject: "profiles".to_owned(), data: json!({}) }
}

/// How far a walk over an organisation's rows is. The default is its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealing {
    part: usize,
    key: i64,
}
