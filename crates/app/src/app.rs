//! One data folder at work.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use kartei_keychain::Keychain;
use kartei_local_store::{DatabaseKey, Salt, Session, Store, StoreOptions};
use kartei_profile::Actor;
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{
    About, ActDone, Acts, AddWatched, AddWorkspace, AskSeries, AttributeNames, BackupStore,
    BulkEdit, CheckStore, Choice, Compacted, ConflictPage, CopiedRows, CopyRows, CountFacet,
    DecideConflicts, DecideMany, Decision, DeleteProfiles, DeletedProfiles, Deletion, Diagnostics,
    EditProfile, Empty, EncryptStore, ErasureReport, ExportProfiles, ExportRun, Facet, FilterText,
    GetProfile, HistoryPage, ImportFiles, ImportHistory, ImportId, ImportReport, ImportRun,
    KeepToken, ListConflicts, ListImports, ListObservations, ListPart, ListProfiles, LogPage,
    NarrowFilter, NoticeShown, ObservationPage, OpenProfile, OpenedFiles, OpenedLink,
    PrepareDiagnostics, Presence, ProfileAt, ProfileDetail, ProfileId, ProfilePage, ProfileVersion,
    ReadLog, RecoveryKey, RejectedProfiles, RelaysProfile, RemoveWorkspace, RenameWorkspace,
    ResolveConflict, RunId, SampleData, SaveDiagnostics, SaveImportFile, SaveRecoveryKey, SaveView,
    SavedFile, SavedView, SavedViews, Security, SendAgain, Series, ShowNotice, SignIn, StoreCheck,
    StoreInfo, SyncStatus, TableLayout, UnlockStore, ViewId, WatchedFolders, WatchedId,
    WorkspaceId, Workspaces,
};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_relay_client::RelayClient;

use crate::clock;
use crate::diagnostics::Prepared;
use crate::encryption::{self, KeychainNeed};
use crate::erasure;
use crate::export::Exports;
use crate::folder;
use crate::hub::Hub;
use crate::import::{Job, Progress, import_file};
use crate::log;
use crate::observations;
use crate::problem::{of_filter, of_relay, of_store};
use crate::queue::{ImportQueue, Request};
use crate::random;
use crate::shared::Shared;
use crate::sync::{self, Background};
use crate::table;
use crate::token::Tokens;
use crate::views;
use crate::watch::Watch;
use crate::workplace::Workplace;

/// Edits in one request at most: a person changes some fields, a bulk edit is another command.
pub(crate) const EDITS_MAX: usize = 1_000;

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
}

/// A replica at work: the store, imports, sync, and listeners.
#[derive(Debug)]
pub struct App {
    pub(crate) data_dir: PathBuf,
    pub(crate) shared: Arc<Shared>,
    session: RwLock<Session>,
    fallback_author: Option<String>,
    pub(crate) imports: Arc<ImportQueue>,
    pub(crate) watch: Mutex<Option<Watch>>,
    pub(crate) exports: Exports,
    pub(crate) background: Arc<Background>,
    pub(crate) syncs: AtomicBool,
    pub(crate) web_engine: Option<String>,
    pub(crate) prepared: Prepared,
    pub(crate) keychain: Option<Arc<dyn Keychain>>,
    /// The key that the database will be encrypted with, once somebody has seen it.
    pub(crate) next_key: Mutex<Option<(DatabaseKey, Salt)>>,
    opened: Mutex<Vec<String>>,
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
        ));
        let background = Arc::new(Background::default());
        let (after_shared, after_background) = (Arc::clone(&shared), Arc::clone(&background));
        let data_dir = options.data_dir.clone();
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
            exports: Exports::default(),
            background,
            syncs: AtomicBool::new(false),
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

    /// Syncs from now on, and after every sign-in.
    pub fn start_sync(&self) {
        self.syncs.store(true, Ordering::Relaxed);
        if let Err(problem) = self.background.start(&self.shared, self.session()) {
            tracing::error!(code = ?problem.code, %problem, "Sync did not start");
        }
        sync::emit_status(&self.shared);
    }

    /// Stops what runs in the background and waits for it.
    pub fn shutdown(&self) {
        self.background.stop();
        self.stop_watching();
        self.exports.shutdown();
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

    fn whole_detail(&self, id: &str) -> Result<ProfileDetail, Problem> {
        let store = &self.shared.store;
        let read = || {
            let view = store.profile(id)?;
            views::detail(store, &view, store.conflicts(id)?)
        };
        read().map_err(|e| of_store(&e))
    }
}

