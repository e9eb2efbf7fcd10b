//! Uploads: one core behind several doors (docs/uploads.md, docs/adr/0021).
//!
//! ```text
//! doors: record, tus, draft ──▶ session: create, take, complete, abort
//!            body ──▶ intake (speed, digest, takeover) ──▶ draft of the blob store
//!                                    │ durable runs
//!                                    ▼
//!                              journal: many sessions in one transaction ──▶ answer
//! ```
//! A small file in one request is one transaction, after its bytes are durable ([`whole`]).
//! Sessions live in the database and bytes in the blob store. In memory there are only the requests that
//! run now ([`streams`]) and unwrapped keys ([`keys`]), so that any relay goes on with any session.

mod begin;
mod content;
mod digest;
mod direct;
mod intake;
mod keys;
mod names;
mod options;
mod room;
mod scan;
mod session;
mod sniff;
mod streams;
mod sweep;
mod take;
mod whole;

use std::path::PathBuf;
use std::sync::Arc;

use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::{Noted, RelayStore, UploadNote, WholeUpload, WholeUploaded};

pub(crate) use begin::{Begin, create};
pub(crate) use content::{OpenError, open_aside, open_content};
pub(crate) use digest::Announced;
pub(crate) use direct::{brought, link, sign};
pub(crate) use intake::{Broken, Intake, Pace};
pub(crate) use keys::{Keys, OWN_KEY, known_operator, operator, own_key, rewrap, unwrap_key};
pub(crate) use names::{bytes32, checked_name, checked_type, hex, hex32};
pub(crate) use options::UploadOptions;
pub(crate) use room::space as disk_space;
use scan::Scans;
pub(crate) use scan::keep_scanning;
pub(crate) use session::{abort, complete, find, read, size, state_of, told_failed};
pub(crate) use streams::Streams;
pub(crate) use sweep::{check, clean, sweep};
pub(crate) use take::{At, Take, beyond_request, take};
pub(crate) use whole::{First, begin_with};

use crate::gather::Gather;
use crate::problem::Failure;

/// Bytes of one request of the interface of record at most: what is sent again after a bad cut, and the largest
/// that clients grow to.
pub(crate) const REQUEST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes between two looks at what is durable: what a crash can cost a long request. On a disk of
/// 200 MB/s that is a sixth of a second.
pub(crate) const CHECKPOINT_BYTES: u64 = 32 * 1024 * 1024;

/// Bytes that a session of unknown size reserves at once.
pub(crate) const LEASE_BYTES: u64 = 64 * 1024 * 1024;

/// Notes of what is durable: sessions that wait meanwhile share a transaction, and what is answered is in
/// the database.
pub(crate) type Journal = Gather<UploadNote, Noted>;

/// Small files whose bytes are durable: those that wait meanwhile share a transaction too.
pub(crate) type Wholes = Gather<WholeUpload, WholeUploaded>;

/// What all uploads share.
#[derive(Debug)]
pub(crate) struct Uploads {
    options: UploadOptions,
    keys: Option<Arc<Keys>>,
    streams: Arc<Streams>,
    journal: Arc<Journal>,
    wholes: Arc<Wholes>,
    scans: Scans,
    /// Where drafts take room, where that is a folder.
    folder: Option<PathBuf>,
}

impl Uploads {
    /// Without an operator's key files cannot be kept, and every upload is refused.
    pub(crate) fn new(
        options: UploadOptions,
        keys: Option<Arc<Keys>>,
        folder: Option<PathBuf>,
    ) -> Self {
        let streams = Arc::new(Streams::new(options.streams()));
        let journal = Gather::new(RelayStore::note_landed);
        let wholes = Gather::new(RelayStore::upload_whole);
        Self { options, keys, streams, journal, wholes, scans: Scans::default(), folder }
    }

    /// How the operator wants them.
    pub(crate) fn options(&self) -> &UploadOptions {
        &self.options
    }

    /// The keys of organisations.
    ///
    /// # Errors
    /// 503 where the relay has no operator's key.
    pub(crate) fn keys(&self) -> Result<&Keys, Failure> {
        self.keys.as_deref().ok_or_else(|| {
            Failure::new(
                axum::http::StatusCode::SERVICE_UNAVAILABLE,
                ProblemCode::UploadsOff,
                "this relay keeps no files: its operator has to name a key with --key-file",
            )
        })
    }

    fn streams(&self) -> &Arc<Streams> {
        &self.streams
    }

    fn scans(&self) -> &Scans {
        &self.scans
    }

    fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    fn wholes(&self) -> &Arc<Wholes> {
        &self.wholes
    }
}
