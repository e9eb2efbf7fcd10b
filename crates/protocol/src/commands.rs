//! The one list of commands that window, command line and browser bridge share.
//!
//! A command is declared here once. [`Commands`] has a method for each, so a host that lacks one
//! does not compile; [`dispatch`] is the only place where names meet methods; and
//! [`command_schema`] is what `cargo xtask codegen` turns into the UI's types.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::desktop::{
    About, ActDone, ActivateCalibration, Acts, AddUploads, AddWatched, AddWorkspace, Analyses,
    Analysis, AnalysisDetail, AnalysisId, AskAnalysis, AskSeries, AttributeNames, BackupStore,
    BeginSignIn, BegunSignIn, BehaviorVectors, BulkEdit, CalibrationDetail, CalibrationId,
    CalibrationRun, Calibrations, CheckStore, CheckedSchema, Compacted, CompareCalibrations,
    ConflictPage, CopiedRows, CopyRows, CountFacet, DecideConflicts, DecideMany, DeleteImported,
    DeleteProfiles, DeletedProfiles, Deletion, Diagnostics, DownloadFile, DownloadRun, EditProfile,
    Empty, EncryptStore, ErasureReport, ExportProfiles, ExportRun, Facet, FileAt, FileId, FileList,
    FilterText, FindPlace, FitCalibration, GetProfile, HistoryPage, ImportFiles, ImportHistory,
    ImportId, ImportReport, ImportRun, ImportedNow, KeepToken, ListConflicts, ListFiles,
    ListImports, ListObservations, ListPart, ListPlace, ListProfiles, LogPage, MergePreview,
    MergeProfiles, MergedIds, NarrowFilter, NoticeShown, Notifications, ObservationPage,
    OpenProfile, OpenedFiles, OpenedLink, PrepareDiagnostics, Presence, PreviewMerge, ProfileAt,
    ProfileDetail, ProfileId, ProfileIds, ProfilePage, ProfileVersion, ReadLog, ReadNotifications,
    RecoveryKey, RejectedProfiles, RelayAddress, RelayFile, RelayImport, RelayWays, RelaysProfile,
    RemoveWorkspace, RenameFile, RenameWorkspace, ResolveConflict, RunId, SampleData,
    SaveDiagnostics, SaveImportFile, SaveMade, SaveRecoveryKey, SaveResult, SaveView, SavedFile,
    SavedView, SavedViews, SchemaText, ScoreNames, Security, SendAgain, Series, ShowNotice, SignIn,
    StoreCheck, StoreInfo, SyncStatus, TableLayout, UnlockStore, Upload, UploadId, Uploads, ViewId,
    WatchedFolders, WatchedId, WorkspaceId, Workspaces,
};
use crate::events::HostEvent;
use crate::problem::{Problem, ProblemCode};

