//! From rows of the store to what a front end shows.

use std::collections::BTreeMap;

use kartei_local_store::{HistoryRow, ProfileView, Store, StoreError};
use kartei_profile::{ActorClass, Conflict, FieldChange, HistoryKind, Origin};
use kartei_protocol::desktop;
use serde_json::Value;

use crate::aside::refusal;
use crate::clock;

/// The member whose author is told beside it.
const CONSENT: &str = "/consent";

pub(crate) fn row(view: &ProfileView, scores: BTreeMap<String, f64>) -> desktop::ProfileRow {
    let record = value(&view.record);
    let tags = record["tags"].as_array().into_iter().flatten();
    desktop::ProfileRow {
        display_name: record["display_name"].as_str().map(str::to_owned),
        tags: tags.filter_map(Value::as_str).map(str::to_owned).collect(),
        attributes: match &record["attributes"] {
            Value::Null => Value::Object(serde_json::Map::new()),
            attributes => attributes.clone(),
        },
        observations: record["observations"]
            .as_array()
            .map_or(0, |items| u32::try_from(items.len()).unwrap_or(u32::MAX)),
        // A canonical record has its observations in the order of their instants.
        last_observation: record["observations"]
            .as_array()
            .and_then(|items| items.last()?["at"].as_str())
            .map(str::to_owned),
        status: view.status,
        changed_at: clock::text(view.changed_at),
        id: view.id.clone(),
        scores,
    }
}

/// A stored record is JSON; where it is not, the store says so when the profile is opened.
pub(crate) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

pub(crate) fn detail(
    store: &Store,
    view: &ProfileView,
    conflicts: Vec<Conflict>,
) -> Result<desktop::ProfileDetail, StoreError> {
    let conflicts: Result<Vec<_>, _> = conflicts.into_iter().map(|c| conflict(store, c)).collect();
    let record = value(&view.record);
    let consent_from = match record.get("consent") {
        Some(_) => store.origin(&view.id, CONSENT)?.map(origin),
        None => None,
    };
    Ok(desktop::ProfileDetail {
        id: view.id.clone(),
        observations: record["observations"].as_array().map_or(0, |all| all.len() as u64),
        record,
        consent_from,
        hash: kartei_profile::RecordHash::from_bytes(view.hash).to_string(),
        rev: view.rev,
        status: view.status,
        pending: view.pending,
        conflicts: conflicts?,
        rejected: view
            .rejected
            .clone()
            .map(|(code, reason)| refusal(code, reason).about(view.id.clone())),
        changed_at: clock::text(view.changed_at),
        deleted: view.deleted,
        asked: None,
    })
}

pub(crate) fn conflict(store: &Store, conflict: Conflict) -> Result<desktop::Conflict, StoreError> {
    let values: Result<Vec<_>, StoreError> = conflict
        .values
        .into_iter()
        .map(|value| {
            Ok(desktop::ConflictValue {
                removed: value.value.is_none(),
                value: value.value.unwrap_or_default(),
                key: value.key,
                by: value.by,
                at: value.at.map(|seconds| clock::text(seconds.saturating_mul(1000))),
                imported: value.class != ActorClass::Person,
                mine: store.is_own_actor(&value.actor)?,
            })
        })
        .collect();
    Ok(desktop::Conflict { pointer: conflict.pointer, base: conflict.base, values: values? })
}

pub(crate) fn origin(origin: Origin) -> desktop::Origin {
    desktop::Origin {
        by: origin.by,
        at: origin.at.map(|seconds| clock::text(seconds.saturating_mul(1000))),
        imported: origin.class != ActorClass::Person,
    }
}

pub(crate) fn history(rows: Vec<HistoryRow>) -> desktop::HistoryPage {
    let entries = rows.into_iter().rev().map(|row| {
        let at = row.entry.at.map(|seconds| seconds.saturating_mul(1000)).or(row.imported_at);
        desktop::HistoryEntry {
            change: row.entry.change.to_string(),
            kind: match row.entry.kind {
                HistoryKind::Genesis => desktop::HistoryKind::Genesis,
                HistoryKind::Import => desktop::HistoryKind::Import,
                HistoryKind::Edit => desktop::HistoryKind::Edit,
                HistoryKind::Deletion => desktop::HistoryKind::Deletion,
                HistoryKind::Reopening => desktop::HistoryKind::Reopening,
                HistoryKind::Revival => desktop::HistoryKind::Revival,
            },
            by: row.entry.by,
            at: at.map(clock::text),
            file: row.file,
            pending: row.pending,
            became: row.entry.became,
            fields: row.entry.fields.into_iter().map(field).collect(),
        }
    });
    desktop::HistoryPage { entries: entries.collect() }
}

pub(crate) fn field(change: FieldChange) -> desktop::FieldChange {
    desktop::FieldChange { pointer: change.pointer, before: change.before, after: change.after }
}

pub(crate) fn edit(edit: desktop::Edit) -> kartei_profile::Edit {
    match edit {
        desktop::Edit::Set { pointer, value } => kartei_profile::Edit::Set { pointer, value },
        desktop::Edit::Unset { pointer } => kartei_profile::Edit::Unset { pointer },
        desktop::Edit::Text { pointer, base, value } => {
            kartei_profile::Edit::Text { pointer, base, value }
        }
        desktop::Edit::Add { pointer, value } => kartei_profile::Edit::Add { pointer, value },
        desktop::Edit::Remove { pointer, value } => kartei_profile::Edit::Remove { pointer, value },
    }
}
