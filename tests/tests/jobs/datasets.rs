//! Analyses of the records of an uploaded file.

use anyhow::{Context, Result, ensure};
use kartei_protocol::jobs::{FailReason, JobState};
use kartei_test_support::{Http, repository};
use serde_json::{Value, json};

use crate::workers::frozen_at;
use crate::{Office, office, post};

const RAW: (&str, &str) = ("content-type", "application/octet-stream");

/// Uploads a file in one request. Answers its id.
fn upload(http: &Http, name: &str, body: &[u8]) -> Result<String> {
    let path = format!("/api/upload?action=create&complete=true&name={name}");
    let reply = http.send("POST", &path, &[RAW], body)?.expect(201)?;
    Ok(reply.json()["file"].as_str().context("a file has an id")?.to_owned())
}

fn fixture(name: &str) -> Result<Vec<u8>> {
    Ok(std::fs::read(repository(&format!("tests/fixtures/data/{name}")))?)
}

impl Office {
    /// What an analysis came to, but for whom it was asked of.
    fn told(&self, asked: &Value) -> Result<(Value, Value)> {
        let mut told = post(&self.http, "/analyze", &[], asked)?.expect(200)?.json();
        let members = told.as_object_mut().context("a result is an object")?;
        members.remove("params");
        let input = members.remove("input").context("a result says of what it is")?;
        Ok((told, input))
    }
}

#[test]
fn the_records_of_a_file_come_to_what_the_same_profiles_come_to() -> Result<()> {
    let office = office(&[], "bfi.ndjson.gz")?;
    let file = upload(&office.http, "bfi.ndjson.gz", &fixture("bfi.ndjson.gz")?)?;
    let ada = office.stage.client("ada")?;
    ada.login(office.relay.url(), &office.home.token("analyst", "Ada's desk")?)?;
    ada.sync()?;
    let draft = ada.run(&["calibrate", "fit", "bfi"])?.expect_code(0)?.json()?;
    let version = draft["calibration"]["version"].as_str().context("it has a version")?;
    ada.run(&["calibrate", "activate", version])?.expect_code(0)?;
    for asked in [
        json!({"analysis": "quality"}),
        json!({"analysis": "quality", "filter": "age<30"}),
        json!({"analysis": "compare", "filter": "gender:female"}),
        json!({"analysis": "compare", "filter": "age<40", "params": {"other": "gender:female"}}),
        json!({"analysis": "distribution", "filter": "gender:male"}),
        json!({"analysis": "similar", "filter": "age<30", "params": {"id": "bfi-61623"}}),
        json!({"analysis": "segments"}),
        json!({"analysis": "outliers"}),
        json!({"analysis": "duplicates"}),
    ] {
        let mut of_file = asked.clone();
        of_file["params"]["dataset"] = json!(file);
        let ((profiles, _), (records, input)) = (office.told(&asked)?, office.told(&of_file)?);
        ensure!(records == profiles, "{asked}: the records of the file come to something else");
        let dataset = &input["dataset"];
        assert_eq!(dataset["file"], file);
        assert_eq!(dataset["name"], "bfi.ndjson.gz");
        assert_eq!((&dataset["records"], &dataset["rejected"]), (&json!(2_800), &json!(0)));
    }
    office.check()?;
    // The client asks for the same, and says what it is of.
    let said = ada.run_plain(&["analyze", "quality", "--dataset", &file])?.expect_code(0)?;
    let said = String::from_utf8_lossy(said.stdout()).into_owned();
    ensure!(
        said.contains("2\u{202f}800 of 2\u{202f}800 records of the file `bfi.ndjson.gz`"),
        "{said}"
    );
    let with = format!("dataset={file}");
    let refused = ada.run(&["analyze", "quality", "--here", "--with", &with])?.expect_code(2)?;
    ensure!(refused.to_string().contains("lies at the relay"), "{refused}");
    Ok(())
}

