use kartei_profile::RecordHash;
use kartei_relay_store::{FieldOutcome, Outcome, Precondition, Profile, WriteError};
use serde_json::json;

use crate::stage::{Copy, NOW, Stage, ada, author, untouched};

fn written(outcome: Outcome) -> Profile {
    match outcome {
        Outcome::Created(profile) | Outcome::Updated(profile) => profile,
        other => panic!("nothing was written: {other:?}"),
    }
}

pub(crate) fn a_record_is_put(stage: &Stage<'_>) {
    let (first, second) =
        (stage.record("p", &json!({"city": "Bern"})), stage.record("p", &json!({"city": "Ulm"})));
    let put =
        |when: Precondition, record| stage.store.put(stage.org, &author(), &when, record).unwrap();
    let is = |profile: &Profile| Precondition::Is(vec![profile.hash]);
    assert!(matches!(put(Precondition::There, &first), Outcome::Stale(None)));
    let made = put(Precondition::Absent, &first);
    assert!(matches!(&made, Outcome::Created(profile) if profile.rev == 1));
    let made = written(made);
    assert_eq!(made.record, first.text());
    assert!(
        matches!(put(Precondition::Absent, &second), Outcome::Stale(Some(held)) if held == made)
    );
    let changed = written(put(is(&made), &second));
    assert_eq!(changed.rev, 2);
    // The moment of the change is part of the record.
    assert!(changed.record.contains("\"city\":\"Ulm\""), "{}", changed.record);
    assert!(matches!(put(is(&made), &first), Outcome::Stale(Some(held)) if held == changed));
    let same = stage.store.profile(stage.org, "p").unwrap().unwrap();
    let record = kartei_profile::Record::from_stored(&same.record).unwrap();
    assert!(matches!(put(is(&same), &record), Outcome::Unchanged(held) if held == same));
    assert_eq!(stage.head(), 2);
}

