use kartei_protocol::sync::{Cursor, Member};
use kartei_relay_store::{Precondition, RelayStore, RelayStoreError};
use kartei_sync_core::{Digest, Digests};
use serde_json::json;

use crate::stage::{Copy, NOW, Stage, ada, author, untouched};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The digests that the relay keeps.
fn kept(store: &RelayStore, stage: &Stage<'_>) -> Option<Vec<String>> {
    store.bucket_digests(stage.org).unwrap().buckets
}

/// Those of the rows, counted here.
fn counted(stage: &Stage<'_>) -> Vec<String> {
    let (_, rows) = stage.store.rows_since(stage.org, 0, usize::MAX, usize::MAX).unwrap();
    let mut digests = Digests::default();
    for row in rows.iter().filter(|row| !row.deleted) {
        digests.add_profile(&row.id, &row.hash, row.conflicts);
    }
    digests.iter().map(|(_, digest)| digest.to_string()).collect()
}

fn total(buckets: &[String]) -> String {
    let sum = |sum: Digest, text: &String| sum.plus(text.parse().unwrap());
    buckets.iter().fold(Digest::default(), sum).to_string()
}

fn delete(stage: &Stage<'_>, id: &str) -> u64 {
    assert!(stage.store.delete(stage.org, &author(), id, &Precondition::There).unwrap().is_ok());
    stage.head()
}

pub(crate) fn digests_are_those_of_the_rows(stage: &Stage<'_>) {
    assert_eq!(kept(&stage.store, stage).unwrap(), counted(stage), "of nothing");
    let items: Vec<_> = (0..300).map(|n| stage.untouched(&format!("p{n}"), &json!({}))).collect();
    let pushed = stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    assert_eq!(pushed.end.total.unwrap(), total(&counted(stage)));
    // Edits, a conflict, a deletion, and one that is taken back.
    let record = stage.record("q", &json!({"city": "Bern"}));
    let (mut a, mut b) = (Copy::of(&stage.schema, &record, 1), Copy::of(&stage.schema, &record, 2));
    let edits = [untouched(&record), a.set("city", json!("Ulm")), b.set("city", json!("Basel"))];
    stage.store.push(stage.org, &ada(NOW), &edits).unwrap();
    delete(stage, "p7");
    delete(stage, "p8");
    let again = stage.record("p8", &json!({"back": true}));
    stage.store.put(stage.org, &author(), &Precondition::Absent, &again).unwrap();
    let buckets = counted(stage);
    assert_eq!(kept(&stage.again(), stage).unwrap(), buckets, "another relay knows them");
    let page = stage.store.feed(stage.org, None, 1_000, usize::MAX).unwrap();
    assert_eq!(page.total.unwrap(), total(&buckets));
    let page = stage.store.feed(stage.org, None, 10, usize::MAX).unwrap();
    assert_eq!(page.total, None, "a part of the feed is compared with nothing");
    let pushed = stage.store.push(stage.org, &ada(NOW), &items[..1]).unwrap();
    assert_eq!(pushed.end.total.unwrap(), total(&buckets), "also where nothing was written");
    assert!(stage.store.check(stage.org, false, NOW).unwrap().findings.is_empty());
    assert_eq!(stage.store.bucket_digests(stage.other).unwrap().rev, 0, "the others' are apart");
}

/// Writes a profile as a relay of the version before does: rows and the newest revision.
fn write_as_before(stage: &Stage<'_>, id: &str) {
    let record = stage.record(id, &json!({}));
    stage.store.push(stage.other, &ada(NOW), &[untouched(&record)]).unwrap();
    let text = record.text();
    stage.sql(&format!(
        "UPDATE organisations SET head_rev = head_rev + 1 WHERE name = 'One'; \
         INSERT INTO profiles (org, id, rev, genesis, genesis_rev, hash, conflicts, changed_at, record) \
         SELECT o.id, p.id, o.head_rev, p.genesis, o.head_rev, p.hash, 0, p.changed_at, '{text}' \
         FROM profiles p, organisations o WHERE o.name = 'One' AND p.org <> o.id AND p.id = '{id}'"
    ));
}

