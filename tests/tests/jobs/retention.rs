//! What analyses leave, over HTTP and from the relay's own machine.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use kartei_protocol::admin::{
    JobHold, PurgeReport, RetentionInfo, RetentionPlan, RetentionRun, RunPage,
};
use kartei_protocol::jobs::{JobInfo, JobPage, JobState};
use kartei_test_support::{Http, Postgres, Stage, until};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::admin::{administrator, audited, patch, read};
use crate::{Office, WITHIN, office, opened, post, quality};

fn ask<T: DeserializeOwned>(http: &Http, path: &str, body: &Value) -> Result<T> {
    Ok(serde_json::from_value(post(http, path, &[], body)?.expect(200)?.json())?)
}

fn plan(chef: &Http) -> Result<RetentionPlan> {
    ask(chef, "/admin/retention/plan", &json!({}))
}

fn counts(plan: &RetentionPlan) -> Vec<(&str, u64)> {
    plan.kinds.iter().map(|share| (share.kind.as_str(), share.count)).collect()
}

fn apply(chef: &Http, plan: &RetentionPlan) -> Result<RetentionRun> {
    let body = json!({"plan_hash": plan.plan_hash, "as_of": plan.as_of});
    ask(chef, "/admin/retention/apply", &body)
}

fn completed(office: &Office) -> Result<JobInfo> {
    let job = office.submit(&quality())?;
    let job = office.ended(&job.job_id)?;
    assert_eq!(job.status, JobState::Completed);
    Ok(job)
}

fn listed(http: &Http) -> Result<usize> {
    Ok(read::<JobPage>(http, "/analyze/jobs")?.jobs.len())
}

