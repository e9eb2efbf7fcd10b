//! Merging a profile into another one, and answering for the one that was merged.

use kartei_local_store::StoreError;
use kartei_protocol::desktop::{
    ActDone, MergePreview, MergeProfiles, Merged, MergedIds, PreviewMerge, ProfileDetail,
};
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::app::App;
use crate::clock;
use crate::problem::of_store;
use crate::views;

/// Choices in one request at most: attributes, and elements that a preview names.
const CHOICES_MAX: usize = 2_000;

/// Ids in one request at most: as many as a list shows.
const IDS_MAX: usize = 1_000;

impl App {
    pub(crate) fn merge_preview(&self, request: &PreviewMerge) -> Result<MergePreview, Problem> {
        few(&request.choices)?;
        self.shared.store.preview_merge(request).map_err(|e| of_store(&e))
    }

    pub(crate) fn merge(&self, request: &MergeProfiles) -> Result<ActDone, Problem> {
        few(&request.choices)?;
        self.step(self.shared.store.merge(&self.session(), clock::now(), request))
    }

    /// A profile; for the id of one that was merged, the one that it is part of now.
    pub(crate) fn whole_detail(&self, id: &str) -> Result<ProfileDetail, Problem> {
        let store = &self.shared.store;
        let of = |id: &str| {
            let view = store.profile(id)?;
            views::detail(store, &view, store.conflicts(id)?)
        };
        let read = || match of(id) {
            Err(StoreError::NotFound(asked)) => match store.survivor(id)? {
                Some(into) => Ok(ProfileDetail { asked: Some(asked), ..of(&into)? }),
                None => Err(StoreError::NotFound(asked)),
            },
            found => found,
        };
        read().map_err(|e| of_store(&e))
    }

    /// Those of some ids whose profiles were merged.
    pub(crate) fn merged_among(&self, ids: &[String]) -> Result<MergedIds, Problem> {
        if ids.len() > IDS_MAX {
            let message = format!("a request has {IDS_MAX} ids at most");
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        let mut merged = Vec::new();
        for id in ids {
            merged.extend(self.merged_id(id)?);
        }
        Ok(MergedIds { merged })
    }

    /// Where what is searched for is the id of a merged profile: that, and what it is part of now.
    pub(crate) fn merged_id(&self, search: &str) -> Result<Option<Merged>, Problem> {
        let id = search.trim();
        if id.is_empty() {
            return Ok(None);
        }
        let into = self.shared.store.survivor(id).map_err(|e| of_store(&e))?;
        Ok(into.map(|into| Merged { id: id.to_owned(), into }))
    }
}

fn few(choices: &[String]) -> Result<(), Problem> {
    if choices.len() <= CHOICES_MAX {
        return Ok(());
    }
    let message = format!("a merging has {CHOICES_MAX} choices at most");
    Err(Problem::new(ProblemCode::InvalidRequest, message))
}
