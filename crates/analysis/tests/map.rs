//! Everybody on a plane: real people, and people who lie on a line.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod made;

use common::{absorbed, bfi, bfi_scale, calibrated, codes, context, input, report, run, schema};
use kartei_analysis::{CHUNK, tables};
use kartei_behavior::Fitted;
use kartei_profile::Record;
use kartei_stats::Rows;
use kartei_stats::linear::principal_components;
use kartei_stats::matrix::covariance;
use made::{drawn, person, rows};
use serde_json::{Value, json};

#[test]
fn the_components_are_those_of_all_rows() {
    let people = bfi();
    let schema = schema("bfi");
    let calibration = calibrated(&schema, &people, common::BFI_AS_OF);
    let scale = Fitted::new(schema.clone(), calibration.clone()).unwrap();
    let context = context("map", &Value::Null, Some(&scale), None);
    let told = report(&context, &people);
    let (ids, scores) = rows(&context, &schema, &calibration, &people);
    let rows = Rows::new(&scores, 5).unwrap();
    let known = principal_components(&covariance(rows).unwrap()).unwrap();
    assert_eq!(told["learned_of"], json!(ids.len()));
    assert_eq!(told["incomplete"], json!(people.len() - ids.len()));
    let mut together = 0.0;
    for at in 0..5 {
        let one = &told["components"][at];
        assert_eq!(one["component"], json!(at + 1));
        let near = |member: &str, value: f64| {
            assert!((one[member].as_f64().unwrap() - value).abs() < 1e-14, "{member} of {one}");
        };
        together += known.ratios[at];
        near("variance", known.variances[at]);
        near("share", known.ratios[at]);
        near("together", together);
        assert!(one["variance_low"].is_null() && one["share_high"].is_null(), "all were seen");
    }
    let weights = told["weights"].as_array().unwrap();
    assert_eq!(weights.len(), 10);
    for (told, known) in weights.iter().zip(known.weights[..2].concat()) {
        assert!((told["weight"].as_f64().unwrap() - known).abs() < 1e-12, "{told}");
    }
    assert_eq!(weights[6]["dimension"], "conscientiousness");
    assert_eq!(weights[6]["component"], 2);
    let points = told["points"].as_array().unwrap();
    assert_eq!(points.len(), 2_000);
    let means = rows.means().unwrap();
    for ((point, id), row) in points.iter().zip(&ids).zip(rows) {
        assert_eq!(point["id"], json!(id));
        for (axis, weights) in ["x", "y"].into_iter().zip(&known.weights) {
            let at: f64 = (0..5).map(|at| (row[at] - means[at]) * weights[at]).sum();
            assert!((point[axis].as_f64().unwrap() - at).abs() < 1e-12, "{point}");
        }
    }
    let tables = tables(&told);
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["components", "points", "weights"]);
}

#[test]
fn it_says_what_the_axes_are_about() {
    let people = bfi();
    let scale = bfi_scale(&people);
    let context = context("map", &Value::Null, Some(&scale), None);
    let told = report(&context, &people);
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
                "The map shows 60.4\u{a0}% of the differences between people: 40.2\u{a0}% from left to \
                 right, 20.2\u{a0}% from bottom to top.",
                "Die Karte zeigt 60,4\u{a0}% der Unterschiede zwischen den Personen: 40,2\u{a0}% von links \
                 nach rechts, 20,2\u{a0}% von unten nach oben.",
            ],
            [
                "Right means more Extraversion, Agreeableness and Conscientiousness, left more \
                 Neuroticism.",
                "Rechts heißt mehr Extraversion, Verträglichkeit und Gewissenhaftigkeit, links mehr \
                 Neurotizismus.",
            ],
            [
                "Up means more Neuroticism and Openness.",
                "Oben heißt mehr Neurotizismus und Offenheit.",
            ],
        ]
    );
}

