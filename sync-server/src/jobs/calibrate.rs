//! Makes calibrations, and looks whom they move: jobs beside those of analyses, with the same life.
//!
//! ```text
//! cohort, once ─▶ passes of kartei_behavior::fit ─▶ draft in the store ─▶ result: diagnostics, dry run, gates
//!                     └─ behind each: what is known is kept, another worker goes on there
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use kartei_analysis::{CHUNK, Calibrated, Input, Seed, Side, calibrating};
use kartei_behavior::{
    BandChanges, Calibration, Fitted, Moved, Passes, Schema, SoFar, Step, Wanted, compare, fit,
    ready, unseen,
};
use kartei_filter::Expr;
use kartei_profile::Record;
use kartei_protocol::calibrations::CalibrationStage;
use kartei_relay_store::{
    Activated, CalibrationAdded, CalibrationRow, DryRun, JobRow, NewCalibrationRow, OrgId,
    RelayStore, THE_RELAY,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::cohort::{self, Cohort, Member};
use super::run::{Done, Known, RunError, THREADS, TOLD_EVERY, Task, scale};
use crate::halting::Halt;

/// What a job is called that makes a calibration, where analyses have their names.
pub(crate) const CALIBRATION: &str = "calibration";

/// What a job is called that looks whom a calibration moves.
pub(crate) const DRY_RUN: &str = "dry_run";

/// What a calibration is made with, as it is kept with its job: nothing in it is chosen later.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FitParams {
    /// The schema's name.
    pub(crate) schema: String,
    /// Its version.
    pub(crate) schema_version: u32,
    /// What it says, unless it comes with the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schema_text: Option<Box<RawValue>>,
    /// The moment of the scores, in milliseconds since 1970; that of the newest observation without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) as_of: Option<i64>,
    /// The version whose fit is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) same_fit_as: Option<String>,
    /// The version that was active for the schema's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) compared_with: Option<String>,
    /// Whether it is to be activated, where it passes its gates.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) activate: bool,
}

/// What a dry run is of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DryRunParams {
    /// The calibration's version.
    pub(crate) version: String,
    /// The version that it is held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) compared_with: Option<String>,
}

/// What a job asks for, checked.
#[derive(Debug)]
pub(super) struct Asked {
    schema: Schema,
    filter: Option<Expr>,
    what: What,
    /// The calibration that the other one is held against, with its version.
    compared_with: Option<Fitted>,
    /// Whether what is made is to be activated.
    activate: bool,
    /// What was asked for, as it is told.
    params: Value,
}

#[derive(Debug)]
enum What {
    Fit { as_of_ms: Option<i64>, same_fit_as: Option<Calibration> },
    DryRun(Calibration),
}

impl Asked {
    /// What a job of calibrations asks for; nothing of any other.
    pub(super) fn of(
        row: &JobRow,
        store: &RelayStore,
        org: OrgId,
    ) -> Result<Option<Self>, RunError> {
        let fitted =
            |version: Option<&str>| version.map(|version| scale(store, org, version)).transpose();
        let (schema, what, compared_with, activate) = match row.analysis.as_str() {
            CALIBRATION => {
                let told: FitParams =
                    serde_json::from_str(&row.params).map_err(|_| RunError::Params)?;
                let same = fitted(told.same_fit_as.as_deref())?;
                let schema = match &same {
                    Some(same) => same.schema().clone(),
                    None => schema_of(&told)?,
                };
                let same_fit_as = same.map(|same| same.calibration().clone());
                let what = What::Fit { as_of_ms: told.as_of, same_fit_as };
                (schema, what, fitted(told.compared_with.as_deref())?, told.activate)
            }
            DRY_RUN => {
                let told: DryRunParams =
                    serde_json::from_str(&row.params).map_err(|_| RunError::Params)?;
                let one = scale(store, org, &told.version)?;
                let what = What::DryRun(one.calibration().clone());
                (one.schema().clone(), what, fitted(told.compared_with.as_deref())?, false)
            }
            _ => return Ok(None),
        };
        let filter = row.filter.as_deref().map(kartei_filter::parse).transpose();
        let filter = filter.map_err(|wrong| RunError::Filter(wrong.message.clone()))?;
        let params = serde_json::from_str(&row.params).unwrap_or_default();
        Ok(Some(Self { schema, filter, what, compared_with, activate, params }))
    }

