//! Any replicas of a profile that exchange their changes in any order, with repeats, end in the
//! same record, hash and conflict list; no observation and no edit without rival is lost.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};

use kartei_profile::{
    Actor, Change, ChangeHash, Conflict, ConflictValue, Document, Edit, ImportOutcome, Record,
    RecordSchema, Stamp,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const REPLICAS: usize = 3;

/// Fields that may be decided, and the profile itself.
const FIELDS: &[&str] = &["", "/attributes/k", "/attributes/l", "/display_name", "/consent"];

#[derive(Debug, Clone)]
enum Step {
    Edit { replica: usize, edit: Edit },
    Import { replica: usize, file: Value },
    Send { from: usize, to: usize, reversed: bool },
    Resolve { replica: usize, which: usize, taken_back: bool },
    Reopen { replica: usize, pointer: &'static str },
    Delete { replica: usize },
    Revive { replica: usize },
}

fn attribute_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..4_i64).prop_map(Value::from),
        "[a-c]{1,2}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!(0.5)),
    ]
}

fn observation() -> impl Strategy<Value = Value> {
    (0..6_u8, 1..3_u8, 1..28_u8, any::<bool>()).prop_map(|(value, signal, day, named)| {
        let mut observation = json!({
            "signal": format!("s{signal}"), "value": value, "at": format!("2026-01-{day:02}T00:00:00Z")
        });
        if named {
            // The name follows from the content, so that one name never means two facts.
            observation["id"] = json!(format!("o{signal}-{value}-{day}"));
        }
        observation
    })
}

fn record() -> impl Strategy<Value = Value> {
    (
        prop::option::of("[A-C]{1,3}"),
        prop::collection::btree_map("[k-n]", attribute_value(), 0..4),
        prop::collection::btree_set("[t-w]", 0..4),
        prop::option::of("[xyz ]{0,8}"),
        prop::collection::vec(observation(), 0..4),
        prop::option::of(any::<bool>()),
        prop::option::of(1..28_u8),
    )
        .prop_map(|(name, attributes, tags, notes, mut observations, consent, created)| {
            let mut record = json!({"schema": "user_profile.v1", "id": "p"});
            if let Some(name) = name {
                record["display_name"] = json!(name);
            }
            record["attributes"] = json!(attributes);
            record["tags"] = json!(tags);
            if let Some(notes) = notes {
                record["notes"] = json!(notes);
            }
            observations.dedup();
            record["observations"] = json!(observations);
            if let Some(granted) = consent {
                record["consent"] =
                    json!({"analytics": granted, "recorded_at": "2026-01-01T00:00:00Z"});
            }
            if let Some(day) = created {
                record["created_at"] = json!(format!("2026-01-{day:02}T00:00:00Z"));
            }
            record
        })
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        ("[k-n]", attribute_value())
            .prop_map(|(key, value)| Edit::Set { pointer: format!("/attributes/{key}"), value }),
        "[k-n]".prop_map(|key| Edit::Unset { pointer: format!("/attributes/{key}") }),
        "[A-C]{1,3}"
            .prop_map(|name| Edit::Set { pointer: "/display_name".into(), value: json!(name) }),
        "[xyz ]{0,8}".prop_map(|text| Edit::Set { pointer: "/notes".into(), value: json!(text) }),
        "[t-w]".prop_map(|tag| Edit::Add { pointer: "/tags".into(), value: json!(tag) }),
        "[t-w]".prop_map(|tag| Edit::Remove { pointer: "/tags".into(), value: json!(tag) }),
        observation().prop_map(|value| Edit::Add { pointer: "/observations".into(), value }),
        any::<bool>().prop_map(|granted| Edit::Set {
            pointer: "/consent".into(),
            value: json!({"analytics": granted, "recorded_at": "2026-02-01T00:00:00Z"}),
        }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..REPLICAS, edit()).prop_map(|(replica, edit)| Step::Edit { replica, edit }),
        1 => (0..REPLICAS, record()).prop_map(|(replica, file)| Step::Import { replica, file }),
        2 => (0..REPLICAS, 0..REPLICAS, any::<bool>())
            .prop_map(|(from, to, reversed)| Step::Send { from, to, reversed }),
        1 => (0..REPLICAS, 0..3_usize, any::<bool>())
            .prop_map(|(replica, which, taken_back)| Step::Resolve { replica, which, taken_back }),
        1 => (0..REPLICAS, prop::sample::select(FIELDS))
            .prop_map(|(replica, pointer)| Step::Reopen { replica, pointer }),
        1 => (0..REPLICAS).prop_map(|replica| Step::Delete { replica }),
        1 => (0..REPLICAS).prop_map(|replica| Step::Revive { replica }),
    ]
}