pub(crate) fn a_patch_is_one_change_with_an_author(stage: &Stage<'_>) {
    let record = stage.record("p", &json!({"city": "Bern", "n": 1}));
    stage.store.push(stage.org, &ada(NOW), &[untouched(&record)]).unwrap();
    let wanted = stage.record("p", &json!({"city": "Ulm", "plan": "pro"}));
    let is = Precondition::Is(vec![record.hash()]);
    let patch = |id: &str, when: &Precondition| {
        stage.store.patch(stage.org, &author(), id, when, &|_| Ok(wanted.clone()))
    };
    assert_eq!(written(patch("p", &is).unwrap()).rev, 2);
    let history = stage.store.history(stage.org, "p").unwrap().unwrap();
    assert_eq!(history.iter().map(|one| one.rev).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(history[1].entry.by.as_deref(), Some("integrator"));
    let fields: Vec<&str> = history[1].entry.fields.iter().map(|f| f.pointer.as_str()).collect();
    for pointer in ["/attributes/city", "/attributes/n", "/attributes/plan"] {
        assert!(fields.contains(&pointer), "{fields:?}");
    }
    assert!(matches!(patch("nobody", &Precondition::There), Ok(Outcome::Stale(None))));
    let refused = stage
        .store
        .patch(stage.org, &author(), "p", &Precondition::There, &|_| Err(WriteError::NotFound));
    assert!(matches!(refused, Err(WriteError::NotFound)));
    assert_eq!(stage.head(), 2);
}

pub(crate) fn history_tells_who_sent_what_names_somebody_else(stage: &Stage<'_>) {
    let record = stage.record("p", &json!({"n": 0}));
    let mut copy = Copy::of(&stage.schema, &record, 1);
    let (own, others) = (copy.set("n", json!(1)), copy.set("n", json!(2)));
    stage.store.push(stage.org, &ada(NOW), &[untouched(&record), own]).unwrap();
    stage.store.push(stage.org, &author(), std::slice::from_ref(&others)).unwrap();
    // Whoever sends it again has not brought it.
    stage.store.push(stage.org, &ada(NOW), &[others]).unwrap();
    let wanted = stage.record("p", &json!({"n": 3}));
    stage
        .store
        .patch(stage.org, &author(), "p", &Precondition::There, &|_| Ok(wanted.clone()))
        .unwrap();
    let history = stage.store.history(stage.org, "p").unwrap().unwrap();
    let told: Vec<_> =
        history.iter().map(|one| (one.entry.by.as_deref(), one.sent_by.as_deref())).collect();
    let (ada, integrator) = (Some("Ada"), Some("integrator"));
    assert_eq!(told, [(None, None), (ada, None), (ada, integrator), (integrator, None)]);
}

pub(crate) fn every_state_can_be_read_by_revision(stage: &Stage<'_>) {
    stage.store.push(stage.org, &ada(NOW), &[stage.untouched("before", &json!({}))]).unwrap();
    let record = stage.record("p", &json!({"n": 0}));
    let mut copy = Copy::of(&stage.schema, &record, 1);
    stage.store.push(stage.org, &ada(NOW), &[untouched(&record)]).unwrap();
    let mut states = vec![record.text().to_owned()];
    for n in 1..=3 {
        stage.store.push(stage.org, &ada(NOW), &[copy.set("n", json!(n))]).unwrap();
        stage
            .store
            .push(stage.org, &ada(NOW), &[stage.untouched(&format!("o{n}"), &json!({}))])
            .unwrap();
        states.push(copy.record().text().to_owned());
    }
    let at = |rev| stage.store.profile_at(stage.org, "p", rev).unwrap();
    assert_eq!(at(1), None);
    for (rev, state) in [(2, 0), (3, 1), (4, 1), (5, 2), (6, 2), (7, 3), (8, 3)] {
        assert_eq!(at(rev).unwrap().record, states[state], "at revision {rev}");
    }
    assert_eq!(at(4).unwrap().rev, 3, "the revision of its last change by then");
    assert_eq!(stage.store.profile_at(stage.org, "nobody", 8).unwrap(), None);
}

pub(crate) fn a_merge_keeps_what_both_sides_did(stage: &Stage<'_>) {
    let base = stage.record("p", &json!({"city": "Bern", "plan": "basic", "n": 1, "same": 0}));
    stage.store.push(stage.org, &ada(NOW), &[untouched(&base)]).unwrap();
    let mut theirs = Copy::of(&stage.schema, &base, 1);
    for (key, value) in [("plan", json!("pro")), ("same", json!(5)), ("n", json!(2))] {
        stage.store.push(stage.org, &ada(NOW), &[theirs.set(key, value)]).unwrap();
    }
    let local = stage.record("p", &json!({"city": "Ulm", "plan": "basic", "n": 3, "same": 5}));
    let merged = stage.store.merge(stage.org, &author(), base.hash(), &local).unwrap();
    assert_eq!(merged.profile.rev, 5);
    let outcome = |pointer: &str| {
        merged.fields.iter().find(|(p, _)| p == pointer).map(|(_, outcome)| *outcome)
    };
    assert_eq!(outcome("/attributes/city"), Some(FieldOutcome::Mine));
    assert_eq!(outcome("/attributes/plan"), Some(FieldOutcome::Theirs));
    assert_eq!(outcome("/attributes/same"), Some(FieldOutcome::Same));
    assert_eq!(outcome("/attributes/n"), Some(FieldOutcome::Conflict));
    let conflict = &merged.conflicts[0];
    assert_eq!(conflict.pointer, "/attributes/n");
    assert_eq!(conflict.base, Some(json!(1)));
    assert_eq!(conflict.values.len(), 2);
    let profile = stage.store.profile(stage.org, "p").unwrap().unwrap();
    assert_eq!(profile, merged.profile);
    assert_eq!(profile.conflicts, 1);
    assert!(profile.record.contains("\"city\":\"Ulm\"") && profile.record.contains("\"pro\""));
}

pub(crate) fn a_merge_from_an_unknown_state_is_refused(stage: &Stage<'_>) {
    let record = stage.record("p", &json!({}));
    stage.store.push(stage.org, &ada(NOW), &[untouched(&record)]).unwrap();
    let unknown = RecordHash::from_bytes([7; 32]);
    let refused = stage.store.merge(stage.org, &author(), unknown, &record);
    assert!(matches!(refused, Err(WriteError::UnknownBase(hash)) if hash == unknown));
    let nobody = stage.record("nobody", &json!({}));
    let refused = stage.store.merge(stage.org, &author(), nobody.hash(), &nobody);
    assert!(matches!(refused, Err(WriteError::NotFound)));
    assert_eq!(stage.head(), 1);
}
