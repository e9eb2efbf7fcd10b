//! Calibrations that the relay makes: the same bytes and numbers as a desktop's, as jobs.

use anyhow::{Context, Result};
use kartei_protocol::jobs::{FailReason, JobInfo, JobState};
use kartei_test_support::{Client, Http, Postgres, Stage, Worker, until, until_some};
use serde_json::{Value, json};

use crate::workers::frozen_at;
use crate::{Office, WITHIN, cohorts, office, opened, post};

fn asked(office: &Office, path: &str, body: &Value) -> Result<JobInfo> {
    let reply = post(&office.http, path, &[], body)?.expect(201)?;
    let job: JobInfo = serde_json::from_value(reply.json())?;
    assert_eq!(reply.header("location"), Some(&*format!("/analyze/jobs/{}", job.job_id)));
    Ok(job)
}

fn fit(office: &Office, body: &Value) -> Result<Value> {
    made(office, "/calibrations/fit", body)
}

fn made(office: &Office, path: &str, body: &Value) -> Result<Value> {
    let job = office.ended(&asked(office, path, body)?.job_id)?;
    assert_eq!(job.status, JobState::Completed, "{job:?}");
    office.result(&job)
}

/// A desktop that has what the relay has.
fn desk(office: &Office) -> Result<Client> {
    let ada = office.stage.client("ada")?;
    ada.login(office.relay.url(), &office.home.token("analyst", "Ada's desk")?)?;
    ada.sync()?;
    Ok(ada)
}

fn here(desk: &Client, args: &[&str]) -> Result<Value> {
    let whole: Vec<&str> = ["calibrate"].iter().chain(args).copied().collect();
    desk.run(&whole)?.expect_code(0)?.json()
}

fn version(told: &Value) -> Result<String> {
    let version = told["calibration"]["version"].as_str();
    Ok(version.context("a calibration has a version")?.to_owned())
}

/// That both tell the same: the calibration with every bit of it, diagnostics, gates and the dry run.
fn assert_same(relays: &Value, desks: &Value) -> Result<()> {
    assert_eq!(version(relays)?, version(desks)?, "a hash of all that it says");
    assert_eq!(relays["calibration"]["population"], desks["population"]);
    assert_eq!(relays["compared_with"], desks["compared_with"]);
    assert_eq!(relays["gates"], desks["gates"]);
    let told = |name: &str| relays[name].as_array().cloned().unwrap_or_default();
    let (signals, dimensions, farthest) = (told("signals"), told("dimensions"), told("farthest"));
    let theirs = desks["signals"].as_array().context("signals")?;
    assert_eq!(signals.len(), theirs.len());
    for (ours, theirs) in signals.iter().zip(theirs) {
        for name in ["name", "people", "median", "range", "reliability", "parts", "stability"] {
            assert_eq!(ours[name], theirs[name], "{name} of {}", ours["name"]);
        }
    }
    let theirs = desks["dimensions"].as_array().context("dimensions")?;
    assert_eq!(dimensions.len(), theirs.len());
    for (ours, theirs) in dimensions.iter().zip(theirs) {
        for name in ["name", "people", "alpha", "complete"] {
            assert_eq!(ours[name], theirs[name], "{name} of {}", ours["name"]);
        }
        let moved = match ours["change_band"].is_null() {
            true => Value::Null,
            false => json!([ours["change_band"], ours["compared"]]),
        };
        assert_eq!(moved, theirs["change_band"]);
        let of_it = farthest.iter().filter(|one| one["dimension"] == ours["name"]);
        let of_it: Vec<Value> = of_it
            .map(|one| json!({"id": one["id"], "from": one["from"], "to": one["to"]}))
            .collect();
        assert_eq!(json!(of_it), theirs["farthest"]);
    }
    assert_eq!(relays["moved"]["change_band"], desks["calibration"]["change_band"]);
    Ok(())
}

