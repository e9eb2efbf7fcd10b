// Generated from schemas/commands.schema.json. Do not edit: change crates/protocol and run
// `cargo xtask codegen`.
/* eslint-disable */

/**
 * Where a calibration stands.
 */
export type CalibrationStage = 'draft' | 'active' | 'retired';
/**
 * The closed list of problem codes. The UI maps each to a text and an action in one table; a code
 * is added only when some client acts on it.
 */
export type ProblemCode =
  | 'invalid_request'
  | 'invalid_filter'
  | 'blocked'
  | 'unknown_command'
  | 'not_found'
  | 'invalid_record'
  | 'file_missing'
  | 'not_a_file'
  | 'file_unreadable'
  | 'not_ndjson'
  | 'damaged_archive'
  | 'file_limit'
  | 'file_unwritable'
  | 'disk_full'
  | 'store_locked'
  | 'store_too_new'
  | 'store_damaged'
  | 'store_needs_key'
  | 'wrong_key'
  | 'not_signed_in'
  | 'unauthorized'
  | 'sign_in_failed'
  | 'forbidden'
  | 'offline'
  | 'certificate_expired'
  | 'certificate_not_yet'
  | 'certificate_issuer'
  | 'certificate_address'
  | 'certificate_refused'
  | 'relay_incompatible'
  | 'relay_failed'
  | 'erased'
  | 'deleted'
  | 'too_large'
  | 'unknown_upload'
  | 'upload_gone'
  | 'upload_incomplete'
  | 'offset_invalid'
  | 'size_exceeded'
  | 'quota_exceeded'
  | 'too_many_uploads'
  | 'queue_full'
  | 'upload_busy'
  | 'too_slow'
  | 'taken_over'
  | 'uploads_off'
  | 'direct_off'
  | 'file_lost'
  | 'digest_mismatch'
  | 'file_changed'
  | 'cursor_too_old'
  | 'differs'
  | 'nothing_observed'
  | 'gates'
  | 'keychain'
  | 'internal';
/**
 * Where a run stands.
 */
export type CalibrationRunState = 'running' | 'done' | 'cancelled' | 'failed';
/**
 * What is done to a calibration.
 */
export type CalibrationStep = 'moment' | 'numbers' | 'spread' | 'scores' | 'moves';
/**
 * What an upload is at.
 */
export type UploadStage =
  'waiting' | 'running' | 'completing' | 'paused' | 'done' | 'failed' | 'changed';
/**
 * What an analysis is at.
 */
export type AnalysisStage =
  'waiting' | 'refused' | 'queued' | 'running' | 'completed' | 'failed' | 'canceled';
/**
 * What a scanner says of a file's content.
 */
export type ScanState = 'not_scanned' | 'pending' | 'clean' | 'quarantined' | 'not_scannable';
/**
 * One edit of a record.
 */
export type Edit =
  | {
      op: 'set';
      /**
       * JSON pointer of the field.
       */
      pointer: string;
      /**
       * Its new value.
       */
      value: unknown;
    }
  | {
      op: 'unset';
      /**
       * JSON pointer of the field.
       */
      pointer: string;
    }
  | {
      /**
       * The text that was written on, as it was shown.
       */
      base: string;
      op: 'text';
      /**
       * JSON pointer of the text.
       */
      pointer: string;
      /**
       * What it became.
       */
      value: string;
    }
  | {
      op: 'add';
      /**
       * JSON pointer of the set.
       */
      pointer: string;
      /**
       * The member.
       */
      value: unknown;
    }
  | {
      op: 'remove';
      /**
       * JSON pointer of the set.
       */
      pointer: string;
      /**
       * The tag, or the member's key.
       */
      value: unknown;
    };
/**
 * What sort of step it was.
 */
export type ActKind =
  'edit' | 'bulk' | 'resolve' | 'restore' | 'delete' | 'merge' | 'take_relays' | 'import' | 'undo';
/**
 * What a download is at.
 */
export type DownloadStage = 'running' | 'done' | 'failed' | 'cancelled';
/**
 * A format of export.
 */
export type ExportFormat = 'ndjson' | 'ndjson_gz' | 'csv' | 'csv_observations' | 'parquet';
/**
 * Where an export stands.
 */
export type ExportState = 'running' | 'done' | 'cancelled' | 'failed';
/**
 * Where an import stands.
 */
export type ImportState = 'queued' | 'running' | 'done' | 'cancelled' | 'failed';
/**
 * How the list is ordered.
 */
export type SortKey =
  | 'id'
  | 'changed'
  | 'name'
  | 'observations'
  | 'last_observation'
  | {
      attribute: string;
    }
  | {
      score: string;
    };
/**
 * A field whose values can be listed or filtered by.
 */
export type Field =
  | 'id'
  | 'name'
  | 'observations'
  | 'status'
  | 'tags'
  | {
      attribute: string;
    };
/**
 * A value of a field.
 */
export type FieldValue =
  | 'missing'
  | {
      is: unknown;
    };
/**
 * What a field in conflict becomes.
 */
export type Choice =
  | {
      /**
       * The value's `key`.
       */
      key: string;
      take: 'side';
    }
  | {
      take: 'value';
      /**
       * The value.
       */
      value: unknown;
    }
  | {
      take: 'removed';
    };
/**
 * Whether the relay has what this replica has.
 */
export type ProfileStatus = 'synced' | 'pending' | 'conflict' | 'rejected';
/**
 * A side of a conflict.
 */
export type Side = 'mine' | 'theirs';
/**
 * Whether the system's keychain answers.
 */
export type KeychainState = 'ready' | 'locked' | 'absent';
/**
 * Where the relay's token lies.
 */
export type TokenPlace = 'nowhere' | 'keychain' | 'database';
/**
 * Why everything is read from the relay once more. Nothing of this replica's own is lost by it.
 */
export type Rereading = 'forgotten' | 'other_history';
/**
 * What a token may do at the relay. Front ends offer by it; the relay decides.
 */
export type Role = 'viewer' | 'analyst' | 'admin';
/**
 * What syncing is at.
 */
export type SyncState = 'local' | 'waiting' | 'syncing' | 'up_to_date' | 'offline' | 'problem';
/**
 * The part of the population that somebody belongs to.
 */
export type ScoreBand = 'low' | 'middle' | 'high';
/**
 * Where a signal stands.
 */
export type SignalStanding = 'unobserved' | 'uncalibrated' | 'does_not_separate' | 'placed';
/**
 * What a gate looks at.
 */
export type GateKind = 'people' | 'alpha' | 'holdout' | 'separation' | 'stability' | 'moves';
/**
 * How a signal's numbers get their place.
 */
export type ScaleMethod = 'mid_rank' | 'robust_z' | 'uncalibrated';
/**
 * How an import came to be.
 */
export type ImportSource = 'person' | 'watch';
/**
 * What becomes of a value in a filter.
 */
export type NarrowHow = 'any' | 'all' | 'not' | 'drop';
/**
 * What sort of change a history entry is.
 */
export type HistoryKind = 'genesis' | 'import' | 'edit' | 'deletion' | 'reopening' | 'revival';
/**
 * How much an entry of the log matters; the lesser first.
 */
export type LogLevel = 'info' | 'warn' | 'error';
/**
 * A file about an import.
 */
export type ImportFile = 'errors_ndjson' | 'errors_csv' | 'rejected';
/**
 * What a result is saved as.
 */
export type ResultFormat = 'json' | 'csv' | 'parquet';
/**
 * What a native note is about. A newer one takes the place of an older one of its kind.
 */
export type NoticeKind = 'import' | 'export' | 'sync' | 'conflicts' | 'analysis';
/**
 * An event of the host. Progress comes at most ten times a second for each import.
 */
export type HostEvent =
  | {
      kind: 'import';
      run: ImportRun;
    }
  | {
      kind: 'export';
      run: ExportRun;
    }
  | {
      kind: 'upload';
      upload: Upload;
    }
  | {
      kind: 'download';
      run: DownloadRun;
    }
  | {
      kind: 'calibration';
      run: CalibrationRun;
    }
  | {
      kind: 'calibrated';
    }
  | {
      analysis: Analysis;
      kind: 'analysis';
    }
  | {
      /**
       * Its id until now.
       */
      id: string;
      kind: 'analysis_gone';
      /**
       * The id that it has at the relay, where it only waited here until now.
       */
      now?: string | null;
    }
  | {
      /**
       * What is new since the last time, the newest first; nothing at the first time.
       */
      fresh: Notification[];
      kind: 'notified';
      /**
       * How many were not read, of all.
       */
      unread: number;
    }
  | {
      /**
       * The folders as they are now.
       */
      folders: WatchedFolder[];
      kind: 'watched';
    }
  | {
      kind: 'sync';
      status: SyncStatus;
    }
  | {
      kind: 'presence';
      presence: Presence;
    }
  | {
      /**
       * Grows with every change of the store in this session.
       */
      generation: number;
      kind: 'profiles_changed';
    }
  | {
      kind: 'files_opened';
      /**
       * Their paths.
       */
      paths: string[];
    }
  | {
      kind: 'link_opened';
    }
  | {
      /**
       * Bytes that are written.
       */
      done: number;
      kind: 'rewriting';
      /**
       * Bytes that there are.
       */
      total: number;
    }
  | {
      kind: 'workspace_opened';
    }
  | {
      /**
       * Whether they hover now.
       */
      active: boolean;
      kind: 'files_hover';
      /**
       * Their paths, while they hover.
       */
      paths: string[];
    };

