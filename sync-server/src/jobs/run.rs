//! Runs a job, from its beginning or from where another worker was, on a thread that may wait.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use kartei_analysis::{
    Accumulator, Analysis, AskedWrongly, CHUNK, Context, Input, Profile, Scales, Side,
};
use kartei_behavior::{Calibration, Fitted, Refused, Schema};
use kartei_blob_store::{BlobError, BlobName, BlobStore};
use kartei_filter::Expr;
use kartei_live_list::Lists;
use kartei_profile::Record;
use kartei_protocol::jobs::FailReason;
use kartei_relay_store::{
    CALIBRATIONS_MAX, JobRow, OrgId, Payload, RelayStore, RelayStoreError, Row,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Handle;

use super::calibrate;
use super::cohort::{Cohort, CohortError, Member, Wanted};
use super::dataset::{DatasetError, Laid, Reading, file_of};
use crate::halting::{Halt, Halting};
use crate::import::feed;
use crate::uploads::{Keys, open_aside};

/// Results up to this size lie in the database; larger ones in the blob store.
const RESULT_BYTES_HERE: usize = 256 * 1024;

/// The beginning of the names of large results.
pub(crate) const RESULTS: &str = "results";

/// How often it is told what is known so far, at most.
pub(super) const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Threads that read and absorb chunks; one of them waits for the database while another counts.
pub(super) const THREADS: usize = 2;

/// What a job asks for, checked.
#[derive(Debug)]
struct Asked {
    analysis: Analysis,
    filter: Option<Expr>,
    /// Of an analysis that has two cohorts.
    other: Option<Option<Expr>>,
    scales: Scales,
}

impl Asked {
    fn of(row: &JobRow, store: &RelayStore, org: OrgId) -> Result<Self, RunError> {
        let params: Value = serde_json::from_str(&row.params).unwrap_or(Value::Null);
        let analysis = Analysis::new(&row.analysis, &params)?;
        let parsed = |filter: Option<&str>| {
            let filter = filter.map(kartei_filter::parse).transpose();
            filter.map_err(|wrong| RunError::Filter(wrong.message.clone()))
        };
        let (filter, other) = (parsed(row.filter.as_deref())?, analysis.other().map(parsed));
        let fitted =
            |version: Option<&str>| version.map(|version| scale(store, org, version)).transpose();
        let scales = Scales {
            scale: fitted(analysis.calibration.as_deref())?,
            against: fitted(analysis.against())?,
        };
        Ok(Self { other: other.transpose()?, filter, scales, analysis })
    }

    fn wanted(&self, row: &JobRow) -> Wanted<'_> {
        Wanted {
            filter: self.filter.as_ref(),
            other: self.other.as_ref().map(Option::as_ref),
            seed: self.analysis.seed(row.filter.as_deref()),
        }
    }
}

/// What scores are made by.
pub(super) fn scale(store: &RelayStore, org: OrgId, version: &str) -> Result<Fitted, RunError> {
    let missing = || AskedWrongly::NoCalibration(version.to_owned());
    let whole = store.calibration(org, version)?.ok_or_else(missing)?;
    // Both were read when they were added.
    let schema = Schema::parse(&whole.schema_text).map_err(|_| missing())?;
    let calibration = Calibration::parse(&whole.body).map_err(|_| missing())?;
    Ok(Fitted::new(schema, calibration).map_err(|_| missing())?)
}

