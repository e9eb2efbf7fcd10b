//! Uploads as a client does them, without sockets, files, clocks or chance.
//!
//! [`Plan`] is one file on its way: it says which [`Step`] is next, learns what became of it
//! ([`Plan::settle`]), and knows how far it is ([`Plan::progress`]). [`TreeDigest`] makes the digest of the
//! whole of parts in any order. Time comes in as milliseconds of any clock that does not run backwards, and
//! randomness as a number. It must not know HTTP or where bytes come from (docs/uploads.md is the contract).

mod control;
mod failure;
mod plan;
mod rate;
mod retry;
mod tree;

pub use control::{REQUEST_BYTES_MAX, REQUEST_BYTES_MIN, STREAMS_MAX, STREAMS_MIN};
pub use failure::{Failure, Weight};
pub use plan::{Answer, End, Phase, Plan, Progress, SMALL_BYTES_MAX, STALL_MS, Step, Ticket};
pub use tree::{TREE_UNIT_BYTES, TreeDigest};
