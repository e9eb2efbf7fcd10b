//! Scores of the real questionnaires, dimension by dimension.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{absorbed, bfi, bfi_scale, codes, context, input, report, run};
use kartei_analysis::{Analysis, AskedWrongly, CHUNK, Context, tables};
use kartei_profile::Record;
use serde_json::{Value, json};

#[test]
fn a_population_is_spread_as_itself() {
    let people = bfi();
    let scale = bfi_scale(&people);
    let context = context("distribution", &Value::Null, Some(&scale), None);
    let report = report(&context, &people);
    assert_eq!(report["calibration"]["version"], scale.version());
    assert_eq!(report["params"]["calibration"], scale.version());
    assert_eq!(report["partial"], false);
    let dimensions = report["dimensions"].as_array().unwrap();
    assert_eq!(dimensions.len(), 5);
    for one in dimensions {
        assert_eq!(one["people"].as_u64().unwrap() + one["missing"].as_u64().unwrap(), 2_800);
        // Places of a population are uniform, and a score is a mean of some.
        assert!((one["mean"].as_f64().unwrap() - 0.5).abs() < 0.01, "{one}");
        assert!((one["p50"].as_f64().unwrap() - 0.5).abs() < 0.03, "{one}");
        for band in ["low", "high"] {
            let share = one["bands"][band]["share"].as_f64().unwrap();
            assert!((share - 0.23).abs() < 0.02, "{band}: {share}");
        }
        assert!(one["mean_low"].is_null(), "all were seen");
    }
    assert_eq!(codes(&report), [("as_calibrated".to_owned(), String::new())]);
    let tables = tables(&report);
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["bins", "dimensions"]);
    let people: u64 = tables[0].rows.iter().map(|row| row[3].as_u64().unwrap()).sum();
    assert_eq!(tables[0].columns, ["dimension", "from", "to", "people"]);
    assert_eq!(people, dimensions.iter().map(|one| one["people"].as_u64().unwrap()).sum::<u64>());
}

#[test]
fn women_are_more_often_high_in_agreeableness() {
    let people = bfi();
    let scale = bfi_scale(&people);
    let is_woman = |record: &&Record| record.members()["attributes"]["gender"] == "female";
    let women: Vec<Record> = people.iter().filter(is_woman).cloned().collect();
    let men: Vec<Record> = people.iter().filter(|one| !is_woman(one)).cloned().collect();
    let context = context("distribution", &Value::Null, Some(&scale), None);
    let said = codes(&report(&context, &men));
    assert!(said.contains(&("many_low".to_owned(), "agreeableness".to_owned())), "{said:?}");
    let mean =
        |people: &[Record]| report(&context, people)["dimensions"][0]["mean"].as_f64().unwrap();
    assert!(mean(&women) > mean(&men) + 0.04);
}

#[test]
fn bits_do_not_depend_on_the_order_and_a_part_says_between_what_the_whole_lies() {
    let people = bfi();
    let scale = bfi_scale(&people);
    let context = context("distribution", &Value::Null, Some(&scale), None);
    let whole = run(&context, &people, |_| None);
    let mut turned = people.clone();
    turned.reverse();
    let mut merged = context.begin();
    turned.chunks(77).for_each(|part| merged.merge(&context, absorbed(&context, part, |_| None)));
    assert_eq!(merged.keep(), whole.keep());
    let visited = kartei_analysis::in_visiting_order(context.seed(None), people, Record::id);
    let part = absorbed(&context, &visited[..CHUNK], |_| None).report(&context, &input(2_800));
    let whole = whole.report(&context, &input(2_800));
    assert_eq!((&part["partial"], &part["done"]), (&json!(true), &json!(CHUNK)));
    let mut inside = 0;
    for at in 0..5 {
        let (part, whole) = (&part["dimensions"][at], &whole["dimensions"][at]);
        let between = part["mean_low"].as_f64().unwrap()..=part["mean_high"].as_f64().unwrap();
        inside += u32::from(between.contains(&whole["mean"].as_f64().unwrap()));
    }
    assert!(inside >= 4, "{inside} of 5");
}

#[test]
fn without_a_calibration_it_is_refused() {
    let asked = Analysis::new("distribution", &Value::Null).unwrap();
    let refused = Context::new(asked, common::AS_OF, None, None).unwrap_err();
    assert_eq!(refused, AskedWrongly::Uncalibrated("distribution"));
    assert!(refused.to_string().contains("make one and activate it"));
}
