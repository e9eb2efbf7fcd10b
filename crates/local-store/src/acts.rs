//! Steps that a person can take back: what each changed in which profile, kept across restarts.
//!
//! A step that takes another back is a step of its own, which names the one that it reverts. Doing
//! again is taking that one back; the first step then stands again, and can be taken back again.

use kartei_profile::{FieldChange, Instant};
use kartei_protocol::desktop::{Act, ActKind, Acts};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::edit::WHOLE;
use crate::error::StoreError;
use crate::row::Pk;
use crate::store::Store;
use crate::writing::Writing;

/// Fields that a step names for people.
const FIELDS_NAMED_MAX: usize = 10;

/// Steps in a list.
const LISTED_MAX: u32 = 100;

/// A field's change as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredField {
    #[serde(rename = "p")]
    pub(crate) pointer: String,
    /// The outer one tells a field that was not there from one that was `null`.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none", with = "present")]
    pub(crate) before: Option<Value>,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none", with = "present")]
    pub(crate) after: Option<Value>,
    /// Whether the step ended a conflict of the field: taking the step back brings it back.
    #[serde(rename = "c", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) decided: bool,
}

/// `Some(null)` stays apart from nothing: serde reads a `null` as nothing by itself.
mod present {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    pub(super) fn serialize<S: Serializer>(
        value: &Option<Value>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Value>, D::Error> {
        Value::deserialize(from).map(Some)
    }
}

/// What a step names for people.
#[derive(Debug, Default, Serialize, Deserialize)]
struct What {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default)]
    fields: Vec<String>,
}

/// Writes a step down while it is made.
#[derive(Debug)]
pub(crate) struct Recorder<'a> {
    db: &'a Writing<'a>,
    act: i64,
    profiles: u64,
    what: What,
}

impl<'a> Recorder<'a> {
    /// Begins a step; `reverts` is the one that it takes back.
    pub(crate) fn begin(
        db: &'a Writing<'a>,
        kind: ActKind,
        now: i64,
        by: Option<&str>,
        reverts: Option<i64>,
    ) -> Result<Self, StoreError> {
        db.prepare_cached(
            "INSERT INTO acts (kind, at, by, what, profiles, reverts) VALUES (?1, ?2, ?3, '', 0, ?4)",
        )?
        .execute(params![word(kind), now, by, reverts])?;
        let act = db.last_insert_rowid();
        if let Some(reverted) = reverts {
            db.execute("UPDATE acts SET reverted_by = ?2 WHERE id = ?1", [reverted, act])?;
        }
        Ok(Self { db, act, profiles: 0, what: What::default() })
    }

    /// Notes what the step changed in a profile; `decided` are the fields of it whose conflicts it
    /// ended.
    pub(crate) fn note(
        &mut self,
        pk: Pk,
        id: &str,
        fields: &[FieldChange],
        decided: &[String],
    ) -> Result<(), StoreError> {
        self.profiles += 1;
        self.what.id = (self.profiles == 1).then(|| id.to_owned());
        for field in fields {
            if self.what.fields.len() >= FIELDS_NAMED_MAX {
                break;
            }
            if !self.what.fields.contains(&field.pointer) {
                self.what.fields.push(field.pointer.clone());
            }
        }
        let stored: Vec<StoredField> = fields
            .iter()
            .map(|field| StoredField {
                pointer: field.pointer.clone(),
                before: field.before.clone(),
                after: field.after.clone(),
                decided: decided.contains(&field.pointer),
            })
            .collect();
        let fields =
            serde_json::to_string(&stored).map_err(|e| StoreError::Damaged(e.to_string()))?;
        self.db
            .prepare_cached("INSERT INTO act_changes (act, profile, fields) VALUES (?1, ?2, ?3)")?
            .execute(params![self.act, pk, fields])?;
        Ok(())
    }

    /// Names one profile of several that stands for the step.
    pub(crate) fn name(&mut self, id: &str) {
        self.what.id = Some(id.to_owned());
    }

    /// Counts profiles that the step changed without a way back.
    pub(crate) fn count(&mut self, profiles: u64) {
        self.profiles += profiles;
        self.what.id = None;
    }

