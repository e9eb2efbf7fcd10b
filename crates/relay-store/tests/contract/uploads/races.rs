use std::sync::Barrier;
use std::thread;

use kartei_protocol::uploads::UploadPhase;
use kartei_relay_store::{
    Attached, Completing, FileRow, LandedRow, Noted, RelayStore, UploadBegun, UploadCompleted,
    UploadEnd, Usage,
};
use serde_json::json;

use super::{LIMITS, PIECE, begin, done, land, new, note, run, upload};
use crate::stage::{NOW, Stage, ada, author};

/// Does the same from several relays at once; answers what each came to.
pub(crate) fn at_once<T: Send>(
    stage: &Stage<'_>,
    number: usize,
    work: impl Fn(usize, &RelayStore) -> T + Sync,
) -> Vec<T> {
    let barrier = Barrier::new(number);
    thread::scope(|scope| {
        let relays: Vec<_> = (0..number)
            .map(|at| {
                let (work, barrier) = (&work, &barrier);
                let store = stage.again();
                scope.spawn(move || {
                    barrier.wait();
                    work(at, &store)
                })
            })
            .collect();
        relays.into_iter().map(|relay| relay.join().unwrap()).collect()
    })
}

pub(crate) fn many_that_begin_at_once_stay_within_the_quota(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    store.set_quota(org, "Ada", Some(100)).unwrap();
    let begun: usize = at_once(stage, 6, |relay, store| {
        let begin = |n: usize| {
            let new = new(&format!("{relay}-{n}"), Some(9));
            match store.begin_upload(org, &new, &LIMITS, NOW).unwrap() {
                UploadBegun::Begun(_) => true,
                UploadBegun::OverQuota(usage) => {
                    assert!(usage.used + usage.reserved > 91, "there was no room: {usage:?}");
                    false
                }
                other => panic!("{other:?}"),
            }
        };
        (0..5).filter(|n| begin(*n)).count()
    })
    .into_iter()
    .sum();
    assert_eq!(begun, 11, "as many as fit, and no more");
    let usage = store.usage(org).unwrap();
    assert_eq!((usage.reserved, usage.open), (99, 11));
    assert_eq!(store.recount_usage(org, NOW).unwrap(), usage);
}

