//! What surrounds the table of profiles: facets, saved views, columns, and rows for the clipboard.

use std::collections::BTreeMap;

use kartei_export::{Sheet, SheetColumn};
use kartei_filter::Narrow;
use kartei_local_store::{View, narrowed};
use kartei_protocol::desktop::{
    AttributeNames, CopiedRows, CopyRows, CountFacet, Facet, Field, FilterText, FindPlace,
    ListPlace, ListProfiles, NarrowFilter, NarrowHow, ProfilePage, SaveView, SavedView, SavedViews,
    ScoreName, ScoreNames, SortKey, TableLayout,
};
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::app::App;
use crate::behavior::shown::titles;
use crate::clock;
use crate::problem::{of_filter, of_store};
use crate::random;
use crate::views;

/// Rows that are copied at most: some megabytes of text, which a clipboard still takes at once. More
/// of them are an export.
const COPIED_MAX: usize = 10_000;

/// What begins the name of an attribute's column.
const ATTRIBUTE: &str = "attribute:";

/// What begins the name of a score's column.
const SCORE: &str = "score:";

/// Adds a value to a filter or takes it out.
pub(crate) fn narrow(request: &NarrowFilter) -> Result<FilterText, Problem> {
    let how = match request.how {
        NarrowHow::Any => Narrow::Any,
        NarrowHow::All => Narrow::All,
        NarrowHow::Not => Narrow::Not,
        NarrowHow::Drop => Narrow::Drop,
    };
    let narrowed = narrowed(&request.filter, &request.field, &request.value, how);
    match narrowed.map_err(|e| of_filter(&e, &request.filter))? {
        Some(filter) => Ok(FilterText { filter }),
        None => Err(Problem::new(ProblemCode::InvalidRequest, "the field has no such value")),
    }
}

impl App {
    pub(crate) fn profile_page(&self, request: &ListProfiles) -> Result<ProfilePage, Problem> {
        let page = self.shared.store.list(request).map_err(|e| of_filter(&e, &request.filter))?;
        if page.unscored > 0 {
            self.list_scores.look();
        }
        let scores = page.scores.into_iter().chain(std::iter::repeat_with(BTreeMap::new));
        Ok(ProfilePage {
            merged: self.merged_id(&request.search)?,
            rows: page
                .rows
                .iter()
                .zip(scores)
                .map(|(row, scores)| views::row(row, scores))
                .collect(),
            offset: page.offset,
            matching: page.matching,
            total: page.total,
            next: page.next,
            unscored: page.unscored,
        })
    }

    /// Makes what is missing of scores where an order or a filter names one, and says whether one does: for a program that
    /// lists once, and does not stay.
    ///
    /// # Errors
    /// Why they cannot be made; a mistake in the filter.
    pub fn settle_scores(&self, filter: &str, sort: &SortKey) -> Result<bool, Problem> {
        let settled = self.shared.store.settle_scores(filter, sort);
        settled.map_err(|e| of_filter(&e, filter))
    }

    pub(crate) fn place(&self, request: &FindPlace) -> Result<ListPlace, Problem> {
        let rank = self.shared.store.rank(request).map_err(|e| of_filter(&e, &request.filter))?;
        Ok(ListPlace { rank })
    }

    pub(crate) fn attribute_names(&self) -> Result<AttributeNames, Problem> {
        let attributes = self.shared.store.attribute_names().map_err(|e| of_store(&e))?;
        Ok(AttributeNames { attributes })
    }

    pub(crate) fn score_names(&self) -> Result<ScoreNames, Problem> {
        let names = self.shared.store.score_names().map_err(|e| of_store(&e))?;
        let scores = names.into_iter().map(|one| ScoreName {
            title: titles(one.title.as_ref()),
            name: one.name,
            schema: one.schema,
        });
        Ok(ScoreNames { scores: scores.collect() })
    }