struct World {
    schema: RecordSchema,
    replicas: Vec<Document>,
    clock: i64,
    /// The changes that deleted the profile, as the replicas made them.
    deletions: Vec<ChangeHash>,
}

impl World {
    fn stamp(&mut self) -> Stamp {
        self.clock += 1;
        Stamp { at_seconds: 1_770_000_000 + self.clock, by: Some("p".to_owned()) }
    }

    fn actor(replica: usize) -> Actor {
        Actor::from_random([u8::try_from(replica).unwrap() + 1; 12])
    }

    fn accept(&self, value: &Value) -> Record {
        Record::accept(&self.schema, value).unwrap().record
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Edit { replica, edit } => {
                let stamp = self.stamp();
                let done = self.replicas[replica].edit(
                    &self.schema,
                    Self::actor(replica),
                    &stamp,
                    &[edit],
                );
                done.unwrap();
            }
            Step::Import { replica, file } => {
                let file = self.accept(&file);
                self.replicas[replica].import(&self.schema, &file).unwrap();
                let again = self.replicas[replica].import(&self.schema, &file).unwrap();
                assert!(
                    matches!(again, ImportOutcome::Unchanged),
                    "importing a file twice adds nothing"
                );
            }
            Step::Send { from, to, reversed } => self.send(from, to, reversed),
            Step::Resolve { replica, which, taken_back } => {
                let stamp = self.stamp();
                let document = &mut self.replicas[replica];
                let conflicts = document.conflicts(&self.schema).unwrap();
                let Some(conflict) = conflicts.get(which) else { return };
                let chosen = conflict.values.last().unwrap().clone();
                let change = document
                    .resolve(
                        &self.schema,
                        Self::actor(replica),
                        &stamp,
                        &conflict.pointer,
                        &chosen.key,
                    )
                    .unwrap()
                    .unwrap();
                if chosen.key == "deleted" {
                    self.deletions.push(change.hash());
                    assert!(document.is_deleted());
                }
                let left = document.conflicts(&self.schema).unwrap();
                assert!(left.iter().all(|c| c.pointer != conflict.pointer), "decided is decided");
                if taken_back {
                    self.reopen(replica, &conflict.pointer);
                    let conflicts = self.replicas[replica].conflicts(&self.schema).unwrap();
                    let again = conflicts.iter().find(|c| c.pointer == conflict.pointer).unwrap();
                    assert_eq!(sides_of(again), sides_of(conflict), "as if nobody had decided");
                }
            }
            Step::Reopen { replica, pointer } => self.reopen(replica, pointer),
            Step::Delete { replica } => {
                let stamp = self.stamp();
                let document = &mut self.replicas[replica];
                let before = document.record(&self.schema).unwrap();
                let change = document.delete(&self.schema, Self::actor(replica), &stamp).unwrap();
                assert!(document.is_deleted());
                assert_eq!(document.conflict_count(&self.schema).unwrap(), 0);
                assert_eq!(document.record(&self.schema).unwrap(), before, "the record stays");
                self.deletions.extend(change.map(|change| change.hash()));
            }
            Step::Revive { replica } => {
                let stamp = self.stamp();
                let document = &mut self.replicas[replica];
                document.revive(&self.schema, Self::actor(replica), &stamp).unwrap();
                assert!(!document.is_deleted());
                let conflicts = document.conflicts(&self.schema).unwrap();
                assert!(conflicts.iter().all(|c| !c.pointer.is_empty()), "nothing is offered");
            }
        }
    }

    fn reopen(&mut self, replica: usize, pointer: &str) {
        let (stamp, wanted) = (self.stamp(), [pointer.to_owned()]);
        let document = &mut self.replicas[replica];
        let (before, was_deleted) = (document.record(&self.schema).unwrap(), document.is_deleted());
        let again = document.reopen(&self.schema, Self::actor(replica), &stamp, &wanted).unwrap();
        let contested = document.contested(&self.schema).unwrap();
        assert_eq!(contested.contains(&wanted[0]), again.left.is_empty());
        if pointer.is_empty() {
            assert_eq!(document.record(&self.schema).unwrap(), before, "the record stays");
            if !was_deleted {
                self.deletions.extend(again.changes.iter().map(Change::hash));
            }
        }
        let twice = document.reopen(&self.schema, Self::actor(replica), &stamp, &wanted).unwrap();
        assert!(twice.changes.is_empty(), "what is in conflict stays so");
    }

    fn send(&mut self, from: usize, to: usize, reversed: bool) {
        let mut changes: Vec<Change> = self.replicas[from].changes();
        if reversed {
            changes.reverse();
        }
        self.replicas[to].apply(&self.schema, &changes).unwrap();
        let again = self.replicas[to].apply(&self.schema, &changes).unwrap();
        assert!(again.is_empty(), "repeats change nothing");
    }

    fn exchange_all(&mut self, reversed: bool) {
        for _ in 0..2 {
            for from in 0..REPLICAS {
                for to in 0..REPLICAS {
                    self.send(from, to, reversed);
                }
            }
        }
    }

    fn assert_converged(&self) {
        let first = &self.replicas[0];
        let record = first.record(&self.schema).unwrap();
        for other in &self.replicas[1..] {
            assert_eq!(other.heads(), first.heads(), "the same changes");
            assert_eq!(other.is_deleted(), first.is_deleted());
            assert_eq!(other.record(&self.schema).unwrap().text(), record.text());
            assert_eq!(other.record(&self.schema).unwrap().hash(), record.hash());
            assert_eq!(
                other.conflicts(&self.schema).unwrap(),
                first.conflicts(&self.schema).unwrap()
            );
        }
        assert_eq!(first.is_deleted(), self.everything_was_deleted(), "what nobody saw survives");
        let reloaded = Document::load(&first.save()).unwrap();
        assert_eq!(reloaded.record(&self.schema).unwrap(), record, "saved and loaded");
        assert_eq!(
            first.conflicts(&self.schema).unwrap().len(),
            first.conflict_count(&self.schema).unwrap()
        );
    }
}