#[test]
fn the_relay_makes_the_calibration_that_a_desktop_makes() -> Result<()> {
    let office = office(&[], "bfi.ndjson.gz")?;
    let ada = desk(&office)?;
    let first = fit(&office, &json!({"schema": "bfi"}))?;
    assert_same(&first, &here(&ada, &["fit", "bfi"])?)?;
    assert_eq!((&first["moved"], &first["total"]), (&Value::Null, &json!(2_800)));
    let first = version(&first)?;
    let draft = office.http.get(&format!("/calibrations/{first}"))?.expect(200)?.json();
    assert_eq!((&draft["stage"], &draft["made_by"]), (&json!("draft"), &json!("Ada")));
    let activate = format!("/calibrations/{first}/activate");
    post(&office.http, &activate, &[], &json!({}))?.expect(200)?;
    ada.sync()?;
    // Of some people at another moment, against the active one; the dry run is of everybody.
    let as_of = "2010-07-01T00:00:00Z";
    let young = json!({"schema": "bfi", "filter": "age<20", "as_of": as_of});
    let young = fit(&office, &young)?;
    assert_same(&young, &here(&ada, &["fit", "bfi", "--filter", "age<20", "--as-of", as_of])?)?;
    assert_eq!((&young["moved"]["profiles"], &young["total"]), (&json!(2_800), &json!(2_800)));
    assert!(young["moved"]["change_band"].as_u64() > Some(0), "{}", young["moved"]);
    assert!(young["farthest"].as_array().is_some_and(|all| all.len() == 50));
    let young = version(&young)?;
    // Its gates stand between it and everybody's scores, as they do for one that was brought.
    let activate = format!("/calibrations/{young}/activate");
    let refused = post(&office.http, &activate, &[], &json!({"instead_of": first}))?.expect(409)?;
    assert_eq!(refused.json()["code"], "gates");
    // The same fit at another moment; a desktop's roll.
    let rolled = json!({"same_fit_as": first, "as_of": as_of});
    let rolled = fit(&office, &rolled)?;
    assert_same(&rolled, &here(&ada, &["roll", "bfi", "--as-of", as_of])?)?;
    // Any two of a schema.
    let compare = format!("/calibrations/{}/compare", version(&rolled)?);
    let compared = made(&office, &compare, &json!({"with": young}))?;
    let desks = here(&ada, &["compare", &version(&rolled)?, "--with", &young])?;
    assert_same(&compared, &desks)?;
    let compared = made(&office, &compare, &json!({}))?;
    assert_eq!(compared["compared_with"], json!(first));
    // A key names one request; each draft is there once, and who asked for it is in the audit. What is held against
    // the active one says so: it is another calibration than the first.
    let key = ("idempotency-key", "nightly");
    let ask = |body: Value| post(&office.http, "/calibrations/fit", &[key], &body);
    let once = ask(json!({"schema": "bfi"}))?.expect(201)?.json();
    let again = ask(json!({"schema": "bfi"}))?.expect(200)?.json();
    assert_eq!(once["job_id"], again["job_id"]);
    ask(json!({"schema": "bfi", "filter": "age<20"}))?.expect(422)?;
    office.ended(once["job_id"].as_str().unwrap_or_default())?;
    let listed = office.http.get("/calibrations")?.expect(200)?.json();
    assert_eq!(listed["calibrations"].as_array().map(Vec::len), Some(4), "{listed}");
    let chef = crate::admin::administrator(&office)?;
    let audit = chef.get("/admin/audit?action=calibration.added")?.expect(200)?.json();
    let told = audit["events"].as_array().cloned().unwrap_or_default();
    let by_ada = told.iter().filter(|one| one["actor"] == "Ada").count();
    assert_eq!(by_ada, 4, "{audit}");
    office.check()?;
    // From a terminal it is the same, and adds nothing that is there.
    let told = here(&ada, &["fit", "bfi", "--relay", "--filter", "age<20", "--as-of", as_of])?;
    assert_eq!(version(&told["result"])?, young);
    Ok(())
}

