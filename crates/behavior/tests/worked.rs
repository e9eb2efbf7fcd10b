//! Values that nobody here computed.

mod common;

use common::{BFI, BFI_AS_OF, bfi, fit, record, vector};
use kartei_behavior::{Person, Schema, Separation, Standing};
use serde_json::json;

const DAY: i64 = 86_400_000;

fn near(found: f64, expected: f64, off: f64) {
    assert!((found - expected).abs() <= off, "{found} is not {expected}");
}

/// Flowers as people: sepal length, sepal width, petal length, petal width.
fn flowers() -> Vec<[f64; 4]> {
    let text = include_str!("../../stats/tests/data/iris.csv");
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let rows = text.lines().map(|line| line.split(',').filter_map(number).collect::<Vec<_>>());
    // The head names the kinds, and has two numbers.
    rows.filter(|row| row.len() >= 4).map(|row| [row[0], row[1], row[2], row[3]]).collect()
}

const NAMES: [&str; 4] = ["sepal_length", "sepal_width", "petal_length", "petal_width"];

#[test]
fn the_worked_example_of_the_iris() {
    let reliabilities = [1.0 / 3.0, 0.8, 0.5, 1.0];
    let signals: Vec<_> = NAMES
        .iter()
        .zip(reliabilities)
        .map(|(name, reliability)| {
            let direction = if *name == "petal_length" { -1 } else { 1 };
            json!({"name": name, "kind": "level", "direction": direction,
                "reliability": reliability})
        })
        .collect();
    let weights = json!({"sepal_length": 2, "sepal_width": 1, "petal_length": 1,
        "petal_width": 0.5});
    let schema = json!({"schema": "behavior_schema.v1", "name": "iris", "version": 1,
        "signals": signals, "dimensions": [{"name": "size", "weights": weights}]});
    let schema = Schema::parse(&schema.to_string()).unwrap();
    let of = |id: &str, row: [f64; 4]| {
        let observed: Vec<_> = NAMES.iter().zip(row).map(|(name, x)| (*name, x, 0)).collect();
        record(id, &observed)
    };
    let people: Vec<_> = flowers()
        .into_iter()
        .enumerate()
        .map(|(number, row)| of(&format!("f{number}"), row))
        .collect();
    assert_eq!(people.len(), 150);
    let calibration = fit(&schema, DAY, &people);
    let found = vector(&schema, &calibration, &of("x", [5.8, 3.4, 1.5, 2.0]));
    for (signal, u) in [0.51, 0.79333, 0.20333, 0.82667].into_iter().enumerate() {
        let Standing::Placed { place, reliability, .. } = found.signals[signal] else {
            panic!("signal {signal} has a place")
        };
        near(place.u, u, 5e-6);
        near(reliability, reliabilities[signal], 0.0);
    }
    let score = found.dimensions[0].as_ref().unwrap();
    let contributions = [0.001_481_5, 0.052_148_1, 0.032_963_0, 0.036_296_3];
    for (found, expected) in score.contributions.iter().zip(contributions) {
        near(found.value, expected, 5e-8);
    }
    near(score.score, 0.622_888_9, 5e-8);
    near(score.confidence, 0.548_148_1, 5e-8);
    near(score.error, 0.076_114_4, 5e-8);
    let sum: f64 = score.contributions.iter().map(|one| one.value).sum();
    near(sum, score.score - 0.5, 1e-16);
}

#[test]
fn what_is_old_counts_less() {
    let schema = json!({"schema": "behavior_schema.v1", "name": "d", "version": 1,
        "signals": [{"name": "s", "kind": "level", "half_life_days": 30}],
        "dimensions": [{"name": "d", "weights": {"s": 1}}]});
    let schema = Schema::parse(&schema.to_string()).unwrap();
    let observed: Vec<_> = [(0, 2.0), (10, 4.0), (30, 3.0), (60, 8.0)]
        .into_iter()
        .map(|(day, value)| ("s", value, day * DAY))
        .collect();
    let mut person = Person::default();
    person.measure(&schema, &record("p", &observed), 60 * DAY);
    near(person.signals[0].value.unwrap(), 5.452_798_4, 5e-8);
    near(person.signals[0].n_eff, 3.020_546_5, 5e-8);
    person.measure(&schema, &record("p", &observed), 59 * DAY);
    assert_eq!((person.signals[0].counted.len(), person.signals[0].later), (3, 1));
}

#[test]
fn reliability_of_the_resistivity_of_silicon() {
    // NIST StRD, SiRstv: five instruments, five measurements each; F = 1.18046237440255.
    let instruments: [[f64; 5]; 5] = [
        [196.3052, 196.1240, 196.1890, 196.2569, 196.3403],
        [196.3042, 196.3825, 196.1669, 196.3257, 196.0422],
        [196.1303, 196.2005, 196.2889, 196.0343, 196.1811],
        [196.2795, 196.1748, 196.1494, 196.1485, 195.9885],
        [196.2119, 196.1051, 196.1850, 196.0052, 196.2090],
    ];
    let schema = json!({"schema": "behavior_schema.v1", "name": "d", "version": 1,
        "signals": [{"name": "s", "kind": "level"}],
        "dimensions": [{"name": "d", "weights": {"s": 1}}]});
    let schema = Schema::parse(&schema.to_string()).unwrap();
    let people: Vec<_> = instruments
        .iter()
        .enumerate()
        .map(|(number, values)| {
            let observed: Vec<_> = values.iter().map(|value| ("s", *value, 0)).collect();
            record(&format!("i{number}"), &observed)
        })
        .collect();
    let calibration = fit(&schema, DAY, &people);
    let separation = calibration.signals[0].separation;
    near(separation.reliability(5.0), 0.152_874_312_9, 5e-11);
    let Separation::Measured { sigma2, k, .. } = separation else { panic!("{separation:?}") };
    // Certified: 1.08318280000000E-02.
    near(sigma2, 0.010_831_828, 5e-12);
    near(k, 5.0 / (1.180_462_374_402_55 - 1.0), 1e-8);
}

#[test]
fn the_published_reliabilities_of_bfi() {
    let schema = Schema::parse(BFI).unwrap();
    let calibration = fit(&schema, BFI_AS_OF, &bfi());
    let published = [0.70, 0.73, 0.76, 0.81, 0.60];
    for (fit, alpha) in calibration.dimensions.iter().zip(published) {
        near(fit.alpha.unwrap(), alpha, 0.005);
        assert!(fit.complete > 2_600 && fit.people >= fit.complete, "{fit:?}");
    }
    // Every item was answered once by each: nothing tells within from between.
    for fit in &calibration.signals {
        assert_eq!(fit.separation, Separation::Stated { reliability: 1.0 }, "{}", fit.name);
        let holdout = fit.holdout.unwrap();
        assert!(holdout.people > 450 && holdout.off < 2.0 * holdout.bound, "{fit:?}");
    }
}
