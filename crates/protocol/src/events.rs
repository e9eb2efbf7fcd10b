//! What the host tells the window without being asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::desktop::{
    Analysis, CalibrationRun, DownloadRun, ExportRun, ImportRun, Notification, Presence,
    SyncStatus, Upload, WatchedFolder,
};

/// An event of the host. Progress comes at most ten times a second for each import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HostEvent {
    /// An import advanced or ended.
    Import {
        /// The import as it is now.
        run: ImportRun,
    },
    /// An export advanced or ended.
    Export {
        /// The export as it is now.
        run: ExportRun,
    },
    /// An upload advanced, ended, or waits; at most ten times a second for each.
    Upload {
        /// The upload as it is now.
        upload: Upload,
    },
    /// A download advanced or ended.
    Download {
        /// The download as it is now.
        run: DownloadRun,
    },
    /// A calibration advanced or ended.
    Calibration {
        /// The run as it is now.
        run: CalibrationRun,
    },
    /// Scores are by other calibrations now.
    Calibrated,
    /// Something happened to an analysis.
    Analysis {
        /// The analysis as it is now.
        analysis: Analysis,
    },
    /// An analysis is no more on the list.
    AnalysisGone {
        /// Its id until now.
        id: String,
        /// The id that it has at the relay, where it only waited here until now.
        now: Option<String>,
    },
    /// What the person is told changed.
    Notified {
        /// What is new since the last time, the newest first; nothing at the first time.
        fresh: Vec<Notification>,
        /// How many were not read, of all.
        unread: u64,
    },
    /// Something happened in the watched folders.
    Watched {
        /// The folders as they are now.
        folders: Vec<WatchedFolder>,
    },
    /// The sync state changed.
    Sync {
        /// The state as it is now.
        status: SyncStatus,
    },
    /// Somebody else opened or closed a profile.
    Presence {
        /// What others have open now.
        presence: Presence,
    },
    /// Profiles in the store changed: pages that were fetched may be stale.
    ProfilesChanged {
        /// Grows with every change of the store in this session.
        generation: u64,
    },
    /// Files were dropped on the window or given by the operating system. They wait until
    /// `take_opened_files` takes them, so that nobody imports them twice.
    FilesOpened {
        /// Their paths.
        paths: Vec<String>,
    },
    /// The system asked to open a link. It waits until `take_opened_link` takes it.
    LinkOpened,
    /// The database is being encrypted, or written plain again.
    Rewriting {
        /// Bytes that are written.
        done: u64,
        /// Bytes that there are.
        total: u64,
    },
    /// Another workspace is open now: everything that was shown belongs to the one before.
    WorkspaceOpened,
    /// Files hover over the window (`true`) or have left it.
    FilesHover {
        /// Whether they hover now.
        active: bool,
        /// Their paths, while they hover.
        paths: Vec<String>,
    },
}
