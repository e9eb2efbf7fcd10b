//! The records of an uploaded file, for an analysis of them instead of the profiles (docs/adr/0032).
//!
//! ```text
//! file ─▶ opened, unpacked ─▶ lines ─▶ checked, filtered ─▶ shelf: sealed, on the disk
//!                                                             │ by its place, as the visit wants it
//!                                                             ▼
//!                                                           chunks
//! ```
//! A file is in an order of its own, and the visit in one that is drawn, so that every beginning is a random
//! sample. So the records are laid down once, and taken up one by one. Whoever goes on with the job later lays down
//! the same ones: the file never changes.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

use kartei_analysis::{Dataset, Side, in_visiting_order};
use kartei_blob_store::{SealError, SealKey};
use kartei_filter::{Expr, RecordFacts};
use kartei_ndjson::{Batch, Block, Flow, Limits, ReadError, Source, read_blocks};
use kartei_profile::{Record, RecordSchema};
use kartei_protocol::uploads::ScanState;
use kartei_relay_store::{FileRow, OrgId, RelayStore, RelayStoreError};
use kartei_sync_core::ErasedId;

use super::cohort::{Cohort, Member, Wanted};
use crate::halting::{Halt, Halting};
use crate::import::{Checker, Line, Pieces};
use crate::uploads::{OpenError, hex};

/// Why a file's records cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatasetError {
    #[error("the file `{0}` is not there any more")]
    Gone(String),
    #[error("the file `{0}` is not given out: a scanner looks at it, or found something")]
    Withheld(String),
    #[error("the file `{0}` has no line that is a record")]
    NoRecord(String),
    /// Of the file's contents.
    #[error("the file cannot be read: {0}")]
    Read(ReadError),
    #[error("the file cannot be opened")]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] RelayStoreError),
    #[error("the records of a file cannot be laid down")]
    Disk(#[from] io::Error),
    #[error("the records of a file cannot be sealed or opened")]
    Seal(#[from] SealError),
    #[error("it does not go on here")]
    Halted(Halt),
}

impl DatasetError {
    /// Whether it is a matter of the file: another attempt finds the same.
    pub(super) fn is_of_the_file(&self) -> bool {
        match self {
            Self::Gone(_) | Self::Withheld(_) | Self::NoRecord(_) => true,
            // What the store behind could not give may come again.
            Self::Read(error) => !matches!(error, ReadError::Io(_)),
            _ => false,
        }
    }
}

/// A file that may be analysed.
///
/// # Errors
/// Where it is not there, or is not given out.
pub(crate) fn file_of(store: &RelayStore, org: OrgId, id: &str) -> Result<FileRow, DatasetError> {
    let gone = || DatasetError::Gone(id.to_owned());
    let row = store.file(org, id)?.ok_or_else(gone)?;
    if row.content.lost_at.is_some() {
        return Err(gone());
    }
    match row.scan() {
        ScanState::NotScanned | ScanState::Clean | ScanState::NotScannable => Ok(row),
        ScanState::Pending | ScanState::Quarantined => Err(DatasetError::Withheld(id.to_owned())),
    }
}

/// Texts that were laid down, each sealed with a key that nobody keeps, in a file without a name: nothing of it can
/// be read once the worker is gone.
#[derive(Debug)]
pub(super) struct Shelf {
    file: Mutex<File>,
    key: SealKey,
}

impl Shelf {
    /// The text at a place.
    pub(super) fn text(&self, place: i64) -> Result<String, DatasetError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(u64::try_from(place).unwrap_or(u64::MAX)))?;
        let mut length = [0; 4];
        file.read_exact(&mut length)?;
        let mut sealed = vec![0; u32::from_le_bytes(length) as usize];
        file.read_exact(&mut sealed)?;
        drop(file);
        let text = self.key.open_bytes(&sealed, &place.to_le_bytes())?;
        Ok(String::from_utf8(text).map_err(io::Error::other)?)
    }
}

/// Lays texts down, one behind the other.
struct Laying {
    file: BufWriter<File>,
    key: SealKey,
    end: i64,
}

impl Laying {
    fn begin() -> Result<Self, DatasetError> {
        let file = BufWriter::new(tempfile::tempfile()?);
        Ok(Self { file, key: SealKey::random()?, end: 0 })
    }

    /// Its place.
    fn put(&mut self, text: &str) -> Result<i64, DatasetError> {
        let place = self.end;
        let sealed = self.key.seal_bytes(text.as_bytes(), &place.to_le_bytes())?;
        let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(&sealed)?;
        self.end += 4 + i64::from(length);
        Ok(place)
    }

    fn done(self) -> Result<Shelf, DatasetError> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Shelf { file: Mutex::new(file), key: self.key })
    }
}

/// The records of a file, laid down.
#[derive(Debug)]
pub(super) struct Laid {
    pub(super) shelf: Shelf,
    /// What is told of them.
    pub(super) told: Dataset,
    /// The place of the one that the analysis is about.
    pub(super) focus: Option<i64>,
}

/// What a file is read with.
pub(super) struct Reading<'a> {
    pub(super) store: &'a RelayStore,
    pub(super) org: OrgId,
    pub(super) row: &'a FileRow,
    pub(super) wanted: &'a Wanted<'a>,
    /// The id of the record that the analysis is about.
    pub(super) focus: Option<&'a str>,
    pub(super) halting: &'a Halting,
}

