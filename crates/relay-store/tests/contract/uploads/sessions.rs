use kartei_protocol::uploads::{ScanState, UploadPhase};
use kartei_relay_store::{
    Completing, LEASE_BYTES, NewUploadRow, Noted, Reserved, UploadBegun, UploadCompleted,
    UploadEnd, UploadLimits, Usage,
};

use super::{EXPIRES, LIMITS, PIECE, begin, done, finished, land, new, run, upload};
use crate::stage::{NOW, Stage};

pub(crate) fn an_upload_becomes_a_file(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let begun = begin(store, org, "u", Some(3 * PIECE));
    assert_eq!((begun.phase, begun.reserved, begun.draft), (UploadPhase::Open, 3 * PIECE, true));
    assert_eq!(store.upload(org, "u").unwrap(), Some(begun.clone()), "as it was told");
    let reserved = Usage { reserved: 3 * PIECE, open: 1, ..Usage::default() };
    assert_eq!(store.usage(org).unwrap(), reserved);

    let runs = [run(2 * PIECE, PIECE), run(0, 2 * PIECE)];
    assert_eq!(land(store, org, "u", &runs), Noted::Open);
    let landed = stage.again().landed(org, "u").unwrap();
    assert_eq!(landed, [runs[1].clone(), runs[0].clone()], "by offset");
    let noted = store.upload(org, "u").unwrap().unwrap();
    assert_eq!((noted.touched_at, noted.expires_at), (NOW + 1, EXPIRES + 1));

    let Completing::Ours(ours) = store.begin_completing(org, "u", NOW + 2).unwrap() else {
        panic!("it is open")
    };
    assert_eq!((ours.phase, ours.touched_at), (UploadPhase::Completing, NOW + 2));
    assert_eq!(land(store, org, "u", &runs), Noted::Ended(UploadPhase::Completing));
    let another = stage.again().begin_completing(org, "u", NOW + 3).unwrap();
    assert!(matches!(another, Completing::Ours(_)), "whoever comes after one that died");

    let completed = store.complete_upload(org, "u", &done("f", 1, 3 * PIECE)).unwrap();
    let (file, is_new) = finished(completed.clone());
    assert!(is_new);
    assert_eq!((file.id.as_str(), file.name.as_str(), file.by.as_str()), ("f", "u.csv", "Ada"));
    assert_eq!(
        (file.size(), file.digest(), file.scan()),
        (3 * PIECE, [1; 32], ScanState::NotScanned)
    );
    assert_eq!((file.content.blob.as_str(), file.content.refs), ("files/u", 1));
    assert_eq!(file.content.wrapped_key, [9; 60], "the key goes with the bytes");
    assert_eq!(store.file(org, "f").unwrap().as_ref(), Some(&file));
    let again = stage.again().complete_upload(org, "u", &done("other", 1, 3 * PIECE)).unwrap();
    assert_eq!(again, completed, "the same again, whatever id was made for it");
    assert_eq!(store.file(org, "other").unwrap(), None);

    let ended = store.upload(org, "u").unwrap().unwrap();
    assert_eq!((ended.phase, ended.file.as_deref()), (UploadPhase::Completed, Some("f")));
    assert_eq!((ended.reserved, ended.digest, ended.draft), (0, Some([1; 32]), false));
    assert!(ended.wrapped_key.is_empty(), "it is with the content alone");
    assert!(store.landed(org, "u").unwrap().is_empty());
    let used = Usage { used: 3 * PIECE, files: 1, ..Usage::default() };
    assert_eq!(store.usage(org).unwrap(), used);
    assert!(matches!(store.begin_completing(org, "u", NOW).unwrap(), Completing::Already(_)));
    assert_eq!(store.end_upload(org, "u", UploadEnd::Aborted, NOW).unwrap(), None);

    assert!(store.delete_file(org, "f", NOW + 9).unwrap());
    let gone = store.complete_upload(org, "u", &done("f", 1, 3 * PIECE)).unwrap();
    assert!(matches!(gone, UploadCompleted::Ended(row) if row.phase == UploadPhase::Completed));
}