    /// What the other calibration is held against; one of another schema says nothing of it.
    fn before(&self) -> Option<&Calibration> {
        let before = self.compared_with.as_ref().map(Fitted::calibration);
        before.filter(|before| before.check_schema(&self.schema).is_ok())
    }

    /// How many passes it takes.
    fn passes(&self) -> u64 {
        let fit = match &self.what {
            What::Fit { as_of_ms, same_fit_as } => {
                u64::from(as_of_ms.is_none()) + if same_fit_as.is_some() { 0 } else { 3 }
            }
            What::DryRun(_) => 0,
        };
        fit + u64::from(self.before().is_some())
    }
}

fn schema_of(told: &FitParams) -> Result<Schema, RunError> {
    let missing = || RunError::NoSchema(told.schema.clone(), told.schema_version);
    if let Some(text) = &told.schema_text {
        // It was read when it was asked for.
        return Schema::parse(text.get()).map_err(|_| missing());
    }
    let is_it = |one: &Schema| one.name() == told.schema && one.version() == told.schema_version;
    ready().into_iter().find(is_it).ok_or_else(missing)
}

/// What is known so far, as another worker takes it up.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// Passes that are over.
    passes: u64,
    so_far: Option<SoFar>,
}

/// Reads the profiles of a job again and again, as they were at one revision.
struct Reader<'t> {
    task: &'t Task<'t>,
    cohort: &'t Cohort,
    kept: Kept,
    is_cohort_kept: bool,
    input: Input,
    passes: u64,
    told_at: Instant,
}

/// Makes what a job of calibrations asks for. Blocks, within a runtime.
pub(super) fn run(task: &Task<'_>, asked: &Asked) -> Result<Done, RunError> {
    let (cohort, kept) = begin(task, asked)?;
    let mut reader = Reader::new(task, &cohort, kept, asked.passes());
    let before = asked.before();
    let made = match &asked.what {
        What::Fit { as_of_ms, same_fit_as } => {
            let wanted = Wanted {
                schema: &asked.schema,
                filter: task.row.filter.as_deref().unwrap_or_default(),
                as_of_ms: *as_of_ms,
                // The moment of its submission, whoever runs it when.
                now_ms: task.row.created_at,
                before,
                same_fit_as: same_fit_as.as_ref(),
            };
            let so_far = reader.kept.so_far.clone();
            fit(&mut reader, &wanted, so_far)?
        }
        What::DryRun(calibration) => calibration.clone(),
    };
    let moved = before.map(|before| compare(&mut reader, &asked.schema, (before, &made)));
    let moved = moved.transpose()?;
    reader.go_on()?;
    if matches!(asked.what, What::Fit { .. }) {
        keep_draft(task, &asked.schema, &made)?;
    }
    let moved_bands = moved.as_ref().map(Moved::band_changes);
    keep_dry_run(task, asked, &made, moved_bands.as_deref())?;
    let activated =
        asked.activate.then(|| activate(task, asked, &made, moved_bands.as_deref())).transpose()?;
    if asked.activate && task.row.by == THE_RELAY {
        forget_older(task, asked, &made)?;
    }
    let report = Calibrated {
        name: &task.row.analysis,
        params: &asked.params,
        input: &reader.input,
        schema: &asked.schema,
        calibration: &made,
        compared_with: asked.compared_with.as_ref().map(Fitted::version),
        moved: moved.as_ref(),
        activated,
    };
    let total = reader.input.total;
    task.done(&report.report().to_string(), total, reader.input)
}