export interface Bridge {
  commands: Commands;
  event: HostEvent;
  problem: Problem;
}
export interface Commands {
  about: {
    request: Empty;
    response: About;
  };
  activate_calibration: {
    request: ActivateCalibration;
    response: Calibrations;
  };
  add_uploads: {
    request: AddUploads;
    response: Uploads;
  };
  add_watched: {
    request: AddWatched;
    response: WatchedFolders;
  };
  add_workspace: {
    request: AddWorkspace;
    response: Workspaces;
  };
  ask_analysis: {
    request: AskAnalysis;
    response: Analysis;
  };
  attach_file: {
    request: FileAt;
    response: RelayFile;
  };
  backup_store: {
    request: BackupStore;
    response: SavedFile;
  };
  begin_sign_in: {
    request: BeginSignIn;
    response: BegunSignIn;
  };
  bulk_edit: {
    request: BulkEdit;
    response: ActDone;
  };
  cancel_analysis: {
    request: AnalysisId;
    response: Analyses;
  };
  cancel_calibration: {
    request: RunId;
    response: CalibrationRun;
  };
  cancel_download: {
    request: RunId;
    response: DownloadRun;
  };
  cancel_export: {
    request: RunId;
    response: ExportRun;
  };
  cancel_import: {
    request: RunId;
    response: ImportRun;
  };
  cancel_sign_in: {
    request: Empty;
    response: Empty;
  };
  cancel_upload: {
    request: UploadId;
    response: Uploads;
  };
  check_behavior_schema: {
    request: SchemaText;
    response: CheckedSchema;
  };
  check_store: {
    request: CheckStore;
    response: StoreCheck;
  };
  compact_store: {
    request: Empty;
    response: Compacted;
  };
  compare_calibration: {
    request: CompareCalibrations;
    response: CalibrationRun;
  };
  compare_with_relays: {
    request: ProfileId;
    response: RelaysProfile;
  };
  copy_rows: {
    request: CopyRows;
    response: CopiedRows;
  };
  count_facet: {
    request: CountFacet;
    response: Facet;
  };
  decide_conflicts: {
    request: DecideConflicts;
    response: ProfileDetail;
  };
  decide_many: {
    request: DecideMany;
    response: ActDone;
  };
  delete_calibration: {
    request: CalibrationId;
    response: Calibrations;
  };
  delete_file: {
    request: FileId;
    response: Empty;
  };
  delete_imported: {
    request: DeleteImported;
    response: ActDone;
  };
  delete_profiles: {
    request: DeleteProfiles;
    response: ActDone;
  };
  delete_view: {
    request: ViewId;
    response: SavedViews;
  };
  detach_file: {
    request: FileAt;
    response: RelayFile;
  };
  download_file: {
    request: DownloadFile;
    response: DownloadRun;
  };
  edit_profile: {
    request: EditProfile;
    response: ProfileDetail;
  };
  encrypt_store: {
    request: EncryptStore;
    response: Security;
  };
  end_sign_in: {
    request: Empty;
    response: SyncStatus;
  };
  erase_profile: {
    request: ProfileId;
    response: ErasureReport;
  };
  export_profiles: {
    request: ExportProfiles;
    response: ExportRun;
  };
  find_place: {
    request: FindPlace;
    response: ListPlace;
  };
  fit_calibration: {
    request: FitCalibration;
    response: CalibrationRun;
  };
  forget_upload: {
    request: UploadId;
    response: Uploads;
  };
  get_analysis: {
    request: AnalysisId;
    response: AnalysisDetail;
  };
  get_behavior: {
    request: ProfileId;
    response: BehaviorVectors;
  };
  get_calibration: {
    request: CalibrationId;
    response: CalibrationDetail;
  };
  get_deleted: {
    request: ProfileId;
    response: Deletion;
  };
  get_export: {
    request: RunId;
    response: ExportRun;
  };
  get_import: {
    request: RunId;
    response: ImportRun;
  };
  get_profile: {
    request: GetProfile;
    response: ProfileDetail;
  };
  import_file_on_relay: {
    request: FileId;
    response: RelayImport;
  };
  import_files: {
    request: ImportFiles;
    response: ImportRun;
  };
  import_report: {
    request: ImportId;
    response: ImportReport;
  };
  import_sample: {
    request: Empty;
    response: ImportRun;
  };
  imported_now: {
    request: ImportId;
    response: ImportedNow;
  };
  keep_table_layout: {
    request: TableLayout;
    response: TableLayout;
  };
  keep_token: {
    request: KeepToken;
    response: Security;
  };
  list_acts: {
    request: Empty;
    response: Acts;
  };
  list_analyses: {
    request: Empty;
    response: Analyses;
  };
  list_attributes: {
    request: Empty;
    response: AttributeNames;
  };
  list_calibrations: {
    request: Empty;
    response: Calibrations;
  };
  list_conflicts: {
    request: ListConflicts;
    response: ConflictPage;
  };
  list_deleted: {
    request: ListPart;
    response: DeletedProfiles;
  };
  list_files: {
    request: ListFiles;
    response: FileList;
  };
  list_imports: {
    request: ListImports;
    response: ImportHistory;
  };
  list_notifications: {
    request: Empty;
    response: Notifications;
  };
  list_observations: {
    request: ListObservations;
    response: ObservationPage;
  };
  list_profiles: {
    request: ListProfiles;
    response: ProfilePage;
  };
  list_rejected: {
    request: ListPart;
    response: RejectedProfiles;
  };
  list_scores: {
    request: Empty;
    response: ScoreNames;
  };
  list_uploads: {
    request: Empty;
    response: Uploads;
  };
  list_views: {
    request: Empty;
    response: SavedViews;
  };
  list_watched: {
    request: Empty;
    response: WatchedFolders;
  };
  list_workspaces: {
    request: Empty;
    response: Workspaces;
  };
  merge_profiles: {
    request: MergeProfiles;
    response: ActDone;
  };
  merged_ids: {
    request: ProfileIds;
    response: MergedIds;
  };
  narrow_filter: {
    request: NarrowFilter;
    response: FilterText;
  };
  observation_series: {
    request: AskSeries;
    response: Series;
  };
  open_data_folder: {
    request: Empty;
    response: Empty;
  };
  open_profile: {
    request: OpenProfile;
    response: Presence;
  };
  open_workspace: {
    request: WorkspaceId;
    response: Workspaces;
  };
  pause_upload: {
    request: UploadId;
    response: Upload;
  };
  prepare_diagnostics: {
    request: PrepareDiagnostics;
    response: Diagnostics;
  };
  preview_merge: {
    request: PreviewMerge;
    response: MergePreview;
  };
  profile_at: {
    request: ProfileAt;
    response: ProfileVersion;
  };
  profile_history: {
    request: ProfileId;
    response: HistoryPage;
  };
  read_log: {
    request: ReadLog;
    response: LogPage;
  };
  read_notifications: {
    request: ReadNotifications;
    response: Notifications;
  };
  recovery_key: {
    request: Empty;
    response: RecoveryKey;
  };
  redo: {
    request: Empty;
    response: ActDone;
  };
  relay_ways: {
    request: RelayAddress;
    response: RelayWays;
  };
  remove_watched: {
    request: WatchedId;
    response: WatchedFolders;
  };
  remove_workspace: {
    request: RemoveWorkspace;
    response: Workspaces;
  };
  rename_file: {
    request: RenameFile;
    response: RelayFile;
  };
  rename_workspace: {
    request: RenameWorkspace;
    response: Workspaces;
  };
  resolve_conflict: {
    request: ResolveConflict;
    response: ProfileDetail;
  };
  restore_profile: {
    request: ProfileAt;
    response: ProfileDetail;
  };
  resume_upload: {
    request: UploadId;
    response: Upload;
  };
  retry_analysis: {
    request: AnalysisId;
    response: Analysis;
  };
  retry_upload: {
    request: UploadId;
    response: Upload;
  };
  sample_data: {
    request: Empty;
    response: SampleData;
  };
  save_diagnostics: {
    request: SaveDiagnostics;
    response: SavedFile;
  };
  save_import_file: {
    request: SaveImportFile;
    response: SavedFile;
  };
  save_made: {
    request: SaveMade;
    response: SavedFile;
  };
  save_recovery_key: {
    request: SaveRecoveryKey;
    response: SavedFile;
  };
  save_result: {
    request: SaveResult;
    response: SavedFile;
  };
  save_view: {
    request: SaveView;
    response: SavedView;
  };
  security: {
    request: Empty;
    response: Security;
  };
  send_again: {
    request: SendAgain;
    response: SyncStatus;
  };
  show_notice: {
    request: ShowNotice;
    response: NoticeShown;
  };
  sign_in: {
    request: SignIn;
    response: SyncStatus;
  };
  sign_out: {
    request: Empty;
    response: SyncStatus;
  };
  store_info: {
    request: Empty;
    response: StoreInfo;
  };
  sync_now: {
    request: Empty;
    response: SyncStatus;
  };
  sync_status: {
    request: Empty;
    response: SyncStatus;
  };
  table_layout: {
    request: Empty;
    response: TableLayout;
  };
  take_opened_files: {
    request: Empty;
    response: OpenedFiles;
  };
  take_opened_link: {
    request: Empty;
    response: OpenedLink;
  };
  take_relays: {
    request: ProfileId;
    response: SyncStatus;
  };
  undo: {
    request: Empty;
    response: ActDone;
  };
  undo_import: {
    request: ImportId;
    response: ActDone;
  };
  unlock_store: {
    request: UnlockStore;
    response: Empty;
  };
}
/**
 * No parameters.
 */
export interface Empty {}
/**
 * Versions, and the place of the data.
 */
export interface About {
  /**
   * The data folder.
   */
  data_dir: string;
  /**
   * Operating system and processor, as in `linux x86_64`.
   */
  platform: string;
  /**
   * The schema that records follow.
   */
  record_schema: string;
  /**
   * The version of SQLite.
   */
  sqlite: string;
  /**
   * The format of the data folder's database.
   */
  store_format: number;
  /**
   * The program's version.
   */
  version: string;
  /**
   * The engine that shows the window, where the shell knows it.
   */
  web_engine?: string | null;
}
/**
 * Makes a calibration the one that scores are by.
 */
export interface ActivateCalibration {
  /**
   * Whether gates that it does not pass were seen.
   */
  accept?: boolean;
  /**
   * Its version, or the beginning of it that no other has.
   */
  version: string;
}
/**
 * All that there is to calibrate by.
 */
export interface Calibrations {
  /**
   * What was done with them, the newest first.
   */
  acts: CalibrationAct[];
  /**
   * Calibrations, the newest first.
   */
  calibrations: CalibrationInfo[];
  /**
   * What runs now.
   */
  running?: CalibrationRun | null;
  /**
   * Schemas, by name and version.
   */
  schemas: BehaviorSchema[];
}
/**
 * What somebody did with a calibration.
 */
export interface CalibrationAct {
  /**
   * `fitted`, `activated`, `retired`, `rolled_back` or `deleted`.
   */
  act: string;
  /**
   * When.
   */
  at: string;
  /**
   * Who.
   */
  by?: string | null;
  /**
   * Its schema.
   */
  schema: string;
  /**
   * Which one.
   */
  version: string;
}
/**
 * A calibration.
 */
export interface CalibrationInfo {
  /**
   * The moment that scores are of.
   */
  as_of: string;
  /**
   * People that change band with it, where that was looked at.
   */
  change_band?: number | null;
  /**
   * Which profiles it was made of; empty for all.
   */
  filter: string;
  /**
   * When it was made.
   */
  made_at: string;
  /**
   * How many they were.
   */
  profiles: number;
  /**
   * Its schema.
   */
  schema: string;
  /**
   * The version of that.
   */
  schema_version: number;
  stage: CalibrationStage;
  /**
   * A hash of what it says, 32 hexadecimal digits.
   */
  version: string;
}
/**
 * A calibration that is being made, or compared, in this session.
 */
export interface CalibrationRun {
  /**
   * Why it failed.
   */
  failure?: Problem | null;
  /**
   * Profiles that it looked at in this step.
   */
  profiles: number;
  /**
   * Profiles to look at in each step.
   */
  profiles_total: number;
  /**
   * Its number.
   */
  run: number;
  /**
   * The schema's name.
   */
  schema: string;
  state: CalibrationRunState;
  step: CalibrationStep;
  /**
   * The calibration, once it is there.
   */
  version?: string | null;
}
/**
 * What failed, for which id or file, and what to do. Never holds a record's contents or a token.
 */
export interface Problem {
  code: ProblemCode;
  /**
   * One sentence in English: what failed, for which id or path.
   */
  message: string;
  /**
   * Where in a text of the request the mistake is.
   */
  range?: TextRange | null;
  /**
   * The id, path or pointer that the problem is about.
   */
  subject?: string | null;
}
/**
 * A part of a text, in UTF-16 units as browsers count.
 */
export interface TextRange {
  /**
   * The unit after the last one.
   */
  end: number;
  /**
   * The first unit.
   */
  start: number;
}
/**
 * A version of a behaviour schema.
 */
export interface BehaviorSchema {
  /**
   * Its dimensions.
   */
  dimensions: number;
  /**
   * Its name.
   */
  name: string;
  /**
   * Whether it comes with the program.
   */
  ready: boolean;
  /**
   * Its signals.
   */
  signals: number;
  /**
   * The schema as JSON text.
   */
  text: string;
  /**
   * Its name for people.
   */
  title?: Titles | null;
  /**
   * Its version, from 1.
   */
  version: number;
}
/**
 * A name for people, in both languages.
 */
export interface Titles {
  /**
   * German.
   */
  de: string;
  /**
   * English.
   */
  en: string;
}
/**
 * Files to send.
 */