/// Why a job cannot be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error(transparent)]
    Asked(#[from] AskedWrongly),
    #[error("the filter cannot be read: {0}")]
    Filter(String),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("there is no behaviour schema `{0}` {1}")]
    NoSchema(String, u32),
    #[error("an organisation has {CALIBRATIONS_MAX} calibrations at most; delete drafts")]
    TooManyCalibrations,
    #[error("what the job is told cannot be read")]
    Params,
    #[error("the stored profile `{0}` cannot be read")]
    Damaged(String),
    #[error(transparent)]
    Cohort(#[from] CohortError),
    #[error(transparent)]
    Dataset(DatasetError),
    #[error(transparent)]
    Store(#[from] RelayStoreError),
    #[error("the result cannot be kept")]
    Blob(#[from] BlobError),
    #[error("it does not go on here")]
    Halted(Halt),
}

impl RunError {
    /// Whether another attempt may succeed, with the word and what people are told. Of what failed
    /// inside they are told no more than where; the log has the rest.
    pub(super) fn told(&self) -> (bool, FailReason, String) {
        match self {
            Self::Asked(_)
            | Self::Filter(_)
            | Self::Refused(_)
            | Self::NoSchema(..)
            | Self::TooManyCalibrations
            | Self::Params
            | Self::Damaged(_) => (false, FailReason::Analysis, self.to_string()),
            Self::Dataset(wrong) if wrong.is_of_the_file() => {
                (false, FailReason::Analysis, wrong.to_string())
            }
            Self::Dataset(_)
            | Self::Cohort(_)
            | Self::Store(_)
            | Self::Blob(_)
            | Self::Halted(_) => {
                (true, FailReason::Relay, "the relay's own storage failed".to_owned())
            }
        }
    }
}

impl From<DatasetError> for RunError {
    fn from(error: DatasetError) -> Self {
        match error {
            DatasetError::Halted(halt) => Self::Halted(halt),
            error => Self::Dataset(error),
        }
    }
}

/// What is known so far, as another worker takes it up.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Chunks that are in it.
    chunks: usize,
    /// Profiles, or records of a file, of the cohort that it is of.
    #[serde(default)]
    total: u64,
    seen: Accumulator,
}

/// What a job is made of.
struct Begun {
    cohort: Cohort,
    /// The records of a file; without them those of the profiles are read.
    laid: Option<Laid>,
    /// What an earlier worker knew.
    kept: Option<Kept>,
}

/// What a worker knows so far.
#[derive(Debug)]
pub(super) struct Known {
    /// What is told: JSON.
    pub(super) payload: String,
    /// For another worker.
    pub(super) resume: Vec<u8>,
    pub(super) progress: (u64, u64),
    pub(super) input: (String, u64),
}

/// A result.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) payload: Payload,
    pub(super) size: u64,
    pub(super) digest: [u8; 32],
    pub(super) profiles: u64,
    pub(super) input: (String, u64),
}

/// A job with all that it is done with.
pub(super) struct Task<'a> {
    pub(super) store: &'a RelayStore,
    pub(super) blobs: &'a BlobStore,
    pub(super) lists: &'a Lists<OrgId>,
    pub(super) keys: Option<&'a Keys>,
    pub(super) org: OrgId,
    pub(super) row: &'a JobRow,
    pub(super) halting: &'a Halting,
    /// Keeps what is known so far; what it says ends the job here.
    pub(super) note: &'a (dyn Fn(Known) -> Result<(), RunError> + Sync),
}

/// Where the result of a job lies that is too large for the database. Each claim has a name of its own, so
/// that a blob can go with its result: nobody else comes to name it meanwhile.
fn result_blob(org: OrgId, job: &str, claim: u64) -> Option<BlobName> {
    BlobName::new(format!("{RESULTS}/{org}/{job}/{claim}")).ok()
}

/// A chunk that is not looked at: nobody reads whether its profiles are still there.
fn passed_over(context: &Context, members: &[Member]) -> Accumulator {
    let mut seen = context.begin();
    seen.pass_over(members.len() as u64);
    seen
}

/// What some records of a file come to.
fn of_file(context: &Context, laid: &Laid, members: &[Member]) -> Result<Accumulator, RunError> {
    let (mut seen, mut scores) = (context.begin(), context.scores());
    for (place, id, side) in members {
        let text = laid.shelf.text(*place)?;
        let record = Record::from_stored(&text).map_err(|_| RunError::Damaged(id.clone()))?;
        seen.absorb(context, &Profile { record: &record, conflicts: 0 }, *side, scores.as_mut());
    }
    Ok(seen)
}