fn retention(office: &Office) -> Result<()> {
    let chef = administrator(office)?;
    let policy: RetentionInfo = read(&chef, "/admin/retention")?;
    assert_eq!((policy.results_days, policy.jobs_days), (Some(90), Some(730)));
    assert_eq!((policy.restore_days, policy.automatic, policy.held_at), (14, false, None));
    let (job, held) = (completed(office)?, completed(office)?);
    let result = job.result_id.clone().unwrap_or_default();
    let permalink = format!("/analyze/results/{result}");
    let bytes = office.http.get(&permalink)?.expect(200)?.body;
    assert_eq!(counts(&plan(&chef)?), [("results", 0), ("jobs", 0)]);
    let set =
        patch(&chef, "/admin/retention", &json!({"results_days": 0, "jobs_days": null}), 200)?;
    assert_eq!((&set["results_days"], &set["jobs_days"]), (&json!(0), &Value::Null));
    for wrong in [json!({"jobs_days": 36_501}), json!({"restore_days": 366}), json!({"days": 1})] {
        patch(&chef, "/admin/retention", &wrong, 400)?;
    }
    let hold = format!("/admin/jobs/{}/hold", held.job_id);
    let told: JobHold =
        serde_json::from_value(chef.send("PUT", &hold, &[], &[])?.expect(200)?.json())?;
    assert!(told.held_at.is_some());
    assert_eq!(office.job(&held.job_id)?.held_at, told.held_at);
    // Results go, and come back as they were.
    let first = plan(&chef)?;
    assert_eq!(counts(&first), [("results", 1), ("jobs", 0)]);
    assert_eq!(first.kinds[0].sample_ids, std::slice::from_ref(&job.job_id));
    assert!(first.kinds[0].bytes > 1_000);
    office.http.get(&permalink)?.expect(200)?;
    let wrong = json!({"plan_hash": "00".repeat(32), "as_of": first.as_of});
    let stale = post(&chef, "/admin/retention/apply", &[], &wrong)?.expect(409)?;
    assert_eq!(stale.json()["code"], "plan_stale");
    let wrong = json!({"plan_hash": "00", "as_of": first.as_of});
    post(&chef, "/admin/retention/apply", &[], &wrong)?.expect(400)?;
    let run = apply(&chef, &first)?;
    assert_eq!((run.results, run.jobs, run.by.as_str()), (1, 0, "Chef"));
    let gone = office.http.get(&permalink)?.expect(410)?.json();
    assert_eq!(
        (&gone["code"], &gone["restorable_until"]),
        (&json!("deleted"), &json!(run.restorable_until))
    );
    let told = office.job(&job.job_id)?;
    assert_eq!(
        (told.result_id.as_deref(), told.result_deleted_at),
        (Some(&*result), gone["deleted_at"].as_i64())
    );
    assert_eq!(listed(&office.http)?, 2, "the jobs stay");
    let held_result = format!("/analyze/results/{}", held.result_id.clone().unwrap_or_default());
    office.http.get(&held_result)?.expect(200)?;
    let restored: RetentionRun =
        ask(&chef, &format!("/admin/retention/runs/{}/restore", run.run_id), &json!({}))?;
    assert!(restored.restored_at.is_some());
    assert_eq!(office.http.get(&permalink)?.expect(200)?.body, bytes);
    assert_eq!(office.job(&job.job_id)?, job);
    // Whole jobs, and for good.
    let days = json!({"results_days": null, "jobs_days": 0, "restore_days": 0});
    patch(&chef, "/admin/retention", &days, 200)?;
    let second = plan(&chef)?;
    assert_eq!(counts(&second), [("results", 0), ("jobs", 1)]);
    let run = apply(&chef, &second)?;
    assert_eq!(listed(&office.http)?, 1);
    let path = format!("/analyze/jobs/{}", job.job_id);
    for (method, path) in [
        ("GET", path.clone()),
        ("GET", format!("{path}/events")),
        ("POST", format!("{path}/cancel")),
        ("POST", format!("{path}/retry")),
        ("GET", permalink.clone()),
    ] {
        let gone = office.http.send(method, &path, &[], &[])?.expect(410)?;
        assert_eq!(gone.json()["code"], "deleted", "{method} {path}");
    }
    let late = format!("/admin/retention/runs/{}/restore", run.run_id);
    let late = post(&chef, &late, &[], &json!({}))?.expect(409)?;
    assert_eq!(late.json()["code"], "restore_over");
    post(&chef, "/admin/retention/runs/run-nobody/restore", &[], &json!({}))?.expect(404)?;
    // The relay's own round may have been first.
    ask::<PurgeReport>(&chef, "/admin/retention/purge", &json!({}))?;
    office.http.get(&path)?.expect(404)?;
    office.http.get(&permalink)?.expect(404)?;
    let runs: RunPage = read(&chef, "/admin/retention/runs?limit=1")?;
    assert!(runs.runs[0].purged_at.is_some() && runs.next.is_some());
    office.http.get(&held_result)?.expect(200)?;
    chef.send("DELETE", &hold, &[], &[])?.expect(200)?;
    assert_eq!(office.job(&held.job_id)?.held_at, None);
    patch(&chef, "/admin/retention", &json!({"hold": true}), 200)?;
    assert_eq!(counts(&plan(&chef)?), [("results", 0), ("jobs", 0)]);
    let told = audited(&chef)?.join("\n");
    for word in ["planned plan", "applied run-", "marked run-", "restored run-", "purged jobs"] {
        assert!(told.contains(&format!("Chef retention.{word}")), "{word} is not in {told}");
    }
    assert!(told.contains(&format!("Chef job.released {}", held.job_id)), "{told}");
    office.home.run(&["audit", "--org", "Test", "--verify"])?.expect_code(0)?;
    // Nobody else.
    for path in ["/admin/retention", "/admin/retention/runs"] {
        office.http.get(path)?.expect(403)?;
    }
    patch(&office.http, "/admin/retention", &json!({"jobs_days": 0}), 403)?;
    office.http.send("PUT", &hold, &[], &[])?.expect(403)?;
    for path in ["plan", "purge", "runs/x/restore"] {
        post(&office.http, &format!("/admin/retention/{path}"), &[], &json!({}))?.expect(403)?;
    }
    let foreign = office.home.organisation("Foreign")?;
    let theirs = Http::new(office.relay.url(), Some(&foreign.token("admin", "Chef")?));
    patch(&theirs, "/admin/retention", &json!({"jobs_days": 0, "results_days": 0}), 200)?;
    assert_eq!(counts(&plan(&theirs)?), [("results", 0), ("jobs", 0)]);
    let foreign = format!("/admin/retention/runs/{}/restore", run.run_id);
    post(&theirs, &foreign, &[], &json!({}))?.expect(404)?;
    assert_eq!(read::<RunPage>(&theirs, "/admin/retention/runs")?.runs, []);
    office.check()?;
    Ok(())
}