#[test]
fn what_cannot_be_made_is_refused_in_the_words_of_a_desktop() -> Result<()> {
    let office = office(&[], "bfi.ndjson.gz")?;
    let ada = desk(&office)?;
    let viewer = Http::new(office.relay.url(), Some(&office.home.token("viewer", "Vera")?));
    let refused =
        post(&viewer, "/calibrations/fit", &[], &json!({"schema": "bfi"}))?.expect(403)?;
    assert_eq!(refused.json()["code"], "forbidden");
    post(&viewer, "/calibrations/nobody/compare", &[], &json!({}))?.expect(403)?;
    let ask = |body: Value| post(&office.http, "/calibrations/fit", &[], &body);
    let words = |args: &[&str], code: i32| -> Result<Value> {
        let whole: Vec<&str> = ["calibrate"].iter().chain(args).copied().collect();
        Ok(ada.run(&whole)?.expect_code(code)?.json()?["problem"].clone())
    };
    let refused = ask(json!({"schema": "nobody's"}))?.expect(404)?.json();
    let desks = words(&["fit", "nobody's"], 1)?;
    assert_eq!((&refused["code"], &refused["detail"]), (&desks["code"], &desks["message"]));
    let refused = ask(json!({"schema": "bfi", "filter": "age<"}))?.expect(400)?.json();
    assert_eq!(refused["code"], words(&["fit", "bfi", "--filter", "age<"], 2)?["code"]);
    for wrong in [
        json!({}),
        json!({"schema": "bfi", "as_of": "yesterday"}),
        json!({"schema_text": {"schema": "behavior_schema.v1"}}),
        json!({"schema": "bfi", "filter": "score.openness>0.5"}),
    ] {
        ask(wrong)?.expect(400)?;
    }
    ask(json!({"same_fit_as": "nobody"}))?.expect(404)?;
    // Another schema that takes the name of one that comes with the program.
    let own = |name: &str| {
        json!({"schema": "behavior_schema.v1", "name": name, "version": 1,
            "signals": [{"name": "A1", "kind": "level", "range": [1, 6]}],
            "dimensions": [{"name": "only", "weights": {"A1": 1}}]})
    };
    let refused = ask(json!({"schema_text": own("bfi")}))?.expect(409)?.json();
    assert_eq!(refused["code"], "blocked");
    // One of one's own is there by its name from then on.
    let brought = fit(&office, &json!({"schema_text": own("mine")}))?;
    assert_same(&fit(&office, &json!({"schema": "mine"}))?, &desks_own(&ada, &own("mine"))?)?;
    // What only the profiles can tell is told by the job.
    let failed = |body: &Value| -> Result<(Option<FailReason>, Option<String>)> {
        let job = office.ended(&asked(&office, "/calibrations/fit", body)?.job_id)?;
        assert_eq!((job.status, job.result_id), (JobState::Failed, None));
        Ok((job.reason, job.detail))
    };
    let said = |problem: Value| problem["message"].as_str().map(str::to_owned);
    let nothing = words(&["fit", "cdnow"], 1)?;
    assert_eq!(failed(&json!({"schema": "cdnow"}))?, (Some(FailReason::Analysis), said(nothing)));
    let version = version(&brought)?;
    let activate = format!("/calibrations/{version}/activate");
    post(&office.http, &activate, &[], &json!({"accept": true}))?.expect(200)?;
    ada.sync()?;
    let same = words(&["roll", "mine"], 1)?;
    assert_eq!(failed(&json!({"same_fit_as": version}))?, (Some(FailReason::Analysis), said(same)));
    // Too few people make a calibration that its gates hold back.
    let few = "age>75";
    let made = fit(&office, &json!({"schema": "bfi", "filter": few}))?;
    assert_same(&made, &here(&ada, &["fit", "bfi", "--filter", few])?)?;
    let people = made["gates"].as_array().and_then(|all| all.first()).context("gates")?;
    assert_eq!((&people["kind"], &people["passes"]), (&json!("people"), &json!(false)));
    // Calibrations of two schemas are not held against each other.
    let compare = format!("/calibrations/{version}/compare");
    let other = json!({"with": made["calibration"]["version"]});
    post(&office.http, &compare, &[], &other)?.expect(409)?;
    office.check()?;
    Ok(())
}

/// What a desktop makes with a schema of one's own.
fn desks_own(desk: &Client, schema: &Value) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("schema.json");
    std::fs::write(&file, schema.to_string())?;
    here(desk, &["schema", &file.display().to_string(), "--keep"])?;
    here(desk, &["fit", schema["name"].as_str().unwrap_or_default()])
}

/// A worker that was frozen with a calibration half made, and the job.
fn half_made(office: &Office) -> Result<(Worker, JobInfo)> {
    frozen_at(office, || asked(office, "/calibrations/fit", &json!({"schema": "cdnow"})))
}