export interface AddUploads {
  /**
   * The profile that they are attached to once they are there.
   */
  attach?: string | null;
  /**
   * Their paths, at most 1,000.
   */
  paths: string[];
}
/**
 * Uploads.
 */
export interface Uploads {
  /**
   * The newest first.
   */
  uploads: Upload[];
}
/**
 * An upload.
 */
export interface Upload {
  /**
   * The profile that it is attached to.
   */
  attach?: string | null;
  /**
   * When it was chosen: RFC 3339, UTC.
   */
  created_at: string;
  /**
   * Bytes that the relay has for good.
   */
  durable: number;
  /**
   * The file's id at the relay, once it is there.
   */
  file?: string | null;
  /**
   * Its number.
   */
  id: number;
  /**
   * The file's name at the relay.
   */
  name: string;
  /**
   * Where the file is.
   */
  path: string;
  /**
   * What failed, or what it waits for.
   */
  problem?: Problem | null;
  /**
   * Bytes a second, smoothed, while it runs.
   */
  rate?: number | null;
  /**
   * Bytes of a request, as they are chosen now.
   */
  request_bytes: number;
  /**
   * When it is tried again: RFC 3339, UTC.
   */
  retry_at?: string | null;
  /**
   * Seconds that are left at this rate.
   */
  seconds_left?: number | null;
  /**
   * The same with what is on its way.
   */
  sent: number;
  /**
   * Its bytes.
   */
  size: number;
  stage: UploadStage;
  /**
   * Requests that send bytes now.
   */
  streams: number;
}
/**
 * Names a folder to watch.
 */
export interface AddWatched {
  /**
   * Its path; it must exist.
   */
  path: string;
}
/**
 * The folders that are watched.
 */
export interface WatchedFolders {
  /**
   * In the order in which they were added.
   */
  folders: WatchedFolder[];
}
/**
 * A folder whose new files are imported.
 */
export interface WatchedFolder {
  /**
   * Files that failed since the program started.
   */
  failed: number;
  /**
   * Names it to `remove_watched`.
   */
  id: number;
  /**
   * Files imported since the program started.
   */
  imported: number;
  /**
   * Its path. Files that were imported move to `done/` in it, others to `failed/`.
   */
  path: string;
  /**
   * What keeps it from being watched.
   */
  problem?: Problem | null;
  /**
   * Files that are there and not yet complete, or wait for their turn.
   */
  waiting: number;
}
/**
 * Makes a workspace and opens it.
 */
export interface AddWorkspace {
  /**
   * Its name; else the organisation's.
   */
  name?: string | null;
  /**
   * Its relay; nothing for a workspace that stays on this computer.
   */
  relay?: SignIn | null;
}
/**
 * Connects to a relay.
 */
export interface SignIn {
  /**
   * The device's token.
   */
  token: string;
  /**
   * Base address, `http://` or `https://`.
   */
  url: string;
}
/**
 * All workspaces, the home first, then in the order in which they were made.
 */
export interface Workspaces {
  /**
   * The workspaces.
   */
  workspaces: Workspace[];
}
/**
 * A data folder of its own, with a relay of its own or none.
 */
export interface Workspace {
  /**
   * Whether it is the open one.
   */
  current: boolean;
  /**
   * Its data folder.
   */
  folder: string;
  /**
   * Whether it is the one that the others lie in; it cannot be removed.
   */
  home: boolean;
  /**
   * What it is called by among programs; `home` for the first one.
   */
  id: string;
  /**
   * What its owner calls it; nothing where it never got a name.
   */
  name?: string | null;
  /**
   * The organisation at its relay, as it was when the workspace was open last.
   */
  organisation?: string | null;
  /**
   * Its relay's address, as it was when the workspace was open last.
   */
  relay?: string | null;
}
/**
 * Asks for an analysis. Unless it is made here, it goes to the relay as soon as that can be reached.
 */
export interface AskAnalysis {
  /**
   * Which analysis, such as `quality`.
   */
  analysis: string;
  /**
   * Which profiles; all without a filter.
   */
  filter?: string | null;
  /**
   * Whether it is made here, of the profiles of the data folder.
   */
  here?: boolean;
  /**
   * What the analysis can be told; nothing, or an object.
   */
  params?: unknown;
}
/**
 * An analysis.
 */
export interface Analysis {
  /**
   * Which analysis.
   */
  analysis: string;
  /**
   * How often it was begun.
   */
  attempts: number;
  /**
   * Who asked for it; nobody knows while it waits here.
   */
  by?: string | null;
  /**
   * When it was asked for, as all moments here: RFC 3339, UTC.
   */
  created_at: string;
  /**
   * The same in words, in English.
   */
  detail?: string | null;
  /**
   * Whether somebody asked for its end while it runs.
   */
  ending: boolean;
  /**
   * The number of its newest event: it grows with everything that happens to it.
   */
  event_seq: number;
  /**
   * Which profiles; all without a filter.
   */
  filter?: string | null;
  /**
   * When it ended.
   */
  finished_at?: string | null;
  /**
   * Whether it is made here.
   */
  here: boolean;
  /**
   * The relay's id, or `local-` with a number as long as it waits here, or `here-` and more where it is made here.
   */
  id: string;
  /**
   * What it was told; nothing, or an object.
   */
  params?: unknown;
  /**
   * Why it waits here.
   */
  problem?: Problem | null;
  /**
   * How far it is, once that is known.
   */
  progress?: AnalysisProgress | null;
  /**
   * Why it failed: `lease_lost`, `overdue`, `forced`, `analysis` or `relay`.
   */
  reason?: string | null;
  /**
   * Its result's id.
   */
  result?: string | null;
  /**
   * The one that it tries again.
   */
  retry_of?: string | null;
  stage: AnalysisStage;
  /**
   * When a worker took it for the last time.
   */
  started_at?: string | null;
}
/**
 * How far an analysis is.
 */
export interface AnalysisProgress {
  /**
   * Profiles that were looked at.
   */
  done: number;
  /**
   * Seconds that are left at the pace so far, while it runs.
   */
  seconds_left?: number | null;
  /**
   * Profiles of the cohort.
   */
  total: number;
}
/**
 * A file and a profile.
 */
export interface FileAt {
  /**
   * The file's id.
   */
  id: string;
  /**
   * The profile's id.
   */
  profile: string;
}
/**
 * A file at the relay.
 */
export interface RelayFile {
  /**
   * The name of the token that uploaded it.
   */
  by: string;
  /**
   * What it is said to be.
   */
  content_type: string;
  /**
   * When it came: RFC 3339, UTC.
   */
  created_at: string;
  /**
   * BLAKE3, 64 hex digits.
   */
  digest: string;
  /**
   * Its id.
   */
  id: string;
  /**
   * Its name: data, never a path.
   */
  name: string;
  /**
   * Ids of the profiles that it is attached to, in order.
   */
  profiles: string[];
  scan: ScanState;
  /**
   * Its bytes.
   */
  size: number;
}
/**
 * Asks for a copy of the data folder's database.
 */
export interface BackupStore {
  /**
   * The file; else one in the person's folder for downloads, under a name that is free.
   */
  to?: string | null;
}
/**
 * A file that was written.
 */
export interface SavedFile {
  /**
   * Its size in bytes.
   */
  bytes: number;
  /**
   * Its path.
   */
  path: string;
}
/**
 * Begins to sign in with a relay's provider.
 */
export interface BeginSignIn {
  /**
   * Whether the system's browser is opened.
   */
  open_browser: boolean;
  /**
   * The relay's base address.
   */
  url: string;
}
/**
 * A sign-in that goes on in a browser.
 */
export interface BegunSignIn {
  /**
   * What the browser is to open.
   */
  address: string;
  /**
   * Whether a browser was asked to.
   */
  opened: boolean;
  /**
   * The provider, as people know it.
   */
  provider: string;
}
/**
 * The same edits on many profiles, as one step.
 */
export interface BulkEdit {
  /**
   * The edits, at most 1,000.
   */
  edits: Edit[];
  selection: Selection;
}
/**
 * Some profiles: those with these ids, or those that match.
 */
export interface Selection {
  /**
   * A filter, as in `list_profiles`.
   */
  filter?: string;
  /**
   * These ones; given, `filter` and `search` are ignored.
   */
  ids?: string[] | null;
  /**
   * Words, as in `list_profiles`.
   */
  search?: string;
}
/**
 * What a step did.
 */
export interface ActDone {
  /**
   * The step; absent where nothing changed.
   */
  act?: Act | null;
  /**
   * Profiles that changed.
   */
  changed: number;
  /**
   * The first of them, at most 100, with the reason.
   */
  obstacles: Obstacle[];
  /**
   * Profiles that could not be changed.
   */
  refused: number;
  /**
   * Those of them that are in conflict again: a decision was taken back.
   */
  reopened: number;
  /**
   * Profiles that already were so.
   */
  unchanged: number;
}
/**
 * A step.
 */
export interface Act {
  /**
   * Its number.
   */
  act: number;
  /**
   * When: RFC 3339, UTC.
   */
  at: string;
  /**
   * Who, where known.
   */
  by?: string | null;
  /**
   * The fields that it was about: JSON pointers, at most ten; the empty one is the profile itself,
   * deleted or brought back.
   */
  fields: string[];
  /**
   * The profile's id, where it was one; of a merging the id of the one that was kept.
   */
  id?: string | null;
  kind: ActKind;
  /**
   * How many profiles it changed.
   */
  profiles: number;
  /**
   * The step that took this one back.
   */
  reverted_by?: number | null;
  /**
   * The step that this one took back.
   */
  reverts?: number | null;
}
/**
 * What stands in the way of a profile.
 */
export interface Obstacle {
  /**
   * A stable word for the reason: `edited_since`, `deleted`, `at_relay`, `imported_since`,
   * `not_found`, `not_allowed`, `no_such_side`, `survivor_gone`.
   */
  code: string;
  /**
   * The profile.
   */
  id: string;
  /**
   * Why it stayed as it is, in English.
   */
  reason: string;
}
/**
 * Names an analysis, or the result of one.
 */
export interface AnalysisId {
  /**
   * Its id, or its result's.
   */
  id: string;
}
/**
 * Analyses: those that wait here, then the newest first.
 */
export interface Analyses {
  /**
   * What was heard of them last.
   */
  analyses: Analysis[];
  /**
   * Whether the relay makes analyses; one of an earlier version does not.
   */
  supported: boolean;
}
/**
 * Names an import of this session.
 */
export interface RunId {
  /**
   * The number that `import_files` answered.
   */
  run: number;
}
/**
 * A download of this session.
 */
export interface DownloadRun {
  /**
   * Bytes that are here.
   */
  bytes: number;
  /**
   * What failed.
   */
  failure?: Problem | null;
  /**
   * The file's id.
   */
  file: string;
  /**
   * The file's name at the relay.
   */
  name: string;
  /**
   * Where it goes.
   */
  path: string;
  /**
   * Its number.
   */
  run: number;
  /**
   * Bytes of the file.
   */
  size: number;
  stage: DownloadStage;
}
/**
 * An export of this session.
 */
export interface ExportRun {
  /**
   * Size of the file, once it is complete.
   */
  bytes?: number | null;
  /**
   * Why it failed.
   */
  failure?: Problem | null;
  format: ExportFormat;
  /**
   * The file.
   */
  path: string;
  /**
   * Profiles written so far.
   */
  profiles: number;
  /**
   * Profiles to write.
   */
  profiles_total: number;
  /**
   * Its number.
   */
  run: number;
  state: ExportState;
}
/**
 * An import of this session.
 */
