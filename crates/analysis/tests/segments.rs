//! Groups of people: planted ones are found, real people are divided as k-means of all rows divides them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod made;

use common::{absorbed, bfi, bfi_scale, calibrated, codes, context, input, report, run, schema};
use kartei_analysis::{CHUNK, Context, LEARNED_OF, in_visiting_order, tables};
use kartei_behavior::Fitted;
use kartei_profile::Record;
use kartei_stats::Rows;
use kartei_stats::cluster::{choose_among, k_means};
use kartei_stats::effect::hedges_g;
use made::{drawn, person, rows, times};
use serde_json::{Value, json};

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Three groups that lie far apart: every second, every third of the rest, and the others.
fn groups(people: u32) -> Vec<Record> {
    let group =
        |at: u32| if at.is_multiple_of(2) { 0 } else { 1 + usize::from(!at.is_multiple_of(3)) };
    let middles = [[20.0, 20.0, 50.0], [80.0, 20.0, 50.0], [50.0, 85.0, 50.0]];
    (0..people)
        .map(|at| {
            let group = group(at);
            let off = |dimension: u32| 8.0 * (drawn(at * 3 + dimension) - 0.5);
            let numbers = [
                middles[group][0] + off(0),
                middles[group][1] + off(1),
                middles[group][2] + off(2),
            ];
            person(&format!("g{group}-{at}"), &numbers)
        })
        .collect()
}

#[test]
fn planted_groups_are_found() {
    let scale = made::scale(3);
    let context = context("segments", &Value::Null, Some(&scale), None);
    let told = report(&context, &groups(600));
    assert_eq!((&told["k"], &told["chosen"]), (&json!(3), &json!(true)));
    assert_eq!((&told["learned_of"], &told["judged"]), (&json!(600), &json!(600)));
    assert!(number(&told["silhouette"]) > 0.8, "{}", told["silhouette"]);
    let sizes: Vec<&Value> =
        told["segments"].as_array().unwrap().iter().map(|one| &one["people"]).collect();
    assert_eq!(sizes, [300, 200, 100]);
    assert_eq!(told["segments"][1]["share"], json!(200.0 / 600.0));
    assert!(told["segments"][1]["low"].is_null(), "all were seen");
    for point in told["points"].as_array().unwrap() {
        let group = &point["id"].as_str().unwrap()[..2];
        let segment = usize::try_from(point["segment"].as_u64().unwrap()).unwrap();
        assert_eq!(
            segment,
            [("g0", 1), ("g2", 2), ("g1", 3)].iter().find(|(name, _)| *name == group).unwrap().1
        );
    }
    let tried: Vec<u64> = told["silhouettes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["k"].as_u64().unwrap())
        .collect();
    assert_eq!(tried, [2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(codes(&told)[0].0, "groups");
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
                "People lie in 3 groups that can be told apart (silhouette 0.92).",
                "Die Personen liegen in 3 Gruppen, die sich unterscheiden lassen (Silhouette 0,92).",
            ],
            [
                "Segment 1 (50.0\u{a0}%): lower than the rest in Trait 0 (g = \u{2212}3.88) and Trait 1 \
                 (g = \u{2212}1.98).",
                "Segment 1 (50,0\u{a0}%): niedriger als die übrigen in Zug 0 (g = \u{2212}3,88) und Zug 1 \
                 (g = \u{2212}1,98).",
            ],
            [
                "Segment 2 (33.3\u{a0}%): higher than the rest in Trait 1 (g = 28.87) and Trait 0 (g = \
                 0.70).",
                "Segment 2 (33,3\u{a0}%): höher als die übrigen in Zug 1 (g = 28,87) und Zug 0 (g = 0,70).",
            ],
            [
                "Segment 3 (16.7\u{a0}%): higher than the rest in Trait 0 (g = 3.53), lower in Trait 1 (g \
                 = \u{2212}0.89).",
                "Segment 3 (16,7\u{a0}%): höher als die übrigen in Zug 0 (g = 3,53), niedriger in Zug 1 (g \
                 = \u{2212}0,89).",
            ],
        ]
    );
}