#[test]
fn a_calibration_is_cancelled_and_gone_on_with_as_analyses_are() -> Result<()> {
    let office = office(&[("KARTEI_WORKERS", "0")], "cdnow.ndjson.gz")?;
    let drafts = || -> Result<usize> {
        let listed = office.http.get("/calibrations")?.expect(200)?.json();
        Ok(listed["calibrations"].as_array().map_or(0, Vec::len))
    };
    let (worker, job) = half_made(&office)?;
    assert_eq!(cohorts(&office.home.data().join("blobs/jobs"))?, 1, "another worker could go on");
    office.cancel(&job.job_id)?;
    worker.thaw()?;
    let ended = office.ended(&job.job_id)?;
    assert_eq!((ended.status, ended.result_id), (JobState::Canceled, None));
    let partial = ended.partial.unwrap_or_default();
    assert!(partial["step"].is_string() && partial["partial"] == true, "{partial}");
    assert_eq!(drafts()?, 0, "nothing is left of it");
    worker.stop()?;
    let (mut dies, job) = half_made(&office)?;
    dies.kill()?;
    let heir = office.home.worker(1)?;
    let of_two = office.ended(&job.job_id)?;
    assert_eq!((of_two.status, of_two.attempts), (JobState::Completed, 2));
    // What was cancelled is tried again; the same people make the same calibration, in one go or in two.
    let path = format!("/analyze/jobs/{}/retry", ended.job_id);
    let again: JobInfo =
        serde_json::from_value(post(&office.http, &path, &[], &json!({}))?.expect(201)?.json())?;
    assert_eq!(again.retry_of.as_deref(), Some(&*ended.job_id));
    let again = until_some(WITHIN, "it is made", || {
        Ok(Some(office.job(&again.job_id)?).filter(|job| job.status.is_terminal()))
    })?;
    let (whole, halves) = (office.result(&again)?, office.result(&of_two)?);
    assert_eq!(version(&whole)?, version(&halves)?);
    assert_eq!((&whole["signals"], &whole["gates"]), (&halves["signals"], &halves["gates"]));
    assert_eq!((&halves["done"], drafts()?), (&json!(23_570), 1));
    heir.stop()?;
    office.check()?;
    Ok(())
}

/// The gates of a refusal.
fn refused(office: &Office, version: &str, instead_of: &str) -> Result<Value> {
    let path = format!("/calibrations/{version}/activate");
    let body = json!({"instead_of": instead_of});
    Ok(post(&office.http, &path, &[], &body)?.expect(409)?.json()["gates"].clone())
}

#[test]
fn whom_a_calibration_moves_is_looked_at_before_it_is_activated() -> Result<()> {
    let office = office(&[], "bfi.ndjson.gz")?;
    let ada = desk(&office)?;
    let told = |version: &str| -> Result<Value> {
        Ok(office.http.get(&format!("/calibrations/{version}"))?.expect(200)?.json())
    };
    // Both are made before one is active: neither is held against anything.
    let first = version(&fit(&office, &json!({"schema": "bfi"}))?)?;
    let adults = version(&fit(&office, &json!({"schema": "bfi", "filter": "age>=20"}))?)?;
    assert_eq!(told(&adults)?["compared_with"], Value::Null);
    post(&office.http, &format!("/calibrations/{first}/activate"), &[], &json!({}))?.expect(200)?;
    assert_eq!(refused(&office, &adults, &first)?, json!(["moves"]), "nobody has looked");
    // Looked at against another one than the active one, it is as unknown as before.
    let other = version(&fit(&office, &json!({"schema": "bfi", "filter": "age>=21"}))?)?;
    let with = json!({"with": other});
    made(&office, &format!("/calibrations/{adults}/compare"), &with)?;
    assert_eq!(refused(&office, &adults, &first)?, json!(["moves"]));
    // From a terminal, by the beginnings of versions.
    let begins = |version: &str| version.get(..8).unwrap_or_default().to_owned();
    let compared = here(&ada, &["compare", &begins(&adults), "--relay"])?;
    assert_eq!(compared["result"]["compared_with"], json!(first));
    let known = told(&adults)?;
    assert_eq!(known["compared_with"], json!(first));
    let moves = known["gates"].as_array().and_then(|gates| gates.last()).context("gates")?;
    assert_eq!((&moves["kind"], &moves["passes"]), (&json!("moves"), &json!(true)));
    let activate = format!("/calibrations/{adults}/activate");
    post(&office.http, &activate, &[], &json!({"instead_of": first}))?.expect(200)?;
    // One that moves many stays a draft, also where it was to be activated at once.
    let young = json!({"schema": "bfi", "filter": "age<17", "activate": true});
    let young = fit(&office, &young)?;
    assert_eq!(young["activated"], false);
    let gates = refused(&office, &version(&young)?, &adults)?;
    assert!(gates.as_array().is_some_and(|all| all.contains(&json!("moves"))), "{gates}");
    assert_eq!(told(&adults)?["stage"], "active");
    ada.run(&["calibrate", "compare", "nobody", "--relay"])?.expect_code(1)?;
    // Rolled there from a terminal; only the moment is another one.
    let as_of = "2010-07-01T00:00:00Z";
    let rolled = here(&ada, &["roll", "bfi", "--as-of", as_of, "--activate", "--relay"])?;
    assert_eq!(
        (&rolled["result"]["activated"], &told(&adults)?["stage"]),
        (&json!(true), &json!("retired"))
    );
    Ok(())
}

