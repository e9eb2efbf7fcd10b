//! Several relays on one database, at the same time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kartei_profile::Record;
use kartei_relay_store::{Outcome, Precondition};
use serde_json::json;

use crate::stage::{NOW, Stage, ada, author, record, untouched};

const WRITERS: usize = 6;
const ROUNDS: usize = 25;

/// Writers that read, change and write one profile with a precondition: none overwrites another.
pub(crate) fn many_writers_lose_nothing(stage: &Stage<'_>) {
    let first = stage.record("counter", &json!({"n": 0}));
    stage.store.push(stage.org, &ada(NOW), &[untouched(&first)]).unwrap();
    stage.slow_down();
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            let store = stage.again();
            scope.spawn(move || {
                let mut left = ROUNDS;
                while left > 0 {
                    let seen = store.profile(stage.org, "counter").unwrap().unwrap();
                    let members = Record::from_stored(&seen.record).unwrap();
                    let n = members.members()["attributes"]["n"].as_i64().unwrap();
                    let next = record(&stage.schema, "counter", &json!({"n": n + 1}));
                    let when = Precondition::Is(vec![seen.hash]);
                    match store.put(stage.org, &author(), &when, &next).unwrap() {
                        Outcome::Updated(_) => left -= 1,
                        Outcome::Stale(Some(_)) => {}
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    let profile = stage.store.profile(stage.org, "counter").unwrap().unwrap();
    let written = WRITERS * ROUNDS;
    assert!(profile.record.contains(&format!("\"n\":{written}")), "{}", profile.record);
    assert_eq!(stage.head(), written as u64 + 1);
    let history = stage.store.history(stage.org, "counter").unwrap().unwrap();
    assert_eq!(history.len(), written + 1, "every acknowledged write is in the history");
}

/// The same new profiles come from all writers at the same time: each is there once, under one
/// revision. Writers that are first find nothing to look for again, the others do.
pub(crate) fn what_is_new_to_many_is_there_once(stage: &Stage<'_>) {
    const IDS: usize = 3;
    stage.slow_down();
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            let store = stage.again();
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let items: Vec<_> = (0..IDS)
                        .map(|n| {
                            let id = format!("r{round}-{n}");
                            untouched(&record(&stage.schema, &id, &json!({"round": round})))
                        })
                        .collect();
                    let pushed = store.push(stage.org, &ada(NOW), &items).unwrap();
                    assert_eq!(pushed.answers.len(), IDS);
                }
            });
        }
    });
    assert_eq!(stage.head(), (ROUNDS * IDS) as u64);
    let page = stage.store.feed(stage.org, None, ROUNDS * IDS * 2, usize::MAX).unwrap();
    assert_eq!(page.lines.len(), ROUNDS * IDS);
}

/// Revisions that are drawn before a commit become visible out of order, and a reader that has seen
/// a larger one never comes back for the smaller. Only new profiles are written here, one revision
/// each: so a reader at revision N must have seen exactly N of them, at every moment.
pub(crate) fn a_reader_beside_writers_misses_no_row(stage: &Stage<'_>) {
    stage.slow_down();
    let done = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let reader = {
            let (store, done) = (stage.again(), &done);
            scope.spawn(move || {
                let (mut cursor, mut seen) = (None, BTreeSet::new());
                loop {
                    let was_done = done.load(Ordering::SeqCst);
                    let page = store.feed(stage.org, cursor.as_ref(), 40, usize::MAX).unwrap();
                    seen.extend(page.lines.iter().map(|line| line.id.clone()));
                    assert_eq!(seen.len() as u64, page.cursor.rev, "rows up to the cursor");
                    cursor = Some(page.cursor);
                    if was_done && !page.more {
                        return seen;
                    }
                }
            })
        };
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let store = stage.again();
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let items: Vec<_> = (0..1 + round % 4)
                            .map(|n| {
                                let id = format!("w{writer}-{round}-{n}");
                                untouched(&record(&stage.schema, &id, &json!({})))
                            })
                            .collect();
                        store.push(stage.org, &ada(NOW), &items).unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
        reader.join().unwrap()
    });
    let written: usize = (0..ROUNDS).map(|round| 1 + round % 4).sum::<usize>() * WRITERS;
    assert_eq!(seen.len(), written);
    assert_eq!(stage.head(), written as u64);
}
