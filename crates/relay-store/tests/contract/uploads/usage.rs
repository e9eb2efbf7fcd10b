use kartei_relay_store::{Reserved, UploadBegun, UploadEnd, UploadLimits, Usage};
use kartei_test_support::Dice;

use super::{EXPIRES, begin, done, finished, land, new, run, upload};
use crate::stage::{NOW, Stage};

const STEPS: usize = 400;
const QUOTA: u64 = 300;

/// Whatever is done in whatever order, what is counted on the way is what a recount finds, and never
/// more than the quota.
pub(crate) fn usage_is_always_what_a_recount_says(stage: &Stage<'_>) {
    let mut dice = Dice::from_environment();
    println!("  KARTEI_SEED={}", dice.seed());
    let (store, org) = (&stage.store, stage.org);
    let limits = UploadLimits { open_max: 6 };
    store.set_quota(org, "Ada", Some(QUOTA)).unwrap();
    let (mut sessions, mut files): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        let picked = dice.roll(sessions.len() as u64);
        let picked: Option<String> = sessions.get(usize::try_from(picked).unwrap()).cloned();
        let at = NOW + i64::try_from(step).unwrap();
        match (dice.roll(9), picked) {
            (0..=2, _) | (_, None) => {
                let id = format!("u{step}");
                let size = (dice.roll(4) > 0).then(|| dice.roll(90));
                let begun = store.begin_upload(org, &new(&id, size), &limits, at).unwrap();
                if matches!(begun, UploadBegun::Begun(_)) {
                    sessions.push(id);
                }
            }
            (3, Some(id)) => {
                store.size_upload(org, &id, dice.roll(120), at).unwrap();
            }
            (4, Some(id)) => {
                store.reserve_more(org, &id, dice.roll(400)).unwrap();
            }
            (5, Some(id)) => {
                let end = [UploadEnd::Aborted, UploadEnd::Expired, UploadEnd::Failed("x")];
                let end = end[usize::try_from(dice.roll(3)).unwrap()];
                store.end_upload(org, &id, end, EXPIRES).unwrap();
            }
            (6, _) => {
                let file = dice.roll(files.len() as u64);
                if let Some(file) = files.get(usize::try_from(file).unwrap()) {
                    store.delete_file(org, file, at).unwrap();
                }
            }
            (_, Some(id)) => {
                land(store, org, &id, &[run(0, 1)]);
                let file = format!("f{step}");
                let content = u8::try_from(dice.roll(5)).unwrap();
                let size = u64::from(content) * 17;
                store.complete_upload(org, &id, &done(&file, content, size)).unwrap();
                files.push(file);
            }
        }
        let counted = store.usage(org).unwrap();
        assert!(counted.used + counted.reserved <= QUOTA, "step {step}: {counted:?}");
        let refs = references(stage);
        assert_eq!(store.recount_usage(org, at).unwrap(), counted, "step {step}");
        assert_eq!(references(stage), refs, "step {step}");
    }
    assert!(files.len() > 20 && sessions.len() > 20, "it was something");
}

fn references(stage: &Stage<'_>) -> Vec<(i64, u64, Option<i64>)> {
    let contents = stage.store.contents(stage.org, 0, 1_000).unwrap();
    contents.into_iter().map(|one| (one.id, one.refs, one.unreferenced_at)).collect()
}

pub(crate) fn a_recount_mends_what_was_counted_wrong(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    store.set_quota(org, "Ada", Some(1_000)).unwrap();
    upload(store, org, "f", 1, 5);
    upload(store, org, "g", 1, 5);
    upload(store, org, "h", 2, 7);
    begin(store, org, "u", Some(11));
    store.delete_file(org, "h", NOW + 3).unwrap();
    let (right, references_before) = (store.usage(org).unwrap(), references(stage));
    let expected = Usage { used: 10, reserved: 11, quota: Some(1_000), files: 2, open: 1 };
    assert_eq!(right, expected);
    stage.sql(
        "UPDATE usage SET used = 900, reserved = 0, files = 9, open = 3; \
         UPDATE contents SET refs = refs + 1, unreferenced_at = NULL",
    );
    assert_ne!(store.usage(org).unwrap(), right);
    assert_eq!(store.recount_usage(org, NOW + 3).unwrap(), right);
    assert_eq!(store.usage(org).unwrap(), right);
    assert_eq!(references(stage), references_before);
    assert_eq!(store.recount_usage(stage.other, NOW).unwrap(), Usage::default());
    // Numbers that went wrong do not keep anything from ending.
    stage.sql("UPDATE usage SET used = 0, reserved = 0, files = 0, open = 0");
    assert_eq!(store.size_upload(org, "u", 11, NOW).unwrap(), Reserved::Ok);
    finished(store.complete_upload(org, "u", &done("u", 3, 11)).unwrap());
    assert!(store.delete_file(org, "f", NOW).unwrap());
    assert!(store.delete_file(org, "g", NOW).unwrap());
    assert_eq!(store.recount_usage(org, NOW).unwrap().used, 11);
}