/// The active calibration of a schema, once it is another one than `before`.
fn active_but(office: &Office, before: &str) -> Result<Value> {
    until_some(WITHIN, "another calibration is active", || {
        let listed = office.http.get("/calibrations")?.expect(200)?.json();
        let all = listed["calibrations"].as_array().cloned().unwrap_or_default();
        Ok(all.into_iter().find(|one| one["stage"] == "active" && one["version"] != *before))
    })
}

/// What moves on at once when the relay starts, however young it is.
const ROLLING: (&str, &str) = ("KARTEI_ROLL_HOURS", "0.0000001");

fn moves_on(mut office: Office) -> Result<()> {
    // A day before the last orders.
    let eve = json!({"schema": "cdnow", "as_of": "1998-06-29T00:00:00Z"});
    let eve = version(&fit(&office, &eve)?)?;
    let activate = format!("/calibrations/{eve}/activate");
    // One dimension's items have little in common: somebody has seen that, and is not asked every day.
    post(&office.http, &activate, &[], &json!({"accept": true}))?.expect(200)?;
    let restart = |office: &mut Office| -> Result<()> {
        let port = office.relay.port()?;
        office.relay.begin_stop()?;
        until(WITHIN, "the relay has stopped", || office.relay.has_ended())?;
        office.relay = office.home.start_on(port)?;
        Ok(())
    };
    restart(&mut office)?;
    let rolled = active_but(&office, &eve)?;
    assert_eq!((&rolled["made_by"], &rolled["changed_by"]), (&json!("relay"), &json!("relay")));
    let newest = rolled["version"].as_str().context("version")?.to_owned();
    let fit_of = |version: &str| -> Result<Value> {
        let told = office.http.get(&format!("/calibrations/{version}"))?.expect(200)?.json();
        Ok(told["calibration"]["signals"].clone())
    };
    assert_eq!(fit_of(&newest)?, fit_of(&eve)?, "the same fit");
    // Nothing newer: nothing is asked for. Something newer, which is days later: it moves too many, and stays a draft.
    let jobs = |office: &Office| -> Result<usize> {
        let page = office.http.get("/analyze/jobs?limit=500")?.expect(200)?.json();
        Ok(page["jobs"].as_array().map_or(0, Vec::len))
    };
    assert_eq!(jobs(&office)?, 2);
    let late = json!({"schema": "user_profile.v1", "id": "late", "observations": [
        {"id": "o1", "signal": "order_value", "at": "2005-01-01T00:00:00Z", "value": 10.0}]});
    let kind = ("content-type", "application/x-ndjson");
    let line = late.to_string();
    office.http.send("POST", "/profiles/import", &[kind], line.as_bytes())?.expect(200)?;
    restart(&mut office)?;
    until_some(WITHIN, "it was tried", || {
        let page = office.http.get("/analyze/jobs?limit=1&status=completed")?.expect(200)?.json();
        let newest: JobInfo = serde_json::from_value(page["jobs"][0].clone())?;
        Ok(Some(office.result(&newest)?).filter(|told| told["activated"] == false))
    })?;
    assert_eq!(jobs(&office)?, 3);
    let listed = office.http.get("/calibrations")?.expect(200)?.json();
    let stages: Vec<&Value> = listed["calibrations"]
        .as_array()
        .map_or(Vec::new(), |all| all.iter().map(|one| &one["stage"]).collect());
    assert_eq!(stages.iter().filter(|stage| **stage == "draft").count(), 1, "{listed}");
    Ok(())
}

#[test]
fn calibrations_move_on_by_themselves() -> Result<()> {
    moves_on(office(&[ROLLING], "cdnow.ndjson.gz")?)
}

#[test]
fn calibrations_move_on_by_themselves_on_postgres() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("jobs")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?.with(&[ROLLING]);
    moves_on(opened(stage, home, "cdnow.ndjson.gz")?)
}