/// Keeps it for whoever activates it. Whoever makes the same again, after a worker died here, adds nothing.
fn keep_draft(task: &Task<'_>, schema: &Schema, made: &Calibration) -> Result<(), RunError> {
    let (version, body) = (made.version(), made.text());
    let new = NewCalibrationRow {
        version: &version,
        schema: schema.name(),
        schema_version: schema.version(),
        as_of: made.as_of_ms,
        profiles: made.profiles,
        schema_text: schema.text(),
        body: &body,
    };
    match task.store.add_calibration(task.org, &task.row.by, &new)? {
        CalibrationAdded::New(_) | CalibrationAdded::Same(_) => Ok(()),
        CalibrationAdded::TooMany => Err(RunError::TooManyCalibrations),
    }
}

/// Takes away what the relay made by itself before and nobody activated: only the newest of these is of use.
fn forget_older(task: &Task<'_>, asked: &Asked, made: &Calibration) -> Result<(), RunError> {
    let version = made.version();
    for row in task.store.calibrations(task.org)? {
        let is_own = row.made_by == THE_RELAY && row.schema == asked.schema.name();
        if is_own && row.stage == CalibrationStage::Draft && row.version != version {
            task.store.delete_calibration(task.org, THE_RELAY, &row.version)?;
        }
    }
    Ok(())
}

/// Keeps whom it moves against the one that is active now: what is looked at before it is activated.
fn keep_dry_run(
    task: &Task<'_>,
    asked: &Asked,
    made: &Calibration,
    moved: Option<&[BandChanges]>,
) -> Result<(), RunError> {
    let Some(compared_with) = asked.compared_with.as_ref().map(Fitted::version) else {
        return Ok(());
    };
    let is_active = |row: &CalibrationRow| {
        row.stage == CalibrationStage::Active && row.version == compared_with
    };
    if task.store.calibrations(task.org)?.iter().any(is_active) {
        let moves = moved.and_then(|moved| serde_json::to_string(moved).ok());
        let dry_run = DryRun { compared_with: compared_with.to_owned(), moves };
        task.store.keep_dry_run(task.org, &made.version(), &dry_run)?;
    }
    Ok(())
}

/// Activates what was made in place of what was active at the request, unless a gate or somebody else is before it.
/// Whether it is active now.
fn activate(
    task: &Task<'_>,
    asked: &Asked,
    made: &Calibration,
    moved: Option<&[BandChanges]>,
) -> Result<bool, RunError> {
    if !unseen(made, asked.before(), moved).is_empty() {
        return Ok(false);
    }
    let instead_of = asked.compared_with.as_ref().map(Fitted::version);
    let version = made.version();
    let activated =
        task.store.activate_calibration(task.org, &task.row.by, &version, instead_of)?;
    Ok(matches!(activated, Activated::Now(_) | Activated::Already(_)))
}

/// What an earlier worker kept, or a new beginning.
fn begin(task: &Task<'_>, asked: &Asked) -> Result<(Cohort, Option<Kept>), RunError> {
    if let Some(input) = &task.row.input
        && let Some((cohort, kept)) = known(task, input.clone())?
    {
        return Ok((cohort, Some(kept)));
    }
    // A dry run is of everybody, whatever the calibration is made of.
    let has_rest = asked.filter.is_some() && asked.before().is_some();
    let wanted = cohort::Wanted {
        filter: asked.filter.as_ref(),
        other: has_rest.then_some(None),
        seed: Seed::of(&task.row.id),
    };
    Ok((Cohort::choose(task.store, task.lists, task.org, &wanted)?, None))
}

fn known(task: &Task<'_>, input: (String, u64)) -> Result<Option<(Cohort, Kept)>, RunError> {
    let Some(partial) = task.store.job_partial(task.org, &task.row.id)? else { return Ok(None) };
    let Ok(kept) = serde_json::from_slice(&partial.resume) else { return Ok(None) };
    let cohort = Cohort::find(task.blobs, task.org, &task.row.id, input)?;
    Ok(cohort.map(|cohort| (cohort, kept)))
}

impl<'t> Reader<'t> {
    fn new(task: &'t Task<'t>, cohort: &'t Cohort, kept: Option<Kept>, passes: u64) -> Self {
        let input = Input {
            epoch: cohort.epoch.clone(),
            rev: cohort.rev,
            filter: task.row.filter.clone(),
            total: cohort.members.len() as u64,
            pending: 0,
            dataset: None,
        };
        let is_cohort_kept = kept.is_some();
        let (kept, told_at) = (kept.unwrap_or_default(), Instant::now());
        Self { task, cohort, kept, is_cohort_kept, input, passes, told_at }
    }

