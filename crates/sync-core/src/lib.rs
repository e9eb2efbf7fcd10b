//! What a replica and the relay decide about profiles, and what a replica does when.
//!
//! [`take`] merges what the relay sent into what a replica holds, [`accept`] is the relay's verdict
//! on what a replica sent, and [`Engine`] is the order of pulling, pushing and waiting. [`Digests`] tell
//! whether both sides hold the same. All of it is sans-IO: state and events in, decisions out; time and randomness are arguments. It must not
//! know sockets, databases or clocks, so that the desktop, the headless client, the relay and the
//! simulation in `tests/` run the same code.

mod accept;
mod digest;
mod engine;
mod erasure;
mod take;

pub use accept::{Edited, Offer, Verdict, accept};
pub use digest::{BUCKETS, Digest, DigestError, Digests, bucket_of};
pub use engine::{Effect, Engine, Event, Failure, POLL_MS, Phase};
pub use erasure::{ERASURE_KEY_BYTES, ErasedId, ErasureKey, has_text, ids_named};
pub use take::{Incoming, Local, Pending, TakeError, Taken, take};