impl World {
    /// Whether each change was made, or known, by somebody who deleted the profile.
    fn everything_was_deleted(&self) -> bool {
        let changes = self.replicas[0].changes();
        let mut known: BTreeSet<ChangeHash> = BTreeSet::new();
        let mut open = self.deletions.clone();
        while let Some(hash) = open.pop() {
            if known.insert(hash) {
                let change = changes.iter().find(|change| change.hash() == hash);
                open.extend(change.into_iter().flat_map(Change::deps));
            }
        }
        !self.deletions.is_empty() && changes.iter().all(|change| known.contains(&change.hash()))
    }
}

/// The base of a conflict and its sides, without the keys that name them.
fn sides_of(conflict: &Conflict) -> Vec<Value> {
    let is_field = !conflict.pointer.is_empty();
    let side = |side: &ConflictValue| match is_field {
        true => json!([side.value, side.change.to_string(), side.actor, side.by, side.at]),
        // A deletion is offered by another change, in the same name.
        false => json!([side.value, side.by]),
    };
    std::iter::once(json!(conflict.base)).chain(conflict.values.iter().map(side)).collect()
}

fn observations_of(record: &Record) -> BTreeMap<String, Value> {
    let items = record.members().get("observations").and_then(Value::as_array).cloned();
    items
        .unwrap_or_default()
        .into_iter()
        .map(|o| (o["id"].as_str().unwrap().to_owned(), o))
        .collect()
}

