//! The replica's SQLite database: profiles, documents of edited ones, outbox, cursor and search.
//!
//! [`Store`] is one data folder, which is one workspace (a relay-side store takes an organisation
//! instead). Everything that must happen together happens in one transaction: an edit with its
//! outbox row, a pulled page with its cursor, answers to a push with the rows they settle. This
//! crate must not know the network, progress bars or windows.

mod acts;
mod analyses;
mod aside;
mod behavior;
mod block;
mod bulk;
mod catalog;
mod check;
mod chunk;
mod cohort;
mod compare;
mod connect;
mod decide;
mod edit;
mod erasure;
mod error;
mod export;
mod facets;
mod import;
mod imported;
mod key;
mod list;
mod many;
mod mentions;
mod merging;
mod migrate;
mod outbox;
mod past;
mod profile;
mod pull;
mod received;
mod relays;
mod reread;
mod rewrite;
mod row;
mod scores;
mod session;
mod store;
mod upkeep;
mod uploads;
mod views;
mod writing;

pub use analyses::{HeardAnalysis, NewAnalysis, StoredAnalysis};
pub use aside::{DeletedRow, RejectedRow};
pub use behavior::{CalibrationAct, CalibrationState, Doing, StoredCalibration, StoredSchema};
pub use block::{BlockBuilder, PreparedBlock};
pub use bulk::BULK_PROFILES_MAX;
pub use cohort::{Cohort, CohortInput};
pub use compare::Mended;
pub use connect::Lies;
pub use erasure::Erasures;
pub use error::StoreError;
pub use export::Exported;
pub use facets::narrowed;
pub use import::{ImportStart, ImportWriter, Landed};
pub use key::{DatabaseKey, RecoveryKeyError, Salt};
pub use list::{Page, expression};
pub use migrate::newest_format;
pub use outbox::{PushBatch, Settled};
pub use past::{ImportEnd, Watched};
pub use profile::{HistoryRow, ProfileView};
pub use pull::{PageEnd, PulledPage};
pub use received::{LineReader, ReceivedLines};
pub use relays::RelaysVersion;
pub use reread::Reread;
pub use rewrite::{RewriteStep, Rewritten};
pub use scores::{ScoreName, ScoresMade, scoring_threads};
pub use session::{Session, SyncSettings, TokenAt};
pub use store::{Store, StoreOptions, Totals, make_private_folder};
pub use upkeep::sqlite_version;
pub use uploads::{FilePrint, NewUpload, StoredUpload, UploadState};
pub use views::{NAME_CHARS_MAX, View};
