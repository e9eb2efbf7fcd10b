use kartei_protocol::sync::PushItem;
use kartei_relay_store::RelayStoreError;
use serde_json::json;

use crate::stage::{Copy, NOW, Stage, ada, untouched};

pub(crate) fn a_feed_is_read_in_pages(stage: &Stage<'_>) {
    let items: Vec<PushItem> =
        (0..1_000).map(|n| stage.untouched(&format!("p{n}"), &json!({"n": n}))).collect();
    stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    // Odd sizes on both sides of what an engine fetches at once.
    for size in [7, 250, 251, 999, 1_000, 5_000] {
        let (mut cursor, mut seen) = (None, Vec::new());
        loop {
            let page = stage.store.feed(stage.org, cursor.as_ref(), size, usize::MAX).unwrap();
            assert!(page.lines.len() <= size);
            seen.extend(page.lines.iter().map(|line| line.rev));
            cursor = Some(page.cursor);
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, (1..=1_000).collect::<Vec<_>>(), "in pages of {size}");
        let cursor = cursor.unwrap();
        assert_eq!((cursor.base, cursor.rev), (1_000, 1_000));
        let page = stage.store.feed(stage.org, Some(&cursor), size, usize::MAX).unwrap();
        assert!(page.lines.is_empty() && !page.more);
    }
}

pub(crate) fn a_page_ends_where_it_is_heavy_enough(stage: &Stage<'_>) {
    // A record weighs what lies: four thirds of it where it is sealed. Three are enough either way.
    let heavy = "x".repeat(4_000);
    let items: Vec<PushItem> =
        (0..20).map(|n| stage.untouched(&format!("p{n}"), &json!({"text": heavy}))).collect();
    stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    let page = stage.store.feed(stage.org, None, 100, 11_500).unwrap();
    assert_eq!(page.lines.len(), 3);
    assert!(page.more);
    let page = stage.store.feed(stage.org, Some(&page.cursor), 100, 1).unwrap();
    assert_eq!(page.lines.len(), 1, "at least one, so that readers get on");
    let (_, rows) = stage.store.rows_since(stage.org, 0, 100, 11_500).unwrap();
    assert_eq!(rows.len(), 3);
}

pub(crate) fn a_profile_that_moves_up_owes_all_changes(stage: &Stage<'_>) {
    let record = stage.record("p", &json!({"n": 0}));
    let mut copy = Copy::of(&stage.schema, &record, 1);
    stage.store.push(stage.org, &ada(NOW), &[untouched(&record), copy.set("n", json!(1))]).unwrap();
    let others: Vec<PushItem> =
        (0..5).map(|n| stage.untouched(&format!("o{n}"), &json!({}))).collect();
    stage.store.push(stage.org, &ada(NOW), &others).unwrap();
    let page = stage.store.feed(stage.org, None, 3, usize::MAX).unwrap();
    assert!(page.more);
    // It was on the first page, and moves to the end while the replica pages.
    stage.store.push(stage.org, &ada(NOW), &[copy.set("n", json!(2))]).unwrap();
    let page = stage.store.feed(stage.org, Some(&page.cursor), 100, usize::MAX).unwrap();
    let line = page.lines.iter().find(|line| line.id == "p").unwrap();
    assert_eq!(line.changes.len(), 2, "all above the base of the cursor");
    assert!(line.record.is_some());
    let after = stage.store.push(stage.org, &ada(NOW), &[copy.set("n", json!(3))]).unwrap();
    let page = stage.store.feed(stage.org, Some(&page.cursor), 100, usize::MAX).unwrap();
    assert_eq!(page.lines.len(), 1);
    assert_eq!(page.lines[0].changes.len(), 1, "a complete replica gets the new one only");
    assert!(page.lines[0].record.is_none());
    assert_eq!(page.head_rev, after.end.head_rev);
}

pub(crate) fn a_cursor_of_another_history_is_refused(stage: &Stage<'_>) {
    stage.store.push(stage.org, &ada(NOW), &[stage.untouched("p", &json!({}))]).unwrap();
    let cursor = stage.store.feed(stage.org, None, 10, usize::MAX).unwrap().cursor;
    let mut other = cursor.clone();
    other.epoch.push('x');
    let mut ahead = cursor;
    ahead.rev += 1;
    for wrong in [other, ahead] {
        let refused = stage.store.feed(stage.org, Some(&wrong), 10, usize::MAX);
        assert!(matches!(refused, Err(RelayStoreError::OtherEpoch)), "{wrong}");
    }
}

pub(crate) fn rows_are_read_by_key_and_by_revision(stage: &Stage<'_>) {
    let record = stage.record("a", &json!({"n": 0}));
    let mut copy = Copy::of(&stage.schema, &record, 1);
    let items = [untouched(&record), stage.untouched("b", &json!({"n": 1}))];
    stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    let (head, rows) = stage.store.rows_since(stage.org, 0, 10, usize::MAX).unwrap();
    assert_eq!(head, 2);
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(rows[0].changed_at, NOW);
    stage.store.push(stage.org, &ada(NOW + 9), &[copy.set("n", json!(2))]).unwrap();
    let (head, newer) = stage.store.rows_since(stage.org, 2, 10, usize::MAX).unwrap();
    assert_eq!((head, newer.len()), (3, 1));
    assert_eq!((newer[0].key, newer[0].rev, newer[0].changed_at), (rows[0].key, 3, NOW + 9));
    assert_eq!(newer[0].record, copy.record().text());
    let mut found = stage.store.by_key(stage.org, &[rows[1].key, rows[0].key, -1]).unwrap();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(found.iter().map(|row| row.rev).collect::<Vec<_>>(), [3, 2]);
}