macro_rules! commands {
    ($( $(#[doc = $doc:literal])+ $name:ident($request:ty) -> $response:ty; )+) => {
        /// Everything a front end can ask for. Calls may take long (they touch the disk): an
        /// adapter calls them off its event loop.
        pub trait Commands: Send + Sync {
            $( $(#[doc = $doc])+ fn $name(&self, request: $request) -> Result<$response, Problem>; )+
        }

        /// The names of all commands, in the order of their declaration.
        pub const NAMES: &[&str] = &[$( stringify!($name) ),+];

        /// Calls the command `name` with a JSON payload and answers its JSON response.
        ///
        /// # Errors
        /// `unknown_command` for a name that is not declared, `invalid_request` for a payload that
        /// does not fit, otherwise the command's own problem.
        pub fn dispatch(host: &dyn Commands, name: &str, payload: Value) -> Result<Value, Problem> {
            match name {
                $( stringify!($name) => {
                    let request: $request = serde_json::from_value(payload)
                        .map_err(|e| Problem::new(ProblemCode::InvalidRequest, format!("{name}: {e}")))?;
                    let response: $response = host.$name(request)?;
                    serde_json::to_value(response)
                        .map_err(|e| Problem::new(ProblemCode::Internal, format!("{name}: {e}")))
                } )+
                _ => Err(Problem::new(
                    ProblemCode::UnknownCommand,
                    format!("there is no command `{name}`"),
                )),
            }
        }

        fn pairs(schemas: &mut SchemaGenerator) -> Vec<(&'static str, Value, Value)> {
            vec![$( (
                stringify!($name),
                reference::<$request>(schemas),
                reference::<$response>(schemas),
            ) ),+]
        }
    };
}

commands! {
    /// Versions of the program and its parts, and where its data lies.
    about(Empty) -> About;
    /// Opens the data folder in the system's file manager.
    open_data_folder(Empty) -> Empty;
    /// Entries of the program's log.
    read_log(ReadLog) -> LogPage;
    /// Makes a diagnostic bundle without personal data, to be looked at before it is saved.
    prepare_diagnostics(PrepareDiagnostics) -> Diagnostics;
    /// Saves the bundle that was shown last.
    save_diagnostics(SaveDiagnostics) -> SavedFile;
    /// What there is of the sample data that comes with the program.
    sample_data(Empty) -> SampleData;
    /// Starts an import of the sample data, like that of any file.
    import_sample(Empty) -> ImportRun;
    /// One page of the list, filtered, searched and sorted in the store.
    list_profiles(ListProfiles) -> ProfilePage;
    /// Where a profile stands in the list, under its filter and in its order.
    find_place(FindPlace) -> ListPlace;
    /// The attributes that profiles have, with how many have each.
    list_attributes(Empty) -> AttributeNames;
    /// The scores that lists can be sorted and filtered by: those of the active calibrations.
    list_scores(Empty) -> ScoreNames;
    /// How many of the listed profiles have each value of a field.
    count_facet(CountFacet) -> Facet;
    /// Adds a value to a filter or takes it out; answers the filter's text.
    narrow_filter(NarrowFilter) -> FilterText;
    /// Rows of the list as CSV, for the clipboard.
    copy_rows(CopyRows) -> CopiedRows;
    /// The saved views of the table.
    list_views(Empty) -> SavedViews;
    /// Saves a view, a new one or one that is there; answers it as it is kept.
    save_view(SaveView) -> SavedView;
    /// Deletes a saved view.
    delete_view(ViewId) -> SavedViews;
    /// The columns that the table was left with.
    table_layout(Empty) -> TableLayout;
    /// Keeps the columns of the table in the data folder.
    keep_table_layout(TableLayout) -> TableLayout;
    /// One profile with its conflicts and its sync state.
    get_profile(GetProfile) -> ProfileDetail;
    /// A profile's observations as lanes over time, reduced to what shows the same lines.
    observation_series(AskSeries) -> Series;
    /// A part of a profile's observations, the last one first.
    list_observations(ListObservations) -> ObservationPage;
    /// Who changed what and when, newest first.
    profile_history(ProfileId) -> HistoryPage;
    /// Applies edits as one change; answers the profile as it is afterwards.
    edit_profile(EditProfile) -> ProfileDetail;
    /// Decides one conflict for one of its values.
    resolve_conflict(ResolveConflict) -> ProfileDetail;
    /// Decides conflicts of a profile, all of these or none, as one step.
    decide_conflicts(DecideConflicts) -> ProfileDetail;
    /// Decides the conflicts of several profiles for one side, as one step.
    decide_many(DecideMany) -> ActDone;
    /// Profiles in conflict, with what waits for a decision.
    list_conflicts(ListConflicts) -> ConflictPage;
    /// Starts an import of files, one after another; progress and report come as events.
    import_files(ImportFiles) -> ImportRun;
    /// Stops an import after its current batch. What was written stays; running it again skips it.
    cancel_import(RunId) -> ImportRun;
    /// The state of an import of this session, with its report once it has ended.
    get_import(RunId) -> ImportRun;
    /// What was imported before, newest first.
    list_imports(ListImports) -> ImportHistory;
    /// The report of an import of the past.
    import_report(ImportId) -> ImportReport;
    /// Saves the problems of an import, or the lines that it rejected.
    save_import_file(SaveImportFile) -> SavedFile;
    /// Takes an import back as one step, where nothing was built on it; says what stands in the way.
    undo_import(ImportId) -> ActDone;
    /// What is still here of the profiles that an import brought.
    imported_now(ImportId) -> ImportedNow;
    /// Deletes the profiles that an import brought, as one step that can be taken back.
    delete_imported(DeleteImported) -> ActDone;
    /// The folders whose new files are imported.
    list_watched(Empty) -> WatchedFolders;
    /// Watches a folder from now on; files that are in it already are imported too.
    add_watched(AddWatched) -> WatchedFolders;
    /// Stops watching a folder. Nothing in it changes.
    remove_watched(WatchedId) -> WatchedFolders;
    /// Starts an export; progress comes as events.
    export_profiles(ExportProfiles) -> ExportRun;
    /// Stops an export; no file is left.
    cancel_export(RunId) -> ExportRun;
    /// The state of an export of this session.
    get_export(RunId) -> ExportRun;
    /// The same edits on many profiles, as one step.
    bulk_edit(BulkEdit) -> ActDone;
    /// Deletes profiles, as one step. Their history stays, and the step can be taken back.
    delete_profiles(DeleteProfiles) -> ActDone;
    /// What merging a profile into another one would make of them, and what stands in the way.
    preview_merge(PreviewMerge) -> MergePreview;
    /// Merges a profile into another one, as one step that can be taken back. Both ids resolve then.
    merge_profiles(MergeProfiles) -> ActDone;
    /// Which of some ids belong to profiles that were merged into others, and into which.
    merged_ids(ProfileIds) -> MergedIds;
    /// Has the relay erase a profile for good, here and everywhere; for administrators. The same again
    /// changes nothing, and tells which devices have confirmed since.
    erase_profile(ProfileId) -> ErasureReport;
    /// Deleted profiles. `profile_history` and `restore_profile` know them too.
    list_deleted(ListPart) -> DeletedProfiles;
    /// A deleted profile: who deleted it, and when.
    get_deleted(ProfileId) -> Deletion;
    /// Profiles of which the relay refused something, with the reason.
    list_rejected(ListPart) -> RejectedProfiles;
    /// Sends what the relay refused once more.
    send_again(SendAgain) -> SyncStatus;
    /// What taking the relay's state of a refused profile would give up.
    compare_with_relays(ProfileId) -> RelaysProfile;
    /// Puts the relay's state in the place of a refused profile, as a step that can be taken back.
    take_relays(ProfileId) -> SyncStatus;
    /// The last steps, and what undo and redo would do.
    list_acts(Empty) -> Acts;
    /// Takes the last step back, also one of an earlier session.
    undo(Empty) -> ActDone;
    /// Does again what was taken back last.
    redo(Empty) -> ActDone;
    /// A profile as it was after a change of its history.
    profile_at(ProfileAt) -> ProfileVersion;
    /// Makes a profile again what it was after a change of its history, as a new change.
    restore_profile(ProfileAt) -> ProfileDetail;
    /// How large the data folder is.
    store_info(Empty) -> StoreInfo;
    /// Checks the data folder, and mends it where that is asked for.
    check_store(CheckStore) -> StoreCheck;
    /// Copies the data folder's database while it is open.
    backup_store(BackupStore) -> SavedFile;
    /// Gives room on the disk back.
    compact_store(Empty) -> Compacted;
    /// Files that the program was opened with and that nobody has taken yet.
    take_opened_files(Empty) -> OpenedFiles;
    /// The link that the program was opened with, where nobody has followed it yet.
    take_opened_link(Empty) -> OpenedLink;
    /// Sends files to the relay, from now on and again after the program was closed; progress comes as events.
    add_uploads(AddUploads) -> Uploads;
    /// The uploads of this data folder, the newest first.
    list_uploads(Empty) -> Uploads;
    /// Holds an upload.
    pause_upload(UploadId) -> Upload;
    /// Goes on with an upload that is held, and tries at once one that waits for the relay.
    resume_upload(UploadId) -> Upload;
    /// Ends an upload here and at the relay, and forgets it.
    cancel_upload(UploadId) -> Uploads;
    /// Begins a failed upload anew; of a file that has changed, the new one is sent.
    retry_upload(UploadId) -> Upload;
    /// Takes an upload that has ended off the list.
    forget_upload(UploadId) -> Uploads;
    /// A page of the relay's files, the newest first.
    list_files(ListFiles) -> FileList;
    /// Gives a file another name.
    rename_file(RenameFile) -> RelayFile;
    /// Deletes a file at the relay; its bytes go with the last reference.
    delete_file(FileId) -> Empty;
    /// Attaches a file to a profile.
    attach_file(FileAt) -> RelayFile;
    /// Detaches a file from a profile.
    detach_file(FileAt) -> RelayFile;
    /// Starts a download; progress comes as events.
    download_file(DownloadFile) -> DownloadRun;
    /// Stops a download. What came is kept, and used by the next one of this file to the same place.
    cancel_download(RunId) -> DownloadRun;
    /// Has the relay read a file as NDJSON into profiles; sync brings them here.
    import_file_on_relay(FileId) -> RelayImport;
    /// Where somebody stands, by the active calibrations.
    get_behavior(ProfileId) -> BehaviorVectors;
    /// Schemas, calibrations, and what was done with them.
    list_calibrations(Empty) -> Calibrations;
    /// All that is known of a calibration.
    get_calibration(CalibrationId) -> CalibrationDetail;
    /// Looks at the text of a behaviour schema, and keeps it where that is asked for.
    check_behavior_schema(SchemaText) -> CheckedSchema;
    /// Makes a calibration, a draft, on a thread of its own; progress comes as events.
    fit_calibration(FitCalibration) -> CalibrationRun;
    /// Looks anew whom a calibration moves, against the one that is active now or another one.
    compare_calibration(CompareCalibrations) -> CalibrationRun;
    /// Stops what runs; nothing is kept.
    cancel_calibration(RunId) -> CalibrationRun;
    /// Makes a calibration the one that scores of its schema are by.
    activate_calibration(ActivateCalibration) -> Calibrations;
    /// Deletes a draft, or one that retired.
    delete_calibration(CalibrationId) -> Calibrations;
    /// Asks for an analysis; it goes to the relay now, or as soon as that can be reached.
    ask_analysis(AskAnalysis) -> Analysis;
    /// The analyses of the organisation, as they were heard of last; what is newer comes as events.
    list_analyses(Empty) -> Analyses;
    /// One analysis with its report, by its id or its result's.
    get_analysis(AnalysisId) -> AnalysisDetail;
    /// Asks for an analysis to end; takes one that waits here off the list.
    cancel_analysis(AnalysisId) -> Analyses;
    /// Tries an analysis again: one that failed or was cancelled as a new one, one that was refused as it is.
    retry_analysis(AnalysisId) -> Analysis;
    /// Saves a result as the relay answered it, with its digest.
    save_result(SaveResult) -> SavedFile;
    /// Saves a file that the window made into the person's folder for downloads.
    save_made(SaveMade) -> SavedFile;
    /// What the person was told, as it was heard last.
    list_notifications(Empty) -> Notifications;
    /// Marks what the person was told as read.
    read_notifications(ReadNotifications) -> Notifications;
    /// Shows a native note, unless the window has the focus.
    show_notice(ShowNotice) -> NoticeShown;
    /// Says which profile the window shows, or that it shows none, and answers what others have open.
    open_profile(OpenProfile) -> Presence;
    /// Connects this data folder to a relay and starts to sync.
    sign_in(SignIn) -> SyncStatus;
    /// Which ways of signing in a relay has besides a token.
    relay_ways(RelayAddress) -> RelayWays;
    /// Begins to sign in with a relay's provider, in the system's browser. One that was begun before ends.
    begin_sign_in(BeginSignIn) -> BegunSignIn;
    /// Waits until the browser comes back, up to ten minutes; connects this data folder and starts to sync.
    end_sign_in(Empty) -> SyncStatus;
    /// Stops to wait for the browser.
    cancel_sign_in(Empty) -> Empty;
    /// Forgets the relay's token. Profiles and pending changes stay.
    sign_out(Empty) -> SyncStatus;
    /// What the status bar shows.
    sync_status(Empty) -> SyncStatus;
    /// Asks for a sync now rather than at the next occasion.
    sync_now(Empty) -> SyncStatus;
    /// Where the relay's token lies, and whether there is a keychain for it.
    security(Empty) -> Security;
    /// Chooses where the relay's token lies, and moves it there.
    keep_token(KeepToken) -> Security;
    /// The key that opens the encrypted data folder without the keychain; before it is encrypted, the
    /// one that it will have.
    recovery_key(Empty) -> RecoveryKey;
    /// Saves the recovery key in a file of its own.
    save_recovery_key(SaveRecoveryKey) -> SavedFile;
    /// Encrypts the data folder's database with a key in the keychain, or writes it plain again.
    /// Progress comes as events; everything else waits meanwhile.
    encrypt_store(EncryptStore) -> Security;
    /// Opens the workspace that is closed for want of its key; the window loads anew then.
    unlock_store(UnlockStore) -> Empty;
    /// The workspaces, of which one is open.
    list_workspaces(Empty) -> Workspaces;
    /// Makes a workspace, signs it in where a relay is named, and opens it in this window.
    add_workspace(AddWorkspace) -> Workspaces;
    /// Opens another workspace in this window, which then loads anew.
    open_workspace(WorkspaceId) -> Workspaces;
    /// Gives a workspace another name.
    rename_workspace(RenameWorkspace) -> Workspaces;
    /// Removes a workspace that is not open, with its data on this computer.
    remove_workspace(RemoveWorkspace) -> Workspaces;
}

fn reference<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    schemas.subschema_for::<T>().to_value()
}

/// One JSON Schema (draft 2020-12) that holds the request and response of every command and every
/// event of the host.
#[must_use]
pub fn command_schema() -> Value {
    let mut schemas = SchemaGenerator::default();
    let mut properties = Map::new();
    for (name, request, response) in pairs(&mut schemas) {
        properties.insert(
            name.to_owned(),
            json!({
                "type": "object",
                "properties": { "request": request, "response": response },
                "required": ["request", "response"],
                "additionalProperties": false
            }),
        );
    }
    let problem = reference::<Problem>(&mut schemas);
    let event = reference::<HostEvent>(&mut schemas);
    let required: Vec<&str> = NAMES.to_vec();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Generated by `cargo xtask codegen` from crates/protocol. Do not edit.",
        "title": "Bridge",
        "type": "object",
        "properties": {
            "commands": {
                "title": "Commands",
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": false
            },
            "event": event,
            "problem": problem
        },
        "required": ["commands", "event", "problem"],
        "additionalProperties": false,
        "$defs": schemas.definitions()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declared_command_has_a_schema() {
        let schema = command_schema();
        for name in NAMES {
            assert!(
                schema["properties"]["commands"]["properties"][name].is_object(),
                "`{name}` is missing in the generated schema"
            );
        }
    }
}
