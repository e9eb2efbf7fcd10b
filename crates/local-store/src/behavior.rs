//! Behaviour schemas and calibrations of a data folder.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::error::StoreError;
use crate::store::Store;

/// Versions of schemas at most: a menu with more is none.
const SCHEMAS_MAX: i64 = 200;

/// Drafts and retired calibrations at most, of all schemas; a calibration has some hundred kilobytes.
const CALIBRATIONS_MAX: i64 = 500;

/// Acts that are read, the newest.
const ACTS_READ: i64 = 200;

/// Where a calibration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalibrationState {
    /// It was made, and moves nobody yet.
    Draft,
    /// Scores are by it.
    Active,
    /// Scores were by it.
    Retired,
}

impl CalibrationState {
    fn read(text: &str) -> Self {
        match text {
            "active" => Self::Active,
            "retired" => Self::Retired,
            _ => Self::Draft,
        }
    }
}

/// A version of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSchema {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Canonical JSON.
    pub text: String,
    /// Milliseconds since 1970.
    pub saved_at: i64,
}

/// A calibration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCalibration {
    /// A hash of its text.
    pub version: String,
    /// Of which schema.
    pub schema: String,
    /// Of which version of it.
    pub schema_version: u32,
    /// Where it stands.
    pub state: CalibrationState,
    /// Canonical JSON.
    pub text: String,
    /// The version that `moves` is against.
    pub compared_with: Option<String>,
    /// JSON: whom it moves.
    pub moves: Option<String>,
    /// Milliseconds since 1970.
    pub made_at: i64,
}

/// What somebody did with a calibration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalibrationAct {
    /// Which one.
    pub version: String,
    /// Of which schema.
    pub schema: String,
    /// `fitted`, `activated`, `retired`, `rolled_back` or `deleted`.
    pub act: String,
    /// Who.
    pub by: Option<String>,
    /// Milliseconds since 1970.
    pub at: i64,
}

/// Who does something, and when in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Doing<'a> {
    /// Who.
    pub by: Option<&'a str>,
    /// When.
    pub at: i64,
}

const COLUMNS: &str = "version, schema, schema_version, state, text, compared_with, moves, made_at";