impl Task<'_> {
    /// Runs to the end. Blocks, within a runtime.
    pub(super) fn run(&self) -> Result<Done, RunError> {
        if let Some(asked) = calibrate::Asked::of(self.row, self.store, self.org)? {
            return calibrate::run(self, &asked);
        }
        let asked = Asked::of(self.row, self.store, self.org)?;
        let Begun { cohort, laid, kept } = self.begin(&asked)?;
        let focus = self.focus(&asked.analysis, cohort.rev, laid.as_ref())?;
        // The moment of the analysis is that of its submission, whoever runs it when.
        let Asked { analysis, scales, .. } = asked;
        let context = &Context::new(analysis, self.row.created_at, scales, focus.as_ref())?;
        // The records of a file are laid down again by whoever goes on.
        let mut is_kept = kept.is_some() || laid.is_some();
        let total = cohort.members.len() as u64;
        let mut kept = kept.unwrap_or_else(|| Kept { chunks: 0, total, seen: context.begin() });
        let input = Input {
            epoch: cohort.epoch.clone(),
            rev: cohort.rev,
            filter: self.row.filter.clone(),
            total,
            pending: 0,
            dataset: laid.as_ref().map(|laid| laid.told.clone()),
        };
        let mut told_at = Instant::now();
        let begin = kept.chunks;
        self.each_chunk(context, (&cohort, laid.as_ref()), begin, |chunk| {
            kept.seen.merge(context, chunk);
            kept.chunks += 1;
            if let Some(halt) = self.halting.heard() {
                return Err(RunError::Halted(halt));
            }
            // The first chunk is told at once: something is there to be looked at.
            let is_first = kept.chunks == 1;
            let is_last = kept.chunks * CHUNK >= cohort.members.len();
            if !is_last && (is_first || told_at.elapsed() >= TOLD_EVERY) {
                if !is_kept {
                    cohort.keep(self.blobs, self.org, &self.row.id)?;
                    is_kept = true;
                }
                (self.note)(Known {
                    payload: kept.seen.report(context, &input).to_string(),
                    resume: serde_json::to_vec(&kept).unwrap_or_default(),
                    // Profiles that were erased meanwhile are passed over, and count as looked at.
                    progress: ((kept.chunks * CHUNK) as u64, input.total),
                    input: (input.epoch.clone(), input.rev),
                })?;
                told_at = Instant::now();
            }
            Ok(())
        })?;
        self.finish(context, &kept.seen, &input)
    }

    /// What an earlier worker kept, or a new beginning.
    fn begin(&self, asked: &Asked) -> Result<Begun, RunError> {
        let wanted = asked.wanted(self.row);
        if let Some(file) = &asked.analysis.dataset {
            let (cohort, laid) = self.lay(file, &wanted, asked.analysis.focus())?;
            let kept = self.kept()?;
            // Another number: somebody was erased meanwhile, and the chunks are others.
            let kept = kept.filter(|kept| kept.total == cohort.members.len() as u64);
            return Ok(Begun { cohort, laid: Some(laid), kept });
        }
        if let Some(input) = &self.row.input
            && let Some(kept) = self.kept()?
            && let Some(cohort) = Cohort::find(self.blobs, self.org, &self.row.id, input.clone())?
        {
            return Ok(Begun { cohort, laid: None, kept: Some(kept) });
        }
        let cohort = Cohort::choose(self.store, self.lists, self.org, &wanted)?;
        Ok(Begun { cohort, laid: None, kept: None })
    }

    /// What an earlier worker knew, where it can be read.
    fn kept(&self) -> Result<Option<Kept>, RunError> {
        let partial = self.store.job_partial(self.org, &self.row.id)?;
        Ok(partial.and_then(|partial| serde_json::from_slice(&partial.resume).ok()))
    }

    /// Lays the records of a file down.
    fn lay(
        &self,
        file: &str,
        wanted: &Wanted<'_>,
        focus: Option<&str>,
    ) -> Result<(Cohort, Laid), RunError> {
        let (store, org) = (self.store, self.org);
        let row = &file_of(store, org, file)?;
        let content = open_aside(store, self.blobs, self.keys, org, &row.content);
        let content = content.map_err(DatasetError::from)?;
        let body = feed(content.read(0..content.size()));
        let reading = Reading { store, org, row, wanted, focus, halting: self.halting };
        Ok(reading.read(body)?)
    }

    /// The profile that an analysis is about, as it was at the cohort's revision; of a file the record.
    fn focus(
        &self,
        analysis: &Analysis,
        rev: u64,
        laid: Option<&Laid>,
    ) -> Result<Option<Record>, RunError> {
        let Some(id) = analysis.focus() else { return Ok(None) };
        let text = match laid {
            Some(laid) => laid.focus.map(|place| laid.shelf.text(place)).transpose()?,
            None => self.store.profile_at(self.org, id, rev)?.map(|profile| profile.record),
        };
        let record = text.map(|text| Record::from_stored(&text)).transpose();
        record.map_err(|_| RunError::Damaged(id.to_owned()))
    }

    /// Absorbs chunks on some threads, and hands them over one after the other in their order.
    fn each_chunk(
        &self,
        context: &Context,
        (cohort, laid): (&Cohort, Option<&Laid>),
        begin: usize,
        mut take: impl FnMut(Accumulator) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let chunks: Vec<&[Member]> = cohort.members.chunks(CHUNK).collect();
        let next = AtomicUsize::new(begin);
        let chunks = chunks.as_slice();
        std::thread::scope(|scope| {
            // Short: a thread does not run far ahead of what is merged.
            let (done, coming) = mpsc::sync_channel(THREADS);
            for _ in 0..THREADS.min(chunks.len().saturating_sub(begin)) {
                let (done, next) = (done.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(members) = chunks.get(number) else { return };
                        let chunk = match (context.looks_at(number), laid) {
                            (true, Some(laid)) => of_file(context, laid, members),
                            (true, None) => self.chunk(context, cohort, members),
                            (false, _) => Ok(passed_over(context, members)),
                        };
                        if done.send((number, chunk)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(done);
            let mut waiting = BTreeMap::new();
            let mut at = begin;
            // Leaving early takes the receiver away, which ends the threads behind the chunk that they are at.
            for (number, chunk) in coming {
                waiting.insert(number, chunk?);
                while let Some(chunk) = waiting.remove(&at) {
                    at += 1;
                    take(chunk)?;
                }
            }
            Ok(())
        })
    }

    /// What some profiles come to, as they were at the cohort's revision.
    fn chunk(
        &self,
        context: &Context,
        cohort: &Cohort,
        members: &[Member],
    ) -> Result<Accumulator, RunError> {
        let (mut seen, mut scores) = (context.begin(), context.scores());
        self.read(cohort, members, |record, conflicts, side| {
            seen.absorb(context, &Profile { record, conflicts }, side, scores.as_mut());
        })?;
        Ok(seen)
    }

    /// Reads some profiles as they were at the cohort's revision, with their conflicts and the side that each is on.
    pub(super) fn read<'m>(
        &self,
        cohort: &Cohort,
        members: impl IntoIterator<Item = &'m Member> + Clone,
        mut take: impl FnMut(&Record, u64, Option<Side>),
    ) -> Result<(), RunError> {
        let keys: Vec<i64> = members.clone().into_iter().map(|(key, ..)| *key).collect();
        let rows = self.store.by_key(self.org, &keys)?;
        let mut found: HashMap<i64, Row> = rows.into_iter().map(|row| (row.key, row)).collect();
        for (key, id, side) in members {
            let is_as_it_was = |row: &Row| row.rev <= cohort.rev && !row.deleted;
            let (text, conflicts) = match found.remove(key) {
                Some(row) if is_as_it_was(&row) => (row.record, row.conflicts),
                _ => match self.store.profile_at(self.org, id, cohort.rev)? {
                    Some(profile) => (profile.record, profile.conflicts),
                    // Erased for good meanwhile: nobody reads it any more.
                    None => continue,
                },
            };
            let record = Record::from_stored(&text).map_err(|_| RunError::Damaged(id.clone()))?;
            take(&record, conflicts, *side);
        }
        Ok(())
    }

    fn finish(
        &self,
        context: &Context,
        seen: &Accumulator,
        input: &Input,
    ) -> Result<Done, RunError> {
        // Of those that are still there.
        let input = Input { total: seen.seen(), ..input.clone() };
        self.done(&seen.report(context, &input).to_string(), seen.seen(), input)
    }

    /// A result, kept where it has room.
    pub(super) fn done(&self, text: &str, profiles: u64, input: Input) -> Result<Done, RunError> {
        let (size, digest) = (text.len() as u64, *blake3::hash(text.as_bytes()).as_bytes());
        // What lies sealed is sealed as a blob, however small.
        let is_large = text.len() > RESULT_BYTES_HERE || self.store.seal_wish(self.org)?.asked;
        let payload = match result_blob(self.org, &self.row.id, self.row.claim) {
            Some(name) if is_large => {
                Handle::current().block_on(self.blobs.put_reader(&name, text.as_bytes()))?;
                Payload::Blob(name.to_string())
            }
            _ => Payload::Here(text.to_owned()),
        };
        let input = (input.epoch, input.rev);
        Ok(Done { payload, size, digest, profiles, input })
    }
}
