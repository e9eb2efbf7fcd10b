//! What became of the customers of CDNOW in half a year.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{absorbed, calibrated, codes, context, input, records, report, run, schema};
use kartei_analysis::{Analysis, AskedWrongly, CHUNK, Context, Scales, in_visiting_order};
use kartei_behavior::{Fitted, Person, Scorer, Scores};
use kartei_profile::Record;
use kartei_stats::distance::{
    jensen_shannon, kolmogorov_distance, population_stability, wasserstein_distance,
};
use kartei_stats::moments::{mean, variance};
use serde_json::{Value, json};

/// 1998-01-01 and 1998-06-30, in milliseconds since 1970.
const FROM: i64 = 883_612_800_000;
const TO: i64 = 899_164_800_000;

/// Every fourth of the 23,570 customers, by a calibration at the later moment.
fn cdnow() -> (Vec<Record>, Fitted) {
    let all = records(include_bytes!("../../../tests/fixtures/data/cdnow.ndjson.gz"));
    let people: Vec<Record> = all.into_iter().step_by(4).collect();
    let schema = schema("cdnow");
    let calibration = calibrated(&schema, &people, TO);
    (people, Fitted::new(schema, calibration).unwrap())
}

fn half_a_year(scale: &Fitted) -> Context {
    context("drift", &json!({"from": "1998-01-01T00:00:00Z"}), Some(scale), None)
}

/// The scores of a dimension at a moment, made without the crate.
fn scores(people: &[Record], dimension: usize, ms: i64) -> Vec<Option<f64>> {
    let schema = schema("cdnow");
    let calibration = calibrated(&schema, people, TO);
    let scorer = Scorer::new(&schema, &calibration).unwrap();
    let mut person = Person::default();
    let score = |record: &Record| {
        person.measure(&schema, record, ms);
        Some(scorer.vector(&person).dimensions[dimension].as_ref()?.score)
    };
    people.iter().map(score).collect()
}

/// Values in order, each by itself.
fn steps(scores: &[f64]) -> Vec<(f64, u64)> {
    let mut steps: Vec<(f64, u64)> = scores.iter().map(|score| (*score, 1)).collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    steps
}

fn near(told: &Value, wanted: f64, by: f64) {
    let told = told.as_f64().unwrap();
    assert!((told - wanted).abs() <= by, "{told} instead of {wanted}");
}

#[test]
fn customers_who_were_not_seen_for_long_drift() {
    let (people, scale) = cdnow();
    let context = half_a_year(&scale);
    let report = report(&context, &people);
    assert_eq!((&report["from"], &report["to"]), (&json!(FROM), &json!(TO)));
    assert_eq!((&report["people_from"], &report["people_to"]), (&json!(5_893), &json!(5_893)));
    let dimensions = report["dimensions"].as_array().unwrap();
    assert_eq!(dimensions.len(), 4);
    for (at, told) in dimensions.iter().enumerate() {
        let (from, to) = (scores(&people, at, FROM), scores(&people, at, TO));
        let changes: Vec<f64> =
            from.iter().zip(&to).filter_map(|(from, to)| Some((*to)? - (*from)?)).collect();
        let (from, to): (Vec<f64>, Vec<f64>) =
            (from.into_iter().flatten().collect(), to.into_iter().flatten().collect());
        assert_eq!(told["people_from"], from.len());
        assert_eq!((&told["people_to"], &told["both"]), (&json!(to.len()), &json!(changes.len())));
        near(&told["mean_from"], mean(&from).unwrap(), 1e-12);
        near(&told["mean_to"], mean(&to).unwrap(), 1e-12);
        let change = mean(&changes).unwrap();
        near(&told["change"], change, 1e-12);
        let half =
            1.959_963_984_540_054 * (variance(&changes).unwrap() / changes.len() as f64).sqrt();
        near(&told["change_low"], change - half, 1e-9);
        near(&told["change_high"], change + half, 1e-9);

        let (from_steps, to_steps) = (steps(&from), steps(&to));
        near(&told["wasserstein"], wasserstein_distance(&from_steps, &to_steps).unwrap(), 1e-3);
        near(&told["ks"], kolmogorov_distance(&from_steps, &to_steps).unwrap(), 0.01);
        #[expect(clippy::cast_possible_truncation, reason = "scores are 0 to 1")]
        let binned = |scores: &[f64]| {
            let mut bins = vec![0.0; 50];
            scores.iter().for_each(|score| bins[((score * 1_000.0) as usize).min(999) / 20] += 1.0);
            bins
        };
        near(&told["js"], jensen_shannon(&binned(&from), &binned(&to)).unwrap(), 1e-12);
        // Tenths by rank: values that many share make some bins wider.
        let edges: Vec<f64> = (1..10).map(|tenth| from_steps[from.len() * tenth / 10].0).collect();
        let tenths = |scores: &[f64]| {
            let mut bins = vec![0; 10];
            scores.iter().for_each(|score| bins[edges.partition_point(|edge| edge < score)] += 1);
            bins
        };
        let psi = population_stability(&tenths(&from), &tenths(&to)).unwrap();
        near(&told["psi"], psi, 0.06 * psi + 0.002);

        let name = &told["dimension"];
        let bins =
            report["bins"].as_array().unwrap().iter().filter(|bin| bin["dimension"] == *name);
        let [before, after] = ["before", "after"]
            .map(|side| bins.clone().map(|bin| bin[side].as_u64().unwrap()).sum::<u64>());
        assert_eq!((before, after), (from.len() as u64, to.len() as u64));
    }
    let moved = [("moved_most", "recency"), ("moved", "frequency")];
    assert_eq!(codes(&report), moved.map(|(code, about)| (code.to_owned(), about.to_owned())));
    assert_eq!(
        report["findings"][0]["en"],
        "Recency moved most: PSI 2.17, which is much; the scores of the 5,893 with both fell by \
         0.23 on average."
    );
    assert_eq!(
        report["findings"][0]["de"],
        "Aktualität hat sich am meisten bewegt: PSI 2,17, das ist viel; die Werte der 5.893 mit \
         beiden sanken im Mittel um 0,23."
    );
}

