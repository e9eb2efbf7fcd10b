//! Scores from a terminal, and that everybody has the same: two desktops that came to their profiles in other ways make
//! calibrations with the same bits.

use anyhow::{Context, Result, ensure};
use kartei_test_support::{Client, Stage, repository};
use serde_json::Value;

const DATA: [&str; 2] =
    ["tests/fixtures/data/bfi.ndjson.gz", "tests/fixtures/data/cdnow.ndjson.gz"];

fn fit(client: &Client, args: &[&str]) -> Result<Value> {
    let whole: Vec<&str> = ["calibrate", "fit"].iter().chain(args).copied().collect();
    client.run(&whole)?.expect_code(0)?.json()
}

fn version(detail: &Value) -> Result<String> {
    let version = detail["calibration"]["version"].as_str();
    Ok(version.context("a calibration has a version")?.to_owned())
}

#[test]
fn scores_from_a_terminal() -> Result<()> {
    let stage = Stage::new()?;
    let client = stage.client("a")?;
    client.import(&DATA.map(repository))?;
    let none = client.run(&["score", "bfi-61617"])?.expect_code(0)?.json()?;
    ensure!(none["calibrated"] == false && none["vectors"] == Value::Array(Vec::new()), "{none}");
    let detail = fit(&client, &["bfi"])?;
    let alphas: Vec<String> = (0..5)
        .map(|at| format!("{:.2}", detail["dimensions"][at]["alpha"].as_f64().unwrap_or_default()))
        .collect();
    ensure!(alphas == ["0.70", "0.73", "0.76", "0.81", "0.60"], "as published: {alphas:?}");
    ensure!(detail["calibration"]["profiles"] == 2_800, "customers answered nothing");
    let bfi = version(&detail)?;
    client.run(&["calibrate", "activate", &bfi[..6]])?.expect_code(0)?;
    let found = client.run(&["score", "bfi-61617"])?.expect_code(0)?.json()?;
    let [trait_, signals] = ["dimensions", "signals"].map(|name| found["vectors"][0][name].clone());
    ensure!(trait_[0]["name"] == "agreeableness" && trait_[0]["band"] == "low", "{trait_}");
    ensure!(signals.as_array().is_some_and(|all| all.len() == 25));
    let young = fit(&client, &["bfi", "--filter", "age<20"])?;
    let young = version(&young)?;
    let refused = client.run(&["calibrate", "activate", &young])?.expect_code(1)?;
    ensure!(refused.json()?["problem"]["code"] == "gates", "{refused}");
    client.run(&["calibrate", "activate", &young, "--accept"])?.expect_code(0)?;
    client.run(&["calibrate", "activate", &bfi])?.expect_code(0)?;
    client.run(&["calibrate", "delete", &young])?.expect_code(0)?;
    client.run(&["calibrate", "show", &young])?.expect_code(1)?;
    client.run(&["calibrate", "fit", "bfi", "--filter", "age<"])?.expect_code(2)?;
    Ok(())
}

#[test]
fn two_desktops_make_the_same_calibration() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let [anna, ben] = ["anna", "ben"].map(|name| stage.client(name));
    let (anna, ben) = (anna?, ben?);
    for (client, name) in [(&anna, "Anna"), (&ben, "Ben")] {
        let token = home.token("analyst", name)?;
        client.login(relay.url(), &token)?;
    }
    let [bfi, cdnow] = DATA.map(repository);
    anna.import(&[cdnow])?;
    anna.sync()?;
    ben.import(&[bfi])?;
    ben.sync()?;
    anna.sync()?;
    // Both write into the same profile before either hears of it; the sets of observations are joined.
    let second = |value: u8, id: &str| {
        format!(r#"{{"signal":"A1","value":{value},"at":"2010-06-01T00:00:00Z","id":"{id}"}}"#)
    };
    for (client, value, id) in [(&anna, 6, "by-anna"), (&ben, 1, "by-ben")] {
        let added = second(value, id);
        client.run(&["edit", "bfi-61617", "--add-observation", &added])?.expect_code(0)?;
    }
    for client in [&anna, &ben, &anna] {
        client.sync()?;
    }
    for schema in ["bfi", "cdnow"] {
        let [ours, theirs] = [&anna, &ben].map(|client| version(&fit(client, &[schema])?));
        let (ours, theirs) = (ours?, theirs?);
        ensure!(ours == theirs, "{schema}: {ours} and {theirs}");
        for client in [&anna, &ben] {
            client.run(&["calibrate", "activate", &ours, "--accept"])?.expect_code(0)?;
        }
    }
    for id in ["bfi-61617", "cdnow-00499"] {
        let [ours, theirs] =
            [&anna, &ben].map(|client| client.run(&["score", id])?.expect_code(0)?.json());
        let (ours, theirs) = (ours?, theirs?);
        ensure!(ours == theirs && ours["vectors"][0].is_object(), "{ours} and {theirs}");
    }
    Ok(())
}
