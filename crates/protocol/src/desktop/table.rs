//! What a table shows: its columns, saved views of it, and rows of it as text.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Selection, SortKey};

/// The columns of a table. A column is named `name`, `tags`, `observations`,
/// `last_observation`, `changed`, or `attribute:` and the key; a window leaves names out that it does not know, so that later ones
/// (scores) can stand beside them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TableLayout {
    /// The columns after the id, in order; absent: the window chooses what fits. At most 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Widths in pixels, of columns that somebody made wider or narrower.
    pub widths: BTreeMap<String, u32>,
}

/// What a view says of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TableView {
    /// The filter, as typed.
    pub filter: String,
    /// The words of the search.
    pub search: String,
    /// The order.
    pub sort: SortKey,
    /// Whether the order is turned round.
    pub descending: bool,
    /// The columns.
    pub layout: TableLayout,
}

/// A view that was saved under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SavedView {
    /// Names it for good, on every device.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it says.
    pub view: TableView,
    /// When it was saved last: RFC 3339, UTC.
    pub changed_at: String,
}

/// The saved views.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SavedViews {
    /// In the order of their names.
    pub views: Vec<SavedView>,
}

/// Saves a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveView {
    /// The view to change; absent: a new one.
    #[serde(default)]
    pub id: Option<String>,
    /// Its name, 1 to 100 characters, which no other view has.
    pub name: String,
    /// What it says.
    pub view: TableView,
}

/// Names a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewId {
    /// The view's `id`.
    pub id: String,
}

/// Asks for rows as CSV: those of a selection, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyRows {
    /// Which profiles.
    pub selection: Selection,
    /// The columns after the id, named as in [`TableLayout`].
    pub columns: Vec<String>,
    /// The order.
    #[serde(default)]
    pub sort: SortKey,
    /// Whether the order is turned round.
    #[serde(default)]
    pub descending: bool,
}

/// Rows as CSV.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CopiedRows {
    /// A header and the rows (RFC 4180), as in an export.
    pub csv: String,
    /// How many rows there are.
    pub rows: u64,
    /// How many the selection has. Only the first 10,000 rows are copied.
    pub selected: u64,
}
