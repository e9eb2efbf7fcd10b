use std::collections::{BTreeMap, BTreeSet};

use kartei_protocol::sync::{ProfileLine, PushItem};
use kartei_relay_store::{Chain, RelayStore, Segment};
use serde_json::json;

use crate::stage::{Copy, NOW, Stage, ada, untouched};

/// A segment after the end of a chain, of which nothing but its place is real.
fn segment(chain: &Chain, rev: u64, lines: u64, blob: &str) -> Segment {
    Segment {
        number: chain.segments.len() as u64 + 1,
        from_rev: chain.tip(),
        rev,
        digest: [u8::try_from(rev % 251).unwrap(); 32],
        bytes: 10,
        lines,
        blob: blob.to_owned(),
        made_at: NOW,
    }
}

fn people(stage: &Stage<'_>, count: usize) {
    let items: Vec<PushItem> =
        (0..count).map(|n| stage.untouched(&format!("p{n}"), &json!({"n": 0}))).collect();
    stage.store.push(stage.org, &ada(NOW), &items).unwrap();
}

pub(crate) fn of_two_that_build_at_once_one_wins(stage: &Stage<'_>) {
    people(stage, 30);
    let store = &stage.store;
    let chain = store.chain(stage.org).unwrap();
    assert_eq!((chain.tip(), chain.head_rev, chain.is_foreign), (0, 30, false));
    assert!(chain.manifest().segments.is_empty());
    let won: Vec<bool> = std::thread::scope(|scope| {
        let build = |name: &'static str| {
            let chain = &chain;
            let relay = stage.again();
            scope.spawn(move || {
                relay.add_segment(stage.org, chain, &segment(chain, 20, 20, name)).unwrap()
            })
        };
        let relays = ["a", "b", "c"].map(build);
        relays.into_iter().map(|relay| relay.join().unwrap()).collect()
    });
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    let chain = store.chain(stage.org).unwrap();
    let next = segment(&chain, 30, 10, "d");
    assert!(store.add_segment(stage.org, &chain, &next).unwrap());
    let chain = store.chain(stage.org).unwrap();
    assert_eq!((chain.tip(), chain.lines(), chain.segments.len()), (30, 30, 2));
    assert_eq!(store.segment(stage.org, &next.digest).unwrap(), Some(next.clone()));
    assert_eq!(store.segment(stage.other, &next.digest).unwrap(), None, "another organisation");
    let manifest = chain.manifest();
    let cursors: Vec<String> = manifest.segments.iter().map(|one| one.cursor.to_string()).collect();
    assert_eq!(cursors, [20, 30].map(|rev| format!("{}.0.{rev}.{rev}", chain.epoch)));
}

pub(crate) fn a_dropped_chain_takes_nothing_more(stage: &Stage<'_>) {
    people(stage, 20);
    let store = &stage.store;
    let before = store.chain(stage.org).unwrap();
    let first = segment(&before, 10, 10, "a");
    assert!(store.add_segment(stage.org, &before, &first).unwrap());
    let read = store.chain(stage.org).unwrap();
    store.drop_chain(stage.org).unwrap();
    assert!(
        !store.add_segment(stage.org, &read, &segment(&read, 20, 10, "b")).unwrap(),
        "who read before the chain was dropped adds nothing after it"
    );
    assert_eq!(store.segment(stage.org, &first.digest).unwrap(), None);
    assert_eq!(store.forget_segments(stage.org, 0).unwrap(), Vec::<String>::new());
    let chain = store.chain(stage.org).unwrap();
    assert_eq!((chain.tip(), chain.generation), (0, before.generation + 1));
    let other_history = Chain { epoch: "elsewhere".to_owned(), ..chain.clone() };
    assert!(!store.add_segment(stage.org, &other_history, &segment(&chain, 5, 5, "c")).unwrap());
    assert!(store.add_segment(stage.org, &chain, &segment(&chain, 20, 20, "d")).unwrap());
}