impl Store {
    /// The schemas of this data folder, by name and version.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn behavior_schemas(&self) -> Result<Vec<StoredSchema>, StoreError> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT name, version, text, saved_at FROM behavior_schemas ORDER BY name, version",
            )?;
            let rows = select.query_map([], |row| {
                Ok(StoredSchema {
                    name: row.get(0)?,
                    version: row.get(1)?,
                    text: row.get(2)?,
                    saved_at: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Keeps a version of a schema. One that is there stays as it is: what scores are made by does not change.
    ///
    /// # Errors
    /// [`StoreError::Blocked`] where there is another text of this version, or too many.
    pub fn save_behavior_schema(
        &self,
        schema: &StoredSchema,
        by: Option<&str>,
    ) -> Result<(), StoreError> {
        self.write(|db| {
            let StoredSchema { name, version, text, saved_at } = schema;
            let known: Option<String> = db
                .prepare_cached("SELECT text FROM behavior_schemas WHERE name = ?1 AND version = ?2")?
                .query_row(params![name, version], |row| row.get(0))
                .optional()?;
            match known {
                Some(known) if known == *text => return Ok(()),
                Some(_) => {
                    let message = format!(
                        "version {version} of schema `{name}` is kept already; give it the next version"
                    );
                    return Err(StoreError::Blocked(message));
                }
                None => {}
            }
            let count: i64 =
                db.query_row("SELECT count(*) FROM behavior_schemas", [], |row| row.get(0))?;
            if count >= SCHEMAS_MAX {
                let message = format!("a data folder keeps {SCHEMAS_MAX} versions of schemas at most");
                return Err(StoreError::Blocked(message));
            }
            db.execute(
                "INSERT INTO behavior_schemas (name, version, text, saved_at, saved_by) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![name, version, text, saved_at, by],
            )?;
            Ok(())
        })
    }

    /// All calibrations, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn calibrations(&self) -> Result<Vec<StoredCalibration>, StoreError> {
        self.read(|db| {
            let sql = format!("SELECT {COLUMNS} FROM calibrations ORDER BY made_at DESC, version");
            let mut select = db.prepare_cached(&sql)?;
            Ok(select.query_map([], stored)?.collect::<Result<_, _>>()?)
        })
    }

    /// The calibrations that scores are by, by schema.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn active_calibrations(&self) -> Result<Vec<StoredCalibration>, StoreError> {
        self.read(|db| {
            let sql = format!(
                "SELECT {COLUMNS} FROM calibrations WHERE state = 'active' ORDER BY schema"
            );
            let mut select = db.prepare_cached(&sql)?;
            Ok(select.query_map([], stored)?.collect::<Result<_, _>>()?)
        })
    }

    /// One calibration.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn calibration(&self, version: &str) -> Result<Option<StoredCalibration>, StoreError> {
        self.read(|db| find(db, version))
    }

    /// Keeps a calibration as a draft. One that is there already stays what it is.
    ///
    /// # Errors
    /// [`StoreError::Blocked`] where there are too many.
    pub fn add_calibration(
        &self,
        draft: &StoredCalibration,
        doing: Doing<'_>,
    ) -> Result<(), StoreError> {
        self.write(|db| {
            if find(db, &draft.version)?.is_some() {
                return compare(db, draft);
            }
            let count: i64 =
                db.query_row("SELECT count(*) FROM calibrations", [], |row| row.get(0))?;
            if count >= CALIBRATIONS_MAX {
                let message = format!(
                    "a data folder keeps {CALIBRATIONS_MAX} calibrations at most; delete drafts first"
                );
                return Err(StoreError::Blocked(message));
            }
            db.execute(
                "INSERT INTO calibrations (version, schema, schema_version, state, text, \
                 compared_with, moves, made_at) VALUES (?1, ?2, ?3, 'draft', ?4, ?5, ?6, ?7)",
                params![
                    draft.version,
                    draft.schema,
                    draft.schema_version,
                    draft.text,
                    draft.compared_with,
                    draft.moves,
                    draft.made_at
                ],
            )?;
            note(db, &draft.version, &draft.schema, "fitted", doing)
        })
    }

    /// Keeps whom a calibration moves, against which other one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn compare_calibration(&self, compared: &StoredCalibration) -> Result<(), StoreError> {
        self.write(|db| compare(db, compared))
    }

    /// Makes a calibration the one that scores of its schema are by; the one before retires. In one step: there is
    /// never none and never two. `compared_with` is the version that the person saw it compared with. Answers
    /// whether anything changed.
    ///
    /// # Errors
    /// [`StoreError::NoCalibration`], or [`StoreError::Blocked`] where another one became active meanwhile.
    pub fn activate_calibration(
        &self,
        version: &str,
        compared_with: Option<&str>,
        doing: Doing<'_>,
    ) -> Result<bool, StoreError> {
        self.write(|db| {
            let Some(next) = find(db, version)? else {
                return Err(StoreError::NoCalibration(version.to_owned()));
            };
            let active: Option<String> = db
                .prepare_cached(
                    "SELECT version FROM calibrations WHERE schema = ?1 AND state = 'active'",
                )?
                .query_row([&next.schema], |row| row.get(0))
                .optional()?;
            if active.as_deref() == Some(version) {
                return Ok(false);
            }
            if active.as_deref() != compared_with {
                let message =
                    "another calibration became active meanwhile; look at whom this one moves now";
                return Err(StoreError::Blocked(message.to_owned()));
            }
            if let Some(active) = active {
                db.execute(
                    "UPDATE calibrations SET state = 'retired' WHERE version = ?1",
                    [&active],
                )?;
                note(db, &active, &next.schema, "retired", doing)?;
            }
            db.execute("UPDATE calibrations SET state = 'active' WHERE version = ?1", [version])?;
            let act = match next.state {
                CalibrationState::Retired => "rolled_back",
                CalibrationState::Draft | CalibrationState::Active => "activated",
            };
            note(db, version, &next.schema, act, doing)?;
            Ok(true)
        })
    }

    /// Deletes a draft, or one that retired.
    ///
    /// # Errors
    /// [`StoreError::NoCalibration`], or [`StoreError::Blocked`] where scores are by it.
    pub fn delete_calibration(&self, version: &str, doing: Doing<'_>) -> Result<(), StoreError> {
        self.write(|db| {
            let Some(known) = find(db, version)? else {
                return Err(StoreError::NoCalibration(version.to_owned()));
            };
            if known.state == CalibrationState::Active {
                let message = "scores are by this calibration; activate another one first";
                return Err(StoreError::Blocked(message.to_owned()));
            }
            db.execute("DELETE FROM calibrations WHERE version = ?1", [version])?;
            note(db, version, &known.schema, "deleted", doing)
        })
    }

    /// Who did what, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn calibration_acts(&self) -> Result<Vec<CalibrationAct>, StoreError> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT version, schema, act, by, at FROM calibration_acts \
                 ORDER BY id DESC LIMIT ?1",
            )?;
            let rows = select.query_map([ACTS_READ], |row| {
                Ok(CalibrationAct {
                    version: row.get(0)?,
                    schema: row.get(1)?,
                    act: row.get(2)?,
                    by: row.get(3)?,
                    at: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn find(db: &Transaction<'_>, version: &str) -> Result<Option<StoredCalibration>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM calibrations WHERE version = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([version], stored).optional()?)
}

fn compare(db: &Transaction<'_>, compared: &StoredCalibration) -> Result<(), StoreError> {
    db.execute(
        "UPDATE calibrations SET compared_with = ?2, moves = ?3 WHERE version = ?1",
        params![compared.version, compared.compared_with, compared.moves],
    )?;
    Ok(())
}

fn note(
    db: &Transaction<'_>,
    version: &str,
    schema: &str,
    act: &str,
    doing: Doing<'_>,
) -> Result<(), StoreError> {
    db.execute(
        "INSERT INTO calibration_acts (version, schema, act, by, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![version, schema, act, doing.by, doing.at],
    )?;
    Ok(())
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredCalibration> {
    Ok(StoredCalibration {
        version: row.get(0)?,
        schema: row.get(1)?,
        schema_version: row.get(2)?,
        state: CalibrationState::read(row.get_ref(3)?.as_str()?),
        text: row.get(4)?,
        compared_with: row.get(5)?,
        moves: row.get(6)?,
        made_at: row.get(7)?,
    })
}
