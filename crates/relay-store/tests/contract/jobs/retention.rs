//! What analyses leave, and how it goes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kartei_job_core::check_history;
use kartei_protocol::jobs::JobState;
use kartei_relay_store::{
    Applied, Applying, AuditQuery, Deed, Gone, ImportEnd, ImportLeft, ImportRow, ImportsGoing,
    JobQuery, Kind, Named, NotesAsked, OrgId, Payload, Plan, Policy, PolicySet, Purged, RelayStore,
    Restored, RetentionRun,
};

use super::{LONG, act, claimed, complete, note, submitted};
use crate::leases::{lease, row};
use crate::stage::{NOW, Stage};

/// Everything that ended is due at once.
const AT_ONCE: PolicySet = PolicySet {
    results_days: Some(Some(0)),
    jobs_days: Some(None),
    imports_days: None,
    restore_days: None,
    automatic: None,
    hold: None,
};

const WHOLE_JOBS: PolicySet =
    PolicySet { results_days: Some(None), jobs_days: Some(Some(0)), ..AT_ONCE };

const HOLD: PolicySet = PolicySet {
    results_days: None,
    jobs_days: None,
    imports_days: None,
    restore_days: None,
    automatic: None,
    hold: Some(true),
};

fn completed(store: &RelayStore, org: OrgId, id: &str, blob: Option<&str>) {
    submitted(store, org, id);
    let claim = claimed(store, org, LONG).claim;
    let payload = match blob {
        Some(name) => Payload::Blob(name.to_owned()),
        None => Payload::Here(format!("{{\"of\":\"{id}\",\"é\":1.50}}")),
    };
    let digest = *blake3_of(id);
    let deed = match complete(claim, &format!("result-{id}")) {
        Deed::Complete { claim, id, profiles, input, .. } => {
            Deed::Complete { claim, id, payload, size: 40, digest, profiles, input }
        }
        other => other,
    };
    assert_eq!(act(store, org, id, deed).job.state, JobState::Completed);
}

/// Any 32 bytes of their own.
fn blake3_of(id: &str) -> Box<[u8; 32]> {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(id.bytes().cycle()).for_each(|(byte, letter)| *byte = letter);
    Box::new(bytes)
}

fn planned(store: &RelayStore, org: OrgId) -> Plan {
    store.plan_retention(org, "Ada").unwrap()
}

fn applied(store: &RelayStore, org: OrgId, run: &str, plan: &Plan) -> Applied {
    let asked = Applying { run, plan: plan.hash, as_of: plan.as_of };
    store.apply_retention(org, "Ada", &asked).unwrap()
}

fn run_of(applied: Applied) -> RetentionRun {
    match applied {
        Applied::Run(run) => run,
        Applied::Stale => panic!("the plan is stale"),
    }
}

fn counts(plan: &Plan) -> (u64, u64) {
    assert_eq!(plan.kinds.each_ref().map(|share| share.kind), Kind::ALL);
    (plan.kinds[0].count, plan.kinds[1].count)
}

fn purged(store: &RelayStore, org: OrgId) -> Purged {
    let mut all = Purged::default();
    while let Some(some) = store.purge_some(org, "Ada").unwrap() {
        all = all.and(some);
    }
    all
}

/// The time to restore is over.
fn time_passes(stage: &Stage<'_>) {
    stage.sql("UPDATE retention_runs SET restore_until = 0");
}

/// What ends from now on is not due yet at the plan's moment.
fn a_moment_passes(stage: &Stage<'_>, plan: &Plan) {
    while planned(&stage.store, stage.other).as_of <= plan.as_of {}
}

fn listed(store: &RelayStore, org: OrgId) -> Vec<String> {
    let query = JobQuery { limit: 1_000, ..JobQuery::default() };
    store.jobs(org, &query).unwrap().into_iter().map(|row| row.id).collect()
}

fn notes(store: &RelayStore, org: OrgId) -> usize {
    let asked = NotesAsked { person: "Ada", before: None, limit: 1_000 };
    store.notifications(org, &asked).unwrap().len()
}

fn history_fits(store: &RelayStore, org: OrgId, id: &str) {
    let past = store.job_events(org, id, 0, 10_000).unwrap().unwrap();
    let row = store.job(org, id).unwrap().unwrap();
    assert_eq!(past.events.len() as u64, row.event_seq);
    check_history(&past.events, row.state, row.result.is_some()).unwrap();
}

