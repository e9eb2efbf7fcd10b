use kartei_relay_store::{
    Attached, Erased, FileQuery, FileRead, ImportName, ImportRow, Precondition, Role,
};
use serde_json::json;

use super::{PIECE, begin, done, upload};
use crate::leases::{lease, row};
use crate::stage::{NOW, Stage, ada, author};

fn query(limit: usize) -> FileQuery {
    FileQuery { limit, ..FileQuery::default() }
}

fn ids(stage: &Stage<'_>, query: &FileQuery) -> Vec<String> {
    stage.store.files(stage.org, query).unwrap().into_iter().map(|file| file.id).collect()
}

pub(crate) fn files_are_listed_and_found(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for (number, id) in (0..).zip(["a", "b", "c", "d", "e"]) {
        begin(store, org, id, Some(5));
        let mut done = done(id, number, 5);
        // Two at a time: the id decides then.
        done.now = NOW + i64::from(number / 2);
        store.complete_upload(org, id, &done).unwrap();
    }
    assert_eq!(ids(stage, &query(9)), ["e", "d", "c", "b", "a"], "the newest first");
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = store.files(org, &FileQuery { before, ..query(2) }).unwrap();
        let Some(last) = page.last() else { break };
        before = Some((last.created_at, last.id.clone()));
        seen.extend(page.into_iter().map(|file| file.id));
    }
    assert_eq!(seen, ["e", "d", "c", "b", "a"], "page by page");

    let named =
        |name: &str| ids(stage, &FileQuery { name_contains: Some(name.to_owned()), ..query(9) });
    let changed = store.change_file(org, "a", Some("Übersicht 50%_x.CSV"), None).unwrap().unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.content_type.as_str()),
        ("Übersicht 50%_x.CSV", "text/csv")
    );
    assert_eq!(named("übersicht"), ["a"]);
    assert_eq!(named("ÜBER"), ["a"]);
    assert_eq!(named("%_"), ["a"], "nothing stands for anything else");
    assert_eq!(named(".csv").len(), 5);
    assert_eq!(named("none"), [""; 0]);

    let typed =
        |wanted: &str| ids(stage, &FileQuery { content_type: Some(wanted.to_owned()), ..query(9) });
    store.change_file(org, "b", None, Some("Text/Plain; charset=utf-8")).unwrap().unwrap();
    store.change_file(org, "c", None, Some("image/png")).unwrap().unwrap();
    assert_eq!(typed("text/csv"), ["e", "d", "a"]);
    assert_eq!(typed("text/plain"), ["b"]);
    assert_eq!(typed("TEXT/*"), ["e", "d", "b", "a"]);
    assert_eq!(typed("text"), [""; 0]);
    assert!(store.files(stage.other, &query(9)).unwrap().is_empty());
    assert_eq!(store.change_file(org, "none", Some("x"), None).unwrap(), None);
}

pub(crate) fn files_are_attached_to_profiles_that_are_there(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let items = ["p", "q"].map(|id| stage.untouched(id, &json!({})));
    store.push(org, &ada(NOW), &items).unwrap();
    store.push(stage.other, &ada(NOW), &[stage.untouched("theirs", &json!({}))]).unwrap();
    upload(store, org, "f", 1, 5);
    upload(store, org, "g", 2, 5);
    let attach = |file: &str, profile: &str| store.attach_file(org, file, profile, NOW).unwrap();
    assert_eq!(attach("none", "p"), Attached::NoFile);
    assert_eq!(attach("f", "none"), Attached::NoProfile);
    assert_eq!(attach("f", "theirs"), Attached::NoProfile);
    assert_eq!(store.attach_file(stage.other, "f", "theirs", NOW).unwrap(), Attached::NoFile);
    assert_eq!([attach("f", "q"), attach("f", "p"), attach("f", "p")], [Attached::Done; 3]);
    assert_eq!(attach("g", "p"), Attached::Done);
    let profiles = |file: &str| store.file(org, file).unwrap().unwrap().profiles;
    assert_eq!(profiles("f"), ["p", "q"]);
    let of =
        |profile: &str| ids(stage, &FileQuery { profile: Some(profile.to_owned()), ..query(9) });
    let mut both = of("p");
    both.sort_unstable();
    assert_eq!(both, ["f", "g"]);
    assert_eq!(of("q"), ["f"]);
    assert_eq!(of("theirs"), [""; 0]);

    store.delete(org, &author(), "q", &Precondition::There).unwrap().unwrap();
    assert_eq!(profiles("f"), ["p"], "a deleted profile is not shown");
    assert_eq!(of("q"), [""; 0]);
    assert_eq!(attach("g", "q"), Attached::NoProfile);
    store.put(org, &author(), &Precondition::Absent, &stage.record("q", &json!({}))).unwrap();
    assert_eq!(profiles("f"), ["p", "q"], "and is again when it comes back");
    assert_eq!(store.detach_file(org, "f", "q").unwrap(), Attached::Done);
    assert_eq!(store.detach_file(org, "f", "q").unwrap(), Attached::Done, "twice is once");
    assert_eq!(store.detach_file(org, "none", "q").unwrap(), Attached::NoFile);
    assert_eq!(profiles("f"), ["p"]);

    assert!(store.delete_file(org, "g", NOW).unwrap());
    assert_eq!(of("p"), ["f"]);
}

