//! Courses of events around a relay that lost something: a backup was restored, or deletions were
//! forgotten (docs/adr/0023). Each was found by a seed.

use kartei_local_store::Reread;
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sync::PushAnswer;
use kartei_sync_core::Event;

use crate::office::{Office, PAGE, sender};

/// Seeds 1659 and 3120: a replica hears of a new history by a push first. The profile that the relay lacks
/// then must not keep its revision of the history before.
#[test]
fn revisions_of_a_history_that_ended_are_forgotten() {
    let mut office = Office::new(2);
    for id in ["p0", "p1", "p2"] {
        office.import(0, id);
    }
    office.sync(0);
    office.set(0, "p2", "first");
    office.sync(0);
    office.lose_everything();
    office.set(0, "p2", "second");
    let sent = office.desks[0].store.next_push(PAGE).unwrap();
    assert!(office.settle(0, &sent).to_send, "the relay wants all of it");
    office.agree();
    let (_, rows) = office.relay.rows_since(office.org, 0, usize::MAX, usize::MAX).unwrap();
    for row in rows {
        for desk in &office.desks {
            assert_eq!(desk.store.profile(&row.id).unwrap().rev, Some(row.rev), "{}", row.id);
        }
    }
}

/// Seed 6351: the relay has a profile, but not the change that a new one builds on, which it took before it
/// was restored. That is no reason to refuse it: the replica has all of it.
#[test]
fn a_change_that_builds_on_a_lost_one_is_not_refused() {
    let mut office = Office::new(2);
    office.import(0, "p0");
    office.sync(0);
    office.sync(1);
    office.set(0, "p0", "lost");
    office.sync(0);
    office.lose_everything();
    office.sync(1);
    office.set(0, "p0", "new");
    let settled = office.settle(0, &office.desks[0].store.next_push(PAGE).unwrap());
    assert_eq!((settled.rejected, settled.replayed), (0, 1), "the relay wants all of it");
    office.agree();
    assert!(office.has(1, "p0", "lost") && office.has(1, "p0", "new"));
}

/// What a relay refused says nothing of another one, nor of the same one with another history.
#[test]
fn a_refusal_ends_with_its_history() {
    let mut office = Office::new(2);
    office.import(0, "p0");
    let desk = &office.desks[0];
    let batch = desk.store.next_push(PAGE).unwrap();
    let end = office.relay.push(office.org, &sender(), &[]).unwrap().end;
    let (id, reason) = ("p0".to_owned(), "not today".to_owned());
    let no = [PushAnswer::Rejected { id, code: ProblemCode::InvalidRecord, reason }];
    desk.store.settle(&desk.session, 0, &batch, &no, &end).unwrap();
    office.sync(0);
    assert_eq!(office.desks[0].store.totals().unwrap().rejected, 1, "it stays refused");
    office.lose_everything();
    office.agree();
    assert_eq!(office.records(1).len(), 1, "the other history was asked, and has it");
}

/// Two programs on one data folder: while the answer to one's push is under way, somebody else deletes the
/// profile, the relay forgets that, and the other program reads everything anew. The answer is of a
/// profile that is no longer there.
#[test]
fn an_answer_from_before_a_rereading_settles_nothing() {
    let mut office = Office::new(2);
    office.import(0, "p0");
    office.sync(0);
    office.sync(1);
    office.set(0, "p0", "first");
    let batch = office.desks[0].store.next_push(PAGE).unwrap();
    let late = office.push(&batch);
    office.sync(1);
    office.delete(1, "p0");
    office.sync(1);
    office.sweep();
    office.desks[0].store.start_over(Reread::Forgotten).unwrap();
    office.tell(0, Event::SyncNow);
    office.exchange(0);
    let desk = &office.desks[0];
    let settled = desk.store.settle(&desk.session, 0, &batch, &late.answers, &late.end).unwrap();
    assert!(settled.to_send, "the relay does not have it any more");
    office.agree();
    assert!(office.has(1, "p0", "first"), "what somebody edited is offered");
}

/// Seed 6622: a person deletes a profile, the relay forgets it, and it comes back by somebody who did not
/// know. The same program's next change of it is another line of changes: whoever was away all the time
/// has the deletion, and has to take both.
#[test]
fn who_edits_a_profile_that_came_back_numbers_no_change_twice() {
    let mut office = Office::new(3);
    office.import(0, "p0");
    for at in [0, 1, 2] {
        office.sync(at);
    }
    office.delete(0, "p0");
    office.sync(0);
    office.sync(2);
    office.sweep();
    office.set(1, "p0", "unknowing");
    office.desks[1].store.start_over(Reread::Forgotten).unwrap();
    office.sync(1);
    office.sync(0);
    office.set(0, "p0", "again");
    office.sync(0);
    office.lose_everything();
    office.sync(0);
    office.agree();
}