#[test]
fn what_analyses_leave_goes_and_comes_back() -> Result<()> {
    retention(&office(&[], "bfi.ndjson.gz")?)
}

#[test]
fn what_analyses_leave_on_postgres() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("jobs")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?;
    retention(&opened(stage, home, "bfi.ndjson.gz")?)
}

#[test]
fn the_same_from_the_relays_own_machine() -> Result<()> {
    let office = office(&[], "bfi.ndjson.gz")?;
    let job = completed(&office)?;
    let run = |arguments: &[&str]| -> Result<Value> {
        let all = [&["retention"], arguments, &["--org", "Test", "--json"]].concat();
        Ok(serde_json::from_slice(office.home.run(&all)?.expect_code(0)?.stdout())?)
    };
    assert_eq!(run(&["show"])?["results_days"], 90);
    let set = run(&["set", "--results-days", "0", "--jobs-days", "none", "--restore-days", "1"])?;
    assert_eq!((&set["jobs_days"], &set["restore_days"]), (&Value::Null, &json!(1)));
    let wrong = office.home.run(&["retention", "set", "--jobs-days", "soon", "--org", "Test"])?;
    wrong.expect_code(2)?;
    assert!(run(&["hold"])?["held_at"].is_i64());
    assert_eq!(run(&["plan"])?["kinds"][0]["count"], 0);
    run(&["hold", "--release"])?;
    assert!(run(&["hold", "--job", &job.job_id])?["held_at"].is_i64());
    run(&["hold", "--job", &job.job_id, "--release"])?;
    let plan = run(&["plan"])?;
    assert_eq!(plan["kinds"][0]["count"], 1);
    let (hash, as_of) = (plan["plan_hash"].as_str().unwrap_or_default(), plan["as_of"].to_string());
    let made = run(&["apply", hash, "--as-of", &as_of])?;
    assert_eq!(made["results"], 1);
    let again = ["retention", "apply", hash, "--as-of", &as_of, "--org", "Test"];
    office.home.run(&again)?.expect_code(1)?;
    let id = made["run_id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(run(&["runs"])?["run_id"], id.as_str());
    assert!(run(&["restore", &id])?["restored_at"].is_i64());
    assert_eq!(run(&["purge"])?, json!({"results": 0, "jobs": 0, "blobs": 0, "imports": 0}));
    office.home.run(&["retention", "restore", "run-nobody", "--org", "Test"])?.expect_code(1)?;
    office.home.run(&["audit", "--org", "Test", "--verify"])?.expect_code(0)?;
    office.check()?;
    Ok(())
}

/// Blobs below a folder.
fn files(folder: &Path) -> Result<usize> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(0) };
    let mut found = 0;
    for entry in entries {
        let path = entry?.path();
        found += if path.is_dir() { files(&path)? } else { 1 };
    }
    Ok(found)
}

