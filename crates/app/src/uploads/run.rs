//! One upload, driven: the plan says what is next, tasks do it.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream;
use kartei_local_store::{StoredUpload, UploadState as Kept};
use kartei_protocol::desktop::UploadStage;
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_protocol::uploads::{CompleteUpload, NewUpload, UploadState};
use kartei_relay_client::{Chunk, RelayClient, UploadFailure};
use kartei_upload_core::{Answer, End, Failure, Phase, Plan, Step, Ticket, TreeDigest};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::task::{AbortHandle, JoinSet, spawn_blocking};
use tokio::time::Instant;

use super::file::{self, FileProblem, Tree};
use super::shown::{self, Live};
use super::{Board, random};
use crate::clock;
use crate::problem::of_relay;

/// Progress is told at most ten times a second.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// How far it is, is noted so often: what is shown after a restart before the relay has answered.
const NOTE_EVERY: Duration = Duration::from_secs(5);

/// Between two looks at the clock while nothing else happens.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The system's clock went on by so much more than the program did: the computer slept, and its connections
/// are dead.
const SLEPT: Duration = Duration::from_secs(10);

/// Blocks of a body that wait for the connection.
const BLOCKS_WAITING: usize = 2;

/// How often attaching is tried; the file itself is at the relay by then.
const ATTACH_TRIES: u32 = 5;

/// What is asked of an upload that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    /// Try now.
    Nudge,
    /// Stop; the relay keeps what it has.
    Hold,
    /// End it at the relay too.
    Cancel,
}

/// What came of a step.
enum Outcome {
    Answered(Result<Box<UploadState>, UploadFailure>),
    File(FileProblem),
}

impl From<FileProblem> for Outcome {
    fn from(problem: FileProblem) -> Self {
        Self::File(problem)
    }
}

/// What every step of an upload works with.
#[derive(Clone)]
struct Work {
    client: RelayClient,
    path: PathBuf,
    upload: Arc<StoredUpload>,
    tree: Tree,
    /// Bytes that were handed to connections.
    moved: UnboundedSender<(Ticket, u64)>,
}

/// An upload that runs.
pub(super) struct Run {
    pub(super) board: Arc<Board>,
    pub(super) client: RelayClient,
    pub(super) upload: StoredUpload,
    pub(super) controls: UnboundedReceiver<Control>,
}

/// How far the loop is.
struct State {
    plan: Plan,
    begun: Instant,
    wall: SystemTime,
    tasks: JoinSet<(Ticket, Outcome)>,
    handles: HashMap<Ticket, AbortHandle>,
    /// What was noted in the store: session, generation.
    noted: (Option<String>, u32),
    noted_at: Instant,
    told: Option<Instant>,
    cancelled: bool,
    detail: String,
}

impl State {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Gives up what is on its way.
    fn drop_all(&mut self) {
        let now = self.now();
        for (ticket, handle) in self.handles.drain() {
            handle.abort();
            self.plan.settle(ticket, now, random(), Answer::Dropped);
        }
    }

    /// Gives up what stands still.
    fn drop_stalled(&mut self) {
        let now = self.now();
        for ticket in self.plan.stalled(now) {
            if let Some(handle) = self.handles.remove(&ticket) {
                handle.abort();
            }
            "the connection stands still".clone_into(&mut self.detail);
            self.plan.settle(ticket, now, random(), Answer::Failed(Failure::unreachable()));
        }
    }

    /// Whether the computer slept since the last look.
    fn slept(&mut self) -> bool {
        let passed = self.wall.elapsed().unwrap_or_default();
        let lived = self.begun.elapsed();
        if passed.saturating_sub(lived) < SLEPT {
            return false;
        }
        self.wall = SystemTime::now().checked_sub(lived).unwrap_or(self.wall);
        true
    }
}

