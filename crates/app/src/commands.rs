//! The declared commands, each with the use case behind it.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{
    About, ActDone, ActivateCalibration, Acts, AddUploads, AddWatched, AddWorkspace, Analyses,
    Analysis, AnalysisDetail, AnalysisId, AskAnalysis, AskSeries, AttributeNames, BackupStore,
    BeginSignIn, BegunSignIn, BehaviorVectors, BulkEdit, CalibrationDetail, CalibrationId,
    CalibrationRun, Calibrations, CheckStore, CheckedSchema, Choice, Compacted,
    CompareCalibrations, ConflictPage, CopiedRows, CopyRows, CountFacet, DecideConflicts,
    DecideMany, Decision, DeleteImported, DeleteProfiles, DeletedProfiles, Deletion, Diagnostics,
    DownloadFile, DownloadRun, EditProfile, Empty, EncryptStore, ErasureReport, ExportProfiles,
    ExportRun, Facet, FileAt, FileId, FileList, FilterText, FindPlace, FitCalibration, GetProfile,
    HistoryPage, ImportFiles, ImportHistory, ImportId, ImportReport, ImportRun, ImportedNow,
    KeepToken, ListConflicts, ListFiles, ListImports, ListObservations, ListPart, ListPlace,
    ListProfiles, LogPage, MergePreview, MergeProfiles, MergedIds, NarrowFilter, NoticeShown,
    Notifications, ObservationPage, OpenProfile, OpenedFiles, OpenedLink, PrepareDiagnostics,
    Presence, PreviewMerge, ProfileAt, ProfileDetail, ProfileId, ProfileIds, ProfilePage,
    ProfileVersion, ReadLog, ReadNotifications, RecoveryKey, RejectedProfiles, RelayAddress,
    RelayFile, RelayImport, RelayWays, RelaysProfile, RemoveWorkspace, RenameFile, RenameWorkspace,
    ResolveConflict, RunId, SampleData, SaveDiagnostics, SaveImportFile, SaveMade, SaveRecoveryKey,
    SaveResult, SaveView, SavedFile, SavedView, SavedViews, SchemaText, ScoreNames, Security,
    SendAgain, Series, ShowNotice, SignIn, StoreCheck, StoreInfo, SyncStatus, TableLayout,
    UnlockStore, Upload, UploadId, Uploads, ViewId, WatchedFolders, WatchedId, WorkspaceId,
    Workspaces,
};
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_relay_client::RelayClient;

use crate::app::App;
use crate::encryption::KeychainNeed;
use crate::problem::{of_relay, of_store};
use crate::queue::Request;
use crate::sync;
use crate::table;
use crate::views;