pub(crate) fn a_relay_that_knows_no_digests_leaves_none(stage: &Stage<'_>) {
    stage.store.push(stage.org, &ada(NOW), &[stage.untouched("p", &json!({}))]).unwrap();
    write_as_before(stage, "old");
    assert_eq!(kept(&stage.store, stage), None, "no digest rather than a wrong one");
    let pushed =
        stage.store.push(stage.org, &ada(NOW), &[stage.untouched("q", &json!({}))]).unwrap();
    assert_eq!(pushed.end.total, None, "and none is made of a wrong one");
    assert_eq!(stage.store.feed(stage.org, None, 10, usize::MAX).unwrap().total, None);
    let checked = stage.store.check(stage.org, false, NOW).unwrap();
    assert_eq!(checked.findings.len(), 1, "{checked:?}");
    assert!(stage.store.recount_where_stale(stage.org).unwrap());
    assert!(!stage.store.recount_where_stale(stage.org).unwrap());
    assert_eq!(kept(&stage.store, stage).unwrap(), counted(stage));
    let pushed =
        stage.store.push(stage.org, &ada(NOW), &[stage.untouched("r", &json!({}))]).unwrap();
    assert_eq!(pushed.end.total.unwrap(), total(&counted(stage)), "from here on it is kept again");
}

pub(crate) fn a_check_finds_what_was_planted(stage: &Stage<'_>) {
    let record = stage.record("edited", &json!({"city": "Bern"}));
    let mut copy = Copy::of(&stage.schema, &record, 1);
    let items = [
        stage.untouched("lost", &json!({})),
        stage.untouched("whole", &json!({"city": "Thun"})),
        untouched(&record),
        copy.set("city", json!("Ulm")),
    ];
    stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    let edited = stage.record("edited", &json!({"city": "Rom"}));
    let whole = stage.record("whole", &json!({"city": "Rom"}));
    let (edited, whole) = (edited.text(), whole.text());
    stage.sql(&format!(
        "DELETE FROM profiles WHERE id = 'lost'; \
         UPDATE profiles SET record = '{edited}', conflicts = 3 WHERE id = 'edited'; \
         UPDATE profiles SET record = '{whole}' WHERE id = 'whole'",
    ));
    let checked = stage.store.check(stage.org, false, NOW).unwrap();
    assert_eq!(checked.profiles, 2);
    let found: Vec<(u64, &[String])> =
        checked.findings.iter().map(|f| (f.count, f.ids.as_slice())).collect();
    let ids = ["edited".to_owned(), "whole".to_owned()];
    assert_eq!(found.len(), 2, "{checked:?}");
    assert_eq!(found[0].0, 2);
    assert!(ids.iter().all(|id| found[0].1.contains(id)), "{checked:?}");

    let head = stage.head();
    let mended = stage.store.check(stage.org, true, NOW).unwrap();
    assert!(mended.findings.iter().any(|f| f.mended && f.ids == ["edited"]), "{mended:?}");
    assert!(stage.head() > head, "replicas hear of it");
    let profile = stage.store.profile(stage.org, "edited").unwrap().unwrap();
    assert_eq!((profile.record.as_str(), profile.conflicts), (copy.record().text(), 0));
    assert_eq!(kept(&stage.store, stage).unwrap(), counted(stage));
    let left = stage.store.check(stage.org, false, NOW).unwrap();
    assert_eq!(left.findings.len(), 1, "what no document tells cannot be mended here: {left:?}");
    assert_eq!(left.findings[0].ids, ["whole"]);
}

fn is_too_old(found: &Result<kartei_relay_store::FeedPage, RelayStoreError>) -> bool {
    matches!(found, Err(RelayStoreError::CursorTooOld { .. }))
}

