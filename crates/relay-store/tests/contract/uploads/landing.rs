use kartei_protocol::uploads::UploadPhase;
use kartei_relay_store::{LandedRow, Noted, Tail, UploadEnd, UploadNote};

use super::{EXPIRES, PIECE, begin, land, note, run, tail};
use crate::stage::{NOW, Stage};

pub(crate) fn one_call_notes_many_sessions(stage: &Stage<'_>) {
    let (store, org, other) = (&stage.store, stage.org, stage.other);
    for (org, id) in [(org, "a"), (org, "ended"), (other, "b")] {
        begin(store, org, id, Some(9 * PIECE));
    }
    store.end_upload(org, "ended", UploadEnd::Aborted, NOW).unwrap();
    let notes = [
        note(org, "a", &[run(0, PIECE)]),
        note(org, "ended", &[run(0, PIECE)]),
        note(other, "b", &[run(PIECE, PIECE), run(4 * PIECE, PIECE)]),
        note(org, "b", &[run(0, PIECE)]),
        note(org, "a", &[run(PIECE, 2 * PIECE)]),
        note(other, "b", &[]),
    ];
    let ended = Noted::Ended(UploadPhase::Aborted);
    let expected = [Noted::Open, ended, Noted::Open, Noted::Unknown, Noted::Open, Noted::Open];
    assert_eq!(store.note_landed(&notes).unwrap(), expected);
    assert_eq!(stage.again().note_landed(&notes).unwrap(), expected, "sent again");
    assert_eq!(store.landed(org, "a").unwrap(), [run(0, PIECE), run(PIECE, 2 * PIECE)]);
    assert_eq!(store.landed(other, "b").unwrap(), [run(PIECE, PIECE), run(4 * PIECE, PIECE)]);
    assert!(store.landed(org, "ended").unwrap().is_empty());
    assert!(store.note_landed(&[]).unwrap().is_empty());

    let late = UploadNote { now: NOW - 5, expires_at: NOW, ..note(org, "a", &[]) };
    assert_eq!(store.note_landed(&[late]).unwrap(), [Noted::Open]);
    let row = store.upload(org, "a").unwrap().unwrap();
    assert_eq!((row.touched_at, row.expires_at), (NOW + 1, EXPIRES + 1), "never back");
}

pub(crate) fn what_landed_is_never_replaced(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    begin(store, org, "u", Some(99 * PIECE));
    let part = LandedRow { part: Some("etag".to_owned()), ..run(10 * PIECE, 10 * PIECE) };
    assert_eq!(land(store, org, "u", &[part.clone(), run(30 * PIECE, PIECE)]), Noted::Open);
    let refused = |runs: &[LandedRow]| match land(store, org, "u", runs) {
        Noted::Open => Vec::new(),
        Noted::Overlap(offsets) => offsets.iter().map(|offset| offset / PIECE).collect(),
        other => panic!("{other:?}"),
    };
    let other_tree = LandedRow { tree: vec![1], ..part.clone() };
    assert_eq!(refused(&[other_tree]), [10], "equal place, other bytes");
    let other_part = LandedRow { part: None, ..part.clone() };
    assert_eq!(refused(&[other_part]), [10]);
    assert!(refused(std::slice::from_ref(&part)).is_empty(), "the same");
    assert_eq!(refused(&[run(9 * PIECE, 2 * PIECE)]), [9], "over its beginning");
    assert_eq!(refused(&[run(19 * PIECE, 2 * PIECE)]), [19], "over its end");
    assert_eq!(refused(&[run(12 * PIECE, PIECE)]), [12], "within");
    assert_eq!(refused(&[run(9 * PIECE, 20 * PIECE)]), [9], "around");
    assert_eq!(refused(&[run(0, 99 * PIECE)]), [0], "around several");
    // The rest of a note is kept, on both sides of what is refused.
    let runs = [run(9 * PIECE, PIECE), run(15 * PIECE, PIECE), run(20 * PIECE, PIECE)];
    assert_eq!(refused(&runs), [15]);
    let offsets: Vec<u64> =
        store.landed(org, "u").unwrap().iter().map(|run| run.offset / PIECE).collect();
    assert_eq!(offsets, [9, 10, 20, 30]);
    assert_eq!(store.landed(org, "u").unwrap()[1], part);

    // Within one call, of one note or of two.
    assert_eq!(refused(&[run(40 * PIECE, 2 * PIECE), run(41 * PIECE, PIECE)]), [41]);
    let notes =
        [note(org, "u", &[run(50 * PIECE, PIECE)]), note(org, "u", &[run(50 * PIECE, 2 * PIECE)])];
    let noted = store.note_landed(&notes).unwrap();
    assert_eq!(noted, [Noted::Open, Noted::Overlap(vec![50 * PIECE])]);
    assert!(refused(&[run(60 * PIECE, 0)]).is_empty(), "nothing is nowhere");
    assert_eq!(store.landed(org, "u").unwrap().len(), 6);
}

pub(crate) fn a_tail_belongs_to_its_note(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    begin(store, org, "u", None);
    let noted = |runs: &[LandedRow], tail: Option<Tail>| {
        let note = UploadNote { tail: Some(tail), ..note(org, "u", runs) };
        store.note_landed(&[note]).unwrap().remove(0)
    };
    let known = || stage.again().upload(org, "u").unwrap().unwrap().tail;
    let first = tail(1, 0, 100);
    assert_eq!(noted(&[], Some(first)), Noted::Open);
    assert_eq!(known(), Some(first));
    assert_eq!(noted(&[], Some(first)), Noted::Open, "sent again");
    assert_eq!(noted(&[], Some(tail(2, 0, 99))), Noted::Overlap(vec![0]), "never less");
    assert_eq!(noted(&[], Some(tail(1, 0, 101))), Noted::Overlap(vec![0]), "another blob");
    assert_eq!(noted(&[], None), Noted::Overlap(vec![]), "its bytes are nowhere else");
    assert_eq!(known(), Some(first));
    let second = tail(2, 0, 500);
    assert_eq!(noted(&[], Some(second)), Noted::Open);
    assert_eq!(land(store, org, "u", &[]), Noted::Open);
    assert_eq!(known(), Some(second), "a note that says nothing of it leaves it");

    let third = tail(3, 2 * PIECE, 7);
    assert_eq!(noted(&[run(0, 2 * PIECE)], Some(third)), Noted::Open);
    assert_eq!(known(), Some(third));
    // Somebody who does not know what landed meanwhile.
    assert_eq!(noted(&[], Some(tail(9, 0, 900))), Noted::Overlap(vec![0]));
    let stale = noted(&[run(PIECE, PIECE)], Some(tail(9, 2 * PIECE, 9)));
    assert_eq!(stale, Noted::Overlap(vec![PIECE, 2 * PIECE]), "no tail where a run is refused");
    assert_eq!(known(), Some(third));
    assert_eq!(noted(&[run(2 * PIECE, 7)], None), Noted::Open, "the file's last piece");
    assert_eq!(known(), None);
    assert_eq!(noted(&[], Some(tail(4, 2 * PIECE, 7))), Noted::Overlap(vec![2 * PIECE]));

    store.end_upload(org, "u", UploadEnd::Aborted, NOW).unwrap();
    assert_eq!(noted(&[], Some(tail(9, 3 * PIECE, 1))), Noted::Ended(UploadPhase::Aborted));
    assert_eq!(known(), None);
}
