//! A diagnostic bundle: what somebody who helps needs to know, and nothing about any person.
//!
//! It is made whole first ([`facts`]), shown, and saved as it was shown, as a ZIP ([`zip`]).

mod facts;
mod zip;

use std::sync::{Mutex, PoisonError};

use kartei_protocol::desktop::{Diagnostics, PrepareDiagnostics, SaveDiagnostics, SavedFile};
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::app::App;
use crate::clock;
use crate::files;

/// The bundle that was shown last; saving writes exactly that.
#[derive(Debug, Default)]
pub(crate) struct Prepared(Mutex<Option<Diagnostics>>);

impl App {
    pub(crate) fn diagnose(&self, request: &PrepareDiagnostics) -> Result<Diagnostics, Problem> {
        let files = facts::collect(self, request)?;
        let mut prepared = self.prepared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bundle = prepared.as_ref().map_or(1, |before| before.bundle + 1);
        let made = Diagnostics { bundle, files };
        *prepared = Some(made.clone());
        Ok(made)
    }

    pub(crate) fn save_bundle(&self, request: &SaveDiagnostics) -> Result<SavedFile, Problem> {
        let prepared = self.prepared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(shown) = prepared.as_ref().filter(|shown| shown.bundle == request.bundle) else {
            let message = format!(
                "bundle {} is not the one that was shown last; prepare it again",
                request.bundle
            );
            return Err(Problem::new(ProblemCode::Blocked, message));
        };
        let day: String = clock::text(clock::now()).chars().take(10).collect();
        let path = files::place(request.to.as_deref(), &format!("kartei-diagnostics-{day}.zip"))?;
        let bytes = zip::pack(&shown.files).map_err(|reason| {
            Problem::new(ProblemCode::TooLarge, format!("the bundle cannot be packed: {reason}"))
        })?;
        std::fs::write(&path, &bytes).map_err(|error| files::of_write(&path, &error))?;
        Ok(SavedFile { path: path.display().to_string(), bytes: bytes.len() as u64 })
    }
}
