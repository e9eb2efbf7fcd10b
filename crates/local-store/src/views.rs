//! Saved views of the table, and the columns that it was left with.

use kartei_protocol::desktop::{TableLayout, TableView};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::error::StoreError;
use crate::session;
use crate::store::Store;

/// Characters of a view's name at most: a name is read in a menu.
pub const NAME_CHARS_MAX: usize = 100;

/// Views of a data folder at most; a menu with more is none.
const VIEWS_MAX: i64 = 500;

/// Columns of a layout at most, and widths that it remembers.
const COLUMNS_MAX: usize = 200;

/// Where the columns of the table are kept that belong to no view.
const LAYOUT: &str = "layout";

/// A saved view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Names it for good.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it says.
    pub view: TableView,
    /// When it was saved last, in milliseconds since 1970.
    pub changed_at: i64,
}

impl Store {
    /// The saved views in the order of their names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn views(&self) -> Result<Vec<View>, StoreError> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT id, name, view, changed_at FROM views WHERE deleted = 0 ORDER BY name, id",
            )?;
            let rows = select.query_map([], stored)?.collect::<Result<Vec<_>, _>>()?;
            rows.into_iter().map(read).collect()
        })
    }

    /// Saves a view under its id, a new one or one that is there. Names are told apart without their
    /// case and without blanks around them.
    ///
    /// # Errors
    /// [`StoreError::Blocked`] where the name is none, another view has it, or there are too many
    /// views or columns; [`StoreError::NoView`] where the view was deleted.
    pub fn save_view(&self, view: &View, by: Option<&str>) -> Result<(), StoreError> {
        let name = view.name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            let message = format!("the name of a view has 1 to {NAME_CHARS_MAX} characters");
            return Err(StoreError::Blocked(message));
        }
        check(&view.view.layout)?;
        let body = json(&view.view)?;
        self.write(|db| {
            if let Some(true) = is_deleted(db, &view.id)? {
                return Err(StoreError::NoView(view.id.clone()));
            }
            let others = db
                .prepare_cached("SELECT name FROM views WHERE deleted = 0 AND id <> ?1")?
                .query_map([&view.id], |row| row.get::<_, String>(0))?
                .collect::<Result<Vec<_>, _>>()?;
            if others.iter().any(|other| other.to_lowercase() == name.to_lowercase()) {
                let message = format!("there is a view with the name `{name}` already");
                return Err(StoreError::Blocked(message));
            }
            if i64::try_from(others.len()).unwrap_or(i64::MAX) >= VIEWS_MAX {
                let message = format!("a data folder keeps {VIEWS_MAX} views at most");
                return Err(StoreError::Blocked(message));
            }
            db.execute(
                "INSERT INTO views (id, name, view, changed_at, changed_by) \
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET name = excluded.name, \
                 view = excluded.view, changed_at = excluded.changed_at, \
                 changed_by = excluded.changed_by",
                params![view.id, name, body, view.changed_at, by],
            )?;
            Ok(())
        })
    }

    /// Deletes a view. Its mark stays, so that a device that has it learns of it.
    ///
    /// # Errors
    /// [`StoreError::NoView`] or a failure.
    pub fn delete_view(&self, id: &str, now: i64, by: Option<&str>) -> Result<(), StoreError> {
        self.write(|db| {
            let deleted = db.execute(
                "UPDATE views SET deleted = 1, view = '{}', changed_at = ?2, changed_by = ?3 \
                 WHERE id = ?1 AND deleted = 0",
                params![id, now, by],
            )?;
            if deleted == 0 { Err(StoreError::NoView(id.to_owned())) } else { Ok(()) }
        })
    }

    /// A view by its id.
    ///
    /// # Errors
    /// [`StoreError::NoView`] or a failure.
    pub fn view(&self, id: &str) -> Result<View, StoreError> {
        self.read(|db| {
            let row = db
                .prepare_cached(
                    "SELECT id, name, view, changed_at FROM views WHERE id = ?1 AND deleted = 0",
                )?
                .query_row([id], stored)
                .optional()?;
            read(row.ok_or_else(|| StoreError::NoView(id.to_owned()))?)
        })
    }

    /// The columns that the table was left with; those of a new folder where there are none yet, or
    /// where a later version wrote what this one cannot read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn table_layout(&self) -> Result<TableLayout, StoreError> {
        let text = self.read(|db| session::get(db, LAYOUT))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// Keeps the columns of the table.
    ///
    /// # Errors
    /// [`StoreError::Blocked`] where there are too many, or a failure.
    pub fn keep_table_layout(&self, layout: &TableLayout) -> Result<(), StoreError> {
        check(layout)?;
        let text = json(layout)?;
        self.write_repeatable(|db| session::put(db, LAYOUT, Some(&text)))
    }
}

fn check(layout: &TableLayout) -> Result<(), StoreError> {
    let columns = layout.columns.as_ref().map_or(0, Vec::len);
    if columns <= COLUMNS_MAX && layout.widths.len() <= COLUMNS_MAX {
        return Ok(());
    }
    Err(StoreError::Blocked(format!("a table has {COLUMNS_MAX} columns at most")))
}

fn is_deleted(db: &Transaction<'_>, id: &str) -> Result<Option<bool>, StoreError> {
    Ok(db
        .prepare_cached("SELECT deleted FROM views WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?)
}

type Stored = (String, String, String, i64);

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn read((id, name, body, changed_at): Stored) -> Result<View, StoreError> {
    let view = serde_json::from_str(&body)
        .map_err(|e| StoreError::Damaged(format!("the saved view `{id}`: {e}")))?;
    Ok(View { id, name, view, changed_at })
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Sqlite(e.to_string()))
}