impl Commands for App {
    fn about(&self, _: Empty) -> Result<About, Problem> {
        Ok(self.versions())
    }

    fn open_data_folder(&self, _: Empty) -> Result<Empty, Problem> {
        self.show_folder()
    }

    fn read_log(&self, request: ReadLog) -> Result<LogPage, Problem> {
        self.log_page(&request)
    }

    fn prepare_diagnostics(&self, request: PrepareDiagnostics) -> Result<Diagnostics, Problem> {
        self.diagnose(&request)
    }

    fn save_diagnostics(&self, request: SaveDiagnostics) -> Result<SavedFile, Problem> {
        self.save_bundle(&request)
    }

    fn sample_data(&self, _: Empty) -> Result<SampleData, Problem> {
        self.sample()
    }

    fn import_sample(&self, _: Empty) -> Result<ImportRun, Problem> {
        self.bring_sample()
    }

    fn list_profiles(&self, request: ListProfiles) -> Result<ProfilePage, Problem> {
        let page = self.shared.store.list(&request).map_err(|e| of_filter(&e, &request.filter))?;
        Ok(ProfilePage {
            rows: page.rows.iter().map(views::row).collect(),
            offset: page.offset,
            matching: page.matching,
            total: page.total,
            next: page.next,
        })
    }

    fn list_attributes(&self, _: Empty) -> Result<AttributeNames, Problem> {
        self.attribute_names()
    }

    fn count_facet(&self, request: CountFacet) -> Result<Facet, Problem> {
        self.facet(&request)
    }

    fn narrow_filter(&self, request: NarrowFilter) -> Result<FilterText, Problem> {
        table::narrow(&request)
    }

    fn copy_rows(&self, request: CopyRows) -> Result<CopiedRows, Problem> {
        self.copied(&request)
    }

    fn list_views(&self, _: Empty) -> Result<SavedViews, Problem> {
        self.saved_views()
    }

    fn save_view(&self, request: SaveView) -> Result<SavedView, Problem> {
        self.keep_view(request)
    }

    fn delete_view(&self, request: ViewId) -> Result<SavedViews, Problem> {
        self.forget_view(&request.id)
    }

    fn table_layout(&self, _: Empty) -> Result<TableLayout, Problem> {
        self.shared.store.table_layout().map_err(|e| of_store(&e))
    }

    fn keep_table_layout(&self, request: TableLayout) -> Result<TableLayout, Problem> {
        self.keep_layout(request)
    }

    fn get_profile(&self, request: GetProfile) -> Result<ProfileDetail, Problem> {
        match request.whole {
            true => self.whole_detail(&request.id),
            false => self.detail(&request.id),
        }
    }

    fn observation_series(&self, request: AskSeries) -> Result<Series, Problem> {
        self.series(&request)
    }

    fn list_observations(&self, request: ListObservations) -> Result<ObservationPage, Problem> {
        self.observations(&request)
    }

    fn profile_history(&self, request: ProfileId) -> Result<HistoryPage, Problem> {
        let rows = self.shared.store.history(&request.id).map_err(|e| of_store(&e))?;
        Ok(views::history(rows))
    }

    fn edit_profile(&self, request: EditProfile) -> Result<ProfileDetail, Problem> {
        if request.edits.is_empty() || request.edits.len() > EDITS_MAX {
            let message = format!("a request has 1 to {EDITS_MAX} edits");
            return Err(Problem::new(ProblemCode::InvalidRequest, message).about(request.id));
        }
        let edits: Vec<_> = request.edits.into_iter().map(views::edit).collect();
        let session = self.session();
        let edited = self.shared.store.edit(&session, clock::now(), &request.id, &edits);
        if edited.map_err(|e| of_store(&e))? {
            self.changed();
        }
        self.detail(&request.id)
    }

    fn resolve_conflict(&self, request: ResolveConflict) -> Result<ProfileDetail, Problem> {
        let ResolveConflict { id, pointer, key } = request;
        let decision = Decision { pointer, choice: Choice::Side { key } };
        self.decide(DecideConflicts { id, decisions: vec![decision] })
    }

