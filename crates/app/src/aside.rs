//! Deleted profiles, and those that the relay refused.

use kartei_protocol::desktop::{
    DeletedProfile, DeletedProfiles, ListPart, RejectedProfile, RejectedProfiles, SendAgain,
    SyncStatus,
};
use kartei_protocol::problem::{Problem, ProblemCode};
use serde_json::Value;

use crate::app::App;
use crate::clock;
use crate::problem::of_store;
use crate::sync;

/// Rows in one part at most.
const ROWS_MAX: u32 = 1_000;

impl App {
    pub(crate) fn deleted_profiles(&self, part: &ListPart) -> Result<DeletedProfiles, Problem> {
        let found = self.shared.store.deleted(part.offset, part.limit.min(ROWS_MAX));
        let (rows, total) = found.map_err(|e| of_store(&e))?;
        let rows = rows.into_iter().map(|row| DeletedProfile {
            display_name: display_name(&row.record),
            id: row.id,
            deleted_at: clock::text(row.changed_at),
            pending: row.pending,
        });
        Ok(DeletedProfiles { rows: rows.collect(), total })
    }

    pub(crate) fn rejected_profiles(&self, part: &ListPart) -> Result<RejectedProfiles, Problem> {
        let found = self.shared.store.rejected(part.offset, part.limit.min(ROWS_MAX));
        let (rows, total) = found.map_err(|e| of_store(&e))?;
        let rows = rows.into_iter().map(|row| RejectedProfile {
            display_name: display_name(&row.record),
            problem: refusal(row.code, row.reason).about(row.id.clone()),
            id: row.id,
            at: clock::text(row.at),
            deleted: row.deleted,
        });
        Ok(RejectedProfiles { rows: rows.collect(), total })
    }

    /// Lets what was refused go out again, now.
    pub(crate) fn retry(&self, request: &SendAgain) -> Result<SyncStatus, Problem> {
        let again = self.shared.store.send_again(request.id.as_deref());
        if again.map_err(|e| of_store(&e))? > 0 {
            self.changed();
        }
        sync::status(&self.shared)
    }
}

/// A refusal of the relay as it was kept; a code of a later version is a fault of nobody's here.
pub(crate) fn refusal(code: String, reason: String) -> Problem {
    let code = serde_json::from_value(Value::String(code)).unwrap_or(ProblemCode::Internal);
    Problem::new(code, reason)
}

fn display_name(record: &str) -> Option<String> {
    let record: Value = serde_json::from_str(record).ok()?;
    record.get("display_name")?.as_str().map(str::to_owned)
}
