//! Merging a profile into another one, and finding whom an id stands for since (docs/adr/0030).

use std::collections::BTreeSet;

use kartei_profile::{Record, RecordSchema, Steps, Union};
use kartei_protocol::desktop::{
    ActDone, ActKind, MergeCounts, MergeField, MergeObstacle, MergePreview, MergeProfiles,
    MergeSeen, MergeSide, PreviewMerge,
};
use rusqlite::{OptionalExtension, Transaction};
use serde_json::Value;

use crate::acts::Recorder;
use crate::bulk::nothing_done;
use crate::edit::{Made, WHOLE, changed_fields, step, write_made};
use crate::error::StoreError;
use crate::row::{Pk, StoredProfile};
use crate::session::Session;
use crate::store::Store;

/// Mergings that an id is followed through at most. A person does some of them; documents of others
/// might be made to lead on without end.
const STEPS_MAX: usize = 64;

/// Elements of sets in a preview that a person chooses between.
const ELEMENTS_SHOWN_MAX: usize = 1_000;

/// Two profiles, read in one snapshot, with what they are together.
struct Pair {
    kept: StoredProfile,
    merged: StoredProfile,
    records: [Record; 2],
    union: Union,
    obstacles: Vec<MergeObstacle>,
}

impl Store {
    /// What merging two profiles would make of them.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Blocked`] for a profile with itself,
    /// [`StoreError::Edit`] for a choice where nothing differs, or a failure.
    pub fn preview_merge(&self, asked: &PreviewMerge) -> Result<MergePreview, StoreError> {
        self.read(|db| {
            let Pair { records: [kept, merged], union, obstacles, .. } =
                self.pair(db, &asked.kept, &asked.merged, &asked.choices)?;
            Ok(MergePreview {
                fields: fields(&self.schema, &kept, &merged, &union),
                after: counts(&union.members),
                kept: side(&kept),
                merged: side(&merged),
                obstacles,
            })
        })
    }

    /// Merges a profile into another one, as one step: that one gets what it lacks, this one is deleted
    /// and names it. Both or neither.
    ///
    /// # Errors
    /// As [`Store::preview_merge`], and [`StoreError::Blocked`] where something stands in the way;
    /// nothing changed then.
    pub fn merge(
        &self,
        session: &Session,
        now: i64,
        asked: &MergeProfiles,
    ) -> Result<ActDone, StoreError> {
        self.write(|db| {
            let session = &session.here(db)?;
            let pair = self.pair(db, &asked.kept, &asked.merged, &asked.choices)?;
            if asked.seen.as_ref().is_some_and(|seen| *seen != pair.seen()) {
                let reason = "one of the two profiles was changed since they were looked at";
                return Err(StoreError::Blocked(reason.to_owned()));
            }
            if let Some(obstacle) = pair.obstacles.first() {
                return Err(StoreError::Blocked(obstacle.reason.clone()));
            }
            let Pair { kept, merged, union, .. } = pair;
            let wanted = union.record.ok_or_else(|| StoreError::Blocked(unfit("")))?;
            let take = |stored: &StoredProfile, steps: Steps<'_>| {
                step(&self.schema, db, session, now, stored, steps)
            };
            let united = take(&kept, Steps::Record(&wanted))?;
            let gone = take(&merged, Steps::Become(&kept.id))?;
            let by = session.author.as_deref();
            let mut act = Recorder::begin(db, ActKind::Merge, now, by, None)?;
            let mut done = nothing_done();
            let mut write = |stored: &StoredProfile, made: Option<Made>| {
                let Some(made) = made else {
                    done.unchanged += 1;
                    return Ok(());
                };
                let fields = changed_fields(&self.schema, stored, &made)?;
                act.note(stored.pk, &stored.id, &fields, &made.decided)?;
                done.changed += 1;
                write_made(db, stored, made, now)
            };
            write(&kept, united)?;
            write(&merged, gone)?;
            act.name(&kept.id);
            done.act = act.finish()?;
            session.remember_actor(db)?;
            Ok(done)
        })
    }

    /// The id of the profile that one with this id was merged into, followed to one that is not merged
    /// itself; nothing where it was not, or where that one is not here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn survivor(&self, id: &str) -> Result<Option<String>, StoreError> {
        self.read(|db| survivor(db, id))
    }

    fn pair(
        &self,
        db: &Transaction<'_>,
        kept: &str,
        merged: &str,
        choices: &[String],
    ) -> Result<Pair, StoreError> {
        if kept == merged {
            let reason = format!("`{kept}` cannot be merged with itself");
            return Err(StoreError::Blocked(reason));
        }
        let (kept, merged) = (StoredProfile::get(db, kept)?, StoredProfile::get(db, merged)?);
        let records = [kept.record()?, merged.record()?];
        let take: BTreeSet<String> = choices.iter().cloned().collect();
        let union = records[0].united(&self.schema, &records[1], &take)?;
        let mut obstacles = Vec::new();
        for (stored, is_merged) in [(&kept, false), (&merged, true)] {
            obstacles.extend(self.undecided(db, stored, is_merged)?);
        }
        obstacles.extend(union.limits.iter().map(|limit| MergeObstacle {
            pointer: limit.pointer.clone(),
            reason: unfit(&limit.to_string()),
            code: limit.rule.to_owned(),
        }));
        Ok(Pair { kept, merged, records, union, obstacles })
    }

    /// The conflicts that have to be decided before: all of the profile that goes, whose other values
    /// nobody would be shown any more; of the one that stays only whether it does.
    fn undecided(
        &self,
        db: &Transaction<'_>,
        stored: &StoredProfile,
        goes: bool,
    ) -> Result<Option<MergeObstacle>, StoreError> {
        if stored.conflicts == 0 {
            return Ok(None);
        }
        let contested = stored.document(db, &self.schema)?.contested(&self.schema)?;
        if !goes && !contested.iter().any(|pointer| pointer == WHOLE) {
            return Ok(None);
        }
        let reason = format!("`{}` has conflicts that have to be decided before", stored.id);
        Ok(Some(MergeObstacle { pointer: String::new(), reason, code: "conflicts".to_owned() }))
    }
}

