//! What an analysis comes to is the same wherever it is made, and within an organisation scores are by one calibration.

use anyhow::{Context, Result, ensure};
use kartei_test_support::{Client, Http, Relay, RelayHome, Stage, repository};
use serde_json::Value;

const BFI: &str = "tests/fixtures/data/bfi.ndjson.gz";

fn fitted(client: &Client, args: &[&str]) -> Result<String> {
    let whole: Vec<&str> = ["calibrate", "fit"].iter().chain(args).copied().collect();
    let detail = client.run(&whole)?.expect_code(0)?.json()?;
    let version = detail["calibration"]["version"].as_str();
    Ok(version.context("a calibration has a version")?.to_owned())
}

/// The active calibration of a schema on a desktop.
fn active(client: &Client, schema: &str) -> Result<Option<String>> {
    let all = client.run(&["calibrate"])?.expect_code(0)?.json()?;
    let all = all["calibrations"].as_array().context("a list")?.clone();
    let found = all.iter().find(|one| one["schema"] == schema && one["stage"] == "active");
    Ok(found.and_then(|one| one["version"].as_str()).map(str::to_owned))
}

fn signed_in(
    stage: &Stage,
    home: &RelayHome,
    relay: &Relay,
    name: &str,
    role: &str,
) -> Result<Client> {
    let client = stage.client(name)?;
    client.login(relay.url(), &home.token(role, name)?)?;
    Ok(client)
}

#[test]
fn a_result_has_the_same_bytes_here_and_at_the_relay() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let anna = signed_in(&stage, &home, &relay, "anna", "analyst")?;
    let ben = signed_in(&stage, &home, &relay, "ben", "analyst")?;
    anna.import(&[repository(BFI)])?;
    let young = fitted(&anna, &["bfi", "--filter", "age<25"])?;
    let bfi = fitted(&anna, &["bfi"])?;
    anna.sync()?;
    // Both are active once, so that both are known everywhere.
    for version in [&young, &bfi] {
        anna.run(&["calibrate", "compare", version])?.expect_code(0)?;
        anna.run(&["calibrate", "activate", version, "--accept"])?.expect_code(0)?;
        ben.sync()?;
    }
    ensure!(active(&ben, "bfi")?.as_ref() == Some(&bfi), "what Anna activated is Ben's");
    let http = Http::new(relay.url(), Some(&home.token("viewer", "reader")?));
    let path = "/profiles/bfi-61617/behavior";
    let told = http.get(path)?.expect(200)?;
    let here = ben.run(&["score", "bfi-61617"])?.expect_code(0)?.json()?;
    for at in 0..5 {
        let score = |told: &Value| told["vectors"][0]["dimensions"][at]["score"].as_f64();
        let (there, here) = (score(&told.json()), score(&here));
        ensure!(there == here && there.is_some(), "dimension {at}: {there:?} and {here:?}");
    }
    let tag = told.header("etag").context("it has a tag")?.to_owned();
    ensure!(tag.contains(&format!(".{bfi}\"")), "the tag names the calibration: {tag}");
    http.send("GET", path, &[("If-None-Match", &tag)], b"")?.expect(304)?;
    let against = format!("against={young}");
    for asked in [
        vec!["distribution"],
        vec!["distribution", "--filter", "age<30"],
        vec!["compare", "--filter", "gender:female"],
        vec!["compare", "--filter", "gender:female", "--with", "other=age>=30"],
        vec!["segments"],
        vec!["segments", "--with", "k=4"],
        vec!["map"],
        vec!["similar", "--with", "id=bfi-61623", "--with", "most=5"],
        vec!["outliers"],
        vec!["drift", "--with", "from=2010-01-01T00:00:00Z"],
        vec!["drift", "--with", &against],
        vec!["duplicates"],
    ] {
        let made = |client: &Client, here: bool| -> Result<Value> {
            let mut args = vec!["analyze"];
            args.extend(&asked);
            args.extend(here.then_some("--here"));
            client.run(&args)?.expect_code(0)?.json()
        };
        let (there, annas, bens) = (made(&anna, false)?, made(&anna, true)?, made(&ben, true)?);
        let digest = there["digest"].as_str().context("a result has a digest")?;
        ensure!(there["result"]["partial"] == false && there["result"]["total"] != 0, "{asked:?}");
        for one in [&annas, &bens] {
            ensure!(one["digest"] == digest, "{asked:?}: {} and {digest}", one["digest"]);
        }
        // What was made here is kept, and can be looked at again.
        let id = bens["result_id"].as_str().context("a result has an id")?;
        let again = ben.run(&["result", id])?.expect_code(0)?.json()?;
        ensure!(again["digest"] == digest, "{asked:?}");
    }
    Ok(())
}