pub(crate) fn one_key_of_a_token_is_one_session(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let keyed = |id: &str, token: i64| NewUploadRow {
        key: Some("mine".to_owned()),
        token,
        ..new(id, Some(5))
    };
    let begin = |org, new: &NewUploadRow| store.begin_upload(org, new, &LIMITS, NOW).unwrap();
    assert!(matches!(begin(org, &keyed("a", 1)), UploadBegun::Begun(_)));
    let known = |begun: UploadBegun| match begun {
        UploadBegun::Known(row) => row.id,
        other => panic!("not known: {other:?}"),
    };
    assert_eq!(known(begin(org, &keyed("b", 1))), "a");
    assert!(matches!(begin(org, &keyed("c", 2)), UploadBegun::Begun(_)), "another token's");
    assert!(matches!(begin(stage.other, &keyed("d", 1)), UploadBegun::Begun(_)), "or elsewhere");
    assert_eq!(store.usage(org).unwrap().reserved, 10, "nothing was reserved for what was known");
    store.end_upload(org, "a", UploadEnd::Aborted, NOW + 1).unwrap().unwrap();
    assert_eq!(known(begin(org, &keyed("e", 1))), "a", "also when it ended");
    store.draft_cleared(org, "a").unwrap();
    assert_eq!(store.forget_uploads(org, NOW + 2, 10).unwrap(), 1);
    assert!(matches!(begin(org, &keyed("f", 1)), UploadBegun::Begun(_)), "until it is forgotten");
}

pub(crate) fn a_session_ends_once(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for (id, end, phase) in [
        ("a", UploadEnd::Aborted, UploadPhase::Aborted),
        ("x", UploadEnd::Expired, UploadPhase::Expired),
        ("f", UploadEnd::Failed("digest_mismatch"), UploadPhase::Failed),
    ] {
        begin(store, org, id, Some(5));
        land(store, org, id, &[run(0, 5)]);
        let at = EXPIRES + 10;
        let before = store.end_upload(org, id, end, at).unwrap().unwrap();
        assert_eq!((before.phase, before.reserved), (UploadPhase::Open, 5), "as it was");
        assert_eq!(before.wrapped_key, [9; 60]);
        assert_eq!(store.end_upload(org, id, UploadEnd::Aborted, at).unwrap(), None, "once");
        let after = store.upload(org, id).unwrap().unwrap();
        assert_eq!((after.phase, after.problem.as_deref()), (phase, end.problem()));
        assert_eq!((after.reserved, after.draft, after.touched_at), (0, true, at));
        assert!(after.wrapped_key.is_empty(), "its key is destroyed");
        assert!(store.landed(org, id).unwrap().is_empty());
        assert_eq!(land(store, org, id, &[run(0, 5)]), Noted::Ended(phase));
        assert!(store.landed(org, id).unwrap().is_empty(), "nothing is written for it");
        assert_eq!(store.size_upload(org, id, 5, at).unwrap(), Reserved::Ended(phase));
        assert_eq!(store.reserve_more(org, id, 5).unwrap(), Reserved::Ended(phase));
        assert_eq!(store.place_upload(org, id, "p").unwrap(), None);
        assert!(matches!(store.begin_completing(org, id, at).unwrap(), Completing::Ended(_)));
        let completed = store.complete_upload(org, id, &done("no", 1, 5)).unwrap();
        assert!(matches!(completed, UploadCompleted::Ended(row) if row.phase == phase));
    }
    assert_eq!(store.usage(org).unwrap(), Usage::default());
    assert_eq!(store.file(org, "no").unwrap(), None);
}

pub(crate) fn sessions_that_nobody_goes_on_with_are_due(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for id in ["open", "moved", "dead", "done"] {
        begin(store, org, id, Some(5));
    }
    begin(store, stage.other, "theirs", Some(5));
    let due = |now, idle_before| {
        let rows = stage.again().due_uploads(now, idle_before).unwrap();
        let mut due: Vec<_> = rows.into_iter().map(|row| (row.org, row.id)).collect();
        due.sort_unstable();
        due
    };
    let named = |org, id: &str| (org, id.to_owned());
    store.begin_completing(org, "dead", NOW + 50).unwrap();
    store.complete_upload(org, "done", &done("f", 1, 5)).unwrap();
    land(store, org, "moved", &[run(0, 5)]);
    assert!(due(EXPIRES - 1, NOW + 50).is_empty());
    assert_eq!(due(EXPIRES, NOW + 50), [named(org, "open"), named(stage.other, "theirs")]);
    assert_eq!(due(0, NOW + 51), [named(org, "dead")], "its relay died");
    store.begin_completing(org, "dead", NOW + 60).unwrap();
    assert!(due(0, NOW + 60).is_empty(), "somebody is at it");

    // What was due when it was asked, and is not any more.
    assert_eq!(store.end_upload(org, "moved", UploadEnd::Expired, EXPIRES).unwrap(), None);
    assert!(store.end_upload(org, "moved", UploadEnd::Expired, EXPIRES + 1).unwrap().is_some());
    assert!(store.end_upload(org, "dead", UploadEnd::Expired, NOW).unwrap().is_some());
    let expired = Usage { used: 5, files: 1, reserved: 5, open: 1, quota: None };
    assert_eq!(store.usage(org).unwrap(), expired);
}