    fn go_on(&self) -> Result<(), RunError> {
        self.task.halting.heard().map_or(Ok(()), |halt: Halt| Err(RunError::Halted(halt)))
    }

    /// Tells how far it is, and keeps what another worker would go on with.
    fn tell(&mut self, step: Step, looked_at: u64) -> Result<(), RunError> {
        if !self.is_cohort_kept {
            self.cohort.keep(self.task.blobs, self.task.org, &self.task.row.id)?;
            self.is_cohort_kept = true;
        }
        let all = self.input.total;
        let progress =
            ((self.kept.passes * all + looked_at).min(self.passes * all), self.passes * all);
        let told = calibrating(&self.task.row.analysis, &self.input, step, progress);
        (self.task.note)(Known {
            payload: told.to_string(),
            resume: serde_json::to_vec(&self.kept).unwrap_or_default(),
            progress,
            input: (self.input.epoch.clone(), self.input.rev),
        })?;
        self.told_at = Instant::now();
        Ok(())
    }

    /// Reads all profiles on some threads; each hands over what its part came to once there is no more.
    fn parts<A: Send>(
        &mut self,
        step: Step,
        begin: &(impl Fn() -> A + Sync),
        absorb: &(impl Fn(&mut A, &Record) + Sync),
    ) -> Result<Vec<A>, RunError> {
        let (task, cohort) = (self.task, self.cohort);
        let chunks: Vec<&[Member]> = cohort.members.chunks(CHUNK).collect();
        let (chunks, next) = (chunks.as_slice(), &AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let (done, coming) = mpsc::sync_channel(THREADS);
            let workers: Vec<_> = (0..THREADS.min(chunks.len()))
                .map(|_| {
                    let done = done.clone();
                    scope.spawn(move || {
                        let mut own = begin();
                        while let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
                            let is_asked =
                                |side: &Option<Side>| step == Step::Moves || *side != Some(Side::B);
                            let wanted = chunk.iter().filter(|(_, _, side)| is_asked(side));
                            let read =
                                task.read(cohort, wanted, |record, _, _| absorb(&mut own, record));
                            if done.send(read.map(|()| chunk.len() as u64)).is_err() {
                                break;
                            }
                        }
                        own
                    })
                })
                .collect();
            drop(done);
            let mut looked_at = 0;
            // Leaving early takes the receiver away, which ends the threads behind the chunk that they are at.
            for chunk in coming {
                looked_at += chunk?;
                self.go_on()?;
                if self.told_at.elapsed() >= TOLD_EVERY {
                    self.tell(step, looked_at)?;
                }
            }
            let parts = workers.into_iter().map(|worker| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            Ok(parts.collect())
        })
    }
}

impl Passes for Reader<'_> {
    type Stop = RunError;

    fn pass<A: Send>(
        &mut self,
        step: Step,
        begin: impl Fn() -> A + Sync,
        absorb: impl Fn(&mut A, &Record) + Sync,
        merge: impl Fn(&mut A, A),
    ) -> Result<A, RunError> {
        let parts = self.parts(step, &begin, &absorb)?;
        let mut whole = begin();
        parts.into_iter().for_each(|part| merge(&mut whole, part));
        self.kept.passes += 1;
        Ok(whole)
    }

    fn known(&mut self, so_far: &SoFar) -> Result<(), RunError> {
        self.kept.so_far = Some(so_far.clone());
        // What no pass was needed for is nothing to keep, and behind the last one comes the result.
        if self.kept.passes == 0 || self.kept.passes == self.passes {
            return Ok(());
        }
        let step = match so_far {
            SoFar::Moment { .. } => Step::Numbers,
            SoFar::Numbers { .. } => Step::Spread,
            SoFar::Spread { .. } => Step::Scores,
            SoFar::Made { .. } => Step::Moves,
        };
        self.tell(step, 0)
    }
}
