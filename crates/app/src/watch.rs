//! Watched folders: what is dropped there is imported once it is complete, and moved away.
//!
//! ```text
//! notify, and a look at the folder when it is added ──▶ candidates
//!     size and time stand still for SETTLED_AFTER ────▶ complete
//!     SHA-256 was imported before ──▶ done/           else ──▶ the queue of imports
//!     its run ends (an event) ──▶ done/ or failed/, with what is said of it beside it
//! ```
//! A file is moved only after its import is in the history with its SHA-256: whatever happens in
//! between, it is not imported twice.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use kartei_local_store::Store;
use kartei_protocol::desktop::{
    ImportReport, ImportRun, ImportState, WatchedFolder, WatchedFolders,
};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::clock;
use crate::files;
use crate::hub::Hub;
use crate::past::folder_of;
use crate::problem::of_store;
use crate::queue::{ImportQueue, Request};
use crate::shared::lock;

/// A file that nobody has written to for so long is complete. Copies over a network pause for
/// less.
const SETTLED_AFTER: Duration = Duration::from_millis(1_500);

/// How often candidates are looked at while there are some.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Endings of files that other programs are still writing.
const UNFINISHED: &[&str] = &["part", "partial", "tmp", "crdownload", "download"];

enum Message {
    /// Something happened at a path.
    Path(PathBuf),
    /// An import ended.
    Ended(Box<ImportRun>),
    /// The list of folders changed.
    Folders,
    Stop,
}

/// A file that may not be complete yet.
#[derive(Debug)]
struct Candidate {
    seen: (u64, Option<SystemTime>),
    since: Instant,
}

#[derive(Debug)]
struct Folder {
    shown: WatchedFolder,
    candidates: BTreeMap<PathBuf, Candidate>,
}

type Shown = Arc<Mutex<Vec<WatchedFolder>>>;