pub(crate) fn one_key_at_once_is_one_session(stage: &Stage<'_>) {
    let org = stage.org;
    let ids = at_once(stage, 4, |relay, store| {
        let mut new = new(&relay.to_string(), Some(5));
        new.key = Some("mine".to_owned());
        match store.begin_upload(org, &new, &LIMITS, NOW).unwrap() {
            UploadBegun::Begun(row) | UploadBegun::Known(row) => row.id,
            other => panic!("{other:?}"),
        }
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(stage.store.usage(org).unwrap().reserved, 5);
}

pub(crate) fn two_that_complete_make_one_file(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for round in 0..5_u8 {
        let id = format!("u{round}");
        begin(store, org, &id, Some(5));
        let files: Vec<FileRow> = at_once(stage, 3, |relay, store| {
            assert!(matches!(
                store.begin_completing(org, &id, NOW).unwrap(),
                Completing::Ours(_) | Completing::Already(_)
            ));
            let done = done(&format!("f{round}-{relay}"), round, 5);
            match store.complete_upload(org, &id, &done).unwrap() {
                UploadCompleted::Done { file, is_new_content: true } => *file,
                other => panic!("{other:?}"),
            }
        });
        assert!(files.iter().all(|file| *file == files[0]), "{files:?}");
        assert_eq!(files[0].content.refs, 1);
    }
    let usage = store.usage(org).unwrap();
    assert_eq!(usage, Usage { used: 25, files: 5, ..Usage::default() });
    assert_eq!(store.recount_usage(org, NOW).unwrap(), usage);
}

pub(crate) fn of_completing_and_ending_one_wins(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for round in 0..8_u8 {
        let id = format!("u{round}");
        begin(store, org, &id, Some(5));
        store.begin_completing(org, &id, NOW).unwrap();
        let end = if round % 2 == 0 { UploadEnd::Aborted } else { UploadEnd::Expired };
        let won = at_once(stage, 2, |relay, store| {
            if relay == 0 {
                let done = done(&format!("f{round}"), round, 5);
                let completed = store.complete_upload(org, &id, &done).unwrap();
                matches!(completed, UploadCompleted::Done { .. })
            } else {
                store.end_upload(org, &id, end, NOW).unwrap().is_some()
            }
        });
        assert_ne!(won[0], won[1], "one of them");
        let row = store.upload(org, &id).unwrap().unwrap();
        let phase = if won[0] { UploadPhase::Completed } else { end.phase() };
        assert_eq!(row.phase, phase);
        assert_eq!(store.file(org, &format!("f{round}")).unwrap().is_some(), won[0]);
    }
    let usage = store.usage(org).unwrap();
    assert_eq!((usage.reserved, usage.open), (0, 0));
    assert_eq!(store.recount_usage(org, NOW).unwrap(), usage);
}

pub(crate) fn what_comes_while_the_same_goes_is_not_lost(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for round in 0..10_u8 {
        let (first, _) = upload(store, org, &format!("old{round}"), round, 5);
        begin(store, org, &format!("u{round}"), Some(5));
        at_once(stage, 2, |relay, store| {
            if relay == 0 {
                assert!(store.delete_file(org, &format!("old{round}"), NOW).unwrap());
                if store.condemn_content(org, first.content.id, NOW).unwrap() {
                    assert!(store.forget_content(org, first.content.id).unwrap());
                }
            } else {
                let done = done(&format!("new{round}"), round, 5);
                let completed = store.complete_upload(org, &format!("u{round}"), &done).unwrap();
                assert!(matches!(completed, UploadCompleted::Done { .. }));
            }
        });
        let file = store.file(org, &format!("new{round}")).unwrap().unwrap();
        assert_eq!((file.content.condemned_at, file.content.refs), (None, 1));
        assert_eq!(file.content.unreferenced_at, None);
        assert_eq!(file.content.wrapped_key, [9; 60], "it can be read");
    }
    let contents = store.contents(org, 0, 100).unwrap();
    assert_eq!(contents.len(), 10, "nothing is left of the others");
}

pub(crate) fn two_that_land_the_same_pieces_agree(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    begin(store, org, "a", Some(40 * PIECE));
    begin(store, org, "b", Some(40 * PIECE));
    let kept = at_once(stage, 3, |relay, store| {
        let mut kept = 0;
        for at in 0..10 {
            let tree = vec![u8::try_from(relay).unwrap()];
            let own = LandedRow { tree, ..run(at * 4 * PIECE, 4 * PIECE) };
            // In another order for each, as two relays may.
            let mut notes = [note(org, "a", std::slice::from_ref(&own)), note(org, "b", &[own])];
            if relay % 2 == 1 {
                notes.reverse();
            }
            for noted in store.note_landed(&notes).unwrap() {
                match noted {
                    Noted::Open => kept += 1,
                    Noted::Overlap(offsets) => assert_eq!(offsets, [at * 4 * PIECE]),
                    other => panic!("{other:?}"),
                }
            }
        }
        kept
    });
    assert_eq!(kept.into_iter().sum::<usize>(), 20, "each run of one of them");
    for id in ["a", "b"] {
        let landed = store.landed(org, id).unwrap();
        assert!(landed.windows(2).all(|two| two[0].end() == two[1].offset), "{landed:?}");
        assert_eq!(landed.len(), 10);
    }
}

pub(crate) fn what_lands_beside_an_end_leaves_nothing(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for round in 0..5 {
        let id = format!("u{round}");
        begin(store, org, &id, Some(100 * PIECE));
        at_once(stage, 2, |relay, store| {
            if relay == 0 {
                for at in 0..20 {
                    match land(store, org, &id, &[run(at * PIECE, PIECE)]) {
                        Noted::Open => {}
                        ended => assert_eq!(ended, Noted::Ended(UploadPhase::Aborted)),
                    }
                }
            } else {
                store.end_upload(org, &id, UploadEnd::Aborted, NOW).unwrap().unwrap();
            }
        });
    }
    stage.sql(
        "CREATE TABLE checked (number bigint CHECK (number = 0)); \
         INSERT INTO checked SELECT count(*) FROM landed",
    );
}

pub(crate) fn who_attaches_beside_an_erasure_leaves_nothing(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for file in ["f", "g", "h"] {
        upload(store, org, file, file.as_bytes()[0], 5);
    }
    for round in 0..5 {
        let id = format!("p{round}");
        store.push(org, &ada(NOW), &[stage.untouched(&id, &json!({}))]).unwrap();
        at_once(stage, 4, |relay, store| {
            if let Some(file) = ["f", "g", "h"].get(relay) {
                let attached = store.attach_file(org, file, &id, NOW).unwrap();
                assert!(matches!(attached, Attached::Done | Attached::NoProfile));
            } else {
                store.erase(org, &author(), &id, false).unwrap();
            }
        });
    }
    for file in ["f", "g", "h"] {
        assert!(store.file(org, file).unwrap().unwrap().profiles.is_empty());
    }
    stage.sql(
        "CREATE TABLE checked (number bigint CHECK (number = 0)); \
         INSERT INTO checked SELECT count(*) FROM attachments",
    );
}