pub(crate) fn a_plan_is_a_dry_run(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    assert_eq!(store.retention_policy(org).unwrap(), Policy::default());
    completed(store, org, "a", None);
    completed(store, org, "b", None);
    assert_eq!(counts(&planned(store, org)), (0, 0), "nothing is 90 days old");
    let policy = store.set_retention(org, "Ada", &AT_ONCE).unwrap();
    assert_eq!((policy.results_days, policy.jobs_days), (Some(0), None));
    assert_eq!(store.retention_policy(org).unwrap(), policy);
    let rows = |store: &RelayStore| {
        let jobs = ["a", "b"].map(|id| store.job(org, id).unwrap().unwrap());
        let results =
            ["result-a", "result-b"].map(|id| store.job_result(org, id).unwrap().unwrap());
        (jobs, results, store.retention_runs(org, None, 10).unwrap())
    };
    let before = rows(store);
    let plan = planned(store, org);
    assert_eq!(rows(store), before, "nothing was done");
    let results = &plan.kinds[0];
    assert_eq!((results.count, results.bytes, results.is_all), (2, 80, true));
    assert_eq!(results.samples, ["a", "b"]);
    assert_eq!(results.oldest, before.0[0].finished_at);
    assert_eq!(counts(&planned(store, stage.other)), (0, 0));
    // Whole jobs take their results with them, which are not told twice.
    let both = PolicySet { jobs_days: Some(Some(0)), ..AT_ONCE };
    store.set_retention(org, "Ada", &both).unwrap();
    let plan = planned(store, org);
    assert_eq!(counts(&plan), (0, 2));
    assert!(plan.kinds[1].bytes > 80, "with what is said beside them");
    store.check_audit(org).unwrap().unwrap();
}

pub(crate) fn a_plan_that_became_another_one_is_refused(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    store.set_retention(org, "Ada", &AT_ONCE).unwrap();
    completed(store, org, "a", None);
    completed(store, org, "b", None);
    let plan = planned(store, org);
    let wrong = Plan { hash: [7; 32], ..plan.clone() };
    assert_eq!(applied(store, org, "run-0", &wrong), Applied::Stale);
    let elsewhere = Plan { as_of: plan.as_of + 1, ..plan.clone() };
    assert_eq!(applied(store, org, "run-0", &elsewhere), Applied::Stale);
    assert_eq!(applied(store, stage.other, "run-0", &plan), Applied::Stale, "not theirs");
    store.hold_job(org, "Ada", "b", true).unwrap();
    assert_eq!(applied(store, org, "run-0", &plan), Applied::Stale, "b is held now");
    store.hold_job(org, "Ada", "b", false).unwrap();
    // What ends later is not in it, and does not make it another one.
    a_moment_passes(stage, &plan);
    completed(store, org, "c", None);
    let run = run_of(applied(store, org, "run-1", &plan));
    assert_eq!((run.results, run.jobs, run.bytes), (2, 0, 80));
    assert_eq!(applied(store, org, "run-2", &plan), Applied::Stale, "once");
    assert!(store.job_result(org, "result-c").unwrap().is_some());
    // A moment that has not come is none that a plan was made for.
    let future = Plan { as_of: plan.as_of + 86_400_000, ..plan };
    assert_eq!(applied(store, org, "run-3", &future), Applied::Stale);
    assert_eq!(store.retention_runs(org, None, 10).unwrap(), [run]);
}