/// A line that is a record.
struct Found {
    id: String,
    text: String,
    /// Whether the filters of the first cohort and the other one take it.
    fits: [bool; 2],
}

/// A record that was laid down, or was not since nobody looks at it.
struct Known {
    id: String,
    /// Which line: the later one counts.
    line: u64,
    place: Option<i64>,
    side: Option<Option<Side>>,
}

/// What a worker made of a block.
#[derive(Default)]
struct Sorted {
    found: Vec<(u64, Found)>,
    rejected: u64,
}

impl Reading<'_> {
    /// Reads a file to its end, and chooses whom the analysis looks at. Blocks, within a runtime.
    pub(super) fn read(&self, body: Pieces) -> Result<(Cohort, Laid), DatasetError> {
        let (erased, mut laying) = (self.erased()?, Laying::begin()?);
        let (mut known, mut gone, mut rejected): (Vec<Known>, u64, u64) = (Vec::new(), 0, 0);
        let schema = self.store.schema();
        let source = Source::new(body).map_err(DatasetError::Read)?;
        let done = read_blocks(
            source,
            &Limits::default(),
            || (Checker::default(), RecordFacts::default()),
            |(checker, facts), block| self.sort(schema, checker, facts, block),
            |batch: Batch<Sorted>| {
                if let Some(halt) = self.halting.heard() {
                    return Err(DatasetError::Halted(halt));
                }
                rejected += batch.result.rejected;
                for (line, Found { id, text, fits }) in batch.result.found {
                    if erased(&id) {
                        gone += 1;
                        continue;
                    }
                    let side = self.side(fits);
                    let is_wanted = side.is_some() || self.focus == Some(id.as_str());
                    let place = is_wanted.then(|| laying.put(&text)).transpose()?;
                    known.push(Known { id, line, place, side });
                }
                Ok(Flow::Continue)
            },
        );
        match done {
            Ok(_) => {}
            Err(Ok(error)) => return Err(DatasetError::Read(error)),
            Err(Err(error)) => return Err(error),
        }
        if known.is_empty() {
            return Err(DatasetError::NoRecord(self.row.id.clone()));
        }
        known.sort_unstable_by(|a, b| a.id.cmp(&b.id).then(b.line.cmp(&a.line)));
        known.dedup_by(|later, first| later.id == first.id);
        let focus = self.focus.and_then(|id| {
            let at = known.binary_search_by(|one| one.id.as_str().cmp(id)).ok()?;
            known[at].place
        });
        let told = Dataset {
            file: self.row.id.clone(),
            name: self.row.name.clone(),
            digest: hex(&self.row.digest()),
            records: known.len() as u64,
            rejected,
            erased: gone,
        };
        let members = known.into_iter().filter_map(|one| Some((one.place?, one.id, one.side?)));
        let members: Vec<Member> =
            in_visiting_order(self.wanted.seed, members.collect(), |(_, id, _)| id.as_str());
        let cohort = Cohort { epoch: String::new(), rev: 0, members };
        Ok((cohort, Laid { shelf: laying.done()?, told, focus }))
    }

    /// The records of a block, and whether the filters take them.
    fn sort(
        &self,
        schema: &RecordSchema,
        checker: &mut Checker,
        facts: &mut RecordFacts,
        block: &Block,
    ) -> Sorted {
        let mut sorted = Sorted::default();
        for (number, _, line) in checker.check(schema, block).lines {
            let Line::Record(line) = line else {
                sorted.rejected += 1;
                continue;
            };
            // What was just written can be read.
            let Ok(record) = Record::from_stored(&line.text) else { continue };
            facts.tell(&record);
            let fits = |filter: Option<&Expr>| filter.is_none_or(|filter| facts.matches(filter));
            let fits = [fits(self.wanted.filter), self.wanted.other.is_some_and(fits)];
            sorted.found.push((number, Found { id: line.id, text: line.text, fits }));
        }
        sorted
    }

    /// The side of a record, as [`kartei_analysis::members`] puts profiles on theirs; nothing where nobody looks at
    /// it.
    fn side(&self, [first, other]: [bool; 2]) -> Option<Option<Side>> {
        let is_rest = matches!(self.wanted.other, Some(None));
        match (self.wanted.other, first, other) {
            (None, true, _) => Some(None),
            (None, false, _) | (Some(_), false, false) => None,
            (Some(_), true, true) if !is_rest => Some(None),
            (Some(_), true, _) => Some(Some(Side::A)),
            (Some(_), false, true) => Some(Some(Side::B)),
        }
    }

    /// Who was erased for good: nobody looks at them again, wherever their records come from.
    fn erased(&self) -> Result<impl Fn(&str) -> bool, DatasetError> {
        let erasures = self.store.erasures(self.org, 0, u64::MAX)?;
        let key = self.store.erasure_key(self.org)?;
        let hashes: HashSet<ErasedId> = erasures.iter().map(|erasure| erasure.hash).collect();
        Ok(move |id: &str| key.as_ref().is_some_and(|key| hashes.contains(&key.hash(id))))
    }
}
