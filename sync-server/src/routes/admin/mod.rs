//! What administrators of an organisation see and do: their own organisation's, and nobody else's.

mod audit_export;

pub(in crate::routes) mod audit;
pub(in crate::routes) mod organisation;
pub(in crate::routes) mod page;
pub(in crate::routes) mod queue;
pub(in crate::routes) mod reads;
pub(in crate::routes) mod retention;
pub(in crate::routes) mod tokens;
pub(in crate::routes) mod webhook;