pub(crate) fn drafts_are_known_until_they_are_gone(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    upload(store, org, "first", 1, 5);
    let (_, is_new) = upload(store, org, "equal", 1, 5);
    assert!(!is_new);
    begin(store, org, "ended", Some(5));
    begin(store, org, "goes-on", Some(5));
    store.draft_cleared(org, "goes-on").unwrap();
    store.end_upload(org, "ended", UploadEnd::Aborted, NOW + 5).unwrap();
    let left = |before| {
        let rows = stage.again().left_drafts(before, 10).unwrap();
        rows.into_iter().map(|row| row.blob).collect::<Vec<_>>()
    };
    assert!(left(NOW + 2).is_empty(), "whoever ended it may be at it");
    assert_eq!(left(NOW + 6), ["files/up-equal", "files/ended"]);
    assert_eq!(store.forget_uploads(org, NOW + 9, 10).unwrap(), 1, "only whose bytes are content");
    store.draft_cleared(stage.other, "ended").unwrap();
    assert_eq!(left(NOW + 6).len(), 2, "not theirs to say");
    store.draft_cleared(org, "ended").unwrap();
    store.draft_cleared(org, "up-equal").unwrap();
    assert!(left(NOW + 6).is_empty());
    assert_eq!(store.forget_uploads(org, NOW + 9, 1).unwrap(), 1, "some at once");
    assert_eq!(store.forget_uploads(org, NOW + 9, 10).unwrap(), 1);
    assert_eq!(store.upload(org, "ended").unwrap(), None);
    let open = store.upload(org, "goes-on").unwrap().unwrap();
    assert!(open.draft, "an open one has its draft");
}

pub(crate) fn sizes_and_places_are_said_once(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let begun = begin(store, org, "u", None);
    assert_eq!((begun.size, begun.reserved), (None, LEASE_BYTES));
    assert_eq!(store.reserve_more(org, "u", 5).unwrap(), Reserved::Ok);
    assert_eq!(store.usage(org).unwrap().reserved, LEASE_BYTES, "it has them");
    assert_eq!(store.reserve_more(org, "u", LEASE_BYTES + 1).unwrap(), Reserved::Ok);
    assert_eq!(store.usage(org).unwrap().reserved, 2 * LEASE_BYTES);
    store.set_quota(org, "Ada", Some(2 * LEASE_BYTES + 10)).unwrap();
    assert_eq!(store.reserve_more(org, "u", 2 * LEASE_BYTES + 4).unwrap(), Reserved::Ok);
    assert_eq!(store.usage(org).unwrap().reserved, 2 * LEASE_BYTES + 4, "no more than there is");
    let over = store.reserve_more(org, "u", 2 * LEASE_BYTES + 11).unwrap();
    assert!(matches!(over, Reserved::OverQuota(usage) if usage.free() == 6), "{over:?}");
    let over = store.size_upload(org, "u", 2 * LEASE_BYTES + 11, NOW).unwrap();
    assert!(matches!(over, Reserved::OverQuota(_)), "{over:?}");
    assert_eq!(store.upload(org, "u").unwrap().unwrap().size, None, "and it goes on");
    assert!(matches!(store.reserve_more(org, "u", u64::MAX).unwrap(), Reserved::OverQuota(_)));
    assert_eq!(store.size_upload(org, "u", 7, NOW).unwrap(), Reserved::Ok);
    assert_eq!(store.usage(org).unwrap().reserved, 7, "what is not needed is free");
    assert_eq!(store.size_upload(org, "u", 7, NOW).unwrap(), Reserved::Ok);
    assert_eq!(store.size_upload(org, "u", 8, NOW).unwrap(), Reserved::Differs(7));
    assert_eq!(store.reserve_more(org, "u", 1 << 40).unwrap(), Reserved::Ok, "its size is known");
    assert_eq!(store.usage(org).unwrap().reserved, 7);

    assert_eq!(store.place_upload(org, "u", "here").unwrap().as_deref(), Some("here"));
    assert_eq!(stage.again().place_upload(org, "u", "there").unwrap().as_deref(), Some("here"));
    assert_eq!(store.upload(org, "u").unwrap().unwrap().place, "here");
}

