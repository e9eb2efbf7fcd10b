//! Erasing a profile in a replica: nothing in the database is left of it, and all else is as it was.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kartei_local_store::{
    BlockBuilder, FilePrint, ImportStart, LineReader, NewAnalysis, NewUpload, PageEnd, Session,
    Store, StoreError, StoreOptions, View,
};
use kartei_profile::{Actor, Edit};
use kartei_protocol::desktop::{ListProfiles, Selection, TableView};
use kartei_protocol::sync::{Bytes, Cursor, ErasedLine, ProfileLine};
use kartei_sync_core::ErasureKey;
use serde_json::json;
use tempfile::TempDir;

const NOW: i64 = 1_770_000_000_000;

struct Desk {
    folder: TempDir,
    store: Store,
    session: Session,
}

/// A desk with so many imported profiles, all in chunks.
fn desk(profiles: usize) -> Desk {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let session = Session { actor: Actor::from_random([1; 12]), author: Some("Ada".to_owned()) };
    let desk = Desk { folder, store, session };
    let start = ImportStart { file: "f".to_owned(), now: NOW, ..ImportStart::default() };
    let writer = desk.store.begin_import(&start).unwrap();
    let mut builder = BlockBuilder::default();
    for first in (0..profiles).step_by(1_000) {
        for number in first..profiles.min(first + 1_000) {
            let text = json!({
                "schema": "user_profile.v1", "id": format!("p{number:06}"),
                "attributes": {"n": number, "word": format!("word{number:06}")},
            });
            builder.add(desk.store.schema(), text.to_string().as_bytes()).unwrap();
        }
        writer.write(&[builder.finish(None)]).unwrap();
    }
    desk
}

fn erased(id: &str, rev: u64) -> ErasedLine {
    let key = ErasureKey::from_bytes([7; 32]);
    let hash = key.hash(id).0.to_vec();
    ErasedLine { rev, key: Bytes(key.bytes().to_vec()), hash: Bytes(hash) }
}

impl Desk {
    fn erase(&self, id: &str) -> u64 {
        let mut reader = LineReader::<ProfileLine>::new(self.store.schema());
        reader.add_erased(erased(id, 5));
        let cursor: Cursor = "e.5.5".parse().unwrap();
        let asked = self.store.sync_settings().unwrap().cursor;
        let end = PageEnd { asked, cursor, total: None };
        self.store.apply_received(&self.session, NOW, &reader.finish(), &end).unwrap().erased
    }

    fn count(&self, filter: &str) -> u64 {
        let request = ListProfiles { filter: filter.to_owned(), ..ListProfiles::default() };
        self.store.list(&request).unwrap().matching
    }

    fn set(&self, ids: &[&str], value: &str) {
        let edits = [Edit::Set { pointer: "/attributes/word".to_owned(), value: json!(value) }];
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let selection = Selection { ids: Some(ids), ..Selection::default() };
        let done = self.store.edit_many(&self.session, NOW, &selection, &edits).unwrap();
        assert_eq!(done.refused, 0);
    }
}

#[test]
fn rows_columns_steps_and_outbox_go() {
    let desk = desk(2_500);
    desk.set(&["p001200"], "secret");
    desk.set(&["p001200", "p000001"], "shared");
    assert_eq!(desk.count("word001201"), 1);
    let steps = desk.store.acts().unwrap().entries.len();
    assert_eq!(desk.erase("p001200"), 1);
    assert!(matches!(desk.store.profile("p001200"), Err(StoreError::Erased(_))));
    assert!(matches!(desk.store.history("p001200"), Err(StoreError::Erased(_))));
    assert!(matches!(desk.store.profile("nobody"), Err(StoreError::NotFound(_))));
    assert_eq!(desk.count(""), 2_499);
    assert_eq!(
        (desk.count("id:p001200"), desk.count("shared"), desk.count("word001201")),
        (0, 1, 1)
    );
    assert_eq!(
        desk.store.acts().unwrap().entries.len(),
        steps - 1,
        "what changed nothing else goes"
    );
    let done = desk.store.undo(&desk.session, NOW).unwrap();
    assert_eq!((done.changed, done.refused), (1, 0), "the other one can be taken back");
    let check = desk.store.check(false).unwrap();
    assert!(check.findings.is_empty(), "{:?}", check.findings);
    assert_eq!(desk.erase("p001200"), 0, "twice is once");

    let unfinished = desk.store.unfinished_erasures().unwrap();
    assert!(unfinished.holds("p001200") && !unfinished.holds("p001201"));
    assert!(desk.store.finish_erasures(&unfinished).unwrap());
    assert!(desk.store.unfinished_erasures().unwrap().is_empty());
    for entry in std::fs::read_dir(desk.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for text in ["p001200", "word001200", "secret"] {
            let found = bytes.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!found, "{text} is left");
        }
    }
}

