//! A store with two organisations, and replicas that write to it.

use kartei_profile::{Actor, Document, Edit, Record, RecordSchema, Stamp, Steps};
use kartei_protocol::sync::{Bytes, PushItem};
use kartei_relay_store::{AuditQuery, Author, OrgId, RelayStore};
use serde_json::{Value, json};

/// 2026-11-21, in milliseconds.
pub(crate) const NOW: i64 = 1_795_219_200_000;

pub(crate) struct Stage<'a> {
    open: &'a (dyn Fn() -> RelayStore + Sync),
    slow_down: Option<&'a (dyn Fn() + Sync)>,
    sql: &'a (dyn Fn(&str) + Sync),
    pub(crate) store: RelayStore,
    pub(crate) schema: RecordSchema,
    pub(crate) org: OrgId,
    pub(crate) other: OrgId,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(
        open: &'a (dyn Fn() -> RelayStore + Sync),
        slow_down: Option<&'a (dyn Fn() + Sync)>,
        sql: &'a (dyn Fn(&str) + Sync),
    ) -> Self {
        let store = open();
        let org = store.create_organisation("One", NOW).unwrap().id;
        let other = store.create_organisation("Other", NOW).unwrap().id;
        Self { open, slow_down, sql, store, schema: RecordSchema::user_profile_v1(), org, other }
    }

    /// Profiles of both organisations lie sealed from the beginning. Nobody is told, as nobody asked.
    pub(crate) fn sealed(self) -> Self {
        for org in [self.org, self.other] {
            self.store.set_org_key(org, &[7; 32]).unwrap();
        }
        self.sql("UPDATE organisations SET sealed = true, resealed = true");
        self
    }

    /// The same database, opened once more: as another relay does.
    pub(crate) fn again(&self) -> RelayStore {
        (self.open)()
    }

    /// Does something to the database that this program would not.
    pub(crate) fn sql(&self, sql: &str) {
        (self.sql)(sql);
    }

    /// Makes transactions take long enough that they overlap, where they can.
    pub(crate) fn slow_down(&self) {
        if let Some(slow_down) = self.slow_down {
            slow_down();
        }
    }

    pub(crate) fn record(&self, id: &str, attributes: &Value) -> Record {
        record(&self.schema, id, attributes)
    }

    /// A profile as a replica sends it that nobody has edited.
    pub(crate) fn untouched(&self, id: &str, attributes: &Value) -> PushItem {
        untouched(&self.record(id, attributes))
    }

    /// The audit in its order: who, what, with what.
    pub(crate) fn audited(&self) -> Vec<String> {
        let query = AuditQuery { limit: 1_000, ..AuditQuery::default() };
        let events = self.store.audit(self.org, &query).unwrap().into_iter().rev();
        events.map(|event| format!("{} {} {}", event.actor, event.action, event.subject)).collect()
    }

    pub(crate) fn head(&self) -> u64 {
        self.store.head_rev(self.org).unwrap()
    }
}

pub(crate) fn record(schema: &RecordSchema, id: &str, attributes: &Value) -> Record {
    let line = json!({"schema": "user_profile.v1", "id": id, "attributes": attributes});
    Record::parse(schema, line.to_string().as_bytes()).unwrap().record
}

pub(crate) fn untouched(record: &Record) -> PushItem {
    PushItem {
        id: record.id().to_owned(),
        genesis: record.hash().to_string(),
        record: Some(serde_json::value::RawValue::from_string(record.text().to_owned()).unwrap()),
        changes: Vec::new(),
    }
}

/// A replica's own copy of a profile.
pub(crate) struct Copy<'s> {
    schema: &'s RecordSchema,
    actor: Actor,
    genesis: Record,
    document: Document,
}

impl<'s> Copy<'s> {
    pub(crate) fn of(schema: &'s RecordSchema, genesis: &Record, replica: u8) -> Self {
        let document = Document::genesis(schema, genesis).unwrap();
        Self {
            schema,
            actor: Actor::from_random([replica; 12]),
            genesis: genesis.clone(),
            document,
        }
    }

    /// Sets an attribute, and answers what is sent.
    pub(crate) fn set(&mut self, key: &str, value: Value) -> PushItem {
        let edits = [Edit::Set { pointer: format!("/attributes/{key}"), value }];
        self.step(Steps::Edits(&edits))
    }

    /// Merges the profile into another one, and answers what is sent.
    pub(crate) fn merge_into(&mut self, id: &str) -> PushItem {
        self.step(Steps::Become(id))
    }

    /// Brings it back, and answers what is sent.
    pub(crate) fn revive(&mut self) -> PushItem {
        self.step(Steps::Fields(&[(String::new(), Some(json!(false)))]))
    }

    fn step(&mut self, steps: Steps<'_>) -> PushItem {
        let stamp = Stamp { at_seconds: NOW / 1000, by: Some("Ada".to_owned()) };
        let change = self.document.step(self.schema, self.actor, &stamp, steps);
        let change = change.unwrap().unwrap();
        PushItem {
            id: self.genesis.id().to_owned(),
            genesis: self.genesis.hash().to_string(),
            record: None,
            changes: vec![Bytes(change.bytes().to_vec())],
        }
    }

    pub(crate) fn record(&self) -> Record {
        self.document.record(self.schema).unwrap()
    }
}

/// The token of the person who made what a [`Copy`] sends.
pub(crate) fn ada(now: i64) -> Author {
    Author { name: "Ada".to_owned(), now }
}

pub(crate) fn author() -> Author {
    Author { name: "integrator".to_owned(), now: NOW + 5_000 }
}

pub(crate) fn accepted(answer: &kartei_protocol::sync::PushAnswer) -> u64 {
    match answer {
        kartei_protocol::sync::PushAnswer::Accepted { rev, .. } => *rev,
        other => panic!("not accepted: {other:?}"),
    }
}