pub(crate) fn old_deletions_are_forgotten(stage: &Stage<'_>) {
    let items: Vec<_> = (0..5).map(|n| stage.untouched(&format!("p{n}"), &json!({}))).collect();
    stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    let feed = |cursor: &Cursor| stage.store.feed(stage.org, Some(cursor), 10, usize::MAX);
    let before = stage.store.feed(stage.org, None, 10, usize::MAX).unwrap().cursor;
    let reading = stage.store.feed(stage.org, None, 2, usize::MAX).unwrap().cursor;
    let first = delete(stage, "p0");
    let known = Cursor::complete(before.epoch.clone(), first);
    let last = delete(stage, "p1");
    let (deleted_at, digests) = (author().now, kept(&stage.store, stage));

    assert_eq!(stage.store.sweep(stage.org, deleted_at).unwrap(), 0, "none is older than that");
    assert_eq!(feed(&before).unwrap().lines.len(), 2, "and who lacks them is told");
    assert_eq!(stage.store.sweep(stage.org, deleted_at + DAY_MS).unwrap(), 2);
    assert_eq!(stage.store.sweep(stage.org, deleted_at + DAY_MS).unwrap(), 0);
    assert_eq!(kept(&stage.store, stage), digests, "they were not counted any more");

    assert!(is_too_old(&feed(&before)), "it would never hear of the deletions");
    assert!(is_too_old(&feed(&known)), "one of them it would not hear of");
    assert!(is_too_old(&feed(&reading)), "nor this one, of what it read on its first page");
    let complete = Cursor::complete(before.epoch.clone(), last);
    assert_eq!(feed(&complete).unwrap().lines.len(), 0, "who knows of all goes on");
    assert!(stage.store.must_be_recent(stage.org, first).is_err());
    stage.store.must_be_recent(stage.org, last).unwrap();

    let page = stage.store.feed(stage.org, None, 2, usize::MAX).unwrap();
    assert!(page.more);
    let page = feed(&page.cursor).unwrap();
    assert!(!page.more, "a reading that began after they were forgotten comes to its end");
    assert_eq!(page.cursor, complete);
    assert!(stage.store.history(stage.org, "p0").unwrap().is_none(), "nothing of it is left");
    // The id is free, for a profile with another beginning.
    let again =
        stage.store.push(stage.org, &ada(NOW), &[stage.untouched("p0", &json!({"new": true}))]);
    assert_eq!(again.unwrap().end.head_rev, last + 1);
}

pub(crate) fn a_new_history_refuses_old_cursors(stage: &Stage<'_>) {
    stage.store.push(stage.org, &ada(NOW), &[stage.untouched("p", &json!({}))]).unwrap();
    let old = stage.store.feed(stage.org, None, 10, usize::MAX).unwrap().cursor;
    let epoch = stage.store.begin_epoch(stage.org, "Ada").unwrap();
    let refused = stage.store.feed(stage.org, Some(&old), 10, usize::MAX);
    assert!(matches!(refused, Err(RelayStoreError::OtherEpoch)), "{refused:?}");
    let page = stage.store.feed(stage.org, None, 10, usize::MAX).unwrap();
    assert_eq!((page.cursor.epoch.as_str(), page.lines.len()), (epoch.as_str(), 1));
    let names: Vec<String> =
        stage.store.organisations().unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["One", "Other"]);
    assert_eq!(stage.audited(), [format!("Ada history.begun {}", page.cursor.epoch)]);
}

/// What a replica asks for where digests differ.
pub(crate) fn buckets_are_listed_and_profiles_fetched(stage: &Stage<'_>) {
    let items: Vec<_> = (0..50).map(|n| stage.untouched(&format!("p{n}"), &json!({}))).collect();
    stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    let bucket = kartei_sync_core::bucket_of("p3");
    let found = stage.store.members(stage.org, &[bucket]).unwrap();
    let hash = stage.record("p3", &json!({})).hash().to_string();
    assert!(found.members.contains(&Member { id: "p3".to_owned(), hash, conflicts: 0 }));
    assert!(found.members.iter().all(|one| kartei_sync_core::bucket_of(&one.id) == bucket));
    let asked = ["p9".to_owned(), "nobody".to_owned(), "p3".to_owned()];
    let lines = stage.store.fetch(stage.org, &asked).unwrap().lines;
    assert_eq!(lines.iter().map(|line| line.id.as_str()).collect::<Vec<_>>(), ["p9", "p3"]);
    assert!(lines.iter().all(|line| line.record.is_some()), "whole");
    assert!(stage.store.members(stage.other, &[bucket]).unwrap().members.is_empty());
}