#[test]
fn saved_views_no_longer_name_it_and_list_what_they_listed() {
    let desk = desk(30);
    let name = [Edit::Set { pointer: "/display_name".to_owned(), value: json!("Zoë Mustermann") }];
    desk.store.edit(&desk.session, NOW, "p000007", &name).unwrap();
    let view = |id: &str, name: &str, filter: &str, search: &str| {
        let view = TableView {
            filter: filter.to_owned(),
            search: search.to_owned(),
            ..TableView::default()
        };
        let (id, name) = (id.to_owned(), name.to_owned());
        desk.store.save_view(&View { id, name, view, changed_at: NOW }, None).unwrap();
    };
    view("a", "Two", "id:p000007 or id:p000008", "");
    view("b", "By name", "name:\"Zoë Mustermann\" or n>=28", "");
    view("c", "zoe mustermann", "n<3", "Mustermann");
    view("d", "All but p000007", "n>=5 -id:p000007", "zoë mustermann");
    view("e", "Others", "word000007 or tag:vip id:p00000*", "word");
    view("f", "P000007, gone", "id:p000007", "");
    desk.store.delete_view("f", NOW, None).unwrap();
    assert_eq!(desk.erase("p000007"), 1);
    let views = desk.store.views().unwrap();
    let told = |id: &str| {
        let view = views.iter().find(|view| view.id == id).unwrap();
        (view.name.as_str(), view.view.filter.as_str(), view.view.search.as_str())
    };
    assert_eq!(told("a"), ("Two", "id:p000008", ""));
    assert_eq!(told("b"), ("By name", "attributes.n>=28", ""));
    assert_eq!(told("c"), ("(erased)", "n<3", "Mustermann"), "one word may be anybody's");
    assert_eq!(told("d"), ("(erased) 2", "attributes.n>=5", ""));
    assert_eq!(told("e"), ("Others", "word000007 or tag:vip id:p00000*", "word"), "as typed");
    let unfinished = desk.store.unfinished_erasures().unwrap();
    assert!(desk.store.finish_erasures(&unfinished).unwrap());
    for entry in std::fs::read_dir(desk.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for text in ["p000007", "P000007", "zoe mustermann", "Zoë Mustermann"] {
            let found = bytes.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!found, "{text} is left");
        }
    }
}

#[test]
fn who_never_had_anything_of_it_has_nothing_to_clean() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let session = Session { actor: Actor::from_random([1; 12]), author: None };
    let desk = Desk { folder, store, session };
    assert_eq!(desk.erase("p000000"), 0);
    assert!(desk.store.is_erased("p000000").unwrap());
    assert!(desk.store.unfinished_erasures().unwrap().is_empty());
}

/// Run alone with `--nocapture`, it tells how long each part takes.
#[test]
fn one_of_a_hundred_thousand_is_found_by_its_hash() {
    let desk = desk(100_000);
    let begun = std::time::Instant::now();
    assert_eq!(desk.erase("p050000"), 1);
    let taken = begun.elapsed();
    assert!(desk.store.finish_erasures(&desk.store.unfinished_erasures().unwrap()).unwrap());
    println!("100,000 profiles: erased in {taken:?}, file anew in {:?}", begun.elapsed() - taken);
    assert_eq!(desk.count(""), 99_999);
    assert_eq!((desk.count("word050000"), desk.count("word050001")), (0, 1));
}

#[test]
fn uploads_and_analyses_no_longer_name_it() {
    let desk = desk(3);
    let upload = |attach: &str| NewUpload {
        path: format!("/files/{attach}.pdf"),
        name: "report.pdf".to_owned(),
        print: FilePrint { size: 1, modified: 0, ends: vec![0; 32] },
        relay: None,
        key: format!("key {attach}"),
        attach: Some(attach.to_owned()),
    };
    for attach in ["p000001", "p000002"] {
        desk.store.add_upload(&upload(attach), NOW).unwrap();
    }
    let ask = |key: &str, filter: &str| {
        let asked = json!({"analysis": "quality", "filter": filter}).to_string();
        let key = key.to_owned();
        let new = NewAnalysis { relay: "r".to_owned(), key, asked, retry_of: None };
        desk.store.add_analysis(&new, NOW).unwrap()
    };
    ask("gone", "id:p000001 or n>1");
    let stays = ask("stays", "id:p000002");
    assert_eq!(desk.erase("p000001"), 1);
    let attached: Vec<_> =
        desk.store.uploads().unwrap().into_iter().map(|one| one.new.attach).collect();
    assert_eq!(attached, [Some("p000002".to_owned()), None]);
    let asked: Vec<_> = desk.store.analyses("r").unwrap().into_iter().map(|one| one.id).collect();
    assert_eq!(asked, [stays]);
}
