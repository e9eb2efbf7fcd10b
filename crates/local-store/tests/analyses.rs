//! Analyses as they are remembered: in order, never older than what was heard, and not without end.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kartei_local_store::{HeardAnalysis, NewAnalysis, Store, StoreError, StoreOptions};
use tempfile::TempDir;

const RELAY: &str = "https://relay.example Alpha";

fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    (folder, store)
}

fn new(key: &str) -> NewAnalysis {
    NewAnalysis {
        relay: RELAY.to_owned(),
        key: key.to_owned(),
        asked: r#"{"analysis":"quality"}"#.to_owned(),
        retry_of: None,
    }
}

fn heard(job: &str, event_seq: u64, created_at: i64) -> HeardAnalysis {
    HeardAnalysis {
        job: job.to_owned(),
        asked: r#"{"analysis":"quality"}"#.to_owned(),
        heard: format!("event {event_seq}"),
        event_seq,
        created_at,
    }
}

fn jobs(store: &Store) -> Vec<String> {
    let all = store.analyses(RELAY).unwrap();
    all.into_iter().map(|one| one.job.unwrap_or_else(|| format!("local {}", one.id))).collect()
}

#[test]
fn those_that_wait_stand_first_then_the_newest() {
    let (_folder, store) = store();
    store.hear_analysis(RELAY, None, &heard("old", 1, 10)).unwrap();
    store.hear_analysis(RELAY, None, &heard("new", 1, 30)).unwrap();
    let waits = store.add_analysis(&new("a"), 20).unwrap();
    assert_eq!(jobs(&store), [format!("local {waits}"), "new".to_owned(), "old".to_owned()]);
    assert!(store.analyses("https://relay.example Beta").unwrap().is_empty());
    store.hear_analysis(RELAY, Some(waits), &heard("sent", 1, 20)).unwrap();
    assert_eq!(jobs(&store), ["new", "sent", "old"]);
}

#[test]
fn what_was_heard_of_by_another_way_first_is_there_once() {
    let (_folder, store) = store();
    let waits = store.add_analysis(&new("a"), 20).unwrap();
    store.hear_analysis(RELAY, None, &heard("sent", 2, 20)).unwrap();
    let (stored, is_new) = store.hear_analysis(RELAY, Some(waits), &heard("sent", 1, 20)).unwrap();
    assert_eq!((stored.heard.as_deref(), is_new), (Some("event 2"), false), "it never goes back");
    assert_eq!(jobs(&store), ["sent"]);
}

#[test]
fn only_so_many_wait_and_only_the_newest_are_remembered() {
    let (_folder, store) = store();
    for number in 0..1_003 {
        store.hear_analysis(RELAY, None, &heard(&format!("job {number}"), 1, number)).unwrap();
    }
    let kept = jobs(&store);
    assert_eq!((kept.len(), kept[0].as_str()), (1_000, "job 1002"));
    for number in 0..100 {
        store.add_analysis(&new(&number.to_string()), number).unwrap();
    }
    let refused = store.add_analysis(&new("one more"), 0);
    assert!(matches!(refused, Err(StoreError::Blocked(_))), "{refused:?}");
}

#[test]
fn a_result_is_kept_as_it_was_answered() {
    let (_folder, store) = store();
    assert_eq!(store.find_analysis_result(RELAY, "r").unwrap(), None);
    let answer = r#"{"result": 1.50}"#;
    store.keep_analysis_result(RELAY, "r", answer, 1).unwrap();
    assert_eq!(store.find_analysis_result(RELAY, "r").unwrap().as_deref(), Some(answer));
    assert_eq!(store.find_analysis_result("elsewhere", "r").unwrap(), None);
    for number in 0..250 {
        store.keep_analysis_result(RELAY, &format!("r{number}"), answer, 2 + number).unwrap();
    }
    assert_eq!(store.find_analysis_result(RELAY, "r").unwrap(), None, "the oldest go");
    assert!(store.find_analysis_result(RELAY, "r249").unwrap().is_some());
}