pub(crate) fn an_erased_profile_has_no_files(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let items = ["p", "q"].map(|id| stage.untouched(id, &json!({})));
    store.push(org, &ada(NOW), &items).unwrap();
    for (file, content) in [("f", 1), ("g", 2)] {
        upload(store, org, file, content, 5);
        store.attach_file(org, file, "p", NOW).unwrap();
        store.attach_file(org, file, "q", NOW).unwrap();
    }
    let Erased::Now(erasure) = store.erase(org, &author(), "p", false).unwrap() else {
        panic!("it is there")
    };
    assert_eq!(erasure.attachments, 2);
    assert_eq!(store.erasure_of(org, "p").unwrap().unwrap().attachments, 2, "as it is kept");
    assert_eq!(store.file(org, "f").unwrap().unwrap().profiles, ["q"]);
    assert_eq!(store.attach_file(org, "f", "p", NOW).unwrap(), Attached::NoProfile);
    // Those that were deleted and are forgotten leave nothing either.
    store.delete(org, &author(), "q", &Precondition::There).unwrap().unwrap();
    store.sweep(org, i64::MAX).unwrap();
    store.push(org, &ada(NOW), &[stage.untouched("q", &json!({}))]).unwrap();
    assert!(store.file(org, "f").unwrap().unwrap().profiles.is_empty());
    // A relay of the version before, which knows no attachments, takes the profile away.
    assert_eq!(store.attach_file(org, "f", "q", NOW).unwrap(), Attached::Done);
    stage.sql("DELETE FROM profiles WHERE id = 'q'");
    stage.sql(
        "CREATE TABLE checked (number bigint CHECK (number = 0)); \
         INSERT INTO checked SELECT count(*) FROM attachments",
    );
}

pub(crate) fn reads_are_kept(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let token = store.create_token(org, Role::Viewer, "Ben", NOW).unwrap();
    let token = store.authenticate(&token, NOW).unwrap().unwrap().token;
    let read = |org, file: &str, at| FileRead {
        org,
        file: file.to_owned(),
        token,
        at: NOW + at,
        from: 0,
        to: PIECE,
    };
    store.note_reads(&[]).unwrap();
    let reads =
        [read(org, "f", 1), read(stage.other, "f", 2), read(org, "f", 3), read(org, "g", 4)];
    store.note_reads(&reads).unwrap();
    let ben = |read: &FileRead| ("Ben".to_owned(), read.clone());
    assert_eq!(store.reads(org, "f", 9).unwrap(), [ben(&reads[2]), ben(&reads[0])]);
    assert_eq!(store.reads(org, "f", 1).unwrap(), [ben(&reads[2])]);
    let theirs = store.reads(stage.other, "f", 9).unwrap();
    assert_eq!(
        theirs,
        [(String::new(), reads[1].clone())],
        "no name of a token that is not theirs"
    );
    assert_eq!(store.forget_reads(org, NOW + 3).unwrap(), 1);
    assert_eq!(store.reads(org, "f", 9).unwrap(), [ben(&reads[2])]);
    assert_eq!(store.reads(stage.other, "f", 9).unwrap().len(), 1);
}

pub(crate) fn an_import_says_which_file_it_reads(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let import = ImportRow { source: Some("f".to_owned()), ..row("a") };
    assert!(store.begin_import(org, &import, &lease("here", -1_000)).unwrap());
    assert!(store.begin_import(org, &row("b"), &lease("here", 1_000)).unwrap());
    let source = |id: &str| store.find_import(org, ImportName::Id(id)).unwrap().unwrap().source;
    assert_eq!((source("a").as_deref(), source("b")), (Some("f"), None));
    let taken = store.claim_import(org, "a", &lease("there", 1_000)).unwrap().unwrap();
    assert_eq!(taken.source.as_deref(), Some("f"), "whoever takes it up knows");
}