/// What the relay does by itself once a day, and at its start: rules that are switched on, the purge with the
/// blobs behind it, and what workers left that died at the wrong moment.
fn upkeep(office: Office) -> Result<()> {
    let chef = administrator(&office)?;
    let job = completed(&office)?;
    let days = json!({"results_days": 0, "jobs_days": null, "restore_days": 0, "automatic": true});
    patch(&chef, "/admin/retention", &days, 200)?;
    post(&chef, "/admin/queue/pause", &[], &json!({}))?.expect(200)?;
    let (waits, org) = (office.submit(&quality())?, "1");
    let place = |job: &str| office.home.data().join(format!("blobs/jobs/{org}/{job}"));
    for job in [&job.job_id, &waits.job_id] {
        std::fs::create_dir_all(place(job))?;
        std::fs::write(place(job).join("cohort"), "left")?;
    }
    let results = office.home.data().join(format!("blobs/results/{org}/{}", job.job_id));
    std::fs::create_dir_all(&results)?;
    std::fs::write(results.join("1"), "left")?;
    // A name that this program does not give is somebody else's.
    std::fs::write(office.home.data().join(format!("blobs/results/{org}/other")), "theirs")?;
    let Office { stage, home, relay, .. } = office;
    drop(relay);
    let relay = home.start()?;
    let http = Http::new(relay.url(), Some(&home.token("analyst", "Ada")?));
    let office = Office { stage, home, relay, http };
    let chef = administrator(&office)?;
    let permalink = format!("/analyze/results/{}", job.result_id.clone().unwrap_or_default());
    until(WITHIN, "the result is purged", || {
        let reply = office.http.get(&permalink)?;
        Ok(reply.status == 410 && reply.json()["restorable_until"].is_null())
    })?;
    until(WITHIN, "what was left is gone", || {
        let cohort = office.home.data().join(format!("blobs/jobs/{org}/{}/cohort", job.job_id));
        Ok(!cohort.exists() && !results.join("1").exists())
    })?;
    assert_eq!(files(&office.home.data().join("blobs/results"))?, 1, "the one of somebody else");
    let told = audited(&chef)?;
    for step in ["relay retention.planned plan", "relay retention.purged results"] {
        assert!(told.iter().any(|one| one == step), "{step} is not in {told:?}");
    }
    assert!(office.job(&job.job_id)?.result_deleted_at.is_some());
    let of_waiting = office.home.data().join(format!("blobs/jobs/{org}/{}", waits.job_id));
    assert!(of_waiting.join("cohort").exists(), "somebody may go on with it");
    Ok(())
}

#[test]
fn the_relay_looks_after_it_by_itself() -> Result<()> {
    upkeep(office(&[], "bfi.ndjson.gz")?)
}

#[test]
fn the_relay_looks_after_it_on_postgres() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("jobs")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?;
    upkeep(opened(stage, home, "bfi.ndjson.gz")?)
}

/// Profiles with so many attributes that the result of an analysis does not lie in the database.
fn with_many_attributes() -> String {
    let mut lines = String::new();
    for profile in 0..40 {
        let attributes: serde_json::Map<String, Value> = (0..25)
            .map(|number| (format!("{}_{}", "長".repeat(58), profile * 25 + number), json!("yes")))
            .collect();
        let id = format!("many-{profile}");
        let record = json!({"schema": "user_profile.v1", "id": id, "attributes": attributes});
        lines.push_str(&format!("{record}\n"));
    }
    lines
}

