//! Who changed what and when.

use automerge as am;
use automerge::ReadDoc;

use crate::actor::ActorClass;
use crate::changes::ChangeHash;
use crate::deletion::{self, FLAG};
use crate::field::{FieldChange, changes};
use crate::read::{Malformed, Reader};
use crate::reopen::reopens;
use crate::schema::RecordSchema;

/// What sort of change it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryKind {
    /// The first content.
    Genesis,
    /// A later import.
    Import,
    /// A person's edit.
    Edit,
    /// A person deleted the profile, or decided that it stays deleted.
    Deletion,
    /// A person took a decision back: the fields are in conflict again.
    Reopening,
    /// A person brought the profile back, or turned a deletion down; fields may have changed too.
    Revival,
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// Its hash.
    pub change: ChangeHash,
    /// What sort of change it was.
    pub kind: HistoryKind,
    /// Who, where the change says so.
    pub by: Option<String>,
    /// When, in seconds since 1970; imports carry no time.
    pub at: Option<i64>,
    /// The profile that this one was merged into, where the change is a deletion that says so.
    pub became: Option<String>,
    /// What it changed; empty for the genesis, which brought everything.
    pub fields: Vec<FieldChange>,
}

/// The changes in causal order, oldest first, without the scaffold.
pub(crate) fn read(
    doc: &am::Automerge,
    schema: &RecordSchema,
) -> Result<Vec<HistoryEntry>, Malformed> {
    let mut entries = Vec::new();
    let was_deleted = doc.get(am::ROOT, FLAG).is_ok_and(|flag| flag.is_some());
    for meta in doc.get_changes_meta(&[]) {
        let class = ActorClass::of(&meta.actor);
        let flag = if was_deleted { deletion::set_by(doc, meta.hash)? } else { None };
        let kind = match (class, flag) {
            (ActorClass::Scaffold, _) => continue,
            (ActorClass::Genesis, _) => HistoryKind::Genesis,
            (ActorClass::Import, _) => HistoryKind::Import,
            (ActorClass::Person, _) if reopens(&meta) => HistoryKind::Reopening,
            (ActorClass::Person, None) => HistoryKind::Edit,
            (ActorClass::Person, Some(true)) => HistoryKind::Deletion,
            (ActorClass::Person, Some(false)) => HistoryKind::Revival,
        };
        let fields = if kind == HistoryKind::Genesis {
            Vec::new()
        } else {
            let members =
                |heads: &[am::ChangeHash]| Reader { doc, schema, heads: Some(heads) }.members();
            let mut fields = changes(schema, &members(&meta.deps)?, &members(&[meta.hash])?);
            if kind == HistoryKind::Reopening {
                add_reopened(doc, schema, &meta, &mut fields)?;
            }
            fields
        };
        let became = match kind {
            HistoryKind::Deletion => deletion::became(doc, Some(&[meta.hash]))?,
            _ => None,
        };
        entries.push(HistoryEntry {
            change: meta.hash.into(),
            kind,
            became,
            by: meta.message.as_ref().map(ToString::to_string),
            at: (class == ActorClass::Person).then_some(meta.timestamp),
            fields,
        });
    }
    Ok(entries)
}

/// Adds the fields that a change brought into conflict without changing what is shown.
fn add_reopened(
    doc: &am::Automerge,
    schema: &RecordSchema,
    meta: &am::ChangeMetadata<'_>,
    fields: &mut Vec<FieldChange>,
) -> Result<(), Malformed> {
    let contested =
        |heads: &[am::ChangeHash]| Reader { doc, schema, heads: Some(heads) }.contested();
    let before = contested(&meta.deps)?;
    for (pointer, sides) in contested(&[meta.hash])? {
        let is_listed = fields.iter().any(|field| field.pointer == pointer);
        if !is_listed && !before.iter().any(|(was, _)| *was == pointer) {
            let shown = sides.into_iter().next().and_then(|side| side.value);
            fields.push(FieldChange { pointer, before: shown.clone(), after: shown });
        }
    }
    Ok(())
}
