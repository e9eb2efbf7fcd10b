//! Analyses that are made here, one after the other: of what is in the data folder, with or without a relay.
//!
//! ```text
//! ask_analysis {here} ─▶ checked: parameters, filters, calibration, profile ─▶ store: queued
//!                                                             thread: runs it ─▶ HostEvent::Analysis, store: completed
//! ```
//! They stand on the same list as those of the relay, under the name of no relay. What was queued or running when the
//! program ended begins anew with the next start.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use kartei_analysis::{Analysis, AskedWrongly, Context, Scales, Scored};
use kartei_behavior::Fitted;
use kartei_local_store::{HeardAnalysis, Store, StoredCalibration};
use kartei_profile::Record;
use kartei_protocol::jobs::{FailReason, JobInfo, JobProgress, JobResult, JobState, NewJob};
use kartei_protocol::problem::{Problem, ProblemCode};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::mpsc::UnboundedReceiver;

use super::cohort::{Step, Stop, analyse};
use super::{Board, Live, shown};
use crate::app::App;
use crate::behavior::scale;
use crate::clock;
use crate::problem::{check_without_scores, of_store};
use crate::random;
use crate::shared::lock;
use crate::worker::{Order, Worker};

/// The relay of what is made here.
pub(super) const HERE: &str = "";

/// What the ids of analyses begin with that are made here, and those of their results.
const JOB: &str = "here-";
const RESULT: &str = "result-here-";

/// Bytes of the random part of such an id.
const ID_BYTES: usize = 12;

/// How often an analysis is begun that the program did not survive.
const ATTEMPTS_MAX: u32 = 3;

/// Whether an id is of an analysis, or of a result, that was made here.
pub(super) fn is_here(id: &str) -> bool {
    id.starts_with(JOB) || id.starts_with(RESULT)
}

/// What the thread is told.
#[derive(Debug)]
enum Message {
    Run(String),
    Stop,
}

impl Order for Message {
    const STOP: Self = Self::Stop;

    fn is_stop(&self) -> bool {
        matches!(self, Self::Stop)
    }
}

/// The thread that makes analyses, and what is to end.
#[derive(Debug, Default)]
pub(super) struct Here {
    thread: Worker<Message>,
    stopping: Arc<AtomicBool>,
    /// By job, whether somebody asked for its end.
    ends: Arc<Mutex<BTreeMap<String, Arc<AtomicBool>>>>,
}

fn wrong(error: &AskedWrongly) -> Problem {
    let code = match error {
        AskedWrongly::Uncalibrated(_) | AskedWrongly::SeveralCalibrations(_) => {
            ProblemCode::Blocked
        }
        AskedWrongly::NoCalibration(_) | AskedWrongly::NoProfile(_) => ProblemCode::NotFound,
        _ => ProblemCode::InvalidRequest,
    };
    Problem::new(code, error.to_string())
}

/// The version that is active of the schema of another calibration.
fn beside(against: Option<&Fitted>, store: &Store) -> Result<Option<String>, Problem> {
    let Some(against) = against else { return Ok(None) };
    let active = store.active_calibrations().map_err(|e| of_store(&e))?;
    let is_it = |one: &StoredCalibration| one.schema == against.schema().name();
    Ok(active.into_iter().find(is_it).map(|one| one.version))
}

/// An analysis with all that it is made with, as things are here.
fn context(board: &Board, asked: &NewJob, as_of_ms: i64) -> Result<Context, Problem> {
    let analysis = Analysis::new(&asked.analysis, &asked.params).map_err(|e| wrong(&e))?;
    if let Some(file) = &analysis.dataset {
        return Err(wrong(&AskedWrongly::DatasetElsewhere(file.clone())));
    }
    let filters = [asked.filter.as_deref(), analysis.other().flatten()];
    for filter in filters.into_iter().flatten() {
        check_without_scores(filter)?;
    }
    let against =
        analysis.against().map(|version| scale(&board.store, Some(version), Scored::Always));
    let against = against.transpose()?.flatten();
    let scale = match analysis.scored() {
        Scored::Never => None,
        Scored::Perhaps | Scored::Always => {
            let named = analysis.calibration.clone().or(beside(against.as_ref(), &board.store)?);
            scale(&board.store, named.as_deref(), analysis.scored())?
        }
    };
    let scales = Scales { scale, against };
    let focus = analysis.focus().map(|id| {
        let view = board.store.profile(id).map_err(|e| of_store(&e))?;
        Record::from_stored(&view.record)
            .map_err(|e| Problem::new(ProblemCode::StoreDamaged, e.to_string()).about(id))
    });
    let focus = focus.transpose()?;
    Context::new(analysis, as_of_ms, scales, focus.as_ref()).map_err(|e| wrong(&e))
}