    /// Ends the step. One that changed nothing leaves no trace, unless it takes another back: that
    /// one is dealt with, and the next is the one before it.
    pub(crate) fn finish(self) -> Result<Option<Act>, StoreError> {
        let reverts: Option<i64> = self
            .db
            .prepare_cached("SELECT reverts FROM acts WHERE id = ?1")?
            .query_row([self.act], |row| row.get(0))?;
        if self.profiles == 0 && reverts.is_none() {
            self.db.execute("DELETE FROM acts WHERE id = ?1", [self.act])?;
            return Ok(None);
        }
        let what =
            serde_json::to_string(&self.what).map_err(|e| StoreError::Damaged(e.to_string()))?;
        self.db
            .prepare_cached("UPDATE acts SET profiles = ?2, what = ?3 WHERE id = ?1")?
            .execute(params![self.act, self.profiles, what])?;
        // Doing again: the step that had been taken back stands again.
        if let Some(undo) = reverts {
            self.db.execute(
                "UPDATE acts SET reverted_by = NULL WHERE id = \
                 (SELECT reverts FROM acts WHERE id = ?1 AND kind = 'undo')",
                [undo],
            )?;
        }
        get(self.db, self.act).map(Some)
    }
}

/// What a step changed, profile by profile.
pub(crate) fn changes_of(
    db: &Transaction<'_>,
    act: i64,
) -> Result<Vec<(Pk, Vec<StoredField>)>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT profile, fields FROM act_changes WHERE act = ?1 ORDER BY profile",
    )?;
    let rows = select.query_map([act], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let mut changes = Vec::new();
    for row in rows {
        let (pk, fields) = row?;
        let fields = serde_json::from_str(&fields)
            .map_err(|e| StoreError::Damaged(format!("step {act}: {e}")))?;
        changes.push((pk, fields));
    }
    Ok(changes)
}

/// The step that undo takes back: the newest that stands, and has a way back.
pub(crate) fn to_undo(db: &Transaction<'_>) -> Result<Option<i64>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT id FROM acts WHERE reverted_by IS NULL AND kind NOT IN ('undo', 'import') \
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()?)
}

/// The step that redo takes back: the newest undo, where nothing was done since.
pub(crate) fn to_redo(db: &Transaction<'_>) -> Result<Option<i64>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT u.id FROM acts u JOIN acts x ON x.id = u.reverts \
             WHERE u.kind = 'undo' AND x.kind <> 'undo' AND u.reverted_by IS NULL \
             AND NOT EXISTS (SELECT 1 FROM acts n WHERE n.id > u.id AND n.kind <> 'undo') \
             ORDER BY u.id DESC LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()?)
}

