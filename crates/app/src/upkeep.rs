//! Looking after the data folder.

use kartei_protocol::desktop::{Compacted, SavedFile, StoreCheck, StoreInfo};
use kartei_protocol::problem::Problem;

use crate::app::App;
use crate::clock;
use crate::files;
use crate::problem::of_store;

impl App {
    pub(crate) fn size(&self) -> Result<StoreInfo, Problem> {
        self.shared.store.info().map_err(|e| of_store(&e))
    }

    pub(crate) fn check(&self, repair: bool) -> Result<StoreCheck, Problem> {
        let check = self.shared.store.check(repair).map_err(|e| of_store(&e))?;
        if check.findings.iter().any(|finding| finding.repaired) {
            self.changed();
        }
        Ok(check)
    }

    pub(crate) fn back_up(&self, to: Option<&str>) -> Result<SavedFile, Problem> {
        let day: String = clock::text(clock::now()).chars().take(10).collect();
        let path = files::place(to, &format!("kartei-{day}.sqlite"))?;
        let bytes = self.shared.store.back_up(&path).map_err(|e| of_store(&e))?;
        Ok(SavedFile { path: path.display().to_string(), bytes })
    }

    pub(crate) fn compact(&self) -> Result<Compacted, Problem> {
        self.shared.store.compact().map_err(|e| of_store(&e))
    }
}