pub(crate) fn what_runs_or_is_held_is_not_touched(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let both = PolicySet { jobs_days: Some(Some(0)), ..AT_ONCE };
    store.set_retention(org, "Ada", &both).unwrap();
    submitted(store, org, "runs");
    claimed(store, org, LONG);
    act(store, org, "runs", note(1, 5));
    submitted(store, org, "waits");
    stage.sql("UPDATE jobs SET created_at = 0, started_at = 0");
    assert_eq!(counts(&planned(store, org)), (0, 0));
    assert_eq!(act(store, org, "waits", Deed::Cancel).job.state, JobState::Canceled);
    let held = store.hold_job(org, "Ada", "waits", true).unwrap().unwrap();
    assert!(held.held_at.is_some());
    assert_eq!(counts(&planned(store, org)), (0, 0));
    assert_eq!(store.hold_job(stage.other, "Ada", "waits", true).unwrap(), None);
    store.hold_job(org, "Ada", "waits", false).unwrap();
    assert_eq!(counts(&planned(store, org)), (0, 1));
    store.set_retention(org, "Ada", &HOLD).unwrap();
    assert_eq!(counts(&planned(store, org)), (0, 0), "the whole organisation is held");
    store.set_retention(org, "Ada", &PolicySet { hold: Some(false), ..HOLD }).unwrap();
    // Held after it was marked: the purge leaves it, and holding one job brings it back.
    let run = run_of(applied(store, org, "run-1", &planned(store, org)));
    assert_eq!(run.jobs, 1);
    store.set_retention(org, "Ada", &HOLD).unwrap();
    time_passes(stage);
    assert_eq!(purged(store, org), Purged::default());
    store.set_retention(org, "Ada", &PolicySet { hold: Some(false), ..HOLD }).unwrap();
    let back = store.hold_job(org, "Ada", "waits", true).unwrap().unwrap();
    assert_eq!(back.deleted_at, None);
    assert_eq!(purged(store, org), Purged::default());
    history_fits(store, org, "waits");
    history_fits(store, org, "runs");
    assert_eq!(listed(store, org), ["waits", "runs"]);
    act(store, org, "runs", complete(1, "result-runs"));
    store.check_audit(org).unwrap().unwrap();
}

pub(crate) fn a_restored_run_is_byte_for_byte_what_it_was(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for id in ["a", "b"] {
        completed(store, org, id, None);
    }
    completed(store, org, "large", Some("results/1/large"));
    submitted(store, org, "ended");
    let claim = claimed(store, org, LONG).claim;
    act(store, org, "ended", note(claim, 30));
    act(store, org, "ended", Deed::Force);
    let ids = ["a", "b", "large", "ended"];
    let results = ["result-a", "result-b", "result-large"];
    let rows = || {
        let jobs = ids.map(|id| store.job(org, id).unwrap());
        let events = ids.map(|id| store.job_events(org, id, 0, 100).unwrap());
        let results = results.map(|id| store.job_result(org, id).unwrap());
        let partial = store.job_partial(org, "ended").unwrap();
        (jobs, events, results, partial, listed(store, org))
    };
    let before = rows();
    for (run, set) in [("run-results", AT_ONCE), ("run-jobs", WHOLE_JOBS)] {
        store.set_retention(org, "Ada", &set).unwrap();
        let made = run_of(applied(store, org, run, &planned(store, org)));
        assert_eq!(made.results + made.jobs, 4);
        assert_eq!(counts(&planned(store, org)), (0, 0), "nothing is chosen twice");
        assert_eq!(results.map(|id| store.job_result(org, id).unwrap()), [None, None, None]);
        assert_eq!(store.job_partial(org, "ended").unwrap(), None);
        let gone = store.gone(org, Named::Result("result-a")).unwrap().unwrap();
        assert_eq!(gone.restore_until, Some(made.restore_until));
        assert_eq!(store.gone(stage.other, Named::Result("result-a")).unwrap(), None);
        let is_whole = run == "run-jobs";
        assert_eq!(store.gone(org, Named::Job("a")).unwrap().is_some(), is_whole);
        assert_eq!(listed(store, org).is_empty(), is_whole);
        assert_eq!(store.job(org, "a").unwrap().unwrap().result_deleted_at.is_some(), !is_whole);
        assert_eq!(purged(store, org), Purged::default(), "it is in time");
        assert_eq!(store.restore_run(stage.other, "Eve", run).unwrap(), Restored::Missing);
        match store.restore_run(org, "Ada", run).unwrap() {
            Restored::Run(restored) => assert!(restored.restored_at.is_some()),
            other => panic!("not restored: {other:?}"),
        }
        assert_eq!(rows(), before);
        assert_eq!(store.gone(org, Named::Result("result-a")).unwrap(), None);
        assert!(matches!(store.restore_run(org, "Ada", run).unwrap(), Restored::Run(_)), "again");
    }
    time_passes(stage);
    assert_eq!(purged(store, org), Purged::default(), "what was restored stays");
    assert_eq!(rows(), before);
    store.check_audit(org).unwrap().unwrap();
}

