//! Deleted profiles, and those that the relay refused.

use kartei_protocol::desktop::{
    DeletedProfile, DeletedProfiles, Deletion, ListPart, RejectedProfile, RejectedProfiles,
    RelaysProfile, SendAgain, SyncStatus,
};
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_protocol::sync::ProfileLine;
use serde_json::Value;

use crate::app::App;
use crate::clock;
use crate::problem::{of_relay, of_store};
use crate::sync;
use crate::views;

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
            became: row.became,
        });
        Ok(DeletedProfiles { rows: rows.collect(), total })
    }

    pub(crate) fn deletion(&self, id: &str) -> Result<Deletion, Problem> {
        let store = &self.shared.store;
        let view = store.profile_with_past(id).map_err(|e| of_store(&e))?;
        if !view.deleted {
            let message = format!("`{id}` is not deleted");
            return Err(Problem::new(ProblemCode::NotFound, message).about(id));
        }
        let from = store.origin(id, "").map_err(|e| of_store(&e))?;
        let mine = from.as_ref().map(|from| store.is_own_actor(&from.actor)).transpose();
        let at = from.as_ref().and_then(|from| from.at);
        Ok(Deletion {
            display_name: display_name(&view.record),
            id: view.id,
            became: view.became,
            mine: mine.map_err(|e| of_store(&e))?.unwrap_or_default(),
            at: clock::text(at.map_or(view.changed_at, |seconds| seconds.saturating_mul(1000))),
            by: from.and_then(|from| from.by),
        })
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

    pub(crate) fn relays_profile(&self, id: &str) -> Result<RelaysProfile, Problem> {
        let id = id.to_owned();
        let Some(line) = self.relays_line(&id)? else {
            let (known, deleted, changes, fields) = (false, false, 0, Vec::new());
            return Ok(RelaysProfile { id, known, deleted, changes, fields });
        };
        let compared = self.shared.store.compare_with_relays(&self.session(), clock::now(), &line);
        let theirs = compared.map_err(|e| of_store(&e))?;
        Ok(RelaysProfile {
            id,
            known: true,
            deleted: theirs.deleted,
            changes: theirs.changes as u64,
            fields: theirs.fields.into_iter().map(views::field).collect(),
        })
    }

    pub(crate) fn take_relays_profile(&self, id: &str) -> Result<SyncStatus, Problem> {
        let Some(line) = self.relays_line(id)? else {
            let message = format!("the relay has no profile `{id}` that could be taken");
            return Err(Problem::new(ProblemCode::NotFound, message).about(id));
        };
        let taken = self.shared.store.take_relays(&self.session(), clock::now(), &line);
        taken.map_err(|e| of_store(&e))?;
        self.changed();
        sync::status(&self.shared)
    }

    /// The profile as the relay has it, whole; nothing where it does not have it.
    fn relays_line(&self, id: &str) -> Result<Option<ProfileLine>, Problem> {
        let client = self.shared.relay()?.ok_or_else(|| {
            let message = "without a relay there is nothing to compare with: sign in first";
            Problem::new(ProblemCode::NotSignedIn, message)
        })?;
        let found = sync::block_on(client.fetch(&[id.to_owned()]))?;
        let lines = found.map_err(|e| of_relay(&e).about(id))?;
        Ok(lines.into_iter().find(|line| line.id == id))
    }
}

/// A refusal of the relay as it was kept; a code of a later version is a fault of nobody's here.
pub(crate) fn refusal(code: String, reason: String) -> Problem {
    let code = serde_json::from_value(Value::String(code)).unwrap_or(ProblemCode::Internal);
    Problem::new(code, reason)
}

pub(crate) fn display_name(record: &str) -> Option<String> {
    let record: Value = serde_json::from_str(record).ok()?;
    record.get("display_name")?.as_str().map(str::to_owned)
}
