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
//! Three things make a repeated request harmless: the client's key, the digest of what came in while
//! nothing was written since, and the hash of every record.

mod check;
mod pieces;
mod report;
mod run;
mod validate;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use kartei_relay_store::{Access, Author, ImportMode};

use crate::gate::Limit;
use crate::problem::ApiCode;

pub(crate) use report::{ImportAnswer, ImportStatus};
pub(crate) use run::{Ended, mode_name, report_name, run};
pub(crate) use validate::{
    VALIDATE_BYTES_MAX, VALIDATE_LINES_MAX, ValidationAnswer, validate_lines, validate_record,
};

/// Imports at once: each uses all cores while it checks.
pub(crate) const IMPORTS: Limit =
    Limit { name: "imports", of_one: 2, of_all: 4, code: ApiCode::TooManyImports };

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) access: Access,
    pub(crate) author: Author,
    pub(crate) mode: ImportMode,
    pub(crate) dry_run: bool,
    /// Reading ends beyond so many rejected lines.
    pub(crate) max_errors: Option<u64>,
    pub(crate) id: String,
    pub(crate) digest: String,
    pub(crate) bytes: u64,
}

/// The imports that this relay runs now.
#[derive(Debug, Default)]
pub(crate) struct Running {
    ids: Mutex<HashSet<(kartei_relay_store::OrgId, String)>>,
}

/// One of them. It is over when this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    running: Arc<Running>,
    org: kartei_relay_store::OrgId,
    id: String,
}

impl Running {
    /// A place for an import; `None` where there are enough already.
    pub(crate) fn enter(
        self: &Arc<Self>,
        org: kartei_relay_store::OrgId,
        id: &str,
    ) -> Option<Slot> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = ids.iter().filter(|(of, _)| *of == org).count();
        if ids.len() >= IMPORTS.of_all || of_one >= IMPORTS.of_one {
            return None;
        }
        ids.insert((org, id.to_owned()));
        Some(Slot { running: Arc::clone(self), org, id: id.to_owned() })
    }

    /// Whether an import runs here.
    pub(crate) fn is_running(&self, org: kartei_relay_store::OrgId, id: &str) -> bool {
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.contains(&(org, id.to_owned()))
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