#[test]
fn real_people_as_k_means_of_all_rows_has_them() {
    let people = bfi();
    let schema = schema("bfi");
    let calibration = calibrated(&schema, &people, common::BFI_AS_OF);
    let scale = Fitted::new(schema.clone(), calibration.clone()).unwrap();
    let context = context("segments", &json!({"k": 4}), Some(&scale), None);
    let told = report(&context, &people);
    let (ids, scores) = rows(&context, &schema, &calibration, &people);
    let rows = Rows::new(&scores, 5).unwrap();
    assert_eq!(told["learned_of"], json!(ids.len()));
    assert_eq!((&told["k"], &told["chosen"]), (&json!(4), &json!(false)));
    // Any seed finds as good a division, or nearly.
    let other = k_means(rows, 4, 20, 99).unwrap();
    assert!((number(&told["inertia"]) / other.inertia - 1.0).abs() < 0.01);
    let judged = told["judged"].as_u64().unwrap();
    assert_eq!((judged, told["silhouettes"].as_array().unwrap().len()), (1_000, 1));
    // What is told of segments is told of the people that the points of the map belong to.
    let segments = told["segments"].as_array().unwrap();
    let sizes: Vec<u64> = segments.iter().map(|one| one["people"].as_u64().unwrap()).collect();
    assert_eq!(sizes.iter().sum::<u64>(), ids.len() as u64);
    assert!(sizes.is_sorted_by(|a, b| a >= b));
    let found = choose_among(rows, 4..=4, 4, 0x6b61_7274_6569, 1_000).unwrap();
    assert_eq!(told["silhouette"], json!(found.silhouettes[0].1));
    let mut places: Vec<usize> = (0..4).collect();
    places.sort_by_key(|at| std::cmp::Reverse(found.clusters.sizes[*at]));
    for (at, place) in places.iter().enumerate() {
        assert_eq!(sizes[at], found.clusters.sizes[*place] as u64);
        for dimension in 0..5 {
            let one = &told["profile"][at * 5 + dimension];
            assert_eq!(one["segment"], json!(at + 1));
            let of = |is_own: bool| -> Vec<f64> {
                let rows = rows.iter().zip(&found.clusters.assigned);
                let own = rows.filter(|(_, of)| (**of == *place) == is_own);
                own.map(|(row, _)| row[dimension]).collect()
            };
            let (own, rest) = (of(true), of(false));
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            assert!((number(&one["mean"]) - mean(&own)).abs() < 1e-12);
            assert!(
                (number(&one["mean"]) - found.clusters.centers[*place][dimension]).abs() < 1e-12
            );
            assert!((number(&one["rest"]) - mean(&rest)).abs() < 1e-12);
            let g = hedges_g(&own, &rest).unwrap();
            for (told, known) in [("g", g.value), ("g_low", g.low), ("g_high", g.high)] {
                assert!((number(&one[told]) - known).abs() < 1e-10, "{told} of {one}");
            }
        }
    }
    let points = told["points"].as_array().unwrap();
    assert_eq!(points.len(), 2_000);
    for (at, point) in points.iter().enumerate() {
        let segment = places.iter().position(|place| *place == found.clusters.assigned[at]);
        assert_eq!(
            (&point["id"], &point["segment"]),
            (&json!(ids[at]), &json!(segment.unwrap() + 1))
        );
    }
    // The questionnaire knows no kinds of people.
    assert_eq!(codes(&told)[0].0, "no_clear_groups");
    assert_eq!(
        told["findings"][0]["de"].as_str().unwrap().split(": ").nth(1).unwrap(),
        "Die Personen liegen dicht zwischen den Segmenten; sie sind eine Einteilung und keine Arten von \
         Menschen."
    );
    let tables = tables(&told);
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["points", "profile", "segments", "silhouettes"]);
}

