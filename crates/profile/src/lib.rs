//! The profile record: what it may be, its canonical form, and how versions of it are merged.
//!
//! Start at [`RecordSchema`] (validation and merge rules, both read from the JSON Schema),
//! [`Record`] (a canonical record with its hash) and [`Document`] (the Automerge document of an
//! edited profile). Everything here is a pure function of its arguments: no clock, no randomness,
//! no input or output. It must not know how profiles are stored or sent.

mod actor;
mod canonical;
mod changes;
mod chunks;
mod decide;
mod deletion;
mod diff;
mod document;
mod edit;
mod fast;
mod field;
mod fields;
mod genesis;
mod history;
mod instant;
pub mod json;
mod origin;
mod pointer;
mod read;
mod rebase;
mod record;
mod reopen;
mod schema;
mod text;
mod union;
mod violation;

pub use actor::{Actor, ActorClass};
pub use canonical::write_jcs;
pub use changes::{Change, ChangeError, ChangeHash};
pub use decide::{Choice, Decision};
pub use document::{ApplyError, Document, DocumentError, ImportOutcome};
pub use edit::{Begun, Edit, EditError, Stamp, Steps};
pub use fast::{FastReader, FastRecord};
pub use field::FieldChange;
pub use fields::{Fields, Scalar};
pub use history::{HistoryEntry, HistoryKind};
pub use instant::{Instant, InstantError};
pub use origin::Origin;
pub use pointer::{escape as escape_pointer, parse as parse_pointer};
pub use read::{Conflict, ConflictValue};
pub use record::{Accepted, Record, RecordHash};
pub use reopen::Reopened;
pub use schema::{MergeRule, RecordSchema, SchemaError};
pub use union::{Difference, Union};
pub use violation::{Rule, Violation};
