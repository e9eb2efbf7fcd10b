//! Profiles in conflict, and deciding.

use kartei_protocol::desktop::{
    ActDone, Choice, ConflictPage, ConflictRow, DecideConflicts, DecideMany, ListConflicts,
    ListProfiles, ProfileDetail, SortKey,
};
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::app::App;
use crate::aside::display_name;
use crate::clock;
use crate::commands::EDITS_MAX;
use crate::observations;
use crate::problem::of_store;
use crate::views;

/// Profiles in one part of the list at most: each one's document is read.
const ROWS_MAX: u32 = 200;

/// The filter that finds them.
const IN_CONFLICT: &str = "status:conflict";

impl App {
    pub(crate) fn decide(&self, request: DecideConflicts) -> Result<ProfileDetail, Problem> {
        let DecideConflicts { id, decisions } = request;
        if decisions.is_empty() || decisions.len() > EDITS_MAX {
            let message = format!("a request has 1 to {EDITS_MAX} decisions");
            return Err(Problem::new(ProblemCode::InvalidRequest, message).about(id));
        }
        let decisions: Vec<_> = decisions
            .into_iter()
            .map(|decision| kartei_profile::Decision {
                pointer: decision.pointer,
                choice: match decision.choice {
                    Choice::Side { key } => kartei_profile::Choice::Side(key),
                    Choice::Value { value } => kartei_profile::Choice::Value(Some(value)),
                    Choice::Removed => kartei_profile::Choice::Value(None),
                },
            })
            .collect();
        let decided = self.shared.store.decide(&self.session(), clock::now(), &id, &decisions);
        if decided.map_err(|e| of_store(&e))? {
            self.changed();
        }
        self.decided(&id)
    }

    pub(crate) fn decide_for_side(&self, request: &DecideMany) -> Result<ActDone, Problem> {
        let (session, now) = (self.session(), clock::now());
        self.step(self.shared.store.decide_many(&session, now, &request.ids, request.side))
    }

    pub(crate) fn conflicting(&self, request: ListConflicts) -> Result<ConflictPage, Problem> {
        let store = &self.shared.store;
        let asked = ListProfiles {
            filter: IN_CONFLICT.to_owned(),
            search: request.search,
            sort: SortKey::Changed,
            descending: true,
            offset: request.offset,
            limit: request.limit.min(ROWS_MAX),
            ..ListProfiles::default()
        };
        let page = store.list(&asked).map_err(|e| of_store(&e))?;
        let mut rows = Vec::with_capacity(page.rows.len());
        for view in page.rows {
            let conflicts = store
                .conflicts(&view.id)
                .and_then(|conflicts| {
                    conflicts.into_iter().map(|c| views::conflict(store, c)).collect()
                })
                .map_err(|e| of_store(&e))?;
            rows.push(ConflictRow {
                display_name: display_name(&view.record),
                changed_at: clock::text(view.changed_at),
                id: view.id,
                conflicts,
            });
        }
        Ok(ConflictPage { rows, total: page.matching })
    }

    /// A profile after a decision, which may have been to delete it.
    fn decided(&self, id: &str) -> Result<ProfileDetail, Problem> {
        let store = &self.shared.store;
        let read = || {
            let view = store.profile_with_past(id)?;
            let conflicts = if view.deleted { Vec::new() } else { store.conflicts(id)? };
            views::detail(store, &view, conflicts)
        };
        read().map(observations::left_out).map_err(|e| of_store(&e))
    }
}