#[test]
fn bits_do_not_depend_on_the_way_and_a_part_says_so() {
    let (people, scale) = cdnow();
    let context = half_a_year(&scale);
    let whole = run(&context, &people, |_| None);
    let mut turned = people.clone();
    turned.reverse();
    let mut merged = context.begin();
    turned.chunks(777).for_each(|part| merged.merge(&context, absorbed(&context, part, |_| None)));
    assert_eq!(merged.keep(), whole.keep());
    let visited = in_visiting_order(context.seed(None), people, Record::id);
    let part = absorbed(&context, &visited[..CHUNK], |_| None).report(&context, &input(5_893));
    let whole = whole.report(&context, &input(5_893));
    assert_eq!((&part["partial"], &part["done"]), (&json!(true), &json!(CHUNK)));
    assert_eq!(codes(&part)[0].0, "sample");
    for at in 0..4 {
        let (part, whole) = (&part["dimensions"][at], &whole["dimensions"][at]);
        let psi = whole["psi"].as_f64().unwrap();
        near(&part["psi"], psi, 0.1 * psi + 0.05);
    }
}

#[test]
fn where_nothing_moved_or_nobody_was_there_that_is_said() {
    let (people, scale) = cdnow();
    let asked = json!({"from": "1998-06-29T00:00:00Z", "to": "1998-06-30T00:00:00Z"});
    let day = report(&context("drift", &asked, Some(&scale), None), &people);
    assert_eq!(codes(&day)[0].0, "steady", "{:#}", day["findings"]);
    assert_eq!(
        day["findings"][0]["en"],
        "No dimension moved much: the greatest PSI is 0.00 (Recency); below 0.1 is little."
    );
    assert_eq!(
        day["findings"][0]["de"],
        "Keine Dimension hat sich nennenswert bewegt: Der größte PSI ist 0,00 (Aktualität); unter \
         0,1 ist wenig."
    );

    let asked = json!({"from": "1996-06-30T00:00:00Z"});
    let before = report(&context("drift", &asked, Some(&scale), None), &people);
    assert_eq!(codes(&before), [("none_before".to_owned(), String::new())]);
    assert_eq!(
        before["findings"][0]["en"],
        "Nobody was observed until 1996-06-30; the 5,893 with a score on 1998-06-30 came since. \
         There is nothing to compare them with."
    );
    assert_eq!(
        before["findings"][0]["de"],
        "Bis 1996-06-30 wurde niemand beobachtet; die 5.893 mit einem Wert am 1998-06-30 kamen \
         seither dazu. Es gibt nichts, womit sie zu vergleichen wären."
    );
    assert!(before["dimensions"][0]["psi"].is_null());

    let few = report(&half_a_year(&scale), &people[..20]);
    assert!(codes(&few).iter().all(|(code, _)| code == "few"), "{:#}", few["findings"]);
    assert_eq!(few["findings"].as_array().unwrap().len(), 4);

    let asked = json!({"from": "2000-01-01T00:00:00Z"});
    let late = report(&context("drift", &asked, Some(&scale), None), &people[..20]);
    assert_eq!(codes(&late), [("no_time".to_owned(), String::new())]);
}

