//! The life of a job: which states there are, what may follow what, and who may write.
//!
//! ```text
//!                 started
//!   queued ────────────────────▶ running ──▶ completed
//!     ▲ │                          │ │ └───▶ failed
//!     │ │  retried, lapsed,        │ └─────▶ canceled
//!     │ │  released                │
//!     │ └──────────────▶ canceled, failed (by an administrator)
//!     └────────────────────────────┘
//! ```
//! [`judge`] is the one function that decides, over the one table [`FOLLOWS`]; databases, the model
//! checker and the checker of histories all ask here. It is pure: what a clock says and what chance
//! says are arguments. Whoever writes for a running job names the number of its claim
//! ([`Standing::claim`]), which grows with every claim and never shrinks: a worker that was taken for
//! dead and wakes up again writes nothing.

mod backoff;
mod history;
mod judge;

pub use backoff::backoff_ms;
pub use history::check_history;
pub use judge::{Act, FOLLOWS, Standing, Step, Verdict, follows, judge};

/// How long a job stays a worker's without a word of it, in milliseconds, by the database's clock.
pub const LEASE_MS: i64 = 20_000;

/// How often a worker says that it is alive.
pub const HEARTBEAT_MS: u64 = 5_000;

/// A worker that could not say so for this long gives up by itself: before another one begins.
pub const GIVE_UP_MS: u64 = 13_000;

/// How often a job is begun at most, whatever breaks it off.
pub const ATTEMPTS_MAX: u32 = 3;
