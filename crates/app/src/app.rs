//! One data folder at work.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use kartei_keychain::Keychain;
use kartei_local_store::{DatabaseKey, Salt, Session, Store, StoreOptions};
use kartei_profile::Actor;
use kartei_protocol::desktop::{DownloadRun, ExportRun, ImportReport, ProfileDetail, SyncStatus};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::Problem;
use kartei_relay_client::Trust;

use crate::analyses::Analyses;
use crate::behavior::{Behavior, ListScores};
use crate::diagnostics::Prepared;
use crate::encryption;
use crate::erasure;
use crate::folder;
use crate::hub::Hub;
use crate::import::{Job, Progress, import_file};
use crate::log;
use crate::observations;
use crate::problem::of_store;
use crate::queue::ImportQueue;
use crate::random;
use crate::runs::Runs;
use crate::shared::Shared;
use crate::sign_in::Attempt;
use crate::sync::{self, Background};
use crate::token::Tokens;
use crate::uploads::Uploads;
use crate::watch::Watch;
use crate::workplace::Workplace;

/// How to open a data folder.
#[derive(Debug, Clone, Default)]
pub struct AppOptions {
    /// The data folder.
    pub data_dir: PathBuf,
    /// The person's name where no relay says it; else the account's name on this machine.
    pub author: Option<String>,
    /// Waits this long for another program's write, rather than five seconds.
    pub busy_timeout: Option<Duration>,
    /// The engine that shows the window, where there is one that the front end knows.
    pub web_engine: Option<String>,
    /// Where secrets are put; without one they lie in the database.
    pub keychain: Option<Arc<dyn Keychain>>,
    /// Opens an encrypted data folder without asking the keychain.
    pub recovery_key: Option<DatabaseKey>,
    /// Whom to believe to be the relay.
    pub trust: Trust,
}

/// A replica at work: the store, imports, sync, and listeners.
#[derive(Debug)]
pub struct App {
    pub(crate) data_dir: PathBuf,
    pub(crate) shared: Arc<Shared>,
    pub(crate) session: RwLock<Session>,
    pub(crate) fallback_author: Option<String>,
    pub(crate) imports: Arc<ImportQueue>,
    pub(crate) watch: Mutex<Option<Watch>>,
    pub(crate) exports: Runs<ExportRun>,
    pub(crate) behavior: Behavior,
    pub(crate) list_scores: ListScores,
    pub(crate) uploads: Uploads,
    pub(crate) analyses: Analyses,
    pub(crate) downloads: Runs<DownloadRun>,
    pub(crate) background: Arc<Background>,
    pub(crate) syncs: AtomicBool,
    pub(crate) sign_in: Attempt,
    pub(crate) web_engine: Option<String>,
    pub(crate) prepared: Prepared,
    pub(crate) keychain: Option<Arc<dyn Keychain>>,
    /// The key that the database will be encrypted with, once somebody has seen it.
    pub(crate) next_key: Mutex<Option<(DatabaseKey, Salt)>>,
    pub(crate) opened: Mutex<Vec<String>>,
    /// The workspaces that this is one of, where it is.
    pub(crate) workplace: OnceLock<Weak<Workplace>>,
}

impl App {
    /// Opens a data folder, creating it where it is missing.
    ///
    /// # Errors
    /// A problem of the store: locked, too new, damaged, full. Nothing was changed then.
    pub fn open(options: AppOptions) -> Result<Arc<Self>, Problem> {
        let store_options = StoreOptions {
            busy_timeout: options.busy_timeout,
            size_bytes_max: None,
            key: encryption::key_of(&options)?,
        };
        let store = Store::open(&options.data_dir, store_options).map_err(|e| of_store(&e))?;
        let store = Arc::new(store);
        // What was begun when the program ended.
        erasure::finish(&store);
        let settings = store.sync_settings().map_err(|e| of_store(&e))?;
        let fallback_author = options.author.or_else(folder::account_name);
        let author = settings.author.or_else(|| fallback_author.clone());
        let session = Session { actor: Actor::from_random(random::bytes()?), author };
        let hub = Arc::new(Hub::default());
        log::follow(&hub, &store);
        let shared = Arc::new(Shared::new(
            Arc::clone(&store),
            Arc::clone(&hub),
            Tokens::new(options.keychain.clone()),
            options.trust,
        ));
        let background = Arc::new(Background::default());
        let (after_shared, after_background) = (Arc::clone(&shared), Arc::clone(&background));
        let data_dir = options.data_dir.clone();
        let uploads = Uploads::new(Arc::clone(&store), Arc::clone(&hub));
        let analyses = Analyses::new(Arc::clone(&store), Arc::clone(&hub));
        let list_scores = ListScores::new(&hub);
        let imports = ImportQueue::start(data_dir, store, hub, move || {
            sync::emit_status(&after_shared);
            after_background.local_change();
        })?;
        let imports = Arc::new(imports);
        Ok(Arc::new(Self {
            data_dir: options.data_dir,
            shared,
            session: RwLock::new(session),
            fallback_author,
            imports,
            watch: Mutex::default(),
            exports: Runs::default(),
            behavior: Behavior::default(),
            list_scores,
            uploads,
            analyses,
            downloads: Runs::default(),
            background,
            syncs: AtomicBool::new(false),
            sign_in: Attempt::default(),
            web_engine: options.web_engine,
            prepared: Prepared::default(),
            keychain: options.keychain,
            next_key: Mutex::default(),
            opened: Mutex::default(),
            workplace: OnceLock::new(),
        }))
    }