pub(crate) fn no_more_begin_than_there_is_room_for(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    store.set_quota(org, "Ada", Some(100)).unwrap();
    let begin = |id: &str, size: Option<u64>, open_max: u64| {
        store.begin_upload(org, &new(id, size), &UploadLimits { open_max }, NOW).unwrap()
    };
    assert!(matches!(begin("a", Some(60), 9), UploadBegun::Begun(_)));
    let over = begin("b", Some(41), 9);
    assert!(matches!(over, UploadBegun::OverQuota(usage) if usage.free() == 40), "{over:?}");
    assert!(matches!(begin("b", Some(u64::MAX), 9), UploadBegun::OverQuota(_)));
    assert_eq!(store.upload(org, "b").unwrap(), None);
    assert!(matches!(begin("c", Some(1), 1), UploadBegun::TooMany(1)));
    assert!(matches!(begin("d", None, 9), UploadBegun::Begun(row) if row.reserved == 40));
    assert!(matches!(begin("e", None, 9), UploadBegun::OverQuota(_)));
    let theirs = store.begin_upload(stage.other, &new("t", Some(1 << 40)), &LIMITS, NOW).unwrap();
    assert!(matches!(theirs, UploadBegun::Begun(_)), "others have their own quota, or none");
    store.set_quota(org, "Ada", None).unwrap();
    assert!(matches!(begin("e", Some(1 << 40), 9), UploadBegun::Begun(_)));
    let newest: Vec<String> =
        store.uploads(org, 2).unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(newest, ["e", "d"]);
}

pub(crate) fn a_smaller_quota_is_found_when_completing(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    begin(store, org, "a", Some(60));
    begin(store, org, "b", Some(60));
    store.set_quota(org, "Ada", Some(100)).unwrap();
    finished(store.complete_upload(org, "a", &done("a", 1, 60)).unwrap());
    let over = store.complete_upload(org, "b", &done("b", 2, 60)).unwrap();
    let UploadCompleted::OverQuota(usage) = over else { panic!("there is no room: {over:?}") };
    assert_eq!((usage.used, usage.reserved, usage.open, usage.files), (60, 0, 0, 1));
    assert_eq!(store.usage(org).unwrap(), usage);
    let failed = store.upload(org, "b").unwrap().unwrap();
    assert_eq!(failed.phase, UploadPhase::Failed);
    assert_eq!(failed.problem.as_deref(), Some("quota_exceeded"));
    assert!(failed.wrapped_key.is_empty() && failed.draft);
    assert_eq!(store.file(org, "b").unwrap(), None);
    let again = store.complete_upload(org, "b", &done("b", 2, 60)).unwrap();
    assert!(matches!(again, UploadCompleted::Ended(_)));
}

pub(crate) fn organisations_never_meet_in_uploads(stage: &Stage<'_>) {
    let (store, org, other) = (&stage.store, stage.org, stage.other);
    begin(store, org, "u", Some(5));
    let (file, _) = upload(store, org, "f", 1, 5);
    assert_eq!(store.upload(other, "u").unwrap(), None);
    assert!(store.uploads(other, 10).unwrap().is_empty());
    assert_eq!(land(store, other, "u", &[run(0, 5)]), Noted::Unknown);
    assert!(store.landed(org, "u").unwrap().is_empty());
    assert!(store.landed(other, "u").unwrap().is_empty());
    assert_eq!(store.size_upload(other, "u", 5, NOW).unwrap(), Reserved::Unknown);
    assert_eq!(store.reserve_more(other, "u", 5).unwrap(), Reserved::Unknown);
    assert_eq!(store.place_upload(other, "u", "p").unwrap(), None);
    assert_eq!(store.begin_completing(other, "u", NOW).unwrap(), Completing::Unknown);
    let completed = store.complete_upload(other, "u", &done("g", 1, 5)).unwrap();
    assert_eq!(completed, UploadCompleted::Unknown);
    assert_eq!(store.end_upload(other, "u", UploadEnd::Aborted, NOW).unwrap(), None);
    assert_eq!(store.forget_uploads(other, i64::MAX, 10).unwrap(), 0);
    assert_eq!(store.file(other, "f").unwrap(), None);
    assert_eq!(store.change_file(other, "f", Some("x"), None).unwrap(), None);
    assert!(!store.delete_file(other, "f", NOW).unwrap());
    assert_eq!(store.content(other, file.content.id).unwrap(), None);
    assert!(store.contents(other, 0, 10).unwrap().is_empty());
    assert!(!store.condemn_content(other, file.content.id, NOW).unwrap());
    assert!(!store.mark_content_lost(other, file.content.id, NOW).unwrap());
    assert!(!store.set_scan(other, file.content.id, ScanState::Clean).unwrap());
    // Equal bytes are not shared, and do not tell that somebody else has them.
    let (theirs, is_new) = upload(store, other, "theirs", 1, 5);
    assert!(is_new);
    assert_ne!(theirs.content.id, file.content.id);
    assert_eq!(store.file(org, "f").unwrap(), Some(file));
}