#[test]
fn bits_do_not_depend_on_how_people_were_split_and_a_part_says_between_what_shares_lie() {
    let people = bfi();
    let scale = bfi_scale(&people);
    let context = context("map", &Value::Null, Some(&scale), None);
    let whole = run(&context, &people, |_| None);
    let visited =
        kartei_analysis::in_visiting_order(context.seed(None), people.clone(), Record::id);
    let mut tree = context.begin();
    for part in visited.chunks(700) {
        let mut branch = context.begin();
        part.chunks(77).for_each(|part| branch.merge(&context, absorbed(&context, part, |_| None)));
        tree.merge(&context, branch);
    }
    assert_eq!(tree.keep(), whole.keep());
    let part = absorbed(&context, &visited[..CHUNK], |_| None).report(&context, &input(2_800));
    let whole = whole.report(&context, &input(2_800));
    assert_eq!((&part["partial"], &whole["partial"]), (&json!(true), &json!(false)));
    assert_eq!(codes(&part)[0].0, "sample");
    let mut inside = 0;
    for at in 0..5 {
        let (part, whole) = (&part["components"][at], &whole["components"][at]);
        for [low, value, high] in
            [["variance_low", "variance", "variance_high"], ["share_low", "share", "share_high"]]
        {
            let number = |of: &Value, member: &str| of[member].as_f64().unwrap();
            assert!(number(part, low) < number(part, value));
            let between = number(part, low)..=number(part, high);
            inside += u32::from(between.contains(&number(whole, value)));
        }
    }
    assert!(inside >= 8, "{inside} of 10");
}

#[test]
fn people_on_a_line_and_people_who_are_all_alike() {
    let scale = made::scale(2);
    let context = context("map", &Value::Null, Some(&scale), None);
    let line: Vec<Record> = (0..50_u32)
        .map(|at| {
            let number = 20.0 + 60.0 * drawn(at);
            person(&format!("p{at}"), &[number, 100.0 - number])
        })
        .collect();
    let told = report(&context, &line);
    assert!(told["components"][0]["share"].as_f64().unwrap() > 0.999_999);
    assert_eq!(told["findings"][1]["en"], "Right means more Trait 0, left more Trait 1.");
    assert_eq!(told["findings"][1]["de"], "Rechts heißt mehr Zug 0, links mehr Zug 1.");
    let same: Vec<Record> = (0..50).map(|at| person(&format!("p{at}"), &[30.0, 40.0])).collect();
    let told = report(&context, &same);
    assert_eq!(codes(&told), [("alike".to_owned(), String::new())]);
    assert_eq!(told["points"], json!([]));
    assert_eq!(told["findings"][0]["en"], "The scores do not vary, so there is no map of them.");
}

#[test]
fn one_dimension_is_a_line_and_few_people_are_little() {
    let scale = made::scale(1);
    let context = context("map", &Value::Null, Some(&scale), None);
    let people: Vec<Record> =
        (0..20).map(|at| person(&format!("p{at}"), &[f64::from(at) * 4.0])).collect();
    let told = report(&context, &people);
    let codes_of = |told: &Value| codes(told).into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    assert_eq!(codes_of(&told), ["few", "shown", "right"]);
    assert!(told["points"].as_array().unwrap().iter().all(|point| point["y"] == json!(0.0)));
    assert_eq!(told["weights"].as_array().unwrap().len(), 1);
    let told = report(&context, &people[..2]);
    assert_eq!(codes_of(&told), ["too_few"]);
    let told = report(&context, &[]);
    assert_eq!(
        told["findings"][0]["en"],
        "Nobody has a score in every dimension: at least 3 are needed."
    );
}

#[test]
fn people_without_a_score_are_left_out_and_counted() {
    let scale = made::scale(2);
    let context = context("map", &Value::Null, Some(&scale), None);
    let people: Vec<Record> = (0..100_u32)
        .map(|at| {
            let numbers = [drawn(at) * 100.0, drawn(at + 500) * 100.0];
            person(&format!("p{at}"), if at % 4 == 0 { &numbers[..1] } else { &numbers })
        })
        .collect();
    let told = report(&context, &people);
    assert_eq!((&told["incomplete"], &told["learned_of"]), (&json!(25), &json!(75)));
    assert_eq!(
        told["findings"][0]["en"],
        "25 of 100 people (25.0\u{a0}%) have no score in at least one dimension; they are left out here."
    );
    assert_eq!(
        told["findings"][0]["de"],
        "25 von 100 Personen (25,0\u{a0}%) haben in mindestens einer Dimension keinen Wert; sie bleiben \
         hier außer Betracht."
    );
}