/// A calibration of these people at a moment.
fn fitted(people: &[Record], ms: i64) -> Fitted {
    let schema = schema("cdnow");
    let calibration = calibrated(&schema, people, ms);
    Fitted::new(schema, calibration).unwrap()
}

fn between(against: &Fitted, scale: &Fitted) -> Result<Context, AskedWrongly> {
    let asked = Analysis::new("drift", &json!({"against": against.version()})).unwrap();
    let scales = Scales { scale: Some(scale.clone()), against: Some(against.clone()) };
    Context::new(asked, 0, scales, None)
}

#[test]
fn scores_by_two_calibrations_are_held_against_each_other() {
    let (people, scale) = cdnow();
    // Of those who came back alone, half a year before.
    let is_repeat = |record: &&Record| record.members()["tags"].to_string().contains("repeat");
    let repeat: Vec<Record> = people.iter().filter(is_repeat).cloned().collect();
    assert!(repeat.len() > 1_000 && repeat.len() < people.len());
    let against = fitted(&repeat, FROM);
    let context = between(&against, &scale).unwrap();
    let report = report(&context, &people);
    assert_eq!(report["against"], against.version());
    assert_eq!(report["calibration"]["version"], scale.version());
    assert_eq!((&report["from"], &report["to"]), (&json!(FROM), &json!(TO)));
    assert_eq!(report["params"]["against"], against.version());
    for (at, told) in report["dimensions"].as_array().unwrap().iter().enumerate() {
        let (mut before, mut after) = (against.scores(), scale.scores());
        let both: Vec<(f64, f64)> = people
            .iter()
            .filter_map(|record| {
                let of = |scores: &mut Scores<'_>| scores.scores(record)[at];
                Some((of(&mut before)?, of(&mut after)?))
            })
            .collect();
        let changes: Vec<f64> = both.iter().map(|(before, after)| after - before).collect();
        assert_eq!(told["both"], changes.len());
        near(&told["change"], mean(&changes).unwrap(), 1e-12);
        let befores: Vec<f64> = both.iter().map(|both| both.0).collect();
        near(&told["mean_from"], mean(&befores).unwrap(), 1e-12);
    }
    let english = report["findings"][0]["en"].as_str().unwrap();
    assert!(
        english.contains(" differs most: PSI ") && english.contains("on average the"),
        "{english}"
    );
    let german = report["findings"][0]["de"].as_str().unwrap();
    assert!(german.contains("unterscheidet sich am meisten: PSI "), "{german}");
    // The same bits in whatever parts; another calibration is another request.
    let whole = run(&context, &people, |_| None);
    let mut merged = context.begin();
    people.chunks(777).for_each(|part| merged.merge(&context, absorbed(&context, part, |_| None)));
    assert_eq!(merged.keep(), whole.keep());
    assert_ne!(context.seed(None), half_a_year(&scale).seed(None));
}

#[test]
fn calibrations_that_say_nothing_of_each_other_are_refused_or_told() {
    let (people, scale) = cdnow();
    let itself = report(&between(&scale, &scale).unwrap(), &people[..100]);
    assert_eq!(codes(&itself)[0].0, "same_calibration");
    let few = report(&between(&fitted(&people[..50], FROM), &scale).unwrap(), &people[..20]);
    assert!(codes(&few).iter().all(|(code, _)| code == "few"), "{:?}", codes(&few));
    let bfi =
        common::bfi_scale(&records(include_bytes!("../../../tests/fixtures/data/bfi.ndjson.gz")));
    let refused = between(&bfi, &scale).unwrap_err();
    assert_eq!(refused, AskedWrongly::OtherSchema(bfi.version().to_owned()));
    let asked = Analysis::new("drift", &json!({"against": "gone"})).unwrap();
    let refused = Context::new(asked, 0, Some(scale), None).unwrap_err();
    assert_eq!(refused, AskedWrongly::NoCalibration("gone".to_owned()));
}
