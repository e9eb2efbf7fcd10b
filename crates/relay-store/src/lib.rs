//! The relay's storage: organisations, tokens, profiles and their order, on embedded SQLite or on
//! Postgres.
//!
//! Every method that touches an organisation's data takes an [`OrgId`], and an `OrgId` comes only
//! from a checked token or from the administrator's own commands. What a write changed is numbered
//! in one block, so revisions become visible in the order in which they are given and without holes.
//! The rules are written once, over [`engine`]'s trait; the engines know SQL and no rule. This crate
//! must not know HTTP.

mod access;
mod audit;
mod calibrations;
mod contents;
mod copy;
mod deliveries;
mod digests;
mod engine;
mod erasure;
mod error;
mod feed;
mod files;
mod imports;
mod jobs;
mod landing;
mod leases;
mod parallel;
mod past;
mod portable;
mod postgres;
mod presence;
mod push;
mod quota;
mod rest;
mod retention;
mod rounds;
mod sealed;
mod segments;
mod snapshot;
mod sqlite;
mod store;
mod tokens;
mod upkeep;
mod uploads;
mod whole;

pub use access::{Access, OrgId, Organisation, Role, Standing};
pub use audit::{AuditChain, AuditEvent, AuditHead, AuditQuery, BrokenAudit, OperatorAct};
pub use calibrations::{
    Activated, CALIBRATIONS_MAX, CalibrationAdded, CalibrationDeleted, CalibrationRow, DryRun,
    NewCalibrationRow, WholeCalibration,
};
pub use contents::ContentRow;
pub use copy::{CopiedOrganisation, DatabaseCopy};
pub use deliveries::{Attempted, DeliveryRow, Resent, Sending, Webhook};
pub use engine::{ImportEnd, ImportName, ImportRow, Notice, Row};
pub use erasure::{Device, Erased, Erasure, KnownErasures};
pub use error::RelayStoreError;
pub use feed::{FeedPage, FeedState};
pub use files::{Attached, FileQuery, FileRead, FileRow};
pub use imports::{ImportLanded, ImportMode, ImportRecord, Noting};
pub use jobs::{
    Acted, Acting, Deed, JobPartial, JobPast, JobQuery, JobRow, NewJobRow, NotesAsked,
    Notification, OpenJobs, Payload, Queue, QueueSet, ResultRow, Submitted,
};
pub use landing::{LandedRow, Noted, UploadNote};
pub use leases::{Kept, Lease};
pub use portable::{Beside, DumpedRows, DumpedTable, Place, PortableSource, PortableTable};
pub use postgres::Migrated;
pub use presence::{SEAT_TTL_MS, Seat, Seats};
pub use push::Pushed;
pub use quota::{LEASE_BYTES, Usage};
pub use rest::{
    Alter, Author, FieldOutcome, Merged, Outcome, PastChange, Precondition, Profile, WriteError,
};
pub use retention::{
    Applied, Applying, Gone, ImportLeft, ImportsGoing, Kind, Named, Plan, PlanShare, Policy,
    PolicySet, Purged, Restored, RetentionRun,
};
pub use sealed::{Keyring, Resealing, RowSeal, SealWish};
pub use segments::{Chain, Segment, segment_folder};
pub use snapshot::Snapshot;
pub use store::RelayStore;
pub use tokens::{
    ADMINISTRATOR, NewlyMade, Overview, SignedIn, THE_RELAY, TOKEN_DAYS_MAX, TOKEN_NAME_CHARS_MAX,
    TokenRefused, TokenRevoked, TokenRow, TokenWish,
};
pub use upkeep::{Checked, Fetched, Finding, Members};
pub use uploads::{
    Completing, NewUploadRow, Reserved, Tail, UploadBegun, UploadCompleted, UploadDone, UploadEnd,
    UploadLimits, UploadRow,
};
pub use whole::{UploadWish, WholeUpload, WholeUploaded};