/// A cohort that is larger than what is learned of: bits of what is kept, and reports on the way.
#[test]
fn everybody_is_assigned_to_what_the_first_ones_taught() {
    let people = times(&bfi(), 2);
    let scale = bfi_scale(&people[..2_800]);
    let context = context("segments", &json!({"k": 3}), Some(&scale), None);
    let visited = in_visiting_order(context.seed(None), people.clone(), Record::id);
    let total = input(people.len());
    let mut seen = context.begin();
    let mut parts = Vec::new();
    for part in visited.chunks(CHUNK) {
        seen.merge(&context, absorbed(&context, part, |_| None));
        parts.push(seen.report(&context, &total));
    }
    let resumed = run(&context, &people, |_| None);
    assert_eq!(resumed.keep(), seen.keep(), "a worker that died leaves no trace");
    let mut otherwise = context.begin();
    for part in visited.chunks(700) {
        otherwise.merge(&context, absorbed(&context, part, |_| None));
    }
    assert_eq!(otherwise.keep(), seen.keep(), "nor does the size of chunks");
    let whole = parts.last().unwrap();
    assert_eq!((&whole["partial"], &whole["learned_of"]), (&json!(false), &json!(LEARNED_OF)));
    assert_eq!(codes(&parts[1])[1].0, "learning");
    assert_eq!(
        parts[1]["findings"][1]["en"],
        "This was learned of 2,048 people so far and may still change; of the first 4,096 it is learned \
         once and for all."
    );
    assert_eq!(
        parts[1]["findings"][1]["de"],
        "Gelernt wurde das bisher an 2.048 Personen und kann sich noch ändern; an den ersten 4.096 wird \
         es endgültig gelernt."
    );
    let people: u64 = whole["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["people"].as_u64().unwrap())
        .sum();
    assert_eq!(people + whole["incomplete"].as_u64().unwrap(), 5_600);
    // Once it is learned, parts are samples of the whole.
    let part = &parts[4];
    assert_eq!((&part["partial"], &part["points"]), (&json!(true), &whole["points"]));
    assert_eq!(codes(part)[1].0, "no_clear_groups");
    let mut inside = 0;
    for at in 0..3 {
        let one = &part["segments"][at];
        let between = number(&one["low"])..=number(&one["high"]);
        assert!(between.contains(&number(&one["share"])));
        inside += u32::from(between.contains(&number(&whole["segments"][at]["share"])));
    }
    assert!(inside >= 2, "{inside} of 3");
    // The middle of everybody is that of all segments together.
    let mean = |at: usize| {
        let of = |segment: usize| {
            number(&whole["segments"][segment]["share"])
                * number(&whole["profile"][segment * 5 + at]["mean"])
        };
        (0..3).map(of).sum::<f64>()
    };
    for at in 0..5 {
        assert!((mean(at) - 0.5).abs() < 0.01);
    }
}

#[test]
fn too_few_and_too_much_alike() {
    let scale = made::scale(2);
    let of = |k: Value| context("segments", &k, Some(&scale), None);
    let people: Vec<Record> = (0..45_u32)
        .map(|at| person(&format!("p{at}"), &[100.0 * drawn(at), 100.0 * drawn(at + 900)]))
        .collect();
    let said = |context: &Context, people: &[Record]| {
        let told = report(context, people);
        assert_eq!(
            (&told["k"], &told["segments"], &told["points"]),
            (&Value::Null, &json!([]), &json!([]))
        );
        let text = |member: &str| told["findings"][0][member].as_str().unwrap().to_owned();
        [text("en"), text("de")]
    };
    assert_eq!(
        said(&of(Value::Null), &people[..29]),
        [
            "Only 29 people have a score in every dimension: at least 30 are needed.",
            "Nur 29 Personen haben in jeder Dimension einen Wert: Nötig sind mindestens 30.",
        ]
    );
    assert_eq!(
        said(&of(json!({"k": 5})), &people),
        [
            "Only 45 people have a score in every dimension: at least 50 are needed.",
            "Nur 45 Personen haben in jeder Dimension einen Wert: Nötig sind mindestens 50.",
        ]
    );
    assert_eq!(
        said(&of(Value::Null), &[])[1],
        "Niemand hat in jeder Dimension einen Wert: Nötig sind mindestens 30."
    );
    let tried = report(&of(Value::Null), &people)["silhouettes"].as_array().unwrap().len();
    assert_eq!(tried, 3, "2 to 4 segments of 45 people");
    let same: Vec<Record> = (0..40).map(|at| person(&format!("p{at}"), &[30.0, 40.0])).collect();
    assert_eq!(
        said(&of(json!({"k": 2})), &same),
        [
            "Too many people have the very same scores: there are no segments of them.",
            "Zu viele Personen haben genau dieselben Werte; Segmente gibt es nicht.",
        ]
    );
}

/// More of the same than what is learned of: nothing is kept of them but their number.
#[test]
fn many_who_are_alike_are_counted_and_forgotten() {
    let scale = made::scale(1);
    let context = context("segments", &json!({"k": 2}), Some(&scale), None);
    let same: Vec<Record> = (0..6_000).map(|at| person(&format!("p{at}"), &[30.0])).collect();
    let seen = run(&context, &same, |_| None);
    assert!(seen.keep().len() < 200, "{}", seen.keep().len());
    let told = seen.report(&context, &input(6_000));
    assert_eq!((codes(&told)[0].0.as_str(), &told["incomplete"]), ("alike", &json!(0)));
}