/// Takes a profile that is erased out of all steps. A step that changed nothing else goes, and with it
/// the way back to it.
pub(crate) fn forget(db: &Transaction<'_>, pk: Pk, id: &str) -> Result<(), StoreError> {
    let mut acts: Vec<(i64, String, u64)> = {
        let mut select = db.prepare_cached(
            "SELECT id, what, profiles FROM acts \
             WHERE id IN (SELECT act FROM act_changes WHERE profile = ?1) OR instr(what, ?2) > 0",
        )?;
        let rows =
            select.query_map(params![pk, id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    // From the newest: a step that takes another back names it.
    acts.sort_unstable_by_key(|(act, ..)| std::cmp::Reverse(*act));
    for (act, what, profiles) in acts {
        let mut gone =
            db.execute("DELETE FROM act_changes WHERE act = ?1 AND profile = ?2", (act, pk))?;
        gone += forget_merged_into(db, act, id)?;
        let mut what: What = serde_json::from_str(&what)
            .map_err(|e| StoreError::Damaged(format!("step {act}: {e}")))?;
        if what.id.as_deref() == Some(id) {
            what.id = None;
        } else if gone == 0 {
            continue;
        }
        let others = fields_of(db, act)?;
        let gone = gone.max(1) as u64;
        if others.is_empty() && profiles <= gone {
            db.execute("UPDATE acts SET reverts = NULL WHERE reverts = ?1", [act])?;
            db.execute("UPDATE acts SET reverted_by = NULL WHERE reverted_by = ?1", [act])?;
            db.execute("DELETE FROM acts WHERE id = ?1", [act])?;
            continue;
        }
        what.fields = others;
        let what = serde_json::to_string(&what).map_err(|e| StoreError::Damaged(e.to_string()))?;
        db.execute(
            "UPDATE acts SET what = ?2, profiles = ?3 WHERE id = ?1",
            params![act, what, profiles.saturating_sub(gone)],
        )?;
    }
    Ok(())
}

/// Takes out of a step what says that a profile was merged into the one with this id: it cannot be done
/// again. Answers how many profiles that were.
fn forget_merged_into(db: &Transaction<'_>, act: i64, id: &str) -> Result<usize, StoreError> {
    let mut gone = 0;
    for (pk, fields) in changes_of(db, act)? {
        let names = |value: &Option<Value>| value.as_ref().and_then(Value::as_str) == Some(id);
        let is_it = |field: &StoredField| {
            field.pointer == WHOLE && (names(&field.before) || names(&field.after))
        };
        if fields.iter().any(is_it) {
            gone +=
                db.execute("DELETE FROM act_changes WHERE act = ?1 AND profile = ?2", (act, pk))?;
        }
    }
    Ok(gone)
}

/// The fields that a step names, of the profiles that it still has.
fn fields_of(db: &Transaction<'_>, act: i64) -> Result<Vec<String>, StoreError> {
    let mut named: Vec<String> = Vec::new();
    let mut select =
        db.prepare_cached("SELECT fields FROM act_changes WHERE act = ?1 ORDER BY profile")?;
    let mut rows = select.query([act])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        let fields: Vec<StoredField> = serde_json::from_str(&text)
            .map_err(|e| StoreError::Damaged(format!("step {act}: {e}")))?;
        for field in fields {
            if named.len() >= FIELDS_NAMED_MAX {
                return Ok(named);
            }
            if !named.contains(&field.pointer) {
                named.push(field.pointer);
            }
        }
    }
    Ok(named)
}

const COLUMNS: &str = "id, kind, at, by, what, profiles, reverts, reverted_by";

fn get(db: &Transaction<'_>, act: i64) -> Result<Act, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM acts WHERE id = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([act], act_of)?)
}

fn act_of(row: &Row<'_>) -> rusqlite::Result<Act> {
    let kind: String = row.get(1)?;
    let what: String = row.get(4)?;
    let what: What = serde_json::from_str(&what).unwrap_or_default();
    Ok(Act {
        act: row.get(0)?,
        kind: kind_of(&kind),
        at: moment(row.get(2)?),
        by: row.get(3)?,
        profiles: row.get(5)?,
        id: what.id,
        fields: what.fields,
        reverts: row.get(6)?,
        reverted_by: row.get(7)?,
    })
}

/// RFC 3339 of milliseconds since 1970; the year 1 for a moment that no clock shows.
pub(crate) fn moment(millis: i64) -> String {
    Instant::from_unix_millis(millis)
        .map_or_else(|_| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string())
}

fn word(kind: ActKind) -> &'static str {
    match kind {
        ActKind::Edit => "edit",
        ActKind::Bulk => "bulk",
        ActKind::Resolve => "resolve",
        ActKind::Restore => "restore",
        ActKind::Delete => "delete",
        ActKind::Merge => "merge",
        ActKind::TakeRelays => "take_relays",
        ActKind::Import => "import",
        ActKind::Undo => "undo",
    }
}

fn kind_of(word: &str) -> ActKind {
    match word {
        "bulk" => ActKind::Bulk,
        "resolve" => ActKind::Resolve,
        "restore" => ActKind::Restore,
        "delete" => ActKind::Delete,
        "merge" => ActKind::Merge,
        "take_relays" => ActKind::TakeRelays,
        "import" => ActKind::Import,
        "undo" => ActKind::Undo,
        _ => ActKind::Edit,
    }
}

impl Store {
    /// The last steps, and what undo and redo would do.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn acts(&self) -> Result<Acts, StoreError> {
        self.read(|db| {
            let named = |act: Option<i64>| act.map(|act| get(db, act)).transpose();
            let sql = format!("SELECT {COLUMNS} FROM acts ORDER BY id DESC LIMIT {LISTED_MAX}");
            let mut select = db.prepare_cached(&sql)?;
            let entries = select.query_map([], act_of)?.collect::<Result<_, _>>()?;
            // Redo is about the step that was taken back, not about the taking back.
            let redo = to_redo(db)?.map(|undo| get(db, undo)).transpose()?;
            let redo = named(redo.and_then(|undo| undo.reverts).and_then(|x| x.try_into().ok()))?;
            Ok(Acts { undo: named(to_undo(db)?)?, redo, entries })
        })
    }
}