    /// Calls `listener` with every event, on the thread where it happens.
    pub fn subscribe(&self, listener: impl Fn(&HostEvent) + Send + Sync + 'static) {
        self.shared.hub.subscribe(listener);
    }

    /// Files were dropped or the system asked to open them: a front end takes them.
    pub fn files_opened(&self, paths: Vec<String>) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.extend(paths.iter().cloned());
        drop(opened);
        self.shared.hub.emit(&HostEvent::FilesOpened { paths });
    }

    /// Files hover over the window, or have left it.
    pub fn files_hover(&self, active: bool, paths: Vec<String>) {
        self.shared.hub.emit(&HostEvent::FilesHover { active, paths });
    }

    /// The window is gone: it shows no profile any more.
    pub fn window_closed(&self) {
        self.shared.desk.open(None);
    }

    /// Syncs and sends uploads from now on, and after every sign-in.
    pub fn start_sync(&self) {
        self.syncs.store(true, Ordering::Relaxed);
        if let Err(problem) = self.background.start(&self.shared, self.session()) {
            tracing::error!(code = ?problem.code, %problem, "Sync did not start");
        }
        if let Err(problem) = self.start_uploads() {
            tracing::error!(code = ?problem.code, %problem, "Uploads did not start");
        }
        if let Err(problem) = self.list_scores.start(&self.shared) {
            tracing::error!(code = ?problem.code, %problem, "Scores of lists are not made");
        }
        if let Err(problem) = self.start_analyses() {
            tracing::error!(code = ?problem.code, %problem, "Analyses are not followed");
        }
        sync::emit_status(&self.shared);
    }

    /// Stops what runs in the background and waits for it.
    pub fn shutdown(&self) {
        self.background.stop();
        self.uploads.stop();
        self.analyses.stop();
        self.list_scores.stop();
        self.downloads.shutdown();
        self.stop_watching();
        self.exports.shutdown();
        self.behavior.shutdown();
        self.imports.shutdown();
    }

    /// Exchanges everything with the relay once, on this thread.
    ///
    /// # Errors
    /// What kept it from finishing. What was exchanged before stays exchanged.
    pub fn sync_once(&self) -> Result<SyncStatus, Problem> {
        sync::once(&self.shared, &self.session())?;
        sync::status(&self.shared)
    }

    /// Imports one file on this thread, or only tells what would happen.
    #[must_use]
    pub fn import_now(
        &self,
        path: &Path,
        dry_run: bool,
        mut on_progress: impl FnMut(Progress),
    ) -> ImportReport {
        let job = Job {
            path: path.to_owned(),
            data_dir: self.data_dir.clone(),
            by: self.session().author,
            watched: false,
            dry_run,
            lines_max: None,
        };
        let cancel = AtomicBool::new(false);
        import_file(&self.shared.store, &job, &cancel, &mut |_| (), &mut on_progress).report
    }

    pub(crate) fn session(&self) -> Session {
        self.session.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn changed(&self) {
        self.shared.hub.profiles_changed();
        self.background.local_change();
        sync::emit_status(&self.shared);
    }

    pub(crate) fn detail(&self, id: &str) -> Result<ProfileDetail, Problem> {
        self.whole_detail(id).map(observations::left_out)
    }
}