export interface ImportRun {
  /**
   * Bytes of the current file that were read, as they lie on the disk.
   */
  bytes: number;
  /**
   * Size of the current file.
   */
  bytes_total: number;
  /**
   * Whether nothing is written.
   */
  dry_run: boolean;
  /**
   * Position of the current file in `files`.
   */
  file_index: number;
  /**
   * The files, in order.
   */
  files: string[];
  /**
   * Lines dealt with in the current file.
   */
  lines: number;
  /**
   * Lines a second over the current file so far.
   */
  lines_per_second: number;
  /**
   * Reports of the files that have ended.
   */
  reports: ImportReport[];
  /**
   * Its number.
   */
  run: number;
  /**
   * Seconds left for the current file, once that can be said.
   */
  seconds_left?: number | null;
  state: ImportState;
}
/**
 * What came of one file.
 */
export interface ImportReport {
  counts: ImportCounts;
  /**
   * Why the file could not be read to its end, where that was so.
   */
  failure?: Problem | null;
  /**
   * The file's path.
   */
  file: string;
  /**
   * Whether the files of problems and of rejected lines exist (`save_import_file`).
   */
  has_files: boolean;
  /**
   * Number in the import history; absent for a dry run and a file that could not be opened.
   */
  import?: number | null;
  /**
   * All problems by kind, most frequent first.
   */
  kinds: ProblemKind[];
  /**
   * The first problems in the order of lines, at most 1,000.
   */
  problems: LineProblem[];
  /**
   * Wall time.
   */
  seconds: number;
}
/**
 * What an import did, in lines.
 */
export interface ImportCounts {
  /**
   * Blank lines.
   */
  blank: number;
  /**
   * Updated profiles in which a person's edit and the file differ: conflicts.
   */
  conflicts: number;
  /**
   * Profiles that were not here before.
   */
  created: number;
  /**
   * Lines whose id came again later in the same file (the later line won).
   */
  duplicates: number;
  /**
   * Lines read, blank ones too.
   */
  lines: number;
  /**
   * Lines refused.
   */
  rejected: number;
  /**
   * Profiles that already were as the line says.
   */
  unchanged: number;
  /**
   * Profiles that existed and changed.
   */
  updated: number;
  /**
   * Lines accepted with a warning (a derived member was ignored).
   */
  warned: number;
}
/**
 * The same kind of problem, counted.
 */
export interface ProblemKind {
  /**
   * How many lines.
   */
  count: number;
  /**
   * The first such line's reason.
   */
  example: string;
  /**
   * The first such lines, at most five.
   */
  examples: ProblemExample[];
  /**
   * The first such line.
   */
  first_line: number;
  /**
   * How to mend it, in English.
   */
  mend: string;
  /**
   * The place, with array positions as `*`.
   */
  place: string;
  /**
   * The broken rule.
   */
  rule: string;
  /**
   * Whether the lines were accepted all the same.
   */
  warning: boolean;
}
/**
 * One line of a kind of problem.
 */
export interface ProblemExample {
  /**
   * The wrong value, shortened.
   */
  found?: string | null;
  /**
   * The record's id, where it could be read.
   */
  id?: string | null;
  /**
   * The file's line, from 1.
   */
  line: number;
}
/**
 * A problem with one line.
 */
export interface LineProblem {
  /**
   * The wrong value, shortened.
   */
  found?: string | null;
  /**
   * The record's id, where it could be read.
   */
  id?: string | null;
  /**
   * The file's line, from 1.
   */
  line: number;
  /**
   * How to mend it, in English.
   */
  mend: string;
  /**
   * JSON pointer of the member that is wrong; empty for the line as a whole.
   */
  pointer: string;
  /**
   * What was found and what is allowed, in English.
   */
  reason: string;
  /**
   * The broken rule, a stable word: `syntax`, `duplicate_member`, `required`, `format` …
   */
  rule: string;
  /**
   * Whether the line was accepted all the same.
   */
  warning: boolean;
}
/**
 * Names an upload of this data folder.
 */
export interface UploadId {
  /**
   * Its number.
   */
  id: number;
}
/**
 * A text that may be a schema.
 */
export interface SchemaText {
  /**
   * Whether it is kept where nothing is wrong with it; else it is looked at alone.
   */
  keep?: boolean;
  /**
   * JSON.
   */
  text: string;
}
/**
 * What a text is as a schema.
 */
export interface CheckedSchema {
  /**
   * Where it is wrong, as a JSON pointer.
   */
  pointer?: string | null;
  /**
   * What is wrong, and how to mend it.
   */
  reason?: string | null;
  /**
   * The schema, where nothing is wrong with it.
   */
  schema?: BehaviorSchema | null;
}
/**
 * Asks for a check.
 */
export interface CheckStore {
  /**
   * Also mends what can be mended.
   */
  repair?: boolean;
}
/**
 * What a check found.
 */
export interface StoreCheck {
  /**
   * Nothing: everything is as it must be.
   */
  findings: Finding[];
  /**
   * Profiles that were read.
   */
  profiles: number;
}
/**
 * Something that a check found.
 */
export interface Finding {
  /**
   * A stable word: `sqlite`, `hash`, `document`, `outbox`, `columns`, `counter` …
   */
  code: string;
  /**
   * How many times; the message is the first one.
   */
  count: number;
  /**
   * What is wrong and for what, in English.
   */
  message: string;
  /**
   * Whether it was mended.
   */
  repaired: boolean;
}
/**
 * What a compaction gave back.
 */
export interface Compacted {
  /**
   * Bytes after.
   */
  after: number;
  /**
   * Bytes before.
   */
  before: number;
}
/**
 * Asks whom a calibration moves.
 */
export interface CompareCalibrations {
  /**
   * Its version, or the beginning of it that no other has.
   */
  version: string;
  /**
   * The one that it is compared with; the active one of its schema where it is left out.
   */
  with?: string | null;
}
/**
 * Names one profile.
 */
export interface ProfileId {
  /**
   * The record's `id`.
   */
  id: string;
}
/**
 * A refused profile beside the relay's state of it.
 */
export interface RelaysProfile {
  /**
   * Changes here that the relay does not have: what taking its state gives up.
   */
  changes: number;
  /**
   * Whether it is deleted there.
   */
  deleted: boolean;
  /**
   * What differs from the relay's record to the one here.
   */
  fields: FieldChange[];
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * Whether the relay has the profile at all.
   */
  known: boolean;
}
/**
 * One field's change within a history entry.
 */
export interface FieldChange {
  /**
   * The value after; absent where it was removed.
   */
  after?: unknown;
  /**
   * The value before; absent where there was none.
   */
  before?: unknown;
  /**
   * JSON pointer of the field.
   */
  pointer: string;
}
/**
 * Asks for rows as CSV: those of a selection, in the order of the list.
 */
export interface CopyRows {
  /**
   * The columns after the id, named as in [`TableLayout`].
   */
  columns: string[];
  /**
   * Whether the order is turned round.
   */
  descending?: boolean;
  selection: Selection;
  sort?: SortKey;
}
/**
 * Rows as CSV.
 */
export interface CopiedRows {
  /**
   * A header and the rows (RFC 4180), as in an export.
   */
  csv: string;
  /**
   * How many rows there are.
   */
  rows: number;
  /**
   * How many the selection has. Only the first 10,000 rows are copied.
   */
  selected: number;
}
/**
 * Asks how many profiles have each value of a field.
 */
export interface CountFacet {
  field: Field;
  /**
   * The filter of the list. What it says of this field alone is left out of the counting.
   */
  filter?: string;
  /**
   * Only values with this in them, in any case of letters.
   */
  find?: string;
  /**
   * How many values at most; at most 1,000. Those that the filter names come beside them.
   */
  limit: number;
  /**
   * The words of the list's search.
   */
  search?: string;
}
/**
 * The values of a field.
 */
export interface Facet {
  /**
   * How many different values there are, of those with `find` in them.
   */
  distinct: number;
  /**
   * How many profiles were counted.
   */
  profiles: number;
  /**
   * Whether there are too many values to count them (20,000).
   */
  too_many?: boolean;
  /**
   * The most frequent first (of `status` in the order of urgency). Values that the filter names
   * are always among them.
   */
  values: FacetValue[];
}
/**
 * A value with how many profiles have it.
 */
export interface FacetValue {
  /**
   * Whether the filter asks for it.
   */
  chosen?: boolean;
  /**
   * How many profiles.
   */
  count: number;
  /**
   * Whether the filter excludes it.
   */
  excluded?: boolean;
  value: FieldValue;
}
/**
 * Decides conflicts of a profile, all of these or none, as one step.
 */
export interface DecideConflicts {
  /**
   * The decisions, at most 1,000.
   */
  decisions: Decision[];
  /**
   * The record's `id`.
   */
  id: string;
}
/**
 * The end of one conflict.
 */
export interface Decision {
  choice: Choice;
  /**
   * JSON pointer of the field; empty for a deletion that somebody wrote beside.
   */
  pointer: string;
}
/**
 * Everything about one profile.
 */
export interface ProfileDetail {
  /**
   * The id that was asked for, where that profile was merged into this one.
   */
  asked?: string | null;
  /**
   * When this store last changed the profile: RFC 3339, UTC.
   */
  changed_at: string;
  /**
   * Fields that wait for a decision.
   */
  conflicts: Conflict[];
  /**
   * Who wrote the consent that is shown, where that is known.
   */
  consent_from?: Origin | null;
  /**
   * Whether the profile is deleted now, by the decision that this answers.
   */
  deleted?: boolean;
  /**
   * SHA-256 of the canonical form, lower-case hex.
   */
  hash: string;
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * How many observations the record has.
   */
  observations: number;
  /**
   * Whether changes wait for the relay.
   */
  pending: boolean;
  /**
   * The canonical record `user_profile.v1`; without its observations where they are many, unless
   * all were asked for.
   */
  record: {
    [k: string]: unknown;
  };
  /**
   * Why the relay refused, where it did.
   */
  rejected?: Problem | null;
  /**
   * The relay's revision of the last change that this replica has seen.
   */
  rev?: number | null;
  status: ProfileStatus;
}
/**
 * A field with several values that differ.
 */
export interface Conflict {
  /**
   * The value before the sides parted, where there was one.
   */
  base?: unknown;
  /**
   * JSON pointer of the field; empty where one side deleted the whole profile, beside which the
   * other wrote.
   */
  pointer: string;
  /**
   * The values; the first is the one that every replica shows meanwhile.
   */
  values: ConflictValue[];
}
/**
 * One of the values that a field in conflict has.
 */
export interface ConflictValue {
  /**
   * When, RFC 3339, where known.
   */
  at?: string | null;
  /**
   * Who set it, where known.
   */
  by?: string | null;
  /**
   * Whether an import set it, rather than a person.
   */
  imported: boolean;
  /**
   * Names this value to `resolve_conflict`.
   */
  key: string;
  /**
   * Whether it was set on this device.
   */
  mine: boolean;
  /**
   * Whether this side removed the field rather than setting it to `null`.
   */
  removed: boolean;
  /**
   * The value; `null` where the other side removed the field (see `removed`). Of the whole
   * profile: whether this side deleted it, `true` or `false`; or the id of the profile that this
   * side merged it into.
   */
  value: unknown;
}
/**
 * Where a value came from.
 */
export interface Origin {
  /**
   * When, RFC 3339; imports carry no time.
   */
  at?: string | null;
  /**
   * Who, where known.
   */
  by?: string | null;
  /**
   * Whether an import brought it, rather than a person.
   */
  imported: boolean;
}
/**
 * Decides the conflicts of several profiles for one side, as one step.
 */