impl Pair {
    fn seen(&self) -> MergeSeen {
        let [kept, merged] = [&self.kept, &self.merged].map(|one| one.hash.to_string());
        MergeSeen { kept, merged }
    }
}

fn unfit(what: &str) -> String {
    format!("the two together would not be a profile: {what}")
}

/// As [`Store::survivor`], in a snapshot.
pub(crate) fn survivor(db: &Transaction<'_>, id: &str) -> Result<Option<String>, StoreError> {
    let mut seen = BTreeSet::new();
    let mut at = id.to_owned();
    while seen.len() < STEPS_MAX && seen.insert(at.clone()) {
        let row: Option<(bool, Option<String>)> = db
            .prepare_cached("SELECT deleted, became FROM profiles WHERE id = ?1")?
            .query_row([&at], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match row {
            Some((false, _)) => return Ok((at != id).then_some(at)),
            Some((true, Some(into))) => at = into,
            Some((true, None)) | None => return Ok(None),
        }
    }
    Ok(None)
}

/// The rows of profiles that were merged into one of these, or into one of those, and so on.
pub(crate) fn merged_into(db: &Transaction<'_>, ids: &[String]) -> Result<Vec<Pk>, StoreError> {
    let mut select = db.prepare_cached("SELECT pk, id FROM profiles WHERE became = ?1")?;
    let mut seen: BTreeSet<String> = ids.iter().cloned().collect();
    let (mut open, mut found) = (ids.to_vec(), Vec::new());
    while let Some(id) = open.pop() {
        let rows = select.query_map([&id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for row in rows {
            let (pk, id): (Pk, String) = row?;
            if seen.insert(id.clone()) {
                found.push(pk);
                open.push(id);
            }
        }
    }
    Ok(found)
}

fn side(record: &Record) -> MergeSide {
    let name = record.members().get("display_name").and_then(Value::as_str);
    MergeSide {
        id: record.id().to_owned(),
        display_name: name.map(str::to_owned),
        hash: record.hash().to_string(),
        counts: counts(record.members()),
    }
}

fn counts(members: &serde_json::Map<String, Value>) -> MergeCounts {
    let items = |name: &str| {
        members.get(name).and_then(Value::as_array).map_or(0, |items| items.len() as u64)
    };
    let attributes = members.get("attributes").and_then(Value::as_object);
    MergeCounts {
        attributes: attributes.map_or(0, |attributes| attributes.len() as u64),
        tags: items("tags"),
        observations: items("observations"),
        attachments: items("attachments"),
    }
}

fn fields(schema: &RecordSchema, kept: &Record, merged: &Record, union: &Union) -> Vec<MergeField> {
    let mut fields: Vec<MergeField> = kept
        .side_by_side(schema, merged)
        .into_iter()
        .map(|field| MergeField {
            choice: union.differences.iter().any(|one| one.pointer == field.pointer),
            after: union.field(schema, &field.pointer),
            pointer: field.pointer,
            kept: field.before,
            merged: field.after,
        })
        .collect();
    let listed: BTreeSet<String> = fields.iter().map(|field| field.pointer.clone()).collect();
    let elements = union.differences.iter().filter(|one| !listed.contains(&one.pointer));
    fields.extend(elements.take(ELEMENTS_SHOWN_MAX).map(|one| MergeField {
        after: union.field(schema, &one.pointer),
        pointer: one.pointer.clone(),
        kept: Some(one.kept.clone()),
        merged: Some(one.merged.clone()),
        choice: true,
    }));
    fields
}
