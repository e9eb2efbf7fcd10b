//! The relay's storage on embedded SQLite: organisations, tokens, profiles and their order.
//!
//! Every method that touches an organisation's data takes an [`OrgId`], and an `OrgId` comes only
//! from a checked token or from the administrator's own commands. A push is one transaction that
//! numbers what it changed in one block, so revisions become visible in the order in which they
//! are given and without holes. This crate must not know HTTP.

mod access;
mod error;
mod feed;
mod push;
mod store;

pub use access::{Access, OrgId, Organisation, Role};
pub use error::RelayStoreError;
pub use feed::FeedPage;
pub use push::Pushed;
pub use store::RelayStore;