export interface DecideMany {
  /**
   * The profiles.
   */
  ids: string[];
  side: Side;
}
/**
 * Names a calibration.
 */
export interface CalibrationId {
  /**
   * Its version, or the beginning of it that no other has.
   */
  version: string;
}
/**
 * Names a file at the relay.
 */
export interface FileId {
  /**
   * Its id.
   */
  id: string;
}
/**
 * Deletes the profiles that an import brought.
 */
export interface DeleteImported {
  /**
   * Its number in the history.
   */
  import: number;
  /**
   * Whether those that were edited since go too. Otherwise they are named, and stay.
   */
  with_edited?: boolean;
}
/**
 * Deletes profiles, as one step.
 */
export interface DeleteProfiles {
  selection: Selection;
}
/**
 * Names a view.
 */
export interface ViewId {
  /**
   * The view's `id`.
   */
  id: string;
}
/**
 * The saved views.
 */
export interface SavedViews {
  /**
   * In the order of their names.
   */
  views: SavedView[];
}
/**
 * A view that was saved under a name.
 */
export interface SavedView {
  /**
   * When it was saved last: RFC 3339, UTC.
   */
  changed_at: string;
  /**
   * Names it for good, on every device.
   */
  id: string;
  /**
   * Its name.
   */
  name: string;
  view: TableView;
}
/**
 * What a view says of the table.
 */
export interface TableView {
  /**
   * Whether the order is turned round.
   */
  descending?: boolean;
  /**
   * The filter, as typed.
   */
  filter?: string;
  layout?: TableLayout;
  /**
   * The words of the search.
   */
  search?: string;
  sort?: SortKey;
}
/**
 * The columns of a table. A column is named `name`, `tags`, `observations`,
 * `last_observation`, `changed`, or `attribute:` and the key; a window leaves names out that it does not know, so that later ones
 * (scores) can stand beside them.
 */
export interface TableLayout {
  /**
   * The columns after the id, in order; absent: the window chooses what fits. At most 200.
   */
  columns?: string[] | null;
  /**
   * Widths in pixels, of columns that somebody made wider or narrower.
   */
  widths?: {
    [k: string]: number;
  };
}
/**
 * Asks for a file's bytes.
 */
export interface DownloadFile {
  /**
   * Its id.
   */
  id: string;
  /**
   * A new file; without it, one in the folder for downloads with the file's name.
   */
  path?: string | null;
}
/**
 * Edits of one profile, applied together.
 */
export interface EditProfile {
  /**
   * The edits, at most 1,000.
   */
  edits: Edit[];
  /**
   * The record's `id`.
   */
  id: string;
}
/**
 * Encrypts the data folder's database, or writes it plain again.
 */
export interface EncryptStore {
  /**
   * Which of both.
   */
  encrypted: boolean;
}
/**
 * How secrets are kept.
 */
export interface Security {
  /**
   * Whether the person chose the database for it.
   */
  database_chosen: boolean;
  /**
   * Whether the data folder's database is encrypted.
   */
  encrypted: boolean;
  keychain: KeychainState;
  /**
   * What the keychain said, where it did not answer as it should.
   */
  keychain_says?: string | null;
  token: TokenPlace;
}
/**
 * What the status bar shows.
 */
export interface SyncStatus {
  /**
   * Profiles with conflicts.
   */
  conflicts: number;
  /**
   * Profiles exchanged in the running session so far.
   */
  exchanged: number;
  /**
   * Since when the relay cannot be reached: RFC 3339, UTC.
   */
  offline_since?: string | null;
  /**
   * The organisation's name at the relay.
   */
  organisation?: string | null;
  /**
   * Profiles with changes that the relay does not have.
   */
  pending: number;
  /**
   * What keeps sync from going on.
   */
  problem?: Problem | null;
  /**
   * Profiles in the store.
   */
  profiles: number;
  /**
   * Profiles with changes that the relay refused.
   */
  rejected: number;
  /**
   * The relay's address.
   */
  relay?: string | null;
  /**
   * At most so many profiles remain to be got from the relay, as far as it is known; a profile
   * that changed several times since counts as often.
   */
  remaining: number;
  /**
   * The last time that this replica and the relay were found to differ, and were mended.
   */
  repaired?: RepairReport | null;
  /**
   * Why everything is read from the relay once more, while it is.
   */
  rereading?: Rereading | null;
  /**
   * The relay's revision up to which this replica has everything.
   */
  rev?: number | null;
  /**
   * What the token may do there, as the relay said last; nothing where that is not known.
   */
  role?: Role | null;
  state: SyncState;
  /**
   * Last moment at which nothing was left to exchange: RFC 3339, UTC.
   */
  synced_at?: string | null;
}
/**
 * What was mended after this replica and the relay were found to hold different things.
 */
export interface RepairReport {
  /**
   * When: RFC 3339, UTC.
   */
  at: string;
  /**
   * The first of them.
   */
  ids: string[];
  /**
   * Profiles with something that the relay had lost; it was sent again.
   */
  offered: number;
  /**
   * Profiles here that the relay's took the place of.
   */
  replaced: number;
}
/**
 * What the relay says of an erasure. The profile's id is not in it.
 */
export interface ErasureReport {
  /**
   * When the relay had removed it from archives of imports and from free space in its database
   * too, RFC 3339; nothing while it is at it.
   */
  archives_clean_at?: string | null;
  /**
   * When, RFC 3339.
   */
  at: string;
  /**
   * Who.
   */
  by: string;
  /**
   * The devices that may have had the profile.
   */
  devices: ErasureDevice[];
  /**
   * HMAC-SHA256 of the id under a key that only the relay and its replicas have, hex.
   */
  hash: string;
  /**
   * How many devices have still to confirm.
   */
  outstanding: number;
  /**
   * Its revision in the organisation's order.
   */
  revision: number;
}
/**
 * A device that may have had what was erased.
 */
export interface ErasureDevice {
  /**
   * When it confirmed that it has erased the profile too, RFC 3339.
   */
  confirmed_at?: string | null;
  /**
   * Its token's name.
   */
  name: string;
  /**
   * Whether its token was revoked before it confirmed: it cannot any more.
   */
  revoked?: boolean;
}
/**
 * Asks for an export.
 */
export interface ExportProfiles {
  format: ExportFormat;
  selection?: Selection;
  /**
   * Where to; else the person's folder for downloads, under a name that is free.
   */
  to?: string | null;
}
/**
 * Asks where a profile stands in a list.
 */
export interface FindPlace {
  /**
   * Whether the order is turned round.
   */
  descending?: boolean;
  /**
   * As [`ListProfiles::filter`].
   */
  filter?: string;
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * As [`ListProfiles::search`].
   */
  search?: string;
  sort?: SortKey;
}
/**
 * Where a profile stands in a list.
 */
export interface ListPlace {
  /**
   * Rank among all that match, from 0; absent where the profile is not here, or not among them.
   */
  rank?: number | null;
}
/**
 * Asks for a calibration.
 */
export interface FitCalibration {
  /**
   * The moment that scores are of, RFC 3339; that of the newest observation that counts where it is left out.
   */
  as_of?: string | null;
  /**
   * Which profiles; empty for all.
   */
  filter?: string;
  /**
   * The version of a calibration of this schema, or the beginning of it: its fit is taken as it is, only the moment
   * is another one. Which profiles has no meaning then.
   */
  same_fit_as?: string | null;
  /**
   * The schema's name.
   */
  schema: string;
  /**
   * Its version; the newest where it is left out.
   */
  schema_version?: number | null;
}
/**
 * An analysis with all that is known of it.
 */
export interface AnalysisDetail {
  analysis: Analysis;
  /**
   * What happened to it, in order; empty where the relay cannot be asked.
   */
  events: AnalysisEvent[];
  /**
   * What it came to; of one without a result what it comes to so far.
   */
  report?: AnalysisReport | null;
}
/**
 * Something that happened to an analysis.
 */
export interface AnalysisEvent {
  /**
   * Who did it: somebody's name, or `worker`, or `relay`.
   */
  actor: string;
  /**
   * When: RFC 3339, UTC.
   */
  at: string;
  /**
   * What: `queued`, `started`, `partial`, `cancel_requested`, `retried`, `lapsed`, `released`, `completed`,
   * `failed` or `canceled`.
   */
  kind: string;
  /**
   * Its number: 1, 2, 3 and so on.
   */
  seq: number;
}
/**
 * What an analysis came to, or comes to so far.
 */
export interface AnalysisReport {
  /**
   * What any other analysis came to: the report itself (docs/analyses.md).
   */
  other?: unknown;
  /**
   * What is missing, old, mixed up or contradictory, of the analysis `quality`.
   */
  quality?: QualityReport | null;
}
/**
 * A quality report: everything in it is of the profiles that were looked at.
 */
export interface QualityReport {
  /**
   * How old the newest observation is, the youngest class first.
   */
  ages: AgeShare[];
  /**
   * The attributes, by name.
   */
  attributes: AttributeQuality[];
  consent: ConsentShares;
  /**
   * Profiles that were looked at.
   */
  done: number;
  /**
   * The version of the engine that made it.
   */
  engine: number;
  /**
   * What is worth saying, the gravest first.
   */
  findings: ReportFinding[];
  input: ReportInput;
  /**
   * Whether there are more than 1,000 names, so that some are not told apart.
   */
  names_left_out: boolean;
  /**
   * How many observations profiles have.
   */
  observations?: NumbersOf | null;
  profiles: WholeProfiles;
  /**
   * The signals, by name.
   */
  signals: SignalQuality[];
  /**
   * Profiles of the cohort.
   */
  total: number;
}
/**
 * How old the newest observation is.
 */
export interface AgeShare {
  profiles: Share;
  /**
   * At most so many days, and more than the class before; nothing for older ones.
   */
  within_days?: number | null;
}
/**
 * A number of profiles, and their share of those that were looked at.
 */
export interface Share {
  /**
   * The number.
   */
  count: number;
  /**
   * The most that it may be.
   */
  high?: number | null;
  /**
   * The least that the share of all may be, with 95 % confidence, while only a part was looked at.
   */
  low?: number | null;
  /**
   * Between 0 and 1; nothing of no profile.
   */
  share?: number | null;
}
/**
 * What an attribute's values are like.
 */
export interface AttributeQuality {
  /**
   * Values that are yes or no.
   */
  flags: number;
  missing: Share;
  /**
   * Its name.
   */
  name: string;
  /**
   * Values that are empty by intention.
   */
  nulls: number;
  /**
   * Values that are numbers.
   */
  numbers: number;
  /**
   * What its numbers are like.
   */
  of_numbers?: NumbersOf | null;
  present: Share;
  /**
   * Values that are texts.
   */
  texts: number;
  /**
   * How many different values there are; nothing where there are more than 20.
   */
  values?: number | null;
}
/**
 * What numbers are like.
 */
export interface NumbersOf {
  /**
   * How many.
   */
  count: number;
  /**
   * The standard deviation with n − 1; nothing of one number.
   */
  deviation?: number | null;
  /**
   * The greatest.
   */
  greatest: number;
  /**
   * The least.
   */
  least: number;
  /**
   * The arithmetic mean.
   */
  mean?: number | null;
}
/**
 * Who agreed to being analysed.
 */
export interface ConsentShares {
  given: Share;
  unknown: Share;
  withheld: Share;
}
/**
 * A sentence that is worth saying.
 */