/// The thread that watches.
pub(crate) struct Watch {
    messages: Sender<Message>,
    shown: Shown,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch {
    /// Starts watching the folders that the store names.
    pub(crate) fn start(
        data_dir: &Path,
        store: Arc<Store>,
        hub: &Arc<Hub>,
        imports: Arc<ImportQueue>,
    ) -> Result<Self, Problem> {
        let (messages, received) = unbounded();
        let to_ended = messages.clone();
        hub.subscribe(move |event| {
            if let HostEvent::Import { run } = event
                && !matches!(run.state, ImportState::Queued | ImportState::Running)
            {
                // After the end of the program nobody waits for it.
                let _ = to_ended.send(Message::Ended(Box::new(run.clone())));
            }
        });
        let to_paths = messages.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            for path in event.into_iter().flat_map(|event| event.paths) {
                let _ = to_paths.send(Message::Path(path));
            }
        });
        let shown = Shown::default();
        let mut work = Work {
            data_dir: data_dir.to_owned(),
            store,
            hub: Arc::clone(hub),
            imports,
            watcher: watcher.map_err(|e| e.to_string()),
            folders: BTreeMap::new(),
            running: BTreeMap::new(),
            shown: Arc::clone(&shown),
        };
        work.take_folders();
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || work.run(&received))
            .map_err(|e| {
                Problem::new(ProblemCode::Internal, format!("start the watching thread: {e}"))
            })?;
        Ok(Self { messages, shown, thread: Mutex::new(Some(thread)) })
    }

    /// Stops watching and waits for the thread. Files on their way stay where they are.
    pub(crate) fn shutdown(&self) {
        let _ = self.messages.send(Message::Stop);
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

struct Work {
    data_dir: PathBuf,
    store: Arc<Store>,
    hub: Arc<Hub>,
    imports: Arc<ImportQueue>,
    watcher: Result<RecommendedWatcher, String>,
    folders: BTreeMap<u64, Folder>,
    /// Runs of this thread's files: folder and file.
    running: BTreeMap<u64, (u64, PathBuf)>,
    shown: Shown,
}

impl Work {
    fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let waits = self.folders.values().any(|folder| !folder.candidates.is_empty());
            let message = if waits {
                messages.recv_timeout(LOOK_EVERY)
            } else {
                messages.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match message {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Message::Folders) => self.take_folders(),
                Ok(Message::Path(path)) => self.consider(&path),
                Ok(Message::Ended(run)) => self.ended(&run),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.look();
            self.show();
        }
    }

    /// Follows the list in the store.
    fn take_folders(&mut self) {
        let wanted = match self.store.watched() {
            Ok(wanted) => wanted,
            Err(error) => {
                tracing::error!(%error, "The watched folders cannot be read");
                return;
            }
        };
        let known: Vec<u64> = self.folders.keys().copied().collect();
        for id in known {
            if !wanted.iter().any(|folder| folder.id == id)
                && let Some(folder) = self.folders.remove(&id)
                && let Ok(watcher) = &mut self.watcher
            {
                // It may be gone already.
                let _ = watcher.unwatch(Path::new(&folder.shown.path));
            }
        }
        for folder in wanted {
            if self.folders.contains_key(&folder.id) {
                continue;
            }
            let problem = self.begin(Path::new(&folder.path)).err();
            let shown = WatchedFolder {
                id: folder.id,
                path: folder.path.clone(),
                imported: 0,
                failed: 0,
                waiting: 0,
                problem,
            };
            self.folders.insert(folder.id, Folder { shown, candidates: BTreeMap::new() });
            // What came while nobody watched.
            for entry in std::fs::read_dir(&folder.path).into_iter().flatten().flatten() {
                self.consider(&entry.path());
            }
        }
        self.show();
    }

    fn begin(&mut self, path: &Path) -> Result<(), Problem> {
        let refuse = |why: String| {
            let shown = path.display().to_string();
            let message = format!("{shown} cannot be watched: {why}");
            Problem::new(ProblemCode::FileUnreadable, message).about(shown)
        };
        let watcher = self.watcher.as_mut().map_err(|e| refuse(e.clone()))?;
        watcher.watch(path, RecursiveMode::NonRecursive).map_err(|e| refuse(e.to_string()))
    }

    /// A file directly in a watched folder is a candidate, unless it is hidden or unfinished.
    fn consider(&mut self, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || UNFINISHED.contains(&ending.as_ref()) {
            return;
        }
        let Ok(metadata) = std::fs::metadata(path) else { return };
        let is_running = self.running.values().any(|(_, running)| running == path);
        if !metadata.is_file() || is_running {
            return;
        }
        let of = |folder: &&mut Folder| path.parent() == Some(Path::new(&folder.shown.path));
        if let Some(folder) = self.folders.values_mut().find(of) {
            let seen = (metadata.len(), metadata.modified().ok());
            let candidate = Candidate { seen, since: Instant::now() };
            folder.candidates.entry(path.to_owned()).or_insert(candidate);
        }
    }

    /// Takes candidates that stand still.
    fn look(&mut self) {
        let mut complete = Vec::new();
        for (id, folder) in &mut self.folders {
            folder.candidates.retain(|path, candidate| {
                let Ok(metadata) = std::fs::metadata(path) else { return false };
                let seen = (metadata.len(), metadata.modified().ok());
                if seen != candidate.seen {
                    *candidate = Candidate { seen, since: Instant::now() };
                }
                if candidate.since.elapsed() < SETTLED_AFTER {
                    return true;
                }
                complete.push((*id, path.clone()));
                false
            });
        }
        for (id, path) in complete {
            self.take(id, path);
        }
    }

    /// Imports a complete file, unless it was imported before.
    fn take(&mut self, id: u64, path: PathBuf) {
        let before = match digest_of(&path) {
            Ok(digest) => self.store.import_of_file(&digest).unwrap_or_default(),
            // The import says what is wrong with it.
            Err(_) => None,
        };
        if let Some(import) = before {
            self.away(id, &path, "done", None, Some(import));
            return;
        }
        let request = Request {
            paths: vec![path.display().to_string()],
            watched: true,
            ..Request::default()
        };
        match self.imports.add(request) {
            Ok(run) => {
                self.running.insert(run.run, (id, path));
            }
            Err(problem) => {
                if let Some(folder) = self.folders.get_mut(&id) {
                    folder.shown.problem = Some(problem);
                }
            }
        }
    }

    fn ended(&mut self, run: &ImportRun) {
        let Some((id, path)) = self.running.remove(&run.run) else { return };
        if run.state == ImportState::Cancelled {
            // It stays where it is, and is taken again when the program starts anew.
            return;
        }
        let report = run.reports.first();
        let is_good = report.is_some_and(|report| {
            let counts = &report.counts;
            let good = counts.created + counts.updated + counts.unchanged + counts.duplicates;
            report.failure.is_none() && (good > 0 || counts.rejected == 0)
        });
        self.away(id, &path, if is_good { "done" } else { "failed" }, report, None);
    }

    /// Moves a file away, with what is said of it.
    fn away(
        &mut self,
        id: u64,
        path: &Path,
        to: &str,
        report: Option<&ImportReport>,
        before: Option<u64>,
    ) {
        let moved = self.carry(path, to, report, before);
        let Some(folder) = self.folders.get_mut(&id) else { return };
        match (&moved, to) {
            (Ok(()), "done") => folder.shown.imported += 1,
            (Ok(()), _) => folder.shown.failed += 1,
            (Err(error), _) => {
                folder.shown.problem = Some(files::unwritable(path, &error.to_string()));
            }
        }
    }

    fn carry(
        &self,
        path: &Path,
        to: &str,
        report: Option<&ImportReport>,
        before: Option<u64>,
    ) -> io::Result<()> {
        let folder = path.parent().unwrap_or(path).join(to);
        std::fs::create_dir_all(&folder)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let target = files::free_name(&folder, &name);
        std::fs::rename(path, &target)?;
        let beside = |ending: &str| {
            let mut name = target.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let said = match (report, before) {
            (Some(report), _) => serde_json::to_vec_pretty(report),
            (None, import) => {
                let said = serde_json::json!({ "imported_before_as": import });
                serde_json::to_vec_pretty(&said)
            }
        };
        std::fs::write(beside(".report.json"), said.map_err(io::Error::other)?)?;
        let Some(import) = report.and_then(|report| report.import) else { return Ok(()) };
        let files = folder_of(&self.data_dir, import);
        for name in ["errors.ndjson", "errors.csv", "rejected.ndjson"] {
            let from = files.join(name);
            if from.is_file() {
                std::fs::copy(from, beside(&format!(".{name}")))?;
            }
        }
        Ok(())
    }

    /// Tells listeners what has changed.
    fn show(&mut self) {
        for (id, folder) in &mut self.folders {
            let running = self.running.values().filter(|(of, _)| of == id).count();
            folder.shown.waiting = (folder.candidates.len() + running) as u64;
        }
        let now: Vec<WatchedFolder> =
            self.folders.values().map(|folder| folder.shown.clone()).collect();
        let mut shown = lock(&self.shown);
        if *shown != now {
            shown.clone_from(&now);
            drop(shown);
            self.hub.emit(&HostEvent::Watched { folders: now });
        }
    }
}

/// SHA-256 of a file.
fn digest_of(path: &Path) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize().into())
}