    pub(crate) fn facet(&self, request: &CountFacet) -> Result<Facet, Problem> {
        if matches!(request.field, Field::Id | Field::Name | Field::Observations) {
            let message = "this field has too many values to list them";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        self.shared.store.count_facet(request).map_err(|e| of_filter(&e, &request.filter))
    }

    pub(crate) fn copied(&self, request: &CopyRows) -> Result<CopiedRows, Problem> {
        let CopyRows { selection, sort, descending, .. } = request;
        let (rows, selected) = self
            .shared
            .store
            .rows_of(selection, sort, *descending, COPIED_MAX)
            .map_err(|e| of_filter(&e, &selection.filter))?;
        let columns = request.columns.iter().filter_map(|name| column(name));
        let mut sheet = Sheet::new(std::iter::once(SheetColumn::Id).chain(columns).collect());
        let has_scores = request.columns.iter().any(|name| name.starts_with(SCORE));
        let scores = if has_scores { self.shared.store.scores_of(&rows) } else { Ok(Vec::new()) };
        let mut scores = scores.map_err(|e| of_store(&e))?.into_iter();
        for row in &rows {
            let scores = scores.next().unwrap_or_default();
            let others = request.columns.iter().filter_map(|name| match name.as_str() {
                "changed" => Some(clock::text(row.changed_at)),
                "status" => Some(row.status.word().to_owned()),
                name => {
                    let score = scores.get(name.strip_prefix(SCORE)?);
                    Some(score.map(f64::to_string).unwrap_or_default())
                }
            });
            let others: Vec<String> = others.collect();
            let others: Vec<&str> = others.iter().map(String::as_str).collect();
            sheet.add(&row.record, &others).map_err(|error| {
                Problem::new(ProblemCode::StoreDamaged, error.to_string()).about(row.id.clone())
            })?;
        }
        Ok(CopiedRows { csv: sheet.finish(), rows: rows.len() as u64, selected })
    }

    pub(crate) fn saved_views(&self) -> Result<SavedViews, Problem> {
        let views = self.shared.store.views().map_err(|e| of_store(&e))?;
        Ok(SavedViews { views: views.into_iter().map(saved).collect() })
    }

    pub(crate) fn keep_view(&self, request: SaveView) -> Result<SavedView, Problem> {
        let store = &self.shared.store;
        let id = match request.id {
            // Only what is there can be changed.
            Some(id) => store.view(&id).map_err(|e| of_store(&e))?.id,
            // An id that no other device makes.
            None => random::hex::<16>()?,
        };
        let SaveView { name, view, .. } = request;
        let view = View { id, name, view, changed_at: clock::now() };
        store.save_view(&view, self.session().author.as_deref()).map_err(|e| of_store(&e))?;
        Ok(saved(store.view(&view.id).map_err(|e| of_store(&e))?))
    }

    pub(crate) fn forget_view(&self, id: &str) -> Result<SavedViews, Problem> {
        let by = self.session().author;
        let deleted = self.shared.store.delete_view(id, clock::now(), by.as_deref());
        deleted.map_err(|e| of_store(&e))?;
        self.saved_views()
    }

    pub(crate) fn keep_layout(&self, layout: TableLayout) -> Result<TableLayout, Problem> {
        self.shared.store.keep_table_layout(&layout).map_err(|e| of_store(&e))?;
        Ok(layout)
    }
}

fn saved(view: View) -> SavedView {
    SavedView {
        id: view.id,
        name: view.name,
        view: view.view,
        changed_at: clock::text(view.changed_at),
    }
}

/// A column by its name in layouts; `None` for names of a later version.
fn column(name: &str) -> Option<SheetColumn> {
    Some(match name {
        "name" => SheetColumn::Name,
        "tags" => SheetColumn::Tags,
        "observations" => SheetColumn::Observations,
        "last_observation" => SheetColumn::LastObservation,
        "changed" => SheetColumn::Other("changed_at".to_owned()),
        "status" => SheetColumn::Other("status".to_owned()),
        _ => match name.strip_prefix(SCORE) {
            Some(score) => SheetColumn::Other(format!("score.{score}")),
            None => SheetColumn::Attribute(name.strip_prefix(ATTRIBUTE)?.to_owned()),
        },
    })
}
