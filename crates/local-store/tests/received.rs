//! Lines of the relay in a replica: the fast way and the careful one lead to the same rows.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kartei_local_store::{
    BlockBuilder, ImportStart, LineReader, PageEnd, PulledPage, Session, Store, StoreError,
    StoreOptions,
};
use kartei_profile::{Actor, Edit, Record};
use kartei_protocol::desktop::ListProfiles;
use kartei_protocol::sync::{Cursor, ProfileLine};
use serde_json::json;
use serde_json::value::RawValue;
use tempfile::TempDir;

const NOW: i64 = 1_770_000_000_000;

struct Desk {
    _folder: TempDir,
    store: Store,
    session: Session,
}

fn desk(byte: u8) -> Desk {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let session = Session { actor: Actor::from_random([byte; 12]), author: Some("Ada".to_owned()) };
    Desk { _folder: folder, store, session }
}

fn id(number: usize) -> String {
    format!("p{number:05}")
}

/// The relay's line of a profile that nobody has edited; its revision is its number.
fn line(store: &Store, number: usize, n: usize) -> ProfileLine {
    let text = json!({"schema": "user_profile.v1", "id": id(number), "attributes": {"n": n}});
    let record = Record::parse(store.schema(), text.to_string().as_bytes()).unwrap().record;
    ProfileLine {
        id: record.id().to_owned(),
        rev: number as u64,
        genesis: record.hash().to_string(),
        record: Some(RawValue::from_string(record.text().to_owned()).unwrap()),
        changes: Vec::new(),
    }
}

fn end(asked: Option<Cursor>, rev: u64) -> PageEnd {
    let cursor = Cursor { epoch: "e".to_owned(), base: 0, rev, begun: 0 };
    PageEnd { asked, cursor, total: None }
}

impl Desk {
    fn apply(&self, lines: &[ProfileLine]) -> PulledPage {
        let asked = self.store.sync_settings().unwrap().cursor;
        self.store.apply_pull(&self.session, NOW, lines, &end(asked, 9)).unwrap()
    }

    fn import(&self, numbers: std::ops::Range<usize>, n: usize) {
        let mut builder = BlockBuilder::default();
        for number in numbers {
            let line = line(&self.store, number, n);
            builder.add(self.store.schema(), line.record.unwrap().get().as_bytes()).unwrap();
        }
        let start = ImportStart { file: "f".to_owned(), now: NOW, ..ImportStart::default() };
        self.store.begin_import(&start).unwrap().write(&[builder.finish(None)]).unwrap();
    }

    /// How many profiles a filter finds.
    fn count(&self, filter: &str) -> u64 {
        let request = ListProfiles { filter: filter.to_owned(), ..ListProfiles::default() };
        self.store.list(&request).unwrap().matching
    }

    fn assert_sound(&self) {
        let check = self.store.check(false).unwrap();
        assert!(check.findings.is_empty(), "{:?}", check.findings);
    }
}

#[test]
fn many_new_profiles_come_with_their_columns_and_again_change_nothing() {
    let desk = desk(1);
    // More than two blocks, and a part of one.
    let lines: Vec<ProfileLine> = (1..=2_300).map(|n| line(&desk.store, n, n % 7)).collect();
    let page = desk.apply(&lines);
    assert_eq!((page.changed, page.to_send), (2_300, false));
    assert_eq!(desk.store.totals().unwrap().profiles, 2_300);
    assert_eq!(desk.count("n=3"), (1..=2_300).filter(|n| n % 7 == 3).count() as u64);
    assert_eq!(desk.store.sync_settings().unwrap().cursor, Some(end(None, 9).cursor));
    desk.assert_sound();
    let again = desk.apply(&lines);
    assert_eq!((again.changed, again.to_send), (0, false));
    assert_eq!(desk.store.totals().unwrap().profiles, 2_300);
    desk.assert_sound();
}

#[test]
fn what_is_here_already_is_met_and_what_differs_is_replayed() {
    let desk = desk(1);
    desk.import(0..100, 1);
    desk.import(100..110, 2);
    assert_eq!(desk.store.totals().unwrap().pending, 110);
    // The relay has the first hundred as they are, the ten with another record, and a hundred more.
    let lines: Vec<ProfileLine> = (0..210).map(|number| line(&desk.store, number, 1)).collect();
    let page = desk.apply(&lines);
    assert_eq!((page.changed, page.to_send), (110, true));
    let totals = desk.store.totals().unwrap();
    assert_eq!((totals.profiles, totals.pending), (210, 10), "the ten records are sent as imports");
    assert_eq!(desk.count("n=2"), 10);
    assert_eq!(desk.count("n=1"), 200);
    desk.assert_sound();
}

#[test]
fn a_few_new_profiles_at_a_time_are_read_one_by_one() {
    let desk = desk(1);
    for number in 0..30 {
        desk.apply(&[line(&desk.store, number, 1)]);
    }
    assert_eq!(desk.count("n=1"), 30);
    desk.assert_sound();
}

#[test]
fn edited_profiles_come_among_untouched_ones() {
    let (ours, theirs) = (desk(1), desk(2));
    theirs.import(0..3, 1);
    let edit = [Edit::Set { pointer: "/attributes/n".to_owned(), value: json!(8) }];
    assert!(theirs.store.edit(&theirs.session, NOW, &id(1), &edit).unwrap());
    let sent = theirs.store.next_push(10).unwrap();
    let changes = sent.items.into_iter().find(|item| item.id == id(1)).unwrap().changes;
    let mut lines: Vec<ProfileLine> = (0..200).map(|n| line(&ours.store, n, 1)).collect();
    lines[1].changes = changes;
    assert_eq!(ours.apply(&lines).changed, 200);
    assert_eq!((ours.count("n=1"), ours.count("n=8")), (199, 1));
    ours.assert_sound();
}

#[test]
fn a_record_under_the_hash_of_another_is_refused_and_nothing_of_the_page_stays() {
    let desk = desk(1);
    let mut lines: Vec<ProfileLine> = (0..200).map(|n| line(&desk.store, n, 1)).collect();
    lines[77].genesis = lines[78].genesis.clone();
    let mut reader = LineReader::new(desk.store.schema());
    lines.into_iter().for_each(|line| reader.add(line));
    let received = reader.finish();
    assert_eq!(received.len(), 200);
    let refused = desk.store.apply_received(&desk.session, NOW, &received, &end(None, 9));
    match refused.unwrap_err() {
        StoreError::Damaged(what) => assert!(what.contains(&id(77)), "{what}"),
        other => panic!("{other}"),
    }
    assert_eq!(desk.store.totals().unwrap().profiles, 0);
    assert_eq!(desk.store.sync_settings().unwrap().cursor, None);
}

/// Seed 4030 of the simulation: another program's page of long ago took a revision back.
#[test]
fn a_late_page_is_left_out_and_an_old_line_takes_no_revision_back() {
    let desk = desk(1);
    let at = |rev| ProfileLine { rev, ..line(&desk.store, 1, 1) };
    let first = desk.apply(&[at(5)]);
    assert_eq!(first.cursor, Some(end(None, 9).cursor));
    let late = [at(2), line(&desk.store, 2, 1)];
    let page = desk.store.apply_pull(&desk.session, NOW, &late, &end(None, 3)).unwrap();
    assert_eq!(page, PulledPage::default());
    assert_eq!(desk.store.sync_settings().unwrap().cursor, first.cursor);
    assert_eq!(desk.store.totals().unwrap().profiles, 1);
    desk.apply(&[at(2)]);
    let id = at(2).id;
    assert_eq!(desk.store.profile(&id).unwrap().rev, Some(5));
}