pub(crate) fn a_worn_chain_is_renewed_and_the_old_one_stays_a_while(stage: &Stage<'_>) {
    let record = stage.record("mine", &json!({"n": 0}));
    stage.store.push(stage.org, &ada(NOW), &[untouched(&record)]).unwrap();
    people(stage, 9);
    let store = &stage.store;
    let chain = store.chain(stage.org).unwrap();
    assert!(!store.is_worn(stage.org, &chain).unwrap(), "nothing is there to be worn");
    let old = segment(&chain, 10, 10, "old");
    assert!(store.add_segment(stage.org, &chain, &old).unwrap());
    let chain = store.chain(stage.org).unwrap();
    assert!(!store.is_worn(stage.org, &chain).unwrap());
    for n in 0..4 {
        let record = stage.record(&format!("p{n}"), &json!({"n": 0}));
        let mut copy = Copy::of(&stage.schema, &record, 1);
        store.push(stage.org, &ada(NOW), &[copy.set("n", json!(1))]).unwrap();
        let worn = store.is_worn(stage.org, &chain).unwrap();
        assert_eq!(worn, n == 3, "{} of 10 lines are stale", n + 1);
    }
    assert!(store.renew_chain(stage.org, &chain, NOW).unwrap());
    assert!(!stage.again().renew_chain(stage.org, &chain, NOW).unwrap(), "only once");
    let renewed = store.chain(stage.org).unwrap();
    assert_eq!((renewed.tip(), renewed.generation), (0, chain.generation + 1));
    assert_eq!(store.segment(stage.org, &old.digest).unwrap(), Some(old.clone()));
    assert_eq!(store.forget_segments(stage.org, NOW).unwrap(), ["old"], "still in use");
    assert_eq!(store.forget_segments(stage.org, NOW + 1).unwrap(), Vec::<String>::new());
    assert_eq!(store.segment(stage.org, &old.digest).unwrap(), None);
}

/// What a replica has that applied some lines.
#[derive(Default)]
struct Applied {
    rows: BTreeMap<String, BTreeSet<Vec<u8>>>,
}

impl Applied {
    fn take(&mut self, lines: &[ProfileLine]) {
        for line in lines {
            if line.record.is_none() {
                assert!(self.rows.contains_key(&line.id), "`{}` begins nowhere", line.id);
            }
            let changes = self.rows.entry(line.id.clone()).or_default();
            changes.extend(line.changes.iter().map(|bytes| bytes.0.clone()));
        }
    }

    /// The rest of the feed, in pages of `rows`, with something written after each.
    fn follow(&mut self, stage: &Stage<'_>, tip: u64, rows: usize, mut write: impl FnMut()) {
        let mut cursor =
            stage.store.chain(stage.org).unwrap().manifest().segments[0].cursor.clone();
        cursor.rev = tip;
        loop {
            let page = stage.store.feed(stage.org, Some(&cursor), rows, usize::MAX).unwrap();
            self.take(&page.lines);
            cursor = page.cursor;
            if !page.more {
                return;
            }
            write();
        }
    }
}

fn everything(store: &RelayStore, stage: &Stage<'_>) -> BTreeMap<String, BTreeSet<Vec<u8>>> {
    let mut applied = Applied::default();
    applied.take(&store.feed(stage.org, None, usize::MAX, usize::MAX).unwrap().lines);
    applied.rows
}

/// Profiles move up while the pages of segments are read, between segments, between a segment and the
/// feed, and while the feed is read: ahead of the reader and behind it.
pub(crate) fn a_profile_that_moves_while_segments_are_made_is_not_missed(stage: &Stage<'_>) {
    /// Rows that are read at once.
    const PAGE: usize = 9;
    let mut copies: Vec<Copy<'_>> = Vec::new();
    let mut items = Vec::new();
    for n in 0..12 {
        let record = stage.record(&format!("m{n}"), &json!({"n": 0}));
        items.push(untouched(&record));
        copies.push(Copy::of(&stage.schema, &record, 1));
        let others = (0..4).map(|o| stage.untouched(&format!("o{n}-{o}"), &json!({})));
        items.extend(others);
    }
    stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    let mut turn = 0;
    // Each time one behind the reader, one just ahead of it, and one near the end.
    let mut write = || {
        turn += 1;
        for n in [turn % 12, (turn * PAGE / 5 + 1) % 12, 11 - turn % 12] {
            let item = copies[n].set("n", json!(turn));
            stage.store.push(stage.org, &ada(NOW), &[item]).unwrap();
        }
    };
    let chain = stage.store.chain(stage.org).unwrap();
    let (mut applied, mut from) = (Applied::default(), 0);
    for _segment in 0..2 {
        for _page in 0..3 {
            let page =
                stage.store.segment_lines(stage.org, &chain, from, PAGE, usize::MAX).unwrap();
            from = page.cursor.rev;
            applied.take(&page.lines);
            write();
        }
        let current = stage.store.chain(stage.org).unwrap();
        let made = segment(&current, from, 27, &format!("b{from}"));
        assert!(stage.store.add_segment(stage.org, &current, &made).unwrap());
    }
    applied.follow(stage, from, 7, write);
    let relay = everything(&stage.store, stage);
    assert!(relay.values().any(|changes| changes.len() > 1), "profiles moved");
    assert_eq!(applied.rows, relay);
}