#[test]
fn a_large_result_goes_with_its_blob() -> Result<()> {
    let office = office(&[], "bfi.ndjson.gz")?;
    let chef = administrator(&office)?;
    let kind = ("content-type", "application/x-ndjson");
    let body = with_many_attributes();
    office.http.send("POST", "/profiles/import", &[kind], body.as_bytes())?.expect(200)?;
    let jobs = [completed(&office)?, completed(&office)?];
    let folder = office.home.data().join("blobs/results");
    assert_eq!(files(&folder)?, 2, "a blob for each result");
    let hold = format!("/admin/jobs/{}/hold", jobs[1].job_id);
    chef.send("PUT", &hold, &[], &[])?.expect(200)?;
    let days = json!({"results_days": 0, "jobs_days": null, "restore_days": 0});
    patch(&chef, "/admin/retention", &days, 200)?;
    apply(&chef, &plan(&chef)?)?;
    let report: PurgeReport = ask(&chef, "/admin/retention/purge", &json!({}))?;
    assert_eq!(report, PurgeReport { results: 1, jobs: 0, blobs: 1, imports: 0 });
    assert_eq!(files(&folder)?, 1);
    assert_eq!(office.result(&jobs[1])?["total"], 2_840, "the other one is there");
    Ok(())
}

/// All files below a folder lie there since two hours.
fn aged(folder: &Path) -> Result<()> {
    let before = SystemTime::now() - Duration::from_secs(2 * 60 * 60);
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            aged(&path)?;
        } else {
            std::fs::File::options().write(true).open(&path)?.set_modified(before)?;
        }
    }
    Ok(())
}

#[test]
fn bodies_and_rejected_lines_of_imports_go_when_their_time_is_over() -> Result<()> {
    let office = office(&[], "bfi.ndjson.gz")?;
    let chef = administrator(&office)?;
    let kind = ("content-type", "application/x-ndjson");
    let body = "{\"schema\":\"user_profile.v1\",\"id\":\"x-1\"}\n{\"id\":7}\n";
    let import = || office.http.send("POST", "/profiles/import", &[kind], body.as_bytes());
    let told = import()?.expect(207)?.json();
    let place = format!("/profiles/imports/{}", told["import_id"].as_str().unwrap_or_default());
    let rejected = format!("{place}/rejected.ndjson.gz");
    office.http.get(&rejected)?.expect(200)?;
    let (bodies, reports) =
        (office.home.data().join("blobs/imports"), office.home.data().join("blobs/reports"));
    let purge = || ask::<PurgeReport>(&chef, "/admin/retention/purge", &json!({}));
    let before = (files(&bodies)?, files(&reports)?);
    aged(&bodies)?;
    aged(&reports)?;
    assert_eq!(purge()?.imports, 0, "they are kept for ever unless somebody says otherwise");
    let set = patch(&chef, "/admin/retention", &json!({"imports_days": 1}), 200)?;
    assert_eq!(set["imports_days"], 1);
    assert_eq!(purge()?.imports, 0, "their day is not over");
    office
        .home
        .run(&["retention", "set", "--org", "Test", "--imports-days", "0"])?
        .expect_code(0)?;
    patch(&chef, "/admin/retention", &json!({"hold": true}), 200)?;
    assert_eq!(purge()?.imports, 0, "what is held stays");
    patch(&chef, "/admin/retention", &json!({"hold": false}), 200)?;
    assert_eq!((files(&bodies)?, files(&reports)?), before);
    assert_eq!(purge()?.imports, (before.0 + before.1) as u64);
    assert_eq!((files(&bodies)?, files(&reports)?), (0, 0));
    // What the import did, and what it was answered with, stays.
    office.http.get(&rejected)?.expect(404)?;
    assert_eq!(office.http.get(&place)?.expect(200)?.json()["counts"], told["counts"]);
    office.http.get("/profiles/x-1")?.expect(200)?;
    // The same lines come again, and what is young is not touched.
    office.http.send("DELETE", "/profiles/x-1", &[("if-match", "*")], &[])?.expect(204)?;
    let again = import()?.expect(207)?.json();
    assert_ne!(again["import_id"], told["import_id"]);
    assert_eq!(files(&bodies)?, 1);
    assert_eq!(purge()?.imports, 0, "somebody may be at it");
    let audit = audited(&chef)?;
    assert!(audit.iter().any(|one| one == "Chef retention.purged imports"), "{audit:?}");
    Ok(())
}