export interface ReportFinding {
  /**
   * The attribute or signal that it is about.
   */
  about?: string | null;
  /**
   * A word for programs.
   */
  code: string;
  /**
   * How many profiles or values it is about.
   */
  count: number;
  /**
   * In German.
   */
  de: string;
  /**
   * In English.
   */
  en: string;
}
/**
 * What was looked at.
 */
export interface ReportInput {
  /**
   * The moment that ages are counted to, in milliseconds since 1970.
   */
  as_of: number;
  /**
   * The uploaded file whose records were looked at instead of the profiles.
   */
  dataset?: ReportDataset | null;
  /**
   * Identity of the relay's history.
   */
  epoch: string;
  /**
   * Which profiles; all without a filter.
   */
  filter?: string | null;
  /**
   * The revision that all profiles were read at.
   */
  revision: number;
}
/**
 * An uploaded file whose records were looked at.
 */
export interface ReportDataset {
  /**
   * BLAKE3 of its bytes, in hexadecimal digits.
   */
  digest: string;
  /**
   * Records of people who were erased for good, which were left out.
   */
  erased: number;
  /**
   * Its id at the relay.
   */
  file: string;
  /**
   * What it was called then.
   */
  name: string;
  /**
   * Records: of several with one id the last one counts.
   */
  records: number;
  /**
   * Lines that are no record, and were left out.
   */
  rejected: number;
}
/**
 * Shares of profiles as wholes.
 */
export interface WholeProfiles {
  in_conflict: Share;
  named: Share;
  observed_ahead: Share;
  tagged: Share;
  unobserved: Share;
  with_notes: Share;
}
/**
 * What a signal's observations are like.
 */
export interface SignalQuality {
  missing: Share;
  /**
   * Its name.
   */
  name: string;
  /**
   * What its values are like.
   */
  of_values?: NumbersOf | null;
  present: Share;
}
/**
 * Where somebody stands.
 */
export interface BehaviorVectors {
  /**
   * Whether any calibration is active.
   */
  calibrated: boolean;
  /**
   * By each active calibration whose signals were observed.
   */
  vectors: BehaviorVector[];
}
/**
 * Where somebody stands, by one calibration.
 */
export interface BehaviorVector {
  /**
   * The moment that it is of.
   */
  as_of: string;
  /**
   * The calibration.
   */
  calibration: string;
  /**
   * Dimensions, in the order of the schema's.
   */
  dimensions: DimensionScore[];
  /**
   * Profiles of its population.
   */
  population: number;
  /**
   * The schema.
   */
  schema: string;
  /**
   * Signals, in the order of the schema's.
   */
  signals: SignalScore[];
  /**
   * Its name for people.
   */
  title?: Titles | null;
}
/**
 * A dimension of somebody.
 */
export interface DimensionScore {
  /**
   * The part of the population.
   */
  band?: ScoreBand | null;
  /**
   * Between what it lies with 90 % confidence.
   *
   * @minItems 2
   * @maxItems 2
   */
  band_90?: [number, number] | null;
  /**
   * How much of it rests on what was observed, 0 to 1.
   */
  confidence: number;
  /**
   * The population's scores at 10, 25, 50, 75 and 90 %; nothing where it is too small.
   *
   * @minItems 5
   * @maxItems 5
   */
  marks?: [number, number, number, number, number] | null;
  /**
   * Its name.
   */
  name: string;
  /**
   * What each signal adds.
   */
  parts: ScorePart[];
  /**
   * Share of the population with a lower score, 0 to 1.
   */
  percentile?: number | null;
  /**
   * The score, 0 to 1; nothing where no signal says anything.
   */
  score?: number | null;
  /**
   * The stanine of that, 1 to 9.
   */
  stanine?: number | null;
  /**
   * The T score of that: mean 50, deviation 10.
   */
  t_score?: number | null;
  /**
   * Its name for people.
   */
  title?: Titles | null;
}
/**
 * What a signal adds to a dimension.
 */
export interface ScorePart {
  /**
   * The signal's place among the vector's.
   */
  signal: number;
  /**
   * What it adds to ½.
   */
  value: number;
  /**
   * Its share of the weights, 0 to 1.
   */
  weight: number;
}
/**
 * A signal of somebody.
 */
export interface SignalScore {
  /**
   * The number lies outside of what the population has.
   */
  extrapolated: boolean;
  /**
   * Observations later than the moment of the calibration.
   */
  later: number;
  /**
   * How many observations it is worth.
   */
  n_eff: number;
  /**
   * Its name.
   */
  name: string;
  /**
   * The observations that weigh most.
   */
  newest: ObservationShare[];
  /**
   * Observations that count.
   */
  observations: number;
  /**
   * Observations out of the valid range.
   */
  out_of_range: number;
  /**
   * Share of the population below, 0 to 1.
   */
  place?: number | null;
  /**
   * How reliable it is, 0 to 1.
   */
  reliability?: number | null;
  /**
   * Whether less is more.
   */
  reversed: boolean;
  standing: SignalStanding;
  /**
   * Its name for people.
   */
  title?: Titles | null;
  /**
   * The number; of a duration as it is observed, not its logarithm.
   */
  value?: number | null;
}
/**
 * An observation, and its share in a signal's number.
 */
export interface ObservationShare {
  /**
   * When.
   */
  at: string;
  /**
   * How often it was observed.
   */
  n: number;
  /**
   * Its share, 0 to 1.
   */
  share: number;
  /**
   * Its value as it was observed.
   */
  value: number;
}
/**
 * All that is known of a calibration.
 */
export interface CalibrationDetail {
  calibration: CalibrationInfo;
  /**
   * Whether that is the active one still.
   */
  compared: boolean;
  /**
   * The version that `change_band` and `farthest` are against.
   */
  compared_with?: string | null;
  /**
   * Dimensions, in the order of the schema's.
   */
  dimensions: DimensionDiagnostics[];
  /**
   * What it should keep.
   */
  gates: Gate[];
  /**
   * A hash of all its profiles.
   */
  population: string;
  /**
   * Signals, in the order of the schema's.
   */
  signals: SignalDiagnostics[];
}
/**
 * What a calibration knows of a dimension.
 */
export interface DimensionDiagnostics {
  /**
   * Cronbach's α.
   */
  alpha?: number | null;
  /**
   * People that change band, and all that have a percentile before and after.
   *
   * @minItems 2
   * @maxItems 2
   */
  change_band?: [number, number] | null;
  /**
   * People that have all of its signals.
   */
  complete: number;
  /**
   * Who moves farthest.
   */
  farthest: PersonMove[];
  /**
   * Its name.
   */
  name: string;
  /**
   * People that have a score.
   */
  people: number;
  /**
   * Its name for people.
   */
  title?: Titles | null;
}
/**
 * Where somebody moves.
 */
export interface PersonMove {
  /**
   * The percentile now, 0 to 1.
   */
  from: number;
  /**
   * The profile's id.
   */
  id: string;
  /**
   * The percentile then.
   */
  to: number;
}
/**
 * Something that a calibration should keep.
 */
export interface Gate {
  /**
   * The signals or dimensions that do not.
   */
  failing: string[];
  kind: GateKind;
  /**
   * What it is held against.
   */
  limit: number;
  /**
   * Whether it passes.
   */
  passes: boolean;
  /**
   * The worst of all.
   */
  worst?: number | null;
}
/**
 * What a calibration knows of a signal.
 */
export interface SignalDiagnostics {
  /**
   * Whether that was measured; else the schema states it.
   */
  measured: boolean;
  /**
   * Median of people's numbers.
   */
  median?: number | null;
  method: ScaleMethod;
  /**
   * Its name.
   */
  name: string;
  /**
   * Observations that count.
   */
  observations: number;
  /**
   * Observations out of the valid range.
   */
  out_of_range: number;
  /**
   * People in each tenth of the places.
   */
  parts: number[];
  /**
   * People that have a number.
   */
  people: number;
  /**
   * The smallest and the greatest.
   *
   * @minItems 2
   * @maxItems 2
   */
  range?: [number, number] | null;
  /**
   * Reliability of one observation, 0 to 1.
   */
  reliability: number;
  /**
   * Whether less is more.
   */
  reversed: boolean;
  /**
   * Population stability index against the calibration that was active.
   */
  stability?: number | null;
  /**
   * Its name for people.
   */
  title?: Titles | null;
}
/**
 * A deleted profile that somebody asks for by its id.
 */
export interface Deletion {
  /**
   * When it was deleted, or when this store learnt of it: RFC 3339, UTC.
   */
  at: string;
  /**
   * The profile that it was merged into.
   */
  became?: string | null;
  /**
   * Who deleted it, where that is known.
   */
  by?: string | null;
  /**
   * The record's `display_name`.
   */
  display_name?: string | null;
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * Whether it was deleted on this device.
   */
  mine: boolean;
}
/**
 * Asks for one profile.
 */
export interface GetProfile {
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * Whether the record is to have its observations however many they are.
   */
  whole?: boolean;
}
/**
 * An import that the relay does.
 */
export interface RelayImport {
  /**
   * Its id at the relay.
   */
  import: string;
}
/**
 * Asks for an import.
 */
export interface ImportFiles {
  /**
   * Only tells what would happen; nothing is written.
   */
  dry_run?: boolean;
  /**
   * Stops after so many lines of each file, for a quick look. Only with `dry_run`.
   */
  lines_max?: number | null;
  /**
   * Files of NDJSON, plain or compressed with gzip or zstd.
   */
  paths: string[];
}
/**
 * Names an import of the history.
 */
export interface ImportId {
  /**
   * Its number in the history.
   */
  import: number;
}
/**
 * What is still here of the profiles that an import brought.
 */
export interface ImportedNow {
  /**
   * Those that somebody edited since.
   */
  edited: number;
  /**
   * Those that a later import changed; they are that one's now.
   */
  imported: number;
  /**
   * Those that are as the import brought them.
   */
  unchanged: number;
}
/**
 * Chooses where the relay's token lies, now and after later sign-ins.
 */
export interface KeepToken {
  /**
   * In the keychain, or in the data folder's database.
   */
  in_keychain: boolean;
}
/**
 * The last steps, and what undo and redo would do now.
 */
export interface Acts {
  /**
   * Newest first, at most 100.
   */
  entries: Act[];
  /**
   * What `redo` does again.
   */
  redo?: Act | null;
  /**
   * What `undo` takes back.
   */
  undo?: Act | null;
}
/**
 * The attributes that profiles have.
 */
export interface AttributeNames {
  /**
   * The most frequent first, at most 2,000.
   */
  attributes: AttributeName[];
}
/**
 * An attribute that profiles have.
 */
export interface AttributeName {
  /**
   * How many different values a sample of twenty thousand profiles has; absent where there are
   * more than fifty.
   */
  few?: number | null;
  /**
   * Its key.
   */
  name: string;
  /**
   * Whether most of its values are numbers.
   */
  numeric: boolean;
  /**
   * How many profiles have it.
   */
  profiles: number;
}
/**
 * Asks for profiles in conflict, the one that changed last first.
 */
export interface ListConflicts {
  /**
   * How many at most; at most 200, since each one's document is read.
   */
  limit?: number;
  /**
   * How many profiles to pass over.
   */
  offset?: number;
  /**
   * Words to find, as in `list_profiles`.
   */
  search?: string;
}
/**
 * Profiles in conflict.
 */
export interface ConflictPage {
  /**
   * The profiles from `offset` on.
   */
  rows: ConflictRow[];
  /**
   * How many match the search.
   */
  total: number;
}
/**
 * A profile in conflict.
 */
