//! Who is unlike the others: planted people are first, and real ones are as far as all rows say.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod made;

use common::{absorbed, bfi, bfi_scale, calibrated, codes, context, input, report, run, schema};
use kartei_analysis::{CHUNK, LEARNED_OF, in_visiting_order, tables};
use kartei_behavior::Fitted;
use kartei_profile::Record;
use kartei_stats::Rows;
use kartei_stats::chi_square::limit_of;
use kartei_stats::linear::Mahalanobis;
use kartei_stats::robust::{mad, median, robust_z};
use made::{drawn, person, rows, times};
use serde_json::{Value, json};

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// People whose first two numbers nearly are the same.
fn people(count: u32) -> Vec<Record> {
    let one = |at: u32| {
        // Six of them added up are nearly normal.
        let normal =
            |from: u32| (0..6).map(|part| drawn(at * 31 + from * 7 + part) - 0.5).sum::<f64>();
        let number = 50.0 + 15.0 * normal(0);
        person(&format!("p{at}"), &[number, number + 3.0 * normal(1), 50.0 + 12.0 * normal(2)])
    };
    (0..count).map(one).collect()
}

#[test]
fn planted_people_are_first() {
    let mut people = people(400);
    // Nothing of it is unusual by itself, but how it goes together; and somebody who is far out in one dimension.
    people.push(person("against", &[60.0, 38.0, 50.0]));
    people.push(person("far", &[50.0, 50.0, 100.0]));
    let scale = made::scale(3);
    let context = context("outliers", &json!({"most": 5}), Some(&scale), None);
    let told = report(&context, &people);
    let rows = told["outliers"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    assert_eq!((&rows[0]["id"], &rows[1]["id"]), (&json!("against"), &json!("far")));
    assert_eq!(rows[1]["dimension"], "d2");
    assert!(number(&rows[1]["z"]) > 3.5);
    assert_eq!(told["dimensions"][2]["beyond"], json!(1));
    assert!(rows.is_sorted_by(|a, b| number(&a["distance"]) >= number(&b["distance"])));
    assert!(told["ridge"].is_null());
    let said: Vec<[&str; 2]> = told["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| [one["en"].as_str().unwrap(), one["de"].as_str().unwrap()])
        .collect();
    assert_eq!(
        said,
        [
            [
                "2 of 402 people (0.5\u{a0}%) lie farther from the others than 1 of 1,000 should (fewer \
                 than 1).",
                "2 von 402 Personen (0,5\u{a0}%) liegen weiter von den anderen entfernt, als es 1 von \
                 1.000 sollte (weniger als 1).",
            ],
            [
                "`against` lies farthest from the others: no single score is unusual, but how they go \
                 together is.",
                "`against` liegt am weitesten von den anderen entfernt: kein einzelner Wert ist \
                 ungewöhnlich, aber ihr Zusammentreffen.",
            ],
            [
                "Then comes `far`: high in Trait 2 (z = 5.78).",
                "Dann kommt `far`: hoch in Zug 2 (z = 5,78).",
            ],
        ]
    );
}

#[test]
fn real_people_as_all_rows_have_them() {
    let people = bfi();
    let schema = schema("bfi");
    let calibration = calibrated(&schema, &people, common::BFI_AS_OF);
    let scale = Fitted::new(schema.clone(), calibration.clone()).unwrap();
    let context = context("outliers", &Value::Null, Some(&scale), None);
    let told = report(&context, &people);
    let (ids, scores) = rows(&context, &schema, &calibration, &people);
    let rows = Rows::new(&scores, 5).unwrap();
    let spread = Mahalanobis::new(rows, 0.0).unwrap();
    let mut far: Vec<(f64, &String, &[f64])> =
        rows.iter().zip(&ids).map(|(row, id)| (spread.square(row).unwrap(), id, row)).collect();
    far.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let limit = limit_of(0.001, 5).unwrap();
    assert_eq!((&told["limit"], &told["expected"]), (&json!(limit), &json!(0.001)));
    let beyond = far.iter().filter(|(distance, ..)| *distance > limit).count();
    assert_eq!(told["beyond"]["count"], json!(beyond));
    assert_eq!(told["beyond"]["share"], json!(beyond as f64 / ids.len() as f64));
    assert!(told["beyond"]["low"].is_null(), "all were seen");
    let outliers = told["outliers"].as_array().unwrap();
    assert_eq!(outliers.len(), 50);
    let columns: Vec<Vec<f64>> =
        (0..5).map(|at| rows.iter().map(|row| row[at]).collect()).collect();
    for (one, (distance, id, row)) in outliers.iter().zip(&far) {
        assert_eq!((&one["id"], &one["distance"]), (&json!(id), &json!(distance)));
        let dimension = told["dimensions"]
            .as_array()
            .unwrap()
            .iter()
            .position(|known| known["dimension"] == one["dimension"])
            .unwrap();
        assert_eq!(one["score"], json!(row[dimension]));
        let z = |at: usize| (row[at] - median(&columns[at]).unwrap()) / mad(&columns[at]).unwrap();
        assert_eq!(one["z"], json!(z(dimension)));
        assert!((0..5).all(|at| z(at).abs() <= z(dimension).abs()), "{one}");
    }
    for (at, column) in columns.iter().enumerate() {
        let one = &told["dimensions"][at];
        assert_eq!(one["median"], json!(median(column).unwrap()));
        assert_eq!(one["mad"], json!(mad(column).unwrap()));
        let beyond = robust_z(column).unwrap().iter().filter(|z| z.abs() > 3.5).count();
        assert_eq!(one["beyond"], json!(beyond));
    }
    assert_eq!(
        told["findings"][0]["en"],
        "3 of 2,800 people (0.1\u{a0}%) lie farther from the others than 1 of 1,000 should (≈\u{a0}3): no \
         more than chance brings."
    );
    assert_eq!(
        told["findings"][0]["de"],
        "3 von 2.800 Personen (0,1\u{a0}%) liegen weiter von den anderen entfernt, als es 1 von 1.000 \
         sollte (≈\u{a0}3): nicht mehr, als der Zufall bringt."
    );
    let tables = tables(&told);
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["dimensions", "outliers"]);
}

/// A cohort that is larger than what is learned of.
#[test]
fn everybody_is_judged_by_what_the_first_ones_taught() {
    let people = times(&bfi(), 2);
    let scale = bfi_scale(&people[..2_800]);
    let context = context("outliers", &json!({"most": 20}), Some(&scale), None);
    let visited = in_visiting_order(context.seed(None), people.clone(), Record::id);
    let total = input(people.len());
    let mut seen = context.begin();
    let mut parts = Vec::new();
    for part in visited.chunks(CHUNK) {
        seen.merge(&context, absorbed(&context, part, |_| None));
        parts.push(seen.report(&context, &total));
    }
    assert_eq!(run(&context, &people, |_| None).keep(), seen.keep(), "resumed or not");
    let mut otherwise = context.begin();
    for part in visited.chunks(700) {
        otherwise.merge(&context, absorbed(&context, part, |_| None));
    }
    assert_eq!(otherwise.keep(), seen.keep(), "whatever the size of chunks");
    let whole = parts.last().unwrap();
    assert_eq!((&whole["partial"], &whole["learned_of"]), (&json!(false), &json!(LEARNED_OF)));
    // Everybody is there twice.
    let ids: Vec<&str> = whole["outliers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 20);
    for pair in ids.chunks(2) {
        assert_eq!(pair[0].strip_suffix("-0"), pair[1].strip_suffix("-1"), "{ids:?}");
    }
    let mut inside = 0;
    for (at, part) in parts[..parts.len() - 1].iter().enumerate() {
        let of = |member: &str| number(&part["beyond"][member]);
        assert_eq!(part["partial"], json!(true));
        assert!(of("low") <= of("share") && of("share") <= of("high"));
        assert!(of("low") < of("high"), "{at}");
        let between = of("low")..=of("high");
        inside += u32::from(between.contains(&number(&whole["beyond"]["share"])));
        assert_eq!(codes(part)[0].0, "sample");
        assert_eq!(codes(part)[1].0 == "learning", at < 3, "{at}");
    }
    // Of the last 480 people two lie beyond, where half of one was to be expected.
    assert!(inside >= 4, "{inside} of 5");
}

#[test]
fn nobody_is_unlike_the_others() {
    let scale = made::scale(2);
    let context = context("outliers", &Value::Null, Some(&scale), None);
    // Evenly spread, so there are no ends to be far out in.
    let people: Vec<Record> = (0..300_u32)
        .map(|at| person(&format!("p{at}"), &[100.0 * drawn(at), 100.0 * drawn(at + 900)]))
        .collect();
    let told = report(&context, &people);
    assert_eq!(codes(&told), [("none_beyond".to_owned(), String::new())]);
    assert_eq!(
        told["findings"][0]["en"],
        "None of 300 people lies farther from the others than 1 of 1,000 should (fewer than 1)."
    );
    assert_eq!(
        told["findings"][0]["de"],
        "Keine von 300 Personen liegt weiter von den anderen entfernt, als es 1 von 1.000 sollte (weniger \
         als 1)."
    );
    let told = report(&context, &people[..29]);
    assert_eq!(codes(&told), [("too_few".to_owned(), String::new())]);
    assert_eq!((&told["beyond"], &told["outliers"]), (&Value::Null, &json!([])));
    let same: Vec<Record> = (0..40).map(|at| person(&format!("p{at}"), &[30.0, 40.0])).collect();
    assert_eq!(
        report(&context, &same)["findings"][0]["de"],
        "Die Werte unterscheiden sich nicht; niemand fällt aus dem Rahmen."
    );
}

#[test]
fn dimensions_that_follow_from_others_have_a_ridge() {
    let scale = made::scale(2);
    let context = context("outliers", &Value::Null, Some(&scale), None);
    let mut people: Vec<Record> =
        (0..300_u32).map(|at| person(&format!("p{at}"), &[100.0 * drawn(at), 40.0])).collect();
    let told = report(&context, &people);
    assert!(number(&told["ridge"]) > 0.0);
    assert!(told["dimensions"][1]["mad"] == json!(0.0));
    assert_eq!(codes(&told).last().unwrap().0, "ridge");
    people.push(person("other", &[50.0, 90.0]));
    let told = report(&context, &people);
    assert_eq!(told["outliers"][0]["id"], "other");
    assert_eq!(told["outliers"][0]["dimension"], "d0", "the other one has no robust deviation");
}