impl App {
    /// Watches the watched folders from now on: for programs that stay. Others, which share the data
    /// folder for one command, leave files to them.
    ///
    /// # Errors
    /// That the thread did not start.
    pub fn start_watching(&self) -> Result<(), Problem> {
        let mut watching = self.watching();
        if watching.is_none() {
            *watching = Some(Watch::start(
                &self.data_dir,
                Arc::clone(&self.shared.store),
                &self.shared.hub,
                Arc::clone(&self.imports),
            )?);
        }
        Ok(())
    }

    fn watching(&self) -> MutexGuard<'_, Option<Watch>> {
        lock(&self.watch)
    }

    pub(crate) fn stop_watching(&self) {
        let watch = self.watching().take();
        if let Some(watch) = watch {
            watch.shutdown();
        }
    }

    fn folders_changed(&self) {
        if let Some(watch) = &*self.watching() {
            // It only stops together with the program.
            let _ = watch.messages.send(Message::Folders);
        }
    }

    pub(crate) fn watched(&self) -> Result<WatchedFolders, Problem> {
        let shown = match &*self.watching() {
            Some(watch) => lock(&watch.shown).clone(),
            None => Vec::new(),
        };
        let known = self.shared.store.watched().map_err(|e| of_store(&e))?;
        // One that was added a moment ago is not watched yet, but it is there.
        let folders = known.into_iter().map(|folder| {
            let seen = shown.iter().find(|shown| shown.id == folder.id).cloned();
            seen.unwrap_or(WatchedFolder {
                id: folder.id,
                path: folder.path,
                imported: 0,
                failed: 0,
                waiting: 0,
                problem: None,
            })
        });
        Ok(WatchedFolders { folders: folders.collect() })
    }

    pub(crate) fn watch(&self, path: &str) -> Result<WatchedFolders, Problem> {
        let refuse =
            |code, why: &str| Err(Problem::new(code, format!("{path}: {why}")).about(path));
        let full = match Path::new(path).canonicalize() {
            Ok(full) => full,
            Err(_) => return refuse(ProblemCode::FileMissing, "there is no such folder"),
        };
        if !full.is_dir() {
            return refuse(
                ProblemCode::NotAFile,
                "this is a file; choose the folder that it is in",
            );
        }
        if full.starts_with(self.data_dir.canonicalize().unwrap_or_default()) {
            return refuse(ProblemCode::InvalidRequest, "this is Kartei's own data folder");
        }
        let shown = full.display().to_string();
        self.shared.store.add_watched(&shown, clock::now()).map_err(|e| of_store(&e))?;
        self.folders_changed();
        self.watched()
    }

    pub(crate) fn unwatch(&self, id: u64) -> Result<WatchedFolders, Problem> {
        if !self.shared.store.remove_watched(id).map_err(|e| of_store(&e))? {
            let message = format!("there is no watched folder {id}");
            return Err(Problem::new(ProblemCode::NotFound, message));
        }
        self.folders_changed();
        self.watched()
    }
}
