//! Imports over HTTP.
//!
//! ```text
//! body ──▶ blob `imports/<org>/<sha256>`   kept before anything is answered, and the audit
//!              │ read back
//!              ▼
//! read_blocks: inflate, split ─▶ workers: check, canonical form ─▶ batches ─▶ RelayStore
//!                                                │ what is wrong
//!                                                ▼
//!                               counts, first problems, two report blobs
//! ```
//! What was begun is ended, by this relay or by another one ([`carry`]). Three things make a repeated
//! request harmless: the client's key, the digest of what came in while
//! nothing was written since, and the hash of every record.

mod carry;
mod check;
mod pieces;
mod progress;
mod report;
mod run;
mod validate;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use kartei_relay_store::{Author, ImportMode, ImportRow, Lease, OrgId};

use crate::gate::Limit;
use crate::problem::ApiCode;

pub(crate) use carry::{Carried, carry, lease, spawn, state_of, take_up};
pub(crate) use check::{Checker, Line};
pub(crate) use pieces::{Pieces, feed};
pub(crate) use report::ImportAnswer;
pub(crate) use run::{Ended, code_of, mode_name, report_name, status_of_error};
pub(crate) use validate::{
    VALIDATE_BYTES_MAX, VALIDATE_LINES_MAX, ValidationAnswer, validate_lines, validate_record,
};

/// Imports at once: each uses all cores while it checks.
pub(crate) const IMPORTS: Limit =
    Limit { name: "imports", of_one: 2, of_all: 4, code: ApiCode::TooManyImports };

/// What is to be done.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) org: OrgId,
    pub(crate) author: Author,
    pub(crate) mode: ImportMode,
    /// Reading ends beyond so many rejected lines.
    pub(crate) max_errors: Option<u64>,
    pub(crate) lease: Lease,
    pub(crate) row: ImportRow,
}

/// The imports that this relay runs now.
#[derive(Debug)]
pub(crate) struct Running {
    /// Names this run of the relay in leases.
    runner: String,
    ids: Mutex<HashSet<(OrgId, String)>>,
}

/// One of them. It is over when this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    running: Arc<Running>,
    org: OrgId,
    id: String,
}

impl Running {
    /// None yet, for a run of the relay with this name.
    pub(crate) fn new(runner: String) -> Self {
        Self { runner, ids: Mutex::default() }
    }

    /// The name of this run of the relay.
    pub(crate) fn runner(&self) -> &str {
        &self.runner
    }

    /// A place for an import; `None` where there are enough already.
    pub(crate) fn enter(self: &Arc<Self>, org: OrgId, id: &str) -> Option<Slot> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = ids.iter().filter(|(of, _)| *of == org).count();
        if ids.len() >= IMPORTS.of_all || of_one >= IMPORTS.of_one {
            return None;
        }
        ids.insert((org, id.to_owned()));
        Some(Slot { running: Arc::clone(self), org, id: id.to_owned() })
    }
}

impl Slot {
    /// The same place under the id of an import that is taken up again.
    pub(crate) fn rename(&mut self, id: &str) {
        let mut ids = self.running.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.remove(&(self.org, std::mem::replace(&mut self.id, id.to_owned())));
        ids.insert((self.org, id.to_owned()));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut ids = self.running.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.remove(&(self.org, self.id.clone()));
    }
}
