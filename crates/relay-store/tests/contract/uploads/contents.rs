use kartei_protocol::uploads::ScanState;

use super::upload;
use crate::stage::{NOW, Stage};

pub(crate) fn equal_content_is_kept_once(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let (one, is_new) = upload(store, org, "one", 1, 5);
    assert!(is_new);
    let (two, is_new) = upload(store, org, "two", 1, 5);
    assert!(!is_new);
    assert_eq!((two.content.id, two.content.blob.as_str()), (one.content.id, "files/up-one"));
    assert_eq!((two.content.refs, two.name.as_str()), (2, "up-two.csv"));
    let (longer, is_new) = upload(store, org, "longer", 1, 6);
    assert!(is_new, "a digest alone says nothing");
    assert_ne!(longer.content.id, one.content.id);
    assert!(upload(store, org, "else", 2, 5).1);
    assert_eq!(store.usage(org).unwrap().used, 21, "each file counts");
    assert!(store.set_scan(org, one.content.id, ScanState::Quarantined).unwrap());
    assert_eq!(store.file(org, "two").unwrap().unwrap().scan(), ScanState::Quarantined);
    let (three, _) = upload(store, org, "three", 1, 5);
    assert_eq!(three.scan(), ScanState::Quarantined, "what is known of the bytes holds");
    let ids: Vec<i64> =
        store.contents(org, one.content.id, 10).unwrap().iter().map(|one| one.id).collect();
    assert_eq!(ids.first(), Some(&longer.content.id), "above an id, in order");
    assert_eq!(ids.len(), 2);
    assert_eq!(store.contents(org, 0, 1).unwrap().len(), 1);
}

pub(crate) fn bytes_go_after_the_last_file(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let (one, _) = upload(store, org, "one", 1, 5);
    upload(store, org, "two", 1, 5);
    let content = one.content.id;
    let unreferenced = |before| {
        let found = stage.again().unreferenced_contents(before, 10).unwrap();
        found.into_iter().map(|(org, content)| (org, content.id)).collect::<Vec<_>>()
    };
    assert!(store.delete_file(org, "one", NOW + 10).unwrap());
    assert!(!store.delete_file(org, "one", NOW + 10).unwrap(), "once");
    assert!(unreferenced(i64::MAX).is_empty(), "another file has it");
    assert!(!store.condemn_content(org, content, NOW).unwrap());
    assert!(store.delete_file(org, "two", NOW + 20).unwrap());
    assert!(unreferenced(NOW + 20).is_empty(), "it stays a while");
    assert_eq!(unreferenced(NOW + 21), [(org, content)]);
    assert_eq!(store.usage(org).unwrap().used, 0);

    // The same comes again in time.
    let (three, is_new) = upload(store, org, "three", 1, 5);
    assert!(!is_new);
    assert_eq!((three.content.id, three.content.unreferenced_at), (content, None));
    assert!(!store.condemn_content(org, content, NOW).unwrap(), "whoever listed it before");
    assert!(!store.forget_content(org, content).unwrap(), "it is not condemned");
    assert!(store.delete_file(org, "three", NOW + 30).unwrap());

    assert!(store.condemn_content(org, content, NOW + 40).unwrap());
    let condemned = store.content(org, content).unwrap().unwrap();
    assert!(condemned.wrapped_key.is_empty(), "its key is destroyed before its bytes are");
    assert_eq!(condemned.condemned_at, Some(NOW + 40));
    // The relay died before the blob was deleted: it is listed again, whatever the moment.
    assert_eq!(unreferenced(0), [(org, content)]);
    assert!(store.condemn_content(org, content, NOW + 50).unwrap(), "go on");
    // The same comes again too late: other bytes.
    let (four, is_new) = upload(store, org, "four", 1, 5);
    assert!(is_new);
    assert_ne!(four.content.id, content);
    assert!(!store.mark_content_lost(org, content, NOW).unwrap());
    assert!(store.forget_content(org, content).unwrap());
    assert!(!store.forget_content(org, content).unwrap());
    assert_eq!(store.content(org, content).unwrap(), None);
    assert!(unreferenced(i64::MAX).is_empty());
    assert_eq!(store.file(org, "four").unwrap(), Some(four));
}

pub(crate) fn lost_bytes_come_back_with_the_same_upload(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let (one, _) = upload(store, org, "one", 1, 5);
    assert!(store.mark_content_lost(org, one.content.id, NOW + 9).unwrap());
    assert_eq!(store.file(org, "one").unwrap().unwrap().content.lost_at, Some(NOW + 9));
    assert!(store.mark_content_found(org, one.content.id).unwrap());
    assert_eq!(store.file(org, "one").unwrap(), Some(one.clone()));
    assert!(store.mark_content_lost(org, one.content.id, NOW + 9).unwrap());
    let (two, is_new) = upload(store, org, "two", 1, 5);
    assert!(is_new, "its bytes are content now");
    assert_eq!((two.content.id, two.content.blob.as_str()), (one.content.id, "files/up-two"));
    let one = store.file(org, "one").unwrap().unwrap();
    assert_eq!(one.content, two.content, "and those of the file that had lost them");
    assert_eq!((one.content.lost_at, one.content.refs), (None, 2));
    assert!(store.left_drafts(i64::MAX, 10).unwrap().is_empty());
}

pub(crate) fn an_organisation_has_one_key(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    assert_eq!(store.org_key(org).unwrap(), None);
    assert_eq!(store.set_org_key(org, b"first").unwrap(), b"first");
    assert_eq!(stage.again().set_org_key(org, b"second").unwrap(), b"first", "who was quicker");
    assert!(!store.rewrap_org_key(org, "Ada", b"second", b"third").unwrap());
    assert!(store.rewrap_org_key(org, "Ada", b"first", b"third").unwrap());
    assert_eq!(store.org_key(org).unwrap().as_deref(), Some(&b"third"[..]));
    assert_eq!(store.org_key(stage.other).unwrap(), None);
    assert_eq!(stage.audited(), ["Ada key.rotated key of the organisation"]);
}
