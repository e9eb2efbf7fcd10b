//! Steps that can be taken back: bulk edits, undo, redo, earlier states.

use kartei_local_store::StoreError;
use kartei_profile::ChangeHash;
use kartei_protocol::desktop::{
    ActDone, Acts, BulkEdit, DeleteProfiles, EditProfile, ProfileAt, ProfileDetail, ProfileVersion,
    Selection,
};
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::app::App;
use crate::clock;
use crate::commands::EDITS_MAX;
use crate::problem::{of_filter, of_store};
use crate::views;

impl App {
    pub(crate) fn edit_one(&self, request: EditProfile) -> Result<ProfileDetail, Problem> {
        let EditProfile { id, edits } = request;
        if edits.is_empty() || edits.len() > EDITS_MAX {
            let message = format!("a request has 1 to {EDITS_MAX} edits");
            return Err(Problem::new(ProblemCode::InvalidRequest, message).about(id));
        }
        let edits: Vec<_> = edits.into_iter().map(views::edit).collect();
        let edited = self.shared.store.edit(&self.session(), clock::now(), &id, &edits);
        if edited.map_err(|e| of_store(&e))? {
            self.changed();
        }
        self.detail(&id)
    }

    pub(crate) fn edit_many(&self, request: BulkEdit) -> Result<ActDone, Problem> {
        if request.edits.is_empty() || request.edits.len() > EDITS_MAX {
            let message = format!("a request has 1 to {EDITS_MAX} edits");
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        let edits: Vec<_> = request.edits.into_iter().map(views::edit).collect();
        let session = self.session();
        let now = clock::now();
        let done = self.shared.store.edit_many(&session, now, &request.selection, &edits);
        self.step_on(&request.selection, done)
    }

    pub(crate) fn delete_many(&self, request: &DeleteProfiles) -> Result<ActDone, Problem> {
        let (session, now) = (self.session(), clock::now());
        let done = self.shared.store.delete_many(&session, now, &request.selection);
        self.step_on(&request.selection, done)
    }

    /// As [`App::step`]; a mistake in the selection's filter is told with its place.
    fn step_on(
        &self,
        selection: &Selection,
        done: Result<ActDone, StoreError>,
    ) -> Result<ActDone, Problem> {
        match &done {
            Err(error @ (StoreError::Filter(_) | StoreError::NoScore { .. })) => {
                Err(of_filter(error, &selection.filter))
            }
            _ => self.step(done),
        }
    }

    pub(crate) fn acts(&self) -> Result<Acts, Problem> {
        self.shared.store.acts().map_err(|e| of_store(&e))
    }

    pub(crate) fn take_back(&self) -> Result<ActDone, Problem> {
        self.step(self.shared.store.undo(&self.session(), clock::now()))
    }

    pub(crate) fn do_again(&self) -> Result<ActDone, Problem> {
        self.step(self.shared.store.redo(&self.session(), clock::now()))
    }

    /// Tells listeners of a step that changed something.
    pub(crate) fn step(&self, done: Result<ActDone, StoreError>) -> Result<ActDone, Problem> {
        let done = done.map_err(|e| of_store(&e))?;
        if done.changed > 0 {
            self.changed();
        }
        Ok(done)
    }

    pub(crate) fn version_of(&self, request: &ProfileAt) -> Result<ProfileVersion, Problem> {
        let change = change_of(request)?;
        let record = self.shared.store.record_at(&request.id, change).map_err(|e| of_store(&e))?;
        Ok(ProfileVersion {
            id: request.id.clone(),
            change: request.change.clone(),
            record: views::value(record.text()),
        })
    }

    pub(crate) fn restore(&self, request: &ProfileAt) -> Result<ProfileDetail, Problem> {
        let change = change_of(request)?;
        let session = self.session();
        let restored = self.shared.store.restore(&session, clock::now(), &request.id, change);
        if restored.map_err(|e| of_store(&e))? {
            self.changed();
        }
        self.detail(&request.id)
    }
}

fn change_of(request: &ProfileAt) -> Result<ChangeHash, Problem> {
    ChangeHash::from_hex(&request.change).ok_or_else(|| {
        let message = format!("`{}` is not the hash of a change", request.change);
        Problem::new(ProblemCode::InvalidRequest, message).about(request.id.clone())
    })
}