/// What is known of an analysis that was just asked for.
fn queued(job: &str, context: &Context, filter: Option<String>, by: Option<String>) -> JobInfo {
    JobInfo {
        job_id: job.to_owned(),
        status: JobState::Queued,
        analysis: context.analysis().name().to_owned(),
        filter,
        params: context.analysis().params(),
        by: by.unwrap_or_default(),
        created_at: clock::now(),
        started_at: None,
        finished_at: None,
        attempts: 0,
        cancel_requested_at: None,
        progress: None,
        event_seq: 1,
        retry_of: None,
        result_id: None,
        result_deleted_at: None,
        held_at: None,
        reason: None,
        detail: None,
        partial: None,
    }
}

fn asked(info: &JobInfo) -> NewJob {
    NewJob {
        analysis: info.analysis.clone(),
        filter: info.filter.clone(),
        params: info.params.clone(),
    }
}

fn failed(info: &mut JobInfo, problem: &Problem) {
    info.status = JobState::Failed;
    info.reason = Some(FailReason::Analysis);
    info.detail = Some(problem.message.clone());
}

impl Board {
    /// Keeps and tells what became of an analysis that is made here.
    fn note_here(&self, info: &JobInfo) -> Result<(), Problem> {
        let heard = HeardAnalysis {
            job: info.job_id.clone(),
            asked: serde_json::to_string(&asked(info)).unwrap_or_default(),
            heard: serde_json::to_string(info).unwrap_or_default(),
            event_seq: info.event_seq,
            created_at: info.created_at,
        };
        let kept = self.store.hear_analysis(HERE, None, &heard);
        let (stored, _) = kept.map_err(|e| of_store(&e))?;
        self.tell(&stored);
        Ok(())
    }

    /// Keeps what an analysis came to; answers its result.
    fn keep_here(&self, info: &JobInfo, report: &Value) -> Result<JobResult, Problem> {
        let text = report.to_string();
        let digest = blake3::hash(text.as_bytes()).to_string();
        let result = RawValue::from_string(text)
            .map_err(|e| Problem::new(ProblemCode::Internal, e.to_string()))?;
        let id = info.job_id.strip_prefix(JOB).unwrap_or(&info.job_id);
        let kept = JobResult {
            result_id: format!("{RESULT}{id}"),
            job_id: info.job_id.clone(),
            by: info.by.clone(),
            created_at: clock::now(),
            digest,
            result,
        };
        let text = serde_json::to_string(&kept).unwrap_or_default();
        self.store
            .keep_analysis_result(HERE, &kept.result_id, &text, clock::now())
            .map_err(|e| of_store(&e))?;
        Ok(kept)
    }

    /// Makes an analysis, keeps what it comes to and tells how far it is.
    fn run_here(
        &self,
        mut info: JobInfo,
        end: &AtomicBool,
        stopping: &AtomicBool,
    ) -> Result<(), Problem> {
        let submitted = info.created_at;
        info.status = JobState::Running;
        info.started_at = Some(clock::now());
        info.attempts += 1;
        info.event_seq += 1;
        self.note_here(&info)?;
        let (began, what) = (Instant::now(), asked(&info));
        let mut noted = Ok(());
        let mut tell = |step: Step| {
            if end.load(Ordering::Relaxed) || stopping.load(Ordering::Relaxed) || noted.is_err() {
                return ControlFlow::Break(());
            }
            if let Some(report) = step.report {
                let left = (step.total - step.done) as f64 / step.done.max(1) as f64;
                let seconds_left = Some(began.elapsed().as_secs_f64() * left);
                let live = Live { report: Some(report), seconds_left };
                lock(&self.live).insert(info.job_id.clone(), live);
                info.progress = Some(JobProgress { done: step.done, total: step.total });
                info.event_seq += 1;
                noted = self.note_here(&info);
            }
            ControlFlow::Continue(())
        };
        let ran = context(self, &what, submitted)
            .map_err(Stop::Problem)
            .and_then(|known| analyse(&self.store, &known, what.filter.as_deref(), &mut tell));
        noted?;
        info.finished_at = Some(clock::now());
        info.event_seq += 1;
        match ran {
            Ok((report, profiles)) => {
                info.result_id = Some(self.keep_here(&info, &report)?.result_id);
                info.status = JobState::Completed;
                info.progress = Some(JobProgress { done: profiles, total: profiles });
            }
            // It begins anew with the next start.
            Err(Stop::Cancelled) if !end.load(Ordering::Relaxed) => {
                (info.status, info.attempts) = (JobState::Queued, info.attempts - 1);
                (info.started_at, info.finished_at, info.progress) = (None, None, None);
            }
            Err(Stop::Cancelled) => info.status = JobState::Canceled,
            Err(Stop::Problem(problem)) => failed(&mut info, &problem),
        }
        lock(&self.live).remove(&info.job_id);
        self.note_here(&info)
    }

