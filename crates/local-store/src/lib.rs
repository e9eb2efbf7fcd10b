//! The replica's SQLite database: profiles, documents of edited ones, outbox, cursor and search.
//!
//! [`Store`] is one data folder, which is one workspace (a relay-side store takes an organisation
//! instead). Everything that must happen together happens in one transaction: an edit with its
//! outbox row, a pulled page with its cursor, answers to a push with the rows they settle. This
//! crate must not know the network, progress bars or windows.

mod edit;
mod error;
mod export;
mod filter;
mod import;
mod list;
mod migrate;
mod outbox;
mod profile;
mod pull;
mod row;
mod session;
mod store;

pub use error::StoreError;
pub use filter::{Filter, FilterError};
pub use import::{ImportWriter, Landed};
pub use list::Page;
pub use outbox::{PushBatch, Settled};
pub use profile::{HistoryRow, ProfileView};
pub use pull::PulledPage;
pub use row::Prepared;
pub use session::{Session, SyncSettings};
pub use store::{Store, StoreOptions, Totals};