    fn decide_conflicts(&self, request: DecideConflicts) -> Result<ProfileDetail, Problem> {
        self.decide(request)
    }

    fn decide_many(&self, request: DecideMany) -> Result<ActDone, Problem> {
        self.decide_for_side(&request)
    }

    fn list_conflicts(&self, request: ListConflicts) -> Result<ConflictPage, Problem> {
        self.conflicting(request)
    }

    fn import_files(&self, request: ImportFiles) -> Result<ImportRun, Problem> {
        if request.lines_max.is_some() && !request.dry_run {
            let message = "only a dry run stops after some lines";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        self.imports.add(Request {
            paths: request.paths,
            by: self.session().author,
            watched: false,
            dry_run: request.dry_run,
            lines_max: request.lines_max,
        })
    }

    fn cancel_import(&self, request: RunId) -> Result<ImportRun, Problem> {
        self.imports.cancel(request.run)
    }

    fn get_import(&self, request: RunId) -> Result<ImportRun, Problem> {
        self.imports.get(request.run)
    }

    fn list_imports(&self, request: ListImports) -> Result<ImportHistory, Problem> {
        self.past_imports(&request)
    }

    fn import_report(&self, request: ImportId) -> Result<ImportReport, Problem> {
        self.past_report(request.import)
    }

    fn save_import_file(&self, request: SaveImportFile) -> Result<SavedFile, Problem> {
        self.copy_import_file(&request)
    }

    fn undo_import(&self, request: ImportId) -> Result<ActDone, Problem> {
        self.take_import_back(request.import)
    }

    fn list_watched(&self, _: Empty) -> Result<WatchedFolders, Problem> {
        self.watched()
    }

    fn add_watched(&self, request: AddWatched) -> Result<WatchedFolders, Problem> {
        self.watch(&request.path)
    }

    fn remove_watched(&self, request: WatchedId) -> Result<WatchedFolders, Problem> {
        self.unwatch(request.id)
    }

    fn export_profiles(&self, request: ExportProfiles) -> Result<ExportRun, Problem> {
        self.start_export(request)
    }

    fn cancel_export(&self, request: RunId) -> Result<ExportRun, Problem> {
        self.stop_export(request.run)
    }

    fn get_export(&self, request: RunId) -> Result<ExportRun, Problem> {
        self.export_run(request.run)
    }

    fn bulk_edit(&self, request: BulkEdit) -> Result<ActDone, Problem> {
        self.edit_many(request)
    }

    fn delete_profiles(&self, request: DeleteProfiles) -> Result<ActDone, Problem> {
        self.delete_many(&request)
    }

    fn erase_profile(&self, request: ProfileId) -> Result<ErasureReport, Problem> {
        self.erase(&request.id)
    }

    fn list_deleted(&self, request: ListPart) -> Result<DeletedProfiles, Problem> {
        self.deleted_profiles(&request)
    }

    fn get_deleted(&self, request: ProfileId) -> Result<Deletion, Problem> {
        self.deletion(&request.id)
    }

    fn list_rejected(&self, request: ListPart) -> Result<RejectedProfiles, Problem> {
        self.rejected_profiles(&request)
    }

    fn send_again(&self, request: SendAgain) -> Result<SyncStatus, Problem> {
        self.retry(&request)
    }

    fn compare_with_relays(&self, request: ProfileId) -> Result<RelaysProfile, Problem> {
        self.relays_profile(&request.id)
    }

    fn take_relays(&self, request: ProfileId) -> Result<SyncStatus, Problem> {
        self.take_relays_profile(&request.id)
    }

    fn list_acts(&self, _: Empty) -> Result<Acts, Problem> {
        self.acts()
    }

    fn undo(&self, _: Empty) -> Result<ActDone, Problem> {
        self.take_back()
    }

    fn redo(&self, _: Empty) -> Result<ActDone, Problem> {
        self.do_again()
    }

    fn profile_at(&self, request: ProfileAt) -> Result<ProfileVersion, Problem> {
        self.version_of(&request)
    }

    fn restore_profile(&self, request: ProfileAt) -> Result<ProfileDetail, Problem> {
        self.restore(&request)
    }

    fn store_info(&self, _: Empty) -> Result<StoreInfo, Problem> {
        self.size()
    }

    fn check_store(&self, request: CheckStore) -> Result<StoreCheck, Problem> {
        self.check(request.repair)
    }

    fn backup_store(&self, request: BackupStore) -> Result<SavedFile, Problem> {
        self.back_up(request.to)
    }

    fn compact_store(&self, _: Empty) -> Result<Compacted, Problem> {
        self.compact()
    }

    fn take_opened_files(&self, _: Empty) -> Result<OpenedFiles, Problem> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(OpenedFiles { paths: std::mem::take(&mut opened) })
    }