pub(crate) fn a_purge_leaves_no_row_and_no_blob(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    completed(store, org, "a", None);
    completed(store, org, "one", Some("results/1/shared"));
    completed(store, org, "own", Some("results/1/own"));
    store.set_retention(org, "Ada", &AT_ONCE).unwrap();
    let plan = planned(store, org);
    a_moment_passes(stage, &plan);
    completed(store, org, "two", Some("results/1/shared"));
    let run = run_of(applied(store, org, "run-1", &plan));
    assert_eq!(run.results, 3);
    time_passes(stage);
    let late = store.restore_run(org, "Ada", "run-1").unwrap();
    assert!(matches!(late, Restored::Over(_)), "{late:?}");
    assert_eq!(purged(store, org), Purged { results: 3, jobs: 0 });
    assert_eq!(purged(store, org), Purged::default());
    assert!(store.retention_runs(org, None, 1).unwrap()[0].purged_at.is_some());
    let blobs = store.condemned_blobs(org, 10).unwrap();
    let expected = [("results/1/own".to_owned(), false), ("results/1/shared".to_owned(), true)];
    assert_eq!(blobs, expected, "another result has the second");
    assert!(store.has_result_blob(org, "results/1/own").unwrap(), "it is still to go");
    for (blob, _) in &blobs {
        store.forget_blob(org, blob).unwrap();
    }
    assert!(!store.has_result_blob(org, "results/1/own").unwrap());
    assert!(store.has_result_blob(org, "results/1/shared").unwrap());
    assert!(store.job_result(org, "result-two").unwrap().is_some());
    // The job itself stays, and says that its result is gone.
    let gone = store.gone(org, Named::Result("result-a")).unwrap().unwrap();
    assert!(matches!(gone, Gone { restore_until: None, .. }));
    let job = store.job(org, "a").unwrap().unwrap();
    assert!(job.result_deleted_at.is_some() && job.result.is_some());
    history_fits(store, org, "a");
    assert_eq!(listed(store, org), ["two", "own", "one", "a"]);
    // And then the jobs themselves.
    store.set_retention(org, "Ada", &WHOLE_JOBS).unwrap();
    assert_eq!(notes(store, org), 4);
    let run = run_of(applied(store, org, "run-2", &planned(store, org)));
    assert_eq!(run.jobs, 4);
    time_passes(stage);
    assert_eq!(purged(store, org), Purged { results: 0, jobs: 4 });
    assert_eq!((listed(store, org).len(), notes(store, org)), (0, 0));
    for id in ["a", "one", "own", "two"] {
        assert_eq!(store.job(org, id).unwrap(), None);
        assert_eq!(store.job_events(org, id, 0, 10).unwrap(), None);
        assert_eq!(store.gone(org, Named::Job(id)).unwrap(), None);
        assert_eq!(store.gone(org, Named::Result(&format!("result-{id}"))).unwrap(), None);
    }
    assert_eq!(store.condemned_blobs(org, 9).unwrap(), [("results/1/shared".to_owned(), false)]);
    // No row is left: another job with the same names finds nothing of them.
    for id in ["a", "own"] {
        completed(store, org, id, None);
        history_fits(store, org, id);
    }
    assert_eq!(notes(store, org), 2);
    let query = AuditQuery { limit: 100, ..AuditQuery::default() };
    let told: Vec<String> =
        store.audit(org, &query).unwrap().into_iter().rev().map(|event| event.action).collect();
    let steps = ["retention.planned", "retention.applied", "retention.marked", "retention.purged"];
    let told: Vec<&str> =
        told.iter().map(String::as_str).filter(|word| steps.contains(word)).collect();
    assert_eq!(told, [steps, steps].concat());
    store.check_audit(org).unwrap().unwrap();
}

pub(crate) fn only_the_purge_takes_anything_away(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    completed(store, org, "a", None);
    let takes = [
        "DELETE FROM job_events",
        "DELETE FROM job_results",
        "DELETE FROM jobs",
        "UPDATE job_results SET payload = NULL",
        "UPDATE job_events SET actor = 'x'",
        "UPDATE jobs SET state = 'failed'",
    ];
    let refused = |when: &str| {
        for sql in takes {
            let done = catch_unwind(AssertUnwindSafe(|| stage.sql(sql)));
            assert!(done.is_err(), "{sql} was carried out {when}");
        }
    };
    refused("on what is there");
    store.set_retention(org, "Ada", &WHOLE_JOBS).unwrap();
    run_of(applied(store, org, "run-1", &planned(store, org)));
    refused("on what can be restored");
    time_passes(stage);
    store.set_retention(org, "Ada", &HOLD).unwrap();
    refused("on what is held");
    store.set_retention(org, "Ada", &PolicySet { hold: Some(false), ..HOLD }).unwrap();
    assert_eq!(purged(store, org), Purged { results: 0, jobs: 1 });
}