    /// What is queued here, or was running when the program ended; the oldest first.
    fn left_here(&self) -> Result<Vec<JobInfo>, Problem> {
        let stored = self.store.analyses(HERE).map_err(|e| of_store(&e))?;
        let known = stored.iter().rev().filter_map(shown::heard);
        Ok(known.filter(|info| !info.status.is_terminal()).collect())
    }
}

impl Here {
    /// Starts the thread, and gives it what was left when the program ended.
    pub(super) fn start(&self, board: &Arc<Board>) -> Result<(), Problem> {
        self.stop();
        self.stopping.store(false, Ordering::Relaxed);
        let (board, ends) = (Arc::clone(board), Arc::clone(&self.ends));
        let stopping = Arc::clone(&self.stopping);
        let left = board.left_here()?;
        self.thread.start("analyses here", move |messages, _| {
            work(&board, messages, &ends, &stopping);
        })?;
        for info in left {
            self.run(info.job_id);
        }
        Ok(())
    }

    /// Stops what runs, which begins anew with the next start, and waits.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.thread.stop();
    }

    fn run(&self, job: String) {
        lock(&self.ends).insert(job.clone(), Arc::default());
        self.thread.send(Message::Run(job));
    }

    /// Asks for an analysis to end.
    fn end(&self, job: &str) {
        if let Some(end) = lock(&self.ends).get(job) {
            end.store(true, Ordering::Relaxed);
        }
    }
}

/// Makes one analysis after the other.
fn work(
    board: &Board,
    mut messages: UnboundedReceiver<Message>,
    ends: &Mutex<BTreeMap<String, Arc<AtomicBool>>>,
    stopping: &AtomicBool,
) {
    while let Some(Message::Run(job)) = messages.blocking_recv() {
        let end = lock(ends).get(&job).cloned().unwrap_or_default();
        let known = board.store.find_analysis_of_job(HERE, &job).ok().flatten();
        let waits = known.as_ref().and_then(shown::heard).filter(|info| !info.status.is_terminal());
        let ran = waits.map(|mut info| {
            if info.attempts < ATTEMPTS_MAX {
                return board.run_here(info, &end, stopping);
            }
            let message = "the program ended while this was made, several times";
            info.event_seq += 1;
            info.finished_at = Some(clock::now());
            failed(&mut info, &Problem::new(ProblemCode::Internal, message));
            board.note_here(&info)
        });
        lock(ends).remove(&job);
        if let Some(Err(problem)) = ran {
            tracing::error!(code = ?problem.code, "What became of an analysis could not be kept");
        }
        if stopping.load(Ordering::Relaxed) {
            return;
        }
    }
}

impl App {
    /// Checks what is asked for, and queues it here.
    pub(super) fn queue_here(&self, asked: &NewJob) -> Result<JobInfo, Problem> {
        let board = &self.analyses.board;
        let known = context(board, asked, clock::now())?;
        let job = format!("{JOB}{}", random::hex::<ID_BYTES>()?);
        let info = queued(&job, &known, asked.filter.clone(), self.session().author);
        board.note_here(&info)?;
        Ok(info)
    }

    /// Gives the thread what was queued here.
    pub(super) fn run_queued(&self, info: &JobInfo) {
        self.analyses.here.run(info.job_id.clone());
    }

    /// Ends an analysis that is made here.
    pub(super) fn end_here(&self, info: &JobInfo) -> Result<(), Problem> {
        self.analyses.here.end(&info.job_id);
        if info.status == JobState::Queued {
            let mut info = info.clone();
            info.status = JobState::Canceled;
            info.finished_at = Some(clock::now());
            info.event_seq += 1;
            self.analyses.board.note_here(&info)?;
        }
        Ok(())
    }

    /// Makes an analysis of the profiles that are here, and waits for it: what a terminal does. `tell` is told how
    /// many were looked at of how many, and ends it by its answer; then the answer is nothing.
    ///
    /// # Errors
    /// A [`Problem`]: what cannot be asked for, or a failure of the store.
    pub fn analyse_here(
        &self,
        asked: &NewJob,
        tell: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Option<JobResult>, Problem> {
        let (board, now) = (&self.analyses.board, clock::now());
        let known = context(board, asked, now)?;
        let mut step = |step: Step| tell(step.done, step.total);
        let (report, profiles) =
            match analyse(&board.store, &known, asked.filter.as_deref(), &mut step) {
                Ok(made) => made,
                Err(Stop::Cancelled) => return Ok(None),
                Err(Stop::Problem(problem)) => return Err(problem),
            };
        let job = format!("{JOB}{}", random::hex::<ID_BYTES>()?);
        let mut info = queued(&job, &known, asked.filter.clone(), self.session().author);
        let result = board.keep_here(&info, &report)?;
        info.created_at = now;
        info.started_at = Some(now);
        info.finished_at = Some(clock::now());
        info.status = JobState::Completed;
        info.progress = Some(JobProgress { done: profiles, total: profiles });
        info.result_id = Some(result.result_id.clone());
        board.note_here(&info)?;
        Ok(Some(result))
    }
}