/// Edits in one request at most: a person changes some fields, a bulk edit is another command.
pub(crate) const EDITS_MAX: usize = 1_000;

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
        self.profile_page(&request)
    }

    fn find_place(&self, request: FindPlace) -> Result<ListPlace, Problem> {
        self.place(&request)
    }

    fn list_attributes(&self, _: Empty) -> Result<AttributeNames, Problem> {
        self.attribute_names()
    }

    fn list_scores(&self, _: Empty) -> Result<ScoreNames, Problem> {
        self.score_names()
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
        self.edit_one(request)
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

    fn imported_now(&self, request: ImportId) -> Result<ImportedNow, Problem> {
        self.still_imported(request.import)
    }

    fn delete_imported(&self, request: DeleteImported) -> Result<ActDone, Problem> {
        self.delete_of_import(&request)
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
        self.exports.stop(request.run)
    }

    fn get_export(&self, request: RunId) -> Result<ExportRun, Problem> {
        self.exports.get(request.run)
    }

    fn get_behavior(&self, request: ProfileId) -> Result<BehaviorVectors, Problem> {
        self.behavior_of(&request.id)
    }

    fn list_calibrations(&self, _: Empty) -> Result<Calibrations, Problem> {
        self.all_calibrations()
    }

    fn get_calibration(&self, request: CalibrationId) -> Result<CalibrationDetail, Problem> {
        self.calibration_detail(&request.version)
    }

    fn check_behavior_schema(&self, request: SchemaText) -> Result<CheckedSchema, Problem> {
        self.check_schema_text(&request)
    }

    fn fit_calibration(&self, request: FitCalibration) -> Result<CalibrationRun, Problem> {
        self.start_calibration(request)
    }

    fn compare_calibration(&self, request: CompareCalibrations) -> Result<CalibrationRun, Problem> {
        self.start_comparison(&request)
    }

    fn cancel_calibration(&self, request: RunId) -> Result<CalibrationRun, Problem> {
        self.behavior.stop(request.run)
    }

    fn activate_calibration(&self, request: ActivateCalibration) -> Result<Calibrations, Problem> {
        self.activate(&request)
    }

    fn delete_calibration(&self, request: CalibrationId) -> Result<Calibrations, Problem> {
        self.forget_calibration(&request.version)
    }

    fn bulk_edit(&self, request: BulkEdit) -> Result<ActDone, Problem> {
        self.edit_many(request)
    }

    fn delete_profiles(&self, request: DeleteProfiles) -> Result<ActDone, Problem> {
        self.delete_many(&request)
    }

    fn preview_merge(&self, request: PreviewMerge) -> Result<MergePreview, Problem> {
        self.merge_preview(&request)
    }

    fn merge_profiles(&self, request: MergeProfiles) -> Result<ActDone, Problem> {
        self.merge(&request)
    }

    fn merged_ids(&self, request: ProfileIds) -> Result<MergedIds, Problem> {
        self.merged_among(&request.ids)
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
        self.back_up(request.to.as_deref())
    }

    fn compact_store(&self, _: Empty) -> Result<Compacted, Problem> {
        self.compact()
    }

    fn take_opened_files(&self, _: Empty) -> Result<OpenedFiles, Problem> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let paths = std::mem::take(&mut *opened);
        let size = |path: &String| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        Ok(OpenedFiles { sizes: paths.iter().map(size).collect(), paths })
    }

    fn take_opened_link(&self, _: Empty) -> Result<OpenedLink, Problem> {
        Ok(self.take_link())
    }

    fn add_uploads(&self, request: AddUploads) -> Result<Uploads, Problem> {
        self.add_files(&request)
    }

    fn list_uploads(&self, _: Empty) -> Result<Uploads, Problem> {
        self.all_uploads()
    }

    fn pause_upload(&self, request: UploadId) -> Result<Upload, Problem> {
        self.hold_upload(request.id)
    }

    fn resume_upload(&self, request: UploadId) -> Result<Upload, Problem> {
        self.go_on_with_upload(request.id)
    }

    fn cancel_upload(&self, request: UploadId) -> Result<Uploads, Problem> {
        self.end_upload(request.id)
    }

    fn retry_upload(&self, request: UploadId) -> Result<Upload, Problem> {
        self.begin_upload_anew(request.id)
    }

    fn forget_upload(&self, request: UploadId) -> Result<Uploads, Problem> {
        self.take_upload_off(request.id)
    }

    fn list_files(&self, request: ListFiles) -> Result<FileList, Problem> {
        self.files(request)
    }

    fn rename_file(&self, request: RenameFile) -> Result<RelayFile, Problem> {
        self.name_file(&request)
    }

    fn delete_file(&self, request: FileId) -> Result<Empty, Problem> {
        self.remove_file(&request)?;
        Ok(Empty {})
    }

    fn attach_file(&self, request: FileAt) -> Result<RelayFile, Problem> {
        self.attach_or_detach(&request, true)
    }

    fn detach_file(&self, request: FileAt) -> Result<RelayFile, Problem> {
        self.attach_or_detach(&request, false)
    }

    fn download_file(&self, request: DownloadFile) -> Result<DownloadRun, Problem> {
        self.start_download(&request)
    }

    fn cancel_download(&self, request: RunId) -> Result<DownloadRun, Problem> {
        self.downloads.stop(request.run)
    }

    fn import_file_on_relay(&self, request: FileId) -> Result<RelayImport, Problem> {
        self.import_there(&request)
    }

    fn ask_analysis(&self, request: AskAnalysis) -> Result<Analysis, Problem> {
        self.begin_analysis(request)
    }

    fn list_analyses(&self, _: Empty) -> Result<Analyses, Problem> {
        self.all_analyses()
    }

    fn get_analysis(&self, request: AnalysisId) -> Result<AnalysisDetail, Problem> {
        self.one_analysis(&request)
    }

    fn cancel_analysis(&self, request: AnalysisId) -> Result<Analyses, Problem> {
        self.end_analysis(&request)
    }

    fn retry_analysis(&self, request: AnalysisId) -> Result<Analysis, Problem> {
        self.begin_analysis_again(&request)
    }

    fn save_made(&self, request: SaveMade) -> Result<SavedFile, Problem> {
        crate::files::save_made(&request)
    }

    fn save_result(&self, request: SaveResult) -> Result<SavedFile, Problem> {
        self.write_result(&request)
    }

    fn list_notifications(&self, _: Empty) -> Result<Notifications, Problem> {
        self.what_was_told()
    }

    fn read_notifications(&self, request: ReadNotifications) -> Result<Notifications, Problem> {
        self.note_as_read(request)
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
        let client = RelayClient::new(&url, &token, &self.shared.trust);
        let client = client.map_err(|e| of_relay(&e))?;
        let who = sync::block_on(client.who_am_i())?.map_err(|e| of_relay(&e))?;
        self.background.stop();
        self.uploads.stop();
        self.analyses.stop();
        self.put_token(&url, &token, &who)?;
        self.session.write().unwrap_or_else(PoisonError::into_inner).author = Some(who.name);
        if self.syncs.load(Ordering::Relaxed) {
            self.background.start(&self.shared, self.session())?;
            self.uploads.start(&self.shared)?;
            self.analyses.start(&self.shared)?;
        }
        sync::emit_status(&self.shared);
        sync::status(&self.shared)
    }

    fn relay_ways(&self, request: RelayAddress) -> Result<RelayWays, Problem> {
        self.ways_of(&request)
    }

    fn begin_sign_in(&self, request: BeginSignIn) -> Result<BegunSignIn, Problem> {
        self.begin_with_provider(&request)
    }

    fn end_sign_in(&self, _: Empty) -> Result<SyncStatus, Problem> {
        self.end_with_provider()
    }

    fn cancel_sign_in(&self, _: Empty) -> Result<Empty, Problem> {
        self.cancel_with_provider();
        Ok(Empty {})
    }

    fn sign_out(&self, _: Empty) -> Result<SyncStatus, Problem> {
        self.background.stop();
        self.uploads.stop();
        self.analyses.stop();
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
        self.write_recovery_key(request.to.as_deref())
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