impl Run {
    /// Drives the upload to its end, or until it is held.
    pub(super) async fn drive(mut self) {
        let size = self.upload.new.print.size;
        let path = PathBuf::from(&self.upload.new.path);
        let (looked, print) = (path.clone(), self.upload.new.print.clone());
        let same = spawn_blocking(move || file::print_of(&looked).map(|now| now == print)).await;
        match same {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return self.file_is_wrong(FileProblem::Changed).await,
            Ok(Err(error)) => return self.file_is_wrong(FileProblem::Io(error)).await,
            Err(_) => return,
        }
        let (moved, mut moves) = unbounded_channel();
        let work = Work {
            client: self.client.clone(),
            path,
            upload: Arc::new(self.upload.clone()),
            tree: Arc::new(Mutex::new(TreeDigest::new(size))),
            moved,
        };
        let session = self.upload.session.clone();
        let generation = self.upload.generation;
        let mut state = State {
            plan: Plan::new(size, session.clone(), generation),
            begun: Instant::now(),
            wall: SystemTime::now(),
            tasks: JoinSet::new(),
            handles: HashMap::new(),
            noted: (session, generation),
            noted_at: Instant::now(),
            told: None,
            cancelled: false,
            detail: String::new(),
        };
        loop {
            let now = state.now();
            while let Some((ticket, step)) = state.plan.next(now) {
                let session = state.plan.session().map(str::to_owned);
                let task = perform(work.clone(), ticket, step, session);
                let handle = state.tasks.spawn(async move { (ticket, task.await) });
                state.handles.insert(ticket, handle);
            }
            self.note(&mut state);
            if let Phase::Ended(end) = state.plan.phase().clone() {
                return self.end(end, &work, &state.detail).await;
            }
            self.tell(&mut state);
            let wake = state.plan.wake_at().map(|at| state.begun + Duration::from_millis(at));
            let wake = wake.map_or(LOOK_EVERY, |at| at.saturating_duration_since(Instant::now()));
            tokio::select! {
                Some(done) = state.tasks.join_next() => {
                    // One that was given up is settled already.
                    let Ok((ticket, outcome)) = done else { continue };
                    state.handles.remove(&ticket);
                    match outcome {
                        Outcome::File(problem) => return self.file_is_wrong(problem).await,
                        Outcome::Answered(answer) => settle(&mut state, ticket, answer),
                    }
                }
                Some((ticket, bytes)) = moves.recv() => {
                    let now = state.now();
                    state.plan.sent(ticket, now, bytes);
                }
                control = self.controls.recv() => match control {
                    Some(Control::Nudge) => {
                        state.drop_all();
                        state.plan.resume();
                    }
                    // It is said again for as long as it runs.
                    Some(Control::Cancel) if state.cancelled => {}
                    Some(Control::Cancel) => {
                        state.cancelled = true;
                        state.drop_all();
                        state.plan.cancel();
                    }
                    Some(Control::Hold) | None => return,
                },
                () = tokio::time::sleep(wake.min(LOOK_EVERY)) => {
                    state.drop_stalled();
                    if state.slept() {
                        state.drop_all();
                        state.plan.resume();
                    }
                }
            }
        }
    }

    fn note(&self, state: &mut State) {
        let now = (state.plan.session().map(str::to_owned), state.plan.generation());
        if now == state.noted && state.noted_at.elapsed() < NOTE_EVERY {
            return;
        }
        state.noted_at = Instant::now();
        let at = state.now();
        let durable = state.plan.progress(at).durable;
        let store = &self.board.store;
        let noted = store.note_upload_session(self.upload.id, now.0.as_deref(), now.1, durable);
        if let Err(error) = noted {
            // The next run finds the session by its key.
            tracing::warn!(%error, "An upload's session was not noted");
        }
        state.noted = now;
    }

    fn tell(&self, state: &mut State) {
        if state.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        state.told = Some(Instant::now());
        let now = state.now();
        let progress = state.plan.progress(now);
        let (stage, problem, retry_at) = match state.plan.phase() {
            Phase::Waiting { failure, .. } if failure.code == "completing" => {
                (UploadStage::Completing, None, None)
            }
            Phase::Waiting { until, failure } => {
                let left = i64::try_from(until.saturating_sub(now)).unwrap_or(0);
                let problem = shown::problem(failure, &state.detail);
                (UploadStage::Waiting, Some(problem), Some(clock::now() + left))
            }
            _ if progress.durable == progress.size && progress.size > 0 => {
                (UploadStage::Completing, None, None)
            }
            _ => (UploadStage::Running, None, None),
        };
        let live = Live {
            stage,
            durable: progress.durable,
            sent: progress.sent,
            rate: progress.rate,
            seconds_left: progress.seconds_left,
            streams: progress.streams,
            request_bytes: progress.request_bytes,
            problem,
            retry_at,
        };
        self.board.show(&self.upload, &live);
    }

    async fn file_is_wrong(&self, problem: FileProblem) {
        let path = &self.upload.new.path;
        let (kept, problem) = match problem {
            FileProblem::Changed => (Kept::Changed, shown::changed(path)),
            FileProblem::Io(error) => (Kept::Failed, shown::unreadable(path, &error)),
        };
        if let Ok(stored) = self.board.store.upload(self.upload.id)
            && let (Kept::Changed, Some(session)) = (kept, stored.session)
            && let Err(error) = self.client.abort_upload(&session).await
        {
            // It expires by itself.
            tracing::info!(code = error.failure.code, "An upload's session was not ended");
        }
        self.board.set(self.upload.id, kept, Some(&problem));
    }

    async fn end(&self, end: End, work: &Work, detail: &str) {
        let id = self.upload.id;
        match end {
            End::Cancelled => {}
            End::Failed(failure) => {
                tracing::warn!(code = failure.code, status = failure.status, "An upload failed");
                self.board.set(id, Kept::Failed, Some(&shown::problem(&failure, detail)));
            }
            End::Completed { file, digest } => {
                let ours = work.tree.lock().ok().and_then(|tree| tree.finish());
                if let (Some(ours), Some(theirs)) = (ours, digest)
                    && ours.to_hex().as_str() != theirs
                {
                    let message =
                        "the relay has another content than was sent; begin the upload anew";
                    let problem = Problem::new(ProblemCode::DigestMismatch, message);
                    return self.board.set(id, Kept::Failed, Some(&problem));
                }
                let problem = self.attach(&file).await;
                self.board.finish(id, &file, problem.as_ref());
            }
        }
    }