#[test]
fn of_a_file_it_is_said_what_was_left_out() -> Result<()> {
    let office = office(&[], "bfi.ndjson.gz")?;
    let chef = office.stage.client("chef")?;
    chef.login(office.relay.url(), &office.home.token("admin", "Chef")?)?;
    chef.sync()?;
    chef.run(&["erase", "bfi-61617"])?.expect_code(0)?;
    let line = |id: &str, age: u64| {
        json!({"schema": "user_profile.v1", "id": id, "attributes": {"age": age}}).to_string()
    };
    let lines = [
        line("p-1", 20),
        "{\"id\": ".to_owned(),
        line("p-2", 30),
        String::new(),
        // The later line of an id counts.
        line("p-1", 50),
        line("bfi-61617", 16),
    ];
    let file = upload(&office.http, "few.ndjson", lines.join("\n").as_bytes())?;
    let asked = json!({"analysis": "quality", "filter": "age>=40", "params": {"dataset": file}});
    let (told, input) = office.told(&asked)?;
    assert_eq!((&told["done"], &told["total"]), (&json!(1), &json!(1)));
    let dataset = &input["dataset"];
    let counts = ["records", "rejected", "erased"].map(|name| dataset[name].as_u64());
    assert_eq!(counts, [Some(2), Some(1), Some(1)], "{dataset}");
    Ok(())
}

#[test]
fn a_file_that_cannot_be_analysed_is_said() -> Result<()> {
    let office = office(&[("KARTEI_WORKERS", "0")], "bfi.ndjson.gz")?;
    let asked = |file: &str| json!({"analysis": "quality", "params": {"dataset": file}});
    let foreign = office.home.organisation("other")?;
    let theirs = Http::new(office.relay.url(), Some(&foreign.token("analyst", "Eve")?));
    let file =
        upload(&office.http, "few.ndjson", b"{\"schema\":\"user_profile.v1\",\"id\":\"p-1\"}\n")?;
    // Who may not know of a file is told the same as of one that is nowhere.
    for (http, file) in [(&office.http, "nowhere"), (&theirs, file.as_str())] {
        let reply = post(http, "/analyze/jobs", &[], &asked(file))?.expect(400)?;
        let said = format!("the file `{file}` is not there any more");
        ensure!(reply.json()["detail"] == said.as_str(), "{}", reply.text());
    }
    let noise = upload(&office.http, "photo.jpg", &[0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10])?;
    let jobs = [office.submit(&asked(&noise))?, office.submit(&asked(&file))?];
    office.http.send("DELETE", &format!("/api/files/{file}"), &[], &[])?.expect(204)?;
    let worker = office.home.worker(1)?;
    for (job, words) in jobs.iter().zip(["photo.jpg", "is not there any more"]) {
        let ended = office.ended(&job.job_id)?;
        let told = (ended.status, ended.reason, ended.attempts);
        assert_eq!(told, (JobState::Failed, Some(FailReason::Analysis), 1), "{words}");
        let detail = ended.detail.unwrap_or_default();
        ensure!(words == "photo.jpg" || detail.contains(words), "{detail}");
    }
    worker.stop()?;
    office.check()?;
    Ok(())
}

#[test]
fn another_worker_goes_on_with_a_file() -> Result<()> {
    let office = office(&[("KARTEI_WORKERS", "0")], "bfi.ndjson.gz")?;
    let file = upload(&office.http, "cdnow.ndjson.gz", &fixture("cdnow.ndjson.gz")?)?;
    let asked = json!({"analysis": "quality", "params": {"dataset": file}});
    let (mut dies, job) = frozen_at(&office, || office.submit(&asked))?;
    dies.kill()?;
    let heir = office.home.worker(1)?;
    let ended = office.ended(&job.job_id)?;
    assert_eq!((ended.status, ended.attempts), (JobState::Completed, 2));
    let result = office.result(&ended)?;
    assert_eq!(result["done"], 23_570, "nobody is missing, and nobody is counted twice");
    assert_eq!(result["observations"]["count"], 23_570);
    heir.stop()?;
    office.check()?;
    Ok(())
}