    fn take_opened_link(&self, _: Empty) -> Result<OpenedLink, Problem> {
        Ok(self.take_link())
    }

    fn show_notice(&self, request: ShowNotice) -> Result<NoticeShown, Problem> {
        self.notify(&request)
    }

    fn open_profile(&self, request: OpenProfile) -> Result<Presence, Problem> {
        self.shared.desk.open(request.id);
        Ok(self.shared.desk.presence())
    }

    fn sign_in(&self, request: SignIn) -> Result<SyncStatus, Problem> {
        let url = request.url.trim().trim_end_matches('/').to_owned();
        let token = request.token.trim().to_owned();
        let client = RelayClient::new(&url, &token).map_err(|e| of_relay(&e))?;
        let who = sync::block_on(client.who_am_i())?.map_err(|e| of_relay(&e))?;
        self.background.stop();
        self.put_token(&url, &token, &who)?;
        self.session.write().unwrap_or_else(PoisonError::into_inner).author = Some(who.name);
        if self.syncs.load(Ordering::Relaxed) {
            self.background.start(&self.shared, self.session())?;
        }
        sync::emit_status(&self.shared);
        sync::status(&self.shared)
    }

    fn sign_out(&self, _: Empty) -> Result<SyncStatus, Problem> {
        self.background.stop();
        let settings = self.shared.store.sync_settings().map_err(|e| of_store(&e))?;
        self.shared.store.sign_out().map_err(|e| of_store(&e))?;
        self.shared.tokens.forget(&settings);
        let mut session = self.session.write().unwrap_or_else(PoisonError::into_inner);
        session.author.clone_from(&self.fallback_author);
        drop(session);
        sync::emit_status(&self.shared);
        sync::status(&self.shared)
    }

    fn sync_status(&self, _: Empty) -> Result<SyncStatus, Problem> {
        sync::status(&self.shared)
    }

    fn sync_now(&self, _: Empty) -> Result<SyncStatus, Problem> {
        self.background.sync_now();
        sync::status(&self.shared)
    }

    fn security(&self, _: Empty) -> Result<Security, Problem> {
        self.how_secrets_are_kept()
    }

    fn keep_token(&self, request: KeepToken) -> Result<Security, Problem> {
        self.move_token(request.in_keychain)
    }

    fn recovery_key(&self, _: Empty) -> Result<RecoveryKey, Problem> {
        self.shown_recovery_key()
    }

    fn save_recovery_key(&self, request: SaveRecoveryKey) -> Result<SavedFile, Problem> {
        self.write_recovery_key(request.to)
    }

    fn encrypt_store(&self, request: EncryptStore) -> Result<Security, Problem> {
        self.rewrite_store(request.encrypted, KeychainNeed::Needed)
    }

    fn unlock_store(&self, _: UnlockStore) -> Result<Empty, Problem> {
        // Only what is closed has to be opened, and no command of a closed one comes here.
        Ok(Empty {})
    }

    fn list_workspaces(&self, _: Empty) -> Result<Workspaces, Problem> {
        self.all_workspaces()
    }

    fn add_workspace(&self, request: AddWorkspace) -> Result<Workspaces, Problem> {
        self.add_one_workspace(request)
    }

    fn open_workspace(&self, request: WorkspaceId) -> Result<Workspaces, Problem> {
        self.change_workspace(&request.id)
    }

    fn rename_workspace(&self, request: RenameWorkspace) -> Result<Workspaces, Problem> {
        self.name_workspace(&request)
    }

    fn remove_workspace(&self, request: RemoveWorkspace) -> Result<Workspaces, Problem> {
        self.remove_one_workspace(&request)
    }
}