    /// Attaches the file where that was asked for; answers what kept it from that.
    async fn attach(&self, file: &str) -> Option<Problem> {
        let profile = self.upload.new.attach.as_deref()?;
        for attempt in 1.. {
            match self.client.attach_file(file, profile, true).await {
                Ok(()) => return None,
                Err(error) if error.is_transient() && attempt < ATTACH_TRIES => {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(error) => {
                    let message = format!("the file is at the relay, but not attached: {error}");
                    return Some(Problem { message, ..of_relay(&error) });
                }
            }
        }
        None
    }
}

fn settle(state: &mut State, ticket: Ticket, answer: Result<Box<UploadState>, UploadFailure>) {
    let answer = match answer {
        Ok(upload) => Answer::State(upload),
        Err(UploadFailure { failure, detail }) => {
            tracing::info!(code = failure.code, status = failure.status, "An upload's step failed");
            state.detail = detail;
            Answer::Failed(failure)
        }
    };
    let now = state.now();
    state.plan.settle(ticket, now, random(), answer);
}

/// Runs what reads the disk off the event loop.
async fn off<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, FileProblem> {
    spawn_blocking(work).await.map_err(|e| FileProblem::Io(io::Error::other(e)))
}

async fn perform(work: Work, ticket: Ticket, step: Step, session: Option<String>) -> Outcome {
    let client = work.client.clone();
    let session = session.unwrap_or_default();
    let answered = match step {
        Step::Create { generation, whole } => {
            match create(&work, ticket, generation, whole).await {
                Ok(answered) => answered,
                Err(problem) => return problem.into(),
            }
        }
        Step::Send { from, to } => match send(&work, ticket, &session, (from, to)).await {
            Ok(answered) => answered,
            Err(problem) => return problem.into(),
        },
        Step::Ask => client.upload_state(&session).await,
        Step::Abort => client.abort_upload(&session).await,
        Step::Complete => {
            let Work { path, upload, tree, moved, .. } = work;
            // Hashing is no standing still.
            let looked = move || {
                let _ = moved.send((ticket, 0));
            };
            let digest = off(move || file::digest(&path, &upload.new.print, &tree, looked)).await;
            match digest {
                Ok(Ok(digest)) => {
                    let digest = Some(digest.to_hex().to_string());
                    let complete = CompleteUpload { digest, ..CompleteUpload::default() };
                    client.complete_upload(&session, &complete).await
                }
                Ok(Err(problem)) | Err(problem) => return problem.into(),
            }
        }
    };
    Outcome::Answered(answered.map(Box::new))
}

async fn create(
    work: &Work,
    ticket: Ticket,
    generation: u32,
    whole: bool,
) -> Result<Result<UploadState, UploadFailure>, FileProblem> {
    let upload = &work.upload;
    let mut new = NewUpload {
        name: upload.new.name.clone(),
        size: Some(upload.new.print.size),
        key: Some(format!("{}.{generation}", upload.new.key)),
        ..NewUpload::default()
    };
    if !whole {
        return Ok(work.client.create_upload(&new).await);
    }
    let of = work.clone();
    let (crc32c, content) =
        off(move || file::whole(&of.path, &of.upload.new.print, &of.tree)).await??;
    new.digest = Some(blake3::hash(&content).to_hex().to_string());
    // Nobody listens any more where the upload was held.
    let _ = work.moved.send((ticket, content.len() as u64));
    Ok(work.client.upload_whole(&new, crc32c, content).await)
}

async fn send(
    work: &Work,
    ticket: Ticket,
    session: &str,
    range: (u64, u64),
) -> Result<Result<UploadState, UploadFailure>, FileProblem> {
    let of = work.clone();
    let crc32c = off(move || {
        let looked = || {
            let _ = of.moved.send((ticket, 0));
        };
        file::look(&of.path, &of.upload.new.print, range, &of.tree, looked)
    })
    .await??;
    let (blocks, waiting) = channel::<io::Result<Bytes>>(BLOCKS_WAITING);
    let of = work.clone();
    spawn_blocking(move || file::feed(&of.path, &of.upload.new.print, range, &blocks));
    let moved = work.moved.clone();
    let body =
        stream::unfold((waiting, moved, 0), move |(mut waiting, moved, before)| async move {
            let block = waiting.recv().await?;
            // The block before this one is with the connection now.
            let _ = moved.send((ticket, before));
            let bytes = block.as_ref().map_or(0, |block| block.len() as u64);
            Some((block, (waiting, moved, bytes)))
        });
    let chunk = Chunk { upload: session, offset: range.0, bytes: range.1 - range.0, crc32c };
    Ok(work.client.send_chunk(chunk, body).await)
}
