//! Courses of events that were found once, step by step: no chance and no faults.

use kartei_local_store::{PageEnd, PushBatch};
use kartei_protocol::sync::{PushAnswer, PushEnd};
use kartei_relay_store::Pushed;
use kartei_sync_core::Event;

use crate::office::{Office, PAGE};

/// A profile that moves up in the feed while a replica pages owes it every change since the page
/// that the replica was last complete at, not only those above its position.
#[test]
fn a_profile_that_moves_while_a_replica_pages_loses_no_change() {
    let mut office = Office::new(2);
    let ids = ["p0", "p1", "p2", "p3", "p4"];
    for id in ids {
        office.import(0, id);
    }
    office.sync(0);
    office.sync(1);
    for id in ids {
        office.set(0, id, "first");
        office.sync(0);
    }
    // Desk 1 takes one page of two profiles; then the next one in line moves to the end of the
    // feed, and the page that replaces it goes past the revision of its first change.
    office.tell(1, Event::SyncNow);
    office.exchange(1);
    office.set(0, "p2", "second");
    office.sync(0);
    office.sync(1);
    assert!(office.has(1, "p2", "first"), "the change from before it moved came too");
    assert_eq!(office.records(0), office.records(1));
}

/// A data folder that was copied while a program ran numbers two different changes alike. That
/// profile is set aside with the reason; everything else goes on, and nothing of it is lost.
#[test]
fn a_copied_data_folder_stops_one_profile_and_no_other() {
    let mut office = Office::new(3);
    office.desks[1].session.actor = office.desks[0].session.actor;
    office.import(0, "p0");
    office.import(0, "p1");
    for at in [0, 1, 2] {
        office.sync(at);
    }
    office.set(0, "p0", "original");
    office.set(1, "p0", "copy");
    office.set(1, "p1", "fine");
    for at in [0, 1, 0, 1, 2] {
        office.sync(at);
    }
    assert!(office.has(0, "p1", "fine"), "the other profile went through");
    assert!(office.has(2, "p0", "original"));
    assert!(office.has(1, "p0", "copy"), "what was typed there is still there");
    let copy = office.desks[1].store.profile("p0").unwrap();
    assert!(copy.rejected.is_some(), "and says that it is set aside");
    assert_eq!(office.desks[0].store.totals().unwrap().rejected, 0);
}

/// Two programs on one data folder send the same change. The answer to the later one comes when
/// the change is settled and another profile was edited: that edit must not be taken for sent.
#[test]
fn a_late_answer_settles_nothing_but_what_was_sent() {
    let mut office = Office::new(2);
    office.import(0, "p0");
    office.import(0, "p1");
    office.sync(0);
    office.set(0, "p0", "first");
    let desk = &office.desks[0];
    let (window, command) =
        (desk.store.next_push(PAGE).unwrap(), desk.store.next_push(PAGE).unwrap());
    let settle = |batch: &PushBatch, said: &Pushed| {
        desk.store.settle(&desk.session, 0, batch, &said.answers, &said.end).unwrap()
    };
    settle(&window, &office.push(&window));
    office.set(0, "p1", "second");
    settle(&command, &office.push(&command));
    let left: Vec<(String, usize)> = desk
        .store
        .next_push(PAGE)
        .unwrap()
        .items
        .iter()
        .map(|item| (item.id.clone(), item.changes.len()))
        .collect();
    assert_eq!(left, [("p1".to_owned(), 1)], "the edit still waits to be sent, whole");
    office.sync(0);
    office.sync(1);
    assert!(office.has(1, "p1", "second"), "and the other desk has it");
}

/// Seed 869: two programs on one data folder send the same profile. One of them is answered, the relay
/// is restored from a backup, and the other one's push meets a relay that does not know the profile. That
/// answer comes when nothing lists the profile any more.
#[test]
fn a_late_word_that_the_relay_lacks_a_profile_lists_it_again() {
    let mut office = Office::new(1);
    office.import(0, "p0");
    office.sync(0);
    office.set(0, "p0", "first");
    let desk = &office.desks[0];
    let (window, command) =
        (desk.store.next_push(PAGE).unwrap(), desk.store.next_push(PAGE).unwrap());
    let settle = |batch: &PushBatch, answers: &[PushAnswer], end: &PushEnd| {
        desk.store.settle(&desk.session, 0, batch, answers, end).unwrap()
    };
    let said = office.push(&window);
    assert!(!settle(&window, &said.answers, &said.end).to_send);
    let lacks = [PushAnswer::GenesisWanted { id: "p0".to_owned() }];
    let end = PushEnd { epoch: "restored".to_owned(), head_before: 0, head_rev: 0, total: None };
    assert!(settle(&command, &lacks, &end).to_send);
    let items = desk.store.next_push(PAGE).unwrap().items;
    assert_eq!(items.len(), 1);
    assert!(items[0].record.is_some(), "with its beginning");
    assert_eq!(items[0].changes.len(), 1, "and the change that an earlier relay had taken");
    office.sync(0);
    assert!(!office.desks[0].store.has_sendable().unwrap(), "the relay has it again");
}

/// Seed 967: a page that was asked for before a push comes after it. Its digest is of a moment before,
/// and says nothing of what is here now.
#[test]
fn a_page_of_before_a_push_does_not_say_that_the_replica_differs() {
    let mut office = Office::new(2);
    office.import(0, "p0");
    office.import(0, "p1");
    office.sync(0);
    office.sync(1);
    office.set(0, "p0", "first");
    let desk = &office.desks[0];
    let cursor = desk.store.sync_settings().unwrap().cursor;
    let page = office.relay.feed(office.org, cursor.as_ref(), PAGE, usize::MAX).unwrap();
    office.set(1, "p1", "second");
    office.sync(1);
    let batch = office.desks[0].store.next_push(PAGE).unwrap();
    let said = office.push(&batch);
    let desk = &office.desks[0];
    let settled = desk.store.settle(&desk.session, 0, &batch, &said.answers, &said.end).unwrap();
    assert!(!settled.complete, "the other desk wrote in between");
    let end = PageEnd { asked: cursor, cursor: page.cursor, total: page.total };
    let late = desk.store.apply_pull(&desk.session, 0, &page.lines, &end).unwrap();
    assert!(late.cursor.is_some(), "it is applied");
    assert_eq!(late.agrees, None);
    office.sync(0);
    let store = &office.desks[0].store;
    let page = office.relay.feed(office.org, store.sync_settings().unwrap().cursor.as_ref(), 1, 1);
    let page = page.unwrap();
    let end = PageEnd {
        asked: store.sync_settings().unwrap().cursor,
        cursor: page.cursor,
        total: page.total,
    };
    let now = store.apply_pull(&office.desks[0].session, 0, &page.lines, &end).unwrap();
    assert_eq!(now.agrees, Some(true), "and from the next complete exchange on it is told again");
}
