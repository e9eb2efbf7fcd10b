//! The import history.

use std::path::{Path, PathBuf};

use kartei_protocol::desktop::{
    ActDone, DeleteImported, ImportFile, ImportHistory, ImportReport, ImportedNow, ListImports,
    SaveImportFile, SavedFile,
};
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::app::App;
use crate::clock;
use crate::files;
use crate::problem::of_store;

/// Imports in a page where none is asked for.
const PAGE_DEFAULT: u32 = 50;

/// Where the files about an import lie.
pub(crate) fn folder_of(data_dir: &Path, import: u64) -> PathBuf {
    data_dir.join("imports").join(import.to_string())
}

impl App {
    pub(crate) fn past_imports(&self, request: &ListImports) -> Result<ImportHistory, Problem> {
        let limit = if request.limit == 0 { PAGE_DEFAULT } else { request.limit };
        let entries = self.shared.store.imports(request.before, limit).map_err(|e| of_store(&e))?;
        Ok(ImportHistory { entries })
    }

    pub(crate) fn past_report(&self, import: u64) -> Result<ImportReport, Problem> {
        self.shared.store.import_report(import).map_err(|e| of_store(&e))
    }

    pub(crate) fn copy_import_file(&self, request: &SaveImportFile) -> Result<SavedFile, Problem> {
        let report = self.past_report(request.import)?;
        let (name, ending) = match request.file {
            ImportFile::ErrorsNdjson => ("errors.ndjson", "errors.ndjson"),
            ImportFile::ErrorsCsv => ("errors.csv", "errors.csv"),
            ImportFile::Rejected => ("rejected.ndjson", "rejected.ndjson"),
        };
        let from = folder_of(&self.data_dir, request.import).join(name);
        if !from.is_file() {
            let message = format!("import {} has no such file", request.import);
            return Err(Problem::new(ProblemCode::FileMissing, message));
        }
        let file = Path::new(&report.file).file_name().unwrap_or_default().to_string_lossy();
        let stem = file.split('.').next().unwrap_or("import");
        let to = files::place(request.to.as_deref(), &format!("{stem}.{ending}"))?;
        let bytes = std::fs::copy(&from, &to).map_err(|e| files::of_write(&to, &e))?;
        Ok(SavedFile { path: to.display().to_string(), bytes })
    }

    pub(crate) fn take_import_back(&self, import: u64) -> Result<ActDone, Problem> {
        self.must_not_run(import)?;
        self.step(self.shared.store.undo_import(&self.session(), clock::now(), import))
    }

    pub(crate) fn still_imported(&self, import: u64) -> Result<ImportedNow, Problem> {
        self.shared.store.imported_now(import).map_err(|e| of_store(&e))
    }

    pub(crate) fn delete_of_import(&self, request: &DeleteImported) -> Result<ActDone, Problem> {
        let DeleteImported { import, with_edited } = *request;
        self.must_not_run(import)?;
        let store = &self.shared.store;
        self.step(store.delete_imported(&self.session(), clock::now(), import, with_edited))
    }

    fn must_not_run(&self, import: u64) -> Result<(), Problem> {
        if self.imports.is_running(import) {
            let message = format!("import {import} is running; cancel it first");
            return Err(Problem::new(ProblemCode::Blocked, message));
        }
        Ok(())
    }
}
