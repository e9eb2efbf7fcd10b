//! What waits to be sent, where several programs use one data folder.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kartei_local_store::{BlockBuilder, ImportStart, PushBatch, Session, Store, StoreOptions};
use kartei_profile::{Actor, Edit};
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sync::{PushAnswer, PushEnd};
use serde_json::json;

const NOW: i64 = 1_770_000_000_000;

struct Desk {
    store: Store,
    session: Session,
}

impl Desk {
    fn edit(&self, id: &str) {
        let edits = [Edit::Add { pointer: "/tags".to_owned(), value: json!("vip") }];
        assert!(self.store.edit(&self.session, NOW, id, &edits).unwrap());
    }

    /// The relay took all of it.
    fn settle(&self, batch: &PushBatch) {
        let accepted = |id: &str| PushAnswer::Accepted { id: id.to_owned(), rev: 1 };
        let answers: Vec<PushAnswer> = batch.items.iter().map(|item| accepted(&item.id)).collect();
        let end = PushEnd { epoch: "e".to_owned(), head_before: 0, head_rev: 1, total: None };
        self.store.settle(&self.session, NOW, batch, &answers, &end).unwrap();
    }
}

/// The window and the command line send the same change; between their answers a person edits
/// another profile. Found by simulation: that edit was counted as sent and never went.
#[test]
fn an_answer_settles_what_was_sent_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let session = Session { actor: Actor::from_random([1; 12]), author: Some("Ada".to_owned()) };
    let desk = Desk { store, session };
    let start = ImportStart { file: "f".to_owned(), now: NOW, ..ImportStart::default() };
    let mut builder = BlockBuilder::default();
    for id in ["p", "q"] {
        let record = json!({"schema": "user_profile.v1", "id": id}).to_string();
        builder.add(desk.store.schema(), record.as_bytes()).unwrap();
    }
    desk.store.begin_import(&start).unwrap().write(&[builder.finish(None)]).unwrap();
    desk.settle(&desk.store.next_push(100).unwrap());

    desk.edit("p");
    let (first, second) = (desk.store.next_push(100).unwrap(), desk.store.next_push(100).unwrap());
    desk.settle(&first);
    desk.edit("q");
    desk.settle(&second);
    let left = desk.store.next_push(100).unwrap();
    assert_eq!(left.items.len(), 1);
    assert_eq!(left.items[0].id, "q");
    assert_eq!(left.items[0].changes.len(), 1, "the change of q still waits");
}

#[test]
fn what_was_refused_is_listed_and_goes_out_again_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let session = Session { actor: Actor::from_random([1; 12]), author: Some("Ada".to_owned()) };
    let desk = Desk { store, session };
    let start = ImportStart { file: "f".to_owned(), now: NOW, ..ImportStart::default() };
    let mut builder = BlockBuilder::default();
    for id in ["p", "q", "r"] {
        let record = json!({"schema": "user_profile.v1", "id": id}).to_string();
        builder.add(desk.store.schema(), record.as_bytes()).unwrap();
    }
    desk.store.begin_import(&start).unwrap().write(&[builder.finish(None)]).unwrap();

    let batch = desk.store.next_push(100).unwrap();
    let refuse = |id: &str, rev| match id {
        "p" => PushAnswer::Accepted { id: id.to_owned(), rev },
        _ => PushAnswer::Rejected {
            id: id.to_owned(),
            code: ProblemCode::TooLarge,
            reason: format!("`{id}` is too large"),
        },
    };
    let answers: Vec<PushAnswer> = batch.items.iter().map(|item| refuse(&item.id, 1)).collect();
    let end = PushEnd { epoch: "e".to_owned(), head_before: 0, head_rev: 1, total: None };
    desk.store.settle(&desk.session, NOW + 7, &batch, &answers, &end).unwrap();

    let (rows, total) = desk.store.rejected(0, 10).unwrap();
    assert_eq!(total, 2);
    assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["q", "r"]);
    assert_eq!((rows[0].code.as_str(), rows[0].reason.as_str()), ("too_large", "`q` is too large"));
    assert_eq!((rows[0].at, rows[0].deleted), (NOW + 7, false));
    assert!(!desk.store.has_sendable().unwrap(), "it holds nothing up");

    assert_eq!(desk.store.send_again(Some("p")).unwrap(), 0, "nothing of it was refused");
    assert_eq!(desk.store.send_again(Some("r")).unwrap(), 1);
    let again = desk.store.next_push(100).unwrap();
    assert_eq!(again.items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["r"]);
    assert_eq!(desk.store.send_again(None).unwrap(), 1);
    assert_eq!(desk.store.rejected(0, 10).unwrap().1, 0);
}