#[test]
fn one_calibration_counts_in_an_organisation() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let anna = signed_in(&stage, &home, &relay, "anna", "analyst")?;
    let ben = signed_in(&stage, &home, &relay, "ben", "analyst")?;
    let vera = signed_in(&stage, &home, &relay, "vera", "viewer")?;
    anna.import(&[repository(BFI)])?;
    anna.sync()?;
    for client in [&ben, &vera] {
        client.sync()?;
        ensure!(active(client, "bfi")?.is_none());
    }
    let refused = anna.run(&["analyze", "segments"])?.expect_code(1)?;
    ensure!(refused.to_string().contains("no calibration is active"), "{refused}");
    let [old, young] =
        ["age>=30", "age<30"].map(|filter| fitted(&anna, &["bfi", "--filter", filter]));
    let (old, young) = (old?, young?);
    anna.run(&["calibrate", "activate", &old, "--accept"])?.expect_code(0)?;
    for client in [&ben, &vera] {
        client.sync()?;
        ensure!(active(client, "bfi")?.as_ref() == Some(&old));
    }
    // Ben has not heard yet that Anna went on: his own is refused until he has seen hers.
    let bens = fitted(&ben, &["bfi", "--filter", "gender:male"])?;
    anna.run(&["calibrate", "compare", &young])?.expect_code(0)?;
    anna.run(&["calibrate", "activate", &young, "--accept"])?.expect_code(0)?;
    let refused = ben.run(&["calibrate", "activate", &bens, "--accept"])?.expect_code(1)?;
    ensure!(refused.json()?["problem"]["code"] == "blocked", "{refused}");
    ensure!(active(&ben, "bfi")?.as_ref() == Some(&young), "he has it now");
    ben.run(&["calibrate", "compare", &bens])?.expect_code(0)?;
    ben.run(&["calibrate", "activate", &bens, "--accept"])?.expect_code(0)?;
    anna.sync()?;
    ensure!(active(&anna, "bfi")?.as_ref() == Some(&bens));
    // Who may only read decides nothing.
    vera.sync()?;
    let own = fitted(&vera, &["bfi"])?;
    let refused = vera.run(&["calibrate", "activate", &own, "--accept"])?.expect_code(1)?;
    ensure!(refused.json()?["problem"]["code"] == "forbidden", "{refused}");
    ensure!(active(&vera, "bfi")?.as_ref() == Some(&bens));
    // Without the relay nobody decides for the others.
    drop(relay);
    anna.run(&["calibrate", "compare", &young])?.expect_code(0)?;
    let refused = anna.run(&["calibrate", "activate", &young, "--accept"])?.expect_code(1)?;
    ensure!(refused.json()?["problem"]["code"] == "offline", "{refused}");
    let here = anna.run(&["analyze", "segments", "--here"])?.expect_code(0)?.json()?;
    ensure!(here["result"]["calibration"]["version"] == bens.as_str(), "made offline");
    Ok(())
}

#[test]
fn what_names_an_erased_profile_is_told_to_nobody() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let anna = signed_in(&stage, &home, &relay, "anna", "admin")?;
    anna.import(&[repository(BFI)])?;
    let bfi = fitted(&anna, &["bfi"])?;
    anna.sync()?;
    anna.run(&["calibrate", "activate", &bfi])?.expect_code(0)?;
    let made = |args: &[&str]| anna.run(args)?.expect_code(0)?.json();
    let like = made(&["analyze", "similar", "--with", "id=bfi-61623"])?;
    let spread = made(&["analyze", "distribution"])?;
    let here = made(&["analyze", "similar", "--with", "id=bfi-61623", "--here"])?;
    let id = |result: &Value| result["result_id"].as_str().unwrap_or_default().to_owned();
    let nearest = like["result"]["similar"][0]["id"].as_str().context("somebody is near")?;
    for one in [&like, &spread, &here] {
        anna.run(&["result", &id(one)])?.expect_code(0)?;
    }
    let filter = format!("id:{nearest} or age<30");
    let asked = [
        made(&["analyze", "quality", "--filter", &filter])?,
        made(&["analyze", "similar", "--with", &format!("id={nearest}")])?,
    ];
    let http = Http::new(relay.url(), Some(&home.token("viewer", "reader")?));
    let jobs = || Ok::<_, anyhow::Error>(http.get("/analyze/jobs")?.expect(200)?.text());
    ensure!(jobs()?.contains(nearest), "{}", jobs()?);
    anna.run(&["erase", nearest])?.expect_code(0)?;
    anna.sync()?;
    ensure!(!jobs()?.contains(nearest) && jobs()?.contains("(erased)"), "{}", jobs()?);
    for one in asked {
        let job = one["job_id"].as_str().context("a job")?;
        let told = http.get(&format!("/analyze/jobs/{job}"))?.expect(200)?.text();
        ensure!(!told.contains(nearest), "{told}");
    }
    let gone = http.get(&format!("/analyze/results/{}", id(&like)))?.expect(410)?;
    ensure!(!gone.text().contains(nearest), "{}", gone.text());
    http.get(&format!("/analyze/results/{}", id(&spread)))?.expect(200)?;
    for one in [&like, &here] {
        anna.run(&["result", &id(one)])?.expect_code(1)?;
    }
    anna.run(&["result", &id(&spread)])?.expect_code(0)?;
    Ok(())
}