export interface ConflictRow {
  /**
   * When this store last changed the profile: RFC 3339, UTC.
   */
  changed_at: string;
  /**
   * What waits for a decision.
   */
  conflicts: Conflict[];
  /**
   * The record's `display_name`.
   */
  display_name?: string | null;
  /**
   * The record's `id`.
   */
  id: string;
}
/**
 * Asks for a part of a list whose order is its own, the last one first.
 */
export interface ListPart {
  /**
   * How many at most; at most 1,000.
   */
  limit?: number;
  /**
   * How many to pass over.
   */
  offset?: number;
}
/**
 * Deleted profiles.
 */
export interface DeletedProfiles {
  /**
   * The last one first.
   */
  rows: DeletedProfile[];
  /**
   * How many there are in all.
   */
  total: number;
}
/**
 * A deleted profile.
 */
export interface DeletedProfile {
  /**
   * The profile that it was merged into.
   */
  became?: string | null;
  /**
   * When this store learnt of the deletion: RFC 3339, UTC.
   */
  deleted_at: string;
  /**
   * The record's `display_name`.
   */
  display_name?: string | null;
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * Whether the relay does not know of it yet.
   */
  pending: boolean;
}
/**
 * Asks for a page of files.
 */
export interface ListFiles {
  /**
   * `next` of the page before.
   */
  cursor?: string | null;
  /**
   * What their names contain; empty for any.
   */
  filter?: string;
  /**
   * The profile that they are attached to.
   */
  profile?: string | null;
}
/**
 * A page of files.
 */
export interface FileList {
  /**
   * The newest first.
   */
  files: RelayFile[];
  /**
   * Where the next page begins; nothing at the end.
   */
  next?: string | null;
  /**
   * Whether the relay keeps files at all; one of an earlier version does not.
   */
  supported: boolean;
}
/**
 * Asks for imports of the past.
 */
export interface ListImports {
  /**
   * Only those before this one: the last number of the page before.
   */
  before?: number | null;
  /**
   * How many at most; at most 1,000.
   */
  limit?: number;
}
/**
 * Imports of the past.
 */
export interface ImportHistory {
  /**
   * Newest first.
   */
  entries: ImportEntry[];
}
/**
 * An import of the past.
 */
export interface ImportEntry {
  /**
   * Who, where known.
   */
  by?: string | null;
  /**
   * Size of the file in bytes.
   */
  bytes?: number | null;
  counts: ImportCounts;
  /**
   * SHA-256 of the file, lower-case hex.
   */
  digest?: string | null;
  /**
   * When it ended; absent while it runs, and where the program was killed.
   */
  ended_at?: string | null;
  /**
   * The file's name.
   */
  file: string;
  /**
   * Whether the files of problems and of rejected lines exist.
   */
  has_files: boolean;
  /**
   * Its number.
   */
  import: number;
  /**
   * Where the file lay.
   */
  path?: string | null;
  source: ImportSource;
  /**
   * When it began: RFC 3339, UTC.
   */
  started_at: string;
  state: ImportState;
  /**
   * When it was undone.
   */
  undone_at?: string | null;
}
/**
 * What the person was told, the newest first.
 */
export interface Notifications {
  /**
   * Whether the relay was heard: without that nothing is known.
   */
  heard: boolean;
  /**
   * The newest of them.
   */
  notifications: Notification[];
  /**
   * How many were not read, of all.
   */
  unread: number;
}
/**
 * Something that somebody was told.
 */
export interface Notification {
  /**
   * The analysis, where it is known here.
   */
  analysis?: Analysis | null;
  /**
   * When: RFC 3339, UTC.
   */
  created_at: string;
  /**
   * Its number.
   */
  id: number;
  /**
   * The analysis' id.
   */
  job?: string | null;
  /**
   * What it is about: `job_completed`, `job_failed` or `job_canceled`; later versions may tell more.
   */
  kind: string;
  /**
   * Whether it was read.
   */
  read: boolean;
}
/**
 * Asks for rows of a profile's observations, the last one first.
 */
export interface ListObservations {
  /**
   * The record's `id`.
   */
  id?: string;
  /**
   * How many at most; at most 1,000.
   */
  limit?: number;
  /**
   * How many to pass over.
   */
  offset?: number;
  /**
   * Of this signal only, where it is given.
   */
  signal?: string | null;
}
/**
 * Rows of a profile's observations.
 */
export interface ObservationPage {
  /**
   * The rows.
   */
  rows: ObservationRow[];
  /**
   * How many there are in all.
   */
  total: number;
}
/**
 * One observation.
 */
export interface ObservationRow {
  /**
   * When: RFC 3339, UTC.
   */
  at: string;
  /**
   * Its id within the profile.
   */
  id: string;
  /**
   * How many single observations it stands for.
   */
  n: number;
  /**
   * What was observed.
   */
  signal: string;
  /**
   * Where it came from.
   */
  source?: string | null;
  /**
   * Its value.
   */
  value: number;
}
/**
 * Asks for a page of the list.
 */
export interface ListProfiles {
  /**
   * `next` of the page before, for reading on: no row twice and none missed, whatever changed
   * meanwhile. Given, `offset` is ignored.
   */
  after?: string | null;
  /**
   * Whether the order is turned round.
   */
  descending?: boolean;
  /**
   * The filter (docs/filter-language.md): `tag:vip (city:Bern or age>=30) not status:conflict`.
   * Empty: everything.
   */
  filter?: string;
  /**
   * How many rows at most; at most 1,000.
   */
  limit?: number;
  /**
   * Rank of the first row among all that match, for a list that jumps.
   */
  offset?: number;
  /**
   * Whether rows tell their scores.
   */
  scores?: boolean;
  /**
   * Words to find in id, name, tags, attributes and notes; the last may be a beginning.
   */
  search?: string;
  sort?: SortKey;
}
/**
 * A page of the list.
 */
export interface ProfilePage {
  /**
   * How many profiles match filter and search.
   */
  matching: number;
  /**
   * Where the search is the id of a profile that was merged into another one.
   */
  merged?: Merged | null;
  /**
   * Names the last row to `after`; absent at the end.
   */
  next?: string | null;
  /**
   * How many rows were skipped before these.
   */
  offset: number;
  /**
   * The rows from `offset` on.
   */
  rows: ProfileRow[];
  /**
   * How many profiles the store holds.
   */
  total: number;
  /**
   * How many profiles wait for their scores: they are last in an order by scores, and no condition on one holds for
   * them.
   */
  unscored?: number;
}
/**
 * A profile that was merged into another one.
 */
export interface Merged {
  /**
   * Its id.
   */
  id: string;
  /**
   * The id of the profile that it resolves to.
   */
  into: string;
}
/**
 * One row of the list.
 */
export interface ProfileRow {
  /**
   * The record's attributes.
   */
  attributes: {
    [k: string]: unknown;
  };
  /**
   * When this store last changed the profile: RFC 3339, UTC.
   */
  changed_at: string;
  /**
   * The record's `display_name`.
   */
  display_name?: string | null;
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * The instant of the last of them: RFC 3339, UTC.
   */
  last_observation?: string | null;
  /**
   * How many observations the record has.
   */
  observations: number;
  /**
   * Where asked for: the scores that it has, 0 to 1, by `SCHEMA.DIMENSION`.
   */
  scores?: {
    [k: string]: number;
  };
  status: ProfileStatus;
  /**
   * The record's tags, sorted.
   */
  tags: string[];
}
/**
 * Profiles of which the relay refused something.
 */
export interface RejectedProfiles {
  /**
   * The last one first.
   */
  rows: RejectedProfile[];
  /**
   * How many there are in all.
   */
  total: number;
}
/**
 * A profile of which the relay refused something. It is kept here as it is.
 */
export interface RejectedProfile {
  /**
   * When: RFC 3339, UTC.
   */
  at: string;
  /**
   * Whether the profile is deleted here: it is the deletion that was refused.
   */
  deleted: boolean;
  /**
   * The record's `display_name`.
   */
  display_name?: string | null;
  /**
   * The record's `id`.
   */
  id: string;
  problem: Problem;
}
/**
 * The scores that lists can be sorted and filtered by.
 */
export interface ScoreNames {
  /**
   * By schema, in the order of its dimensions.
   */
  scores: ScoreName[];
}
/**
 * A score that lists know: that of a dimension by the active calibration of its schema.
 */
export interface ScoreName {
  /**
   * `SCHEMA.DIMENSION`.
   */
  name: string;
  /**
   * The schema.
   */
  schema: string;
  /**
   * As people call the dimension, in English and German, where the schema says it.
   */
  title?: Titles | null;
}
/**
 * Merges a profile into another one, as one step that can be taken back.
 */
export interface MergeProfiles {
  /**
   * As [`PreviewMerge::choices`].
   */
  choices?: string[];
  /**
   * The id of the profile that is kept.
   */
  kept: string;
  /**
   * The id of the one that is merged into it. It resolves to the other one from then on.
   */
  merged: string;
  /**
   * The two as they were looked at: where one has changed since, nothing is done.
   */
  seen?: MergeSeen | null;
}
/**
 * Two profiles as somebody looked at them.
 */
export interface MergeSeen {
  /**
   * `hash` of the one that is kept.
   */
  kept: string;
  /**
   * `hash` of the one that is merged.
   */
  merged: string;
}
/**
 * Names profiles.
 */
export interface ProfileIds {
  /**
   * Their ids, at most 1,000.
   */
  ids: string[];
}
/**
 * Profiles that were merged into other ones.
 */
export interface MergedIds {
  /**
   * Those that were asked for and were merged.
   */
  merged: Merged[];
}
/**
 * Adds a value to a filter, or takes it out.
 */
export interface NarrowFilter {
  field: Field;
  /**
   * The filter as typed.
   */
  filter?: string;
  how: NarrowHow;
  value: FieldValue;
}
/**
 * A filter in the filter language.
 */
export interface FilterText {
  /**
   * The text.
   */
  filter: string;
}
/**
 * Asks for a profile's observations as lanes over time.
 */
export interface AskSeries {
  /**
   * From this moment on, in seconds since 1970; from the first where it is absent.
   */
  from?: number | null;
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * Points of one lane at most; at most 2,000. More are reduced to what shows the same line.
   */
  points_max: number;
  /**
   * Up to this moment; to the last where it is absent.
   */
  to?: number | null;
}
/**
 * A profile's observations over time.
 */
export interface Series {
  /**
   * The first moment of all, in seconds since 1970; absent without observations.
   */
  first?: number | null;
  /**
   * One lane a signal, by name; at most 64, those with the most observations.
   */
  lanes: Lane[];
  /**
   * The last one.
   */
  last?: number | null;
  /**
   * How many signals have no lane here.
   */
  left_out: number;
  /**
   * How many observations the profile has.
   */
  total: number;
}
/**
 * The observations of one signal, oldest first.
 */
export interface Lane {
  /**
   * Moments, in seconds since 1970.
   */
  at: number[];
  /**
   * How many there are between `from` and `to`.
   */
  count: number;
  /**
   * The largest value among them.
   */
  max: number;
  /**
   * The smallest value among them.
   */
  min: number;
  /**
   * Whether `at` and `values` are fewer than `count`: of each stretch of time the first, the
   * last, the smallest and the largest.
   */
  reduced: boolean;
  /**
   * The signal.
   */
  signal: string;
  /**
   * The values at these moments.
   */
  values: number[];
}
/**
 * Says which profile the window shows.
 */
export interface OpenProfile {
  /**
   * The record's `id`; none where no profile is shown.
   */
  id?: string | null;
}
/**
 * What others have open now, as far as the relay tells; empty without a connection to it.
 */
export interface Presence {
  /**
   * Profiles that somebody else has open, in the order of their ids.
   */
  profiles: OpenElsewhere[];
}
/**
 * A profile that somebody else has open.
 */