/// Relays that apply and purge at once: each job goes once, and the audit is one chain.
pub(crate) fn many_that_apply_and_purge_at_once_take_each_job_once(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for number in 0..12 {
        completed(store, org, &format!("job-{number}"), None);
    }
    store.set_retention(org, "Ada", &WHOLE_JOBS).unwrap();
    let plan = planned(store, org);
    let runs: usize = std::thread::scope(|scope| {
        let threads = ["r1", "r2", "r3"].map(|run| {
            let (again, plan) = (stage.again(), plan.clone());
            scope.spawn(move || usize::from(applied(&again, org, run, &plan) != Applied::Stale))
        });
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(runs, 1);
    assert_eq!(store.retention_runs(org, None, 9).unwrap()[0].jobs, 12);
    time_passes(stage);
    let taken: u64 = std::thread::scope(|scope| {
        let threads = [0, 1, 2].map(|_| {
            let again = stage.again();
            scope.spawn(move || purged(&again, org).jobs)
        });
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(taken, 12);
    store.check_audit(org).unwrap().unwrap();
}

pub(crate) fn what_imports_left_is_needed_for_its_time(stage: &Stage<'_>) {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    let (store, org) = (&stage.store, stage.org);
    assert_eq!(
        store.retention_policy(org).unwrap().imports_until(NOW),
        None,
        "for ever, until set"
    );
    let week = PolicySet { imports_days: Some(Some(7)), ..PolicySet::default() };
    let policy = store.set_retention(org, "Ada", &week).unwrap();
    assert_eq!(policy.imports_days, Some(7));
    assert_eq!(store.retention_policy(org).unwrap().imports_until(NOW), Some(NOW - 7 * DAY));
    // One that ended, another of the same body that may run still, and one that another body came of.
    let held = lease("here", 60_000);
    let ended = |id: &str, digest: u8, now: i64| {
        let import = ImportRow { digest: [digest; 32], started_at: now, ..row(id) };
        assert!(store.begin_import(org, &import, &held).unwrap());
        let end = ImportEnd { now, status: 200, answer: "{}" };
        assert!(store.end_import(org, id, &held, end).unwrap());
    };
    let needs = |left: ImportLeft<'_>, until| store.import_needs(org, left, until).unwrap();
    let body = |digest: &'static [u8; 32]| ImportLeft::Body(digest);
    ended("a", 1, NOW);
    assert!(needs(body(&[1; 32]), NOW - 1) && needs(ImportLeft::Reports("a"), NOW - 1));
    assert!(!needs(body(&[1; 32]), NOW) && !needs(ImportLeft::Reports("a"), NOW));
    assert!(!store.import_needs(stage.other, body(&[1; 32]), NOW - 1).unwrap(), "not theirs");
    assert!(!needs(body(&[9; 32]), 0) && !needs(ImportLeft::Reports("nobody"), 0));
    let runs = ImportRow { started_at: NOW + 5, ..row("b") };
    assert!(store.begin_import(org, &runs, &held).unwrap());
    assert!(needs(body(&[1; 32]), NOW + 5) && needs(ImportLeft::Reports("b"), NOW + DAY));
    assert!(!needs(body(&[1; 32]), NOW + 5 + DAY), "it died with its relay");
    ended("c", 2, NOW);
    store.move_archive(org, &[2; 32], Some(&[3; 32]), NOW).unwrap();
    assert!(needs(body(&[3; 32]), NOW - 1) && !needs(body(&[3; 32]), NOW));
    // Told before anything goes, and nothing goes from whoever is held.
    let going = ImportsGoing { bodies: 2, reports: 1, bytes: 30 };
    assert!(store.begin_import_purge(org, "Ada", going).unwrap());
    assert_eq!(store.set_retention(org, "Ada", &HOLD).unwrap().imports_until(NOW), None);
    assert!(!store.begin_import_purge(org, "Ada", going).unwrap());
    let told = stage.audited();
    let of_imports = ["Ada retention.set imports_days", "Ada retention.purged imports"];
    assert_eq!(told[..2], of_imports);
    assert_eq!(told.len(), 3, "{told:?}");
}