fn converge(genesis: &Value, steps: Vec<Step>, reversed: bool) {
    let schema = RecordSchema::user_profile_v1();
    let first = Record::accept(&schema, genesis).unwrap().record;
    let replicas: Vec<Document> =
        (0..REPLICAS).map(|_| Document::genesis(&schema, &first).unwrap()).collect();
    assert!(
        replicas.windows(2).all(|pair| pair[0].heads() == pair[1].heads()),
        "genesis built twice"
    );
    let mut world = World { schema, replicas, clock: 0, deletions: Vec::new() };
    let mut facts = observations_of(&first);
    for step in steps {
        match &step {
            Step::Edit { edit: Edit::Add { pointer, value }, .. } if pointer == "/observations" => {
                let with = json!({"schema": "user_profile.v1", "id": "p", "observations": [value]});
                facts.extend(observations_of(&world.accept(&with)));
            }
            Step::Import { file, .. } => facts.extend(observations_of(&world.accept(file))),
            _ => {}
        }
        world.take(step);
    }
    world.exchange_all(reversed);
    world.assert_converged();
    let held = observations_of(&world.replicas[0].record(&world.schema).unwrap());
    assert_eq!(held, facts, "merging keeps every observation");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn replicas_converge(
        genesis in record(),
        steps in prop::collection::vec(step(), 1..24),
        reversed in any::<bool>(),
    ) {
        converge(&genesis, steps, reversed);
    }

    /// Each replica edits an attribute of its own, offline: all of it is there afterwards.
    #[test]
    fn edits_without_rival_survive(genesis in record(), values in prop::array::uniform3(attribute_value())) {
        let schema = RecordSchema::user_profile_v1();
        let first = Record::accept(&schema, &genesis).unwrap().record;
        let replicas = (0..REPLICAS).map(|_| Document::genesis(&schema, &first).unwrap()).collect();
        let mut world = World { schema, replicas, clock: 0, deletions: Vec::new() };
        for (replica, value) in values.iter().enumerate() {
            let edit = Edit::Set { pointer: format!("/attributes/own{replica}"), value: value.clone() };
            world.take(Step::Edit { replica, edit });
        }
        world.exchange_all(false);
        world.assert_converged();
        let record = world.replicas[0].record(&world.schema).unwrap();
        for (replica, value) in values.iter().enumerate() {
            prop_assert_eq!(&record.members()["attributes"][format!("own{replica}").as_str()], value);
        }
        prop_assert!(world.replicas[0].conflicts(&world.schema).unwrap().is_empty());
    }

    /// Two replicas began with different imports; the first genesis stays, the other is replayed.
    #[test]
    fn different_beginnings_converge(
        ours in record(),
        theirs in record(),
        our_edits in prop::collection::vec(edit(), 0..4),
        their_edits in prop::collection::vec(edit(), 0..4),
        deleted in any::<(bool, bool)>(),
    ) {
        let schema = RecordSchema::user_profile_v1();
        let accept = |value: &Value| Record::accept(&schema, value).unwrap().record;
        let (ours, theirs) = (accept(&ours), accept(&theirs));
        let stamp = Stamp { at_seconds: 1_770_000_000, by: None };
        let mut kept = Document::genesis(&schema, &theirs).unwrap();
        let mut moved = Document::genesis(&schema, &ours).unwrap();
        for edit in &their_edits {
            kept.edit(&schema, World::actor(0), &stamp, std::slice::from_ref(edit)).unwrap();
        }
        for edit in &our_edits {
            moved.edit(&schema, World::actor(1), &stamp, std::slice::from_ref(edit)).unwrap();
        }
        if deleted.0 {
            moved.delete(&schema, World::actor(1), &stamp).unwrap();
        }
        if deleted.1 {
            kept.delete(&schema, World::actor(0), &stamp).unwrap();
        }
        let before = moved.record(&schema).unwrap();
        let (rebased, replayed) =
            moved.rebase(&schema, kept.clone(), World::actor(2), &stamp).unwrap();
        // A second replica with the same beginning replays to the same import change.
        let bystander = Document::genesis(&schema, &ours).unwrap();
        let (_, by_others) = bystander.rebase(&schema, kept.clone(), World::actor(3), &stamp).unwrap();
        for change in &by_others {
            prop_assert!(replayed.iter().any(|c| c.hash() == change.hash()), "one import, one change");
        }
        kept.apply(&schema, &replayed).unwrap();
        prop_assert_eq!(kept.heads(), rebased.heads());
        let record = kept.record(&schema).unwrap();
        prop_assert_eq!(&record, &rebased.record(&schema).unwrap());
        prop_assert_eq!(kept.conflicts(&schema).unwrap(), rebased.conflicts(&schema).unwrap());
        let is_offered =
            kept.conflicts(&schema).unwrap().iter().any(|conflict| conflict.pointer.is_empty());
        match deleted {
            (true, true) => prop_assert!(kept.is_deleted()),
            (true, false) => prop_assert!(is_offered, "ours did not know of theirs"),
            (false, true) => prop_assert!(is_offered != kept.is_deleted()),
            (false, false) => prop_assert!(!is_offered && !kept.is_deleted()),
        }
        let mut facts = observations_of(&theirs);
        facts.extend(observations_of(&before));
        let held = observations_of(&record);
        for id in facts.keys() {
            prop_assert!(held.contains_key(id), "observation {} was lost", id);
        }
    }
}