export interface OpenElsewhere {
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * Names of the people, each once, in order; at least one.
   */
  people: string[];
}
/**
 * Names a workspace.
 */
export interface WorkspaceId {
  /**
   * Its id.
   */
  id: string;
}
/**
 * Asks for a diagnostic bundle to look at.
 */
export interface PrepareDiagnostics {
  /**
   * Also checks the data folder, which takes about a minute for a million profiles.
   */
  check?: boolean;
  window?: WindowFacts;
}
/**
 * What the window tells of itself, for a diagnostic bundle.
 */
export interface WindowFacts {
  /**
   * The density that was chosen.
   */
  density?: string;
  /**
   * The engine, as it names itself.
   */
  engine?: string;
  /**
   * The language, as `de`.
   */
  language?: string;
  /**
   * Width and height in CSS pixels, and pixels per CSS pixel.
   */
  size?: string;
  /**
   * The theme that was chosen.
   */
  theme?: string;
}
/**
 * A diagnostic bundle that nobody has written yet.
 */
export interface Diagnostics {
  /**
   * Its number in this session, for `save_diagnostics`.
   */
  bundle: number;
  /**
   * Its files, whole: what is saved is what was shown.
   */
  files: DiagnosticFile[];
}
/**
 * One file of a diagnostic bundle.
 */
export interface DiagnosticFile {
  /**
   * Its name in the bundle.
   */
  name: string;
  /**
   * All that it holds.
   */
  text: string;
}
/**
 * Asks what merging two profiles would make of them.
 */
export interface PreviewMerge {
  /**
   * JSON pointers of the fields that take the merged profile's value, of those in which both have
   * a different one.
   */
  choices?: string[];
  /**
   * The id of the profile that is kept.
   */
  kept: string;
  /**
   * The id of the one that is merged into it.
   */
  merged: string;
}
/**
 * What merging two profiles would make of them.
 */
export interface MergePreview {
  after: MergeCounts;
  /**
   * Name, attributes, notes, consent and first moment of both, and the elements of sets that a
   * person chooses between, at most 1,000 of those.
   */
  fields: MergeField[];
  kept: MergeSide;
  merged: MergeSide;
  /**
   * What stands in the way; where there is something, nothing can be merged.
   */
  obstacles: MergeObstacle[];
}
/**
 * How many a profile has of what is put together.
 */
export interface MergeCounts {
  /**
   * Attachments.
   */
  attachments: number;
  /**
   * Attributes.
   */
  attributes: number;
  /**
   * Observations.
   */
  observations: number;
  /**
   * Tags.
   */
  tags: number;
}
/**
 * A field of two profiles.
 */
export interface MergeField {
  /**
   * The value afterwards.
   */
  after?: unknown;
  /**
   * Whether both have a value, and a person chooses.
   */
  choice: boolean;
  /**
   * The value in the one that is kept; absent where it has none.
   */
  kept?: unknown;
  /**
   * The value in the one that is merged into it.
   */
  merged?: unknown;
  /**
   * JSON pointer of the field; of an element of a set, the set's and the element's key.
   */
  pointer: string;
}
/**
 * One of two profiles that are to become one.
 */
export interface MergeSide {
  counts: MergeCounts;
  /**
   * The record's `display_name`.
   */
  display_name?: string | null;
  /**
   * SHA-256 of the canonical form, lower-case hex.
   */
  hash: string;
  /**
   * The record's `id`.
   */
  id: string;
}
/**
 * What stands in the way of a merging.
 */
export interface MergeObstacle {
  /**
   * A stable word: the broken rule of the schema, or `conflicts` where one of the two has conflicts
   * that are to be decided before.
   */
  code: string;
  /**
   * JSON pointer of the field that it is about; empty for a profile as a whole.
   */
  pointer: string;
  /**
   * What it is, in English.
   */
  reason: string;
}
/**
 * Names a state of a profile: the one after a change.
 */
export interface ProfileAt {
  /**
   * The change's hash, as in the history.
   */
  change: string;
  /**
   * The record's `id`.
   */
  id: string;
}
/**
 * A profile as it was.
 */
export interface ProfileVersion {
  /**
   * The change after which it was so.
   */
  change: string;
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * The canonical record.
   */
  record: {
    [k: string]: unknown;
  };
}
/**
 * The history of one profile.
 */
export interface HistoryPage {
  /**
   * Newest first.
   */
  entries: HistoryEntry[];
}
/**
 * One change of a profile.
 */
export interface HistoryEntry {
  /**
   * When, RFC 3339; imports carry no time (equal imports are equal changes).
   */
  at?: string | null;
  /**
   * The profile that this one was merged into, where the change is that deletion.
   */
  became?: string | null;
  /**
   * Who made it, where known.
   */
  by?: string | null;
  /**
   * The change's hash, hex.
   */
  change: string;
  /**
   * What it changed.
   */
  fields: FieldChange[];
  /**
   * The file it came from, where this replica imported it.
   */
  file?: string | null;
  kind: HistoryKind;
  /**
   * Whether the relay has it.
   */
  pending: boolean;
}
/**
 * Asks for a part of the log.
 */
export interface ReadLog {
  level?: LogLevel;
  /**
   * How many at most; at most 1,000. 0: 200.
   */
  limit?: number;
  /**
   * Letters that occur in the entry, capitals or not.
   */
  search?: string;
}
/**
 * A part of the log, newest first.
 */
export interface LogPage {
  /**
   * The entries.
   */
  entries: LogEntry[];
  /**
   * How many there are of what was asked for.
   */
  matching: number;
  /**
   * How many are kept altogether.
   */
  total: number;
}
/**
 * One entry of the log. It holds no record contents, ids, names or paths.
 */
export interface LogEntry {
  /**
   * When: RFC 3339, UTC.
   */
  at: string;
  /**
   * Numbers and stable words about it.
   */
  fields: {
    [k: string]: unknown;
  };
  level: LogLevel;
  /**
   * What happened, in English.
   */
  message: string;
  /**
   * The part of the program, as in `kartei_app::sync`.
   */
  place: string;
}
/**
 * Which were read.
 */
export interface ReadNotifications {
  /**
   * This one; all without.
   */
  id?: number | null;
}
/**
 * A recovery key: it opens an encrypted data folder where the keychain does not.
 */
export interface RecoveryKey {
  /**
   * Groups of digits, to be kept apart from the computer.
   */
  key: string;
}
/**
 * A relay that somebody may sign in to.
 */
export interface RelayAddress {
  /**
   * Base address, `http://` or `https://`.
   */
  url: string;
}
/**
 * Which ways of signing in a relay has besides a token.
 */
export interface RelayWays {
  /**
   * The provider that people sign in with in the browser, as they know it.
   */
  provider?: string | null;
}
/**
 * Names a watched folder.
 */
export interface WatchedId {
  /**
   * Its number.
   */
  id: number;
}
/**
 * Removes a workspace with everything in its data folder on this computer. What its relay has
 * stays there.
 */
export interface RemoveWorkspace {
  /**
   * Also where changes are lost by it that no relay has; refused as `blocked` else.
   */
  even_unsent: boolean;
  /**
   * Its id.
   */
  id: string;
}
/**
 * A file's new name.
 */
export interface RenameFile {
  /**
   * Its id.
   */
  id: string;
  /**
   * 1 to 255 characters.
   */
  name: string;
}
/**
 * Gives a workspace another name.
 */
export interface RenameWorkspace {
  /**
   * Its id.
   */
  id: string;
  /**
   * The name: 1 to 80 characters that no other workspace has.
   */
  name: string;
}
/**
 * Decides a conflict.
 */
export interface ResolveConflict {
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * The chosen value's `key`.
   */
  key: string;
  /**
   * JSON pointer of the field.
   */
  pointer: string;
}
/**
 * The sample data that comes with the program.
 */
export interface SampleData {
  /**
   * A filter that shows them.
   */
  filter: string;
  /**
   * How many of them are in the data folder now.
   */
  here: number;
  /**
   * The import that brought them, where it stands; undoing it removes them.
   */
  import?: number | null;
  /**
   * How many profiles it has.
   */
  offered: number;
}
/**
 * Saves the bundle that was shown.
 */
export interface SaveDiagnostics {
  /**
   * Its number.
   */
  bundle: number;
  /**
   * The file; else one in the person's folder for downloads, under a name that is free.
   */
  to?: string | null;
}
/**
 * Asks for a file about an import.
 */
export interface SaveImportFile {
  file: ImportFile;
  /**
   * The import's number in the history.
   */
  import: number;
  /**
   * Where to; else the person's folder for downloads, under a name that is free.
   */
  to?: string | null;
}
/**
 * A file that the window made: a chart, a page.
 */
export interface SaveMade {
  /**
   * Its bytes, as base64 (RFC 4648 §4).
   */
  bytes: string;
  /**
   * Its name, with an ending: `svg`, `png`, `html` or `csv`. It goes to the person's folder for downloads, under a
   * name like this one that is free.
   */
  name: string;
}
/**
 * Where the recovery key is saved.
 */
export interface SaveRecoveryKey {
  /**
   * A new file; else one in the folder for downloads.
   */
  to?: string | null;
}
/**
 * Asks for a file of a result.
 */
export interface SaveResult {
  format?: ResultFormat;
  /**
   * The result's id.
   */
  id: string;
  /**
   * Which table; the first one where it is left out.
   */
  table?: string | null;
  /**
   * Where to; else the person's folder for downloads, under a name that is free.
   */
  to?: string | null;
}
/**
 * Saves a view.
 */
export interface SaveView {
  /**
   * The view to change; absent: a new one.
   */
  id?: string | null;
  /**
   * Its name, 1 to 100 characters, which no other view has.
   */
  name: string;
  view: TableView;
}
/**
 * Names a refused profile, or all.
 */
export interface SendAgain {
  /**
   * The record's `id`; none for all.
   */
  id?: string | null;
}
/**
 * Asks for a native note. Its words are the window's, which knows the language; they name counts
 * and files, never what a record holds.
 */
export interface ShowNotice {
  kind: NoticeKind;
  /**
   * The second line, which may be empty; at most 200 characters.
   */
  text: string;
  /**
   * The first line; at most 200 characters.
   */
  title: string;
}
/**
 * Whether a native note was shown.
 */
export interface NoticeShown {
  /**
   * No where the window has the focus, or where there is nothing that shows notes.
   */
  shown: boolean;
}
/**
 * How large the data folder is.
 */
export interface StoreInfo {
  /**
   * Bytes of the database on the disk, its log included.
   */
  bytes: number;
  /**
   * Bytes of it that a compaction would give back, about.
   */
  free_bytes: number;
  /**
   * Imports in the history.
   */
  imports: number;
  /**
   * Profiles.
   */
  profiles: number;
}
/**
 * Paths that wait to be imported.
 */
export interface OpenedFiles {
  /**
   * The paths.
   */
  paths: string[];
  /**
   * Their bytes, in the same order; 0 where they cannot be told.
   */
  sizes?: number[];
}
/**
 * A link that the program was opened with and that nobody has followed yet.
 */
export interface OpenedLink {
  /**
   * Why it leads nowhere.
   */
  problem?: Problem | null;
  /**
   * The profile that it names.
   */
  profile?: string | null;
  /**
   * The result of an analysis that it names.
   */
  result?: string | null;
}
/**
 * Opens a workspace whose key was not there.
 */
export interface UnlockStore {
  /**
   * Its recovery key; nothing asks the keychain again.
   */
  recovery_key?: RecoveryKey | null;
}
