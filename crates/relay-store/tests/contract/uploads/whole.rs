//! Uploads that the database knows of when their bytes are there: one transaction, and the same rules.

use kartei_relay_store::{
    OrgId, RelayStore, UploadBegun, UploadLimits, UploadRow, UploadWish, WholeUpload, WholeUploaded,
};

use super::races::at_once;
use super::{LIMITS, begin, done, finished, new};
use crate::stage::{NOW, Stage};

/// The session `up-FILE` with all its bytes.
fn whole(org: OrgId, file: &str, content: u8, size: u64) -> WholeUpload {
    let new = new(&format!("up-{file}"), Some(size));
    WholeUpload { org, new, limits: LIMITS, done: done(file, content, size) }
}

fn one(store: &RelayStore, whole: WholeUpload) -> WholeUploaded {
    store.upload_whole(&[whole]).unwrap().remove(0)
}

/// The session, and whether its content is new.
fn made(uploaded: WholeUploaded) -> (UploadRow, bool) {
    match uploaded {
        WholeUploaded::Done { upload, is_new_content } => (*upload, is_new_content),
        refused => panic!("not done: {refused:?}"),
    }
}

fn wish(size: u64, key: Option<&str>) -> UploadWish {
    UploadWish { token: 7, key: key.map(str::to_owned), size, limits: LIMITS }
}

pub(crate) fn a_whole_upload_is_what_the_steps_make(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let (upload, is_new) = made(one(store, whole(org, "a", 1, 9)));
    assert!(is_new);
    assert_eq!(
        store.upload(org, "up-a").unwrap(),
        Some(upload),
        "as it is answered, so it is kept"
    );
    // Beside it, one by steps: they differ in nothing but their names.
    begin(store, org, "up-b", Some(9));
    let (file, is_new) = finished(store.complete_upload(org, "up-b", &done("b", 2, 9)).unwrap());
    assert!(is_new);
    let stored = store.file(org, "a").unwrap().unwrap();
    assert_eq!((stored.name.as_str(), stored.content.refs), ("up-a.csv", file.content.refs));
    assert_eq!(stored.content.blob, "files/up-a");
    assert!(store.has_content(org, "files/up-a").unwrap());
    assert!(!store.has_content(stage.other, "files/up-a").unwrap(), "others have other contents");
    assert!(!store.has_content(org, "files/up-c").unwrap());
    let usage = store.usage(org).unwrap();
    assert_eq!((usage.used, usage.reserved, usage.files, usage.open), (18, 0, 2, 0));
    assert_eq!(store.recount_usage(org, NOW).unwrap(), usage);
    assert!(store.left_drafts(NOW + 1_000, 9).unwrap().is_empty());
}

pub(crate) fn many_whole_uploads_are_one_call(stage: &Stage<'_>) {
    let (store, org, other) = (&stage.store, stage.org, stage.other);
    store.set_quota(org, "Ada", Some(20)).unwrap();
    let keyed = |file: &str, content| {
        let mut keyed = whole(org, file, content, 5);
        keyed.new.key = Some("mine".to_owned());
        keyed
    };
    let answers = store
        .upload_whole(&[
            whole(org, "a", 1, 9),
            whole(other, "b", 1, 9),
            whole(org, "c", 2, 12),
            keyed("d", 3),
            keyed("e", 4),
            whole(org, "f", 3, 5),
        ])
        .unwrap();
    assert!(store.upload_whole(&[]).unwrap().is_empty());
    let done: Vec<Option<(&str, bool)>> = answers
        .iter()
        .map(|answer| match answer {
            WholeUploaded::Done { upload, is_new_content } => Some((&*upload.id, *is_new_content)),
            WholeUploaded::Refused(_) => None,
        })
        .collect();
    let expected = [
        Some(("up-a", true)),
        Some(("up-b", true)),
        None,
        Some(("up-d", true)),
        None,
        Some(("up-f", false)),
    ];
    assert_eq!(done, expected);
    assert!(
        matches!(&answers[2], WholeUploaded::Refused(UploadBegun::OverQuota(usage)) if usage.used == 9)
    );
    assert!(
        matches!(&answers[4], WholeUploaded::Refused(UploadBegun::Known(known)) if known.id == "up-d")
    );
    assert!(store.upload(org, "up-c").unwrap().is_none(), "who is refused leaves nothing");
    let usage = store.usage(org).unwrap();
    assert_eq!((usage.used, usage.reserved, usage.files, usage.open), (19, 0, 3, 0));
    assert_eq!(store.recount_usage(org, NOW).unwrap(), usage);
    // The blob of equal content is known to be left over until somebody says that it is gone.
    let left = store.left_drafts(NOW + 1_000, 9).unwrap();
    assert_eq!(left.iter().map(|row| &*row.id).collect::<Vec<_>>(), ["up-f"]);
}

pub(crate) fn what_would_not_begin_is_foreseen(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    store.set_quota(org, "Ada", Some(10)).unwrap();
    assert_eq!(store.foresee_upload(org, &wish(10, Some("mine"))).unwrap(), None);
    let over = store.foresee_upload(org, &wish(11, None)).unwrap();
    assert!(matches!(over, Some(UploadBegun::OverQuota(_))), "{over:?}");
    let mut mine = new("up-a", Some(4));
    mine.key = Some("mine".to_owned());
    store.begin_upload(org, &mine, &LIMITS, NOW).unwrap();
    let known = store.foresee_upload(org, &wish(4, Some("mine"))).unwrap();
    assert!(matches!(known, Some(UploadBegun::Known(row)) if row.id == "up-a"));
    let crowded = UploadWish { limits: UploadLimits { open_max: 1 }, ..wish(1, None) };
    assert_eq!(store.foresee_upload(org, &crowded).unwrap(), Some(UploadBegun::TooMany(1)));
    assert_eq!(store.foresee_upload(stage.other, &wish(11, Some("mine"))).unwrap(), None);
}

pub(crate) fn whole_uploads_at_once_stay_within_the_quota(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    store.set_quota(org, "Ada", Some(100)).unwrap();
    let made: usize = at_once(stage, 6, |relay, store| {
        let wholes: Vec<WholeUpload> =
            (0..5).map(|n| whole(org, &format!("{relay}-{n}"), 1, 9)).collect();
        let (first, rest) = wholes.split_at(2);
        let answers = [store.upload_whole(first).unwrap(), store.upload_whole(rest).unwrap()];
        let is_done = |answer: &&WholeUploaded| matches!(answer, WholeUploaded::Done { .. });
        answers.iter().flatten().filter(is_done).count()
    })
    .into_iter()
    .sum();
    assert_eq!(made, 11, "as many as fit, and no more");
    let usage = store.usage(org).unwrap();
    assert_eq!((usage.used, usage.reserved, usage.files), (99, 0, 11));
    assert_eq!(store.recount_usage(org, NOW).unwrap(), usage);
    let contents = store.contents(org, 0, 9).unwrap();
    assert_eq!(contents.iter().map(|content| content.refs).collect::<Vec<_>>(), [11]);
}
