//! The same bits, however a population comes; and what calibrations say of each other.

mod common;

use common::{BFI, BFI_AS_OF, CDNOW, CDNOW_AS_OF, bfi, cdnow, fit, fit_parts, record, vector};
use kartei_behavior::{
    Calibration, Moves, Passes, Person, Refused, Schema, Scorer, Separation, SoFar, Step, Wanted,
    distance,
};
use kartei_profile::Record;
use proptest::prelude::*;
use serde_json::json;

const DAY: i64 = 86_400_000;

#[test]
fn orders_of_people_and_parts_do_not_matter() {
    let schema = Schema::parse(CDNOW).unwrap();
    let mut people = cdnow();
    people.truncate(6_000);
    let whole = fit(&schema, CDNOW_AS_OF, &people);
    people.reverse();
    let (a, rest) = people.split_at(17);
    let (b, c) = rest.split_at(4_000);
    let parts = fit_parts(&schema, CDNOW_AS_OF, None, &[c, a, b]);
    assert_eq!(parts.text(), whole.text());
    assert_eq!(parts.version(), whole.version());
}

/// Reads people, and breaks off behind the pass that it is told; what was known then is left as JSON.
struct Reader<'a> {
    people: &'a [Record],
    passes_left: usize,
    left: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Stop {
    Refused(Refused),
    Here,
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Passes for Reader<'_> {
    type Stop = Stop;

    fn pass<A: Send>(
        &mut self,
        _: Step,
        begin: impl Fn() -> A + Sync,
        absorb: impl Fn(&mut A, &Record) + Sync,
        merge: impl Fn(&mut A, A),
    ) -> Result<A, Stop> {
        if self.passes_left == 0 {
            return Err(Stop::Here);
        }
        self.passes_left -= 1;
        let mut whole = begin();
        for part in self.people.chunks(700) {
            let mut own = begin();
            part.iter().for_each(|record| absorb(&mut own, record));
            merge(&mut whole, own);
        }
        Ok(whole)
    }

    fn known(&mut self, so_far: &SoFar) -> Result<(), Stop> {
        self.left = serde_json::to_string(so_far).ok();
        Ok(())
    }
}

#[test]
fn who_goes_on_from_behind_a_pass_comes_to_the_same_bits() {
    for (text, people, as_of) in [(BFI, bfi(), BFI_AS_OF), (CDNOW, cdnow(), CDNOW_AS_OF)] {
        let schema = Schema::parse(text).unwrap();
        let people = &people[..2_400];
        let before = fit(&schema, as_of - 90 * DAY, people);
        let wanted = Wanted {
            schema: &schema,
            filter: "",
            as_of_ms: None,
            now_ms: as_of,
            before: Some(&before),
            same_fit_as: None,
        };
        let reader = |passes_left| Reader { people, passes_left, left: None };
        let whole = kartei_behavior::fit(&mut reader(4), &wanted, None).unwrap();
        let known = fit_parts(&schema, whole.as_of_ms, Some(&before), &[people]);
        assert_eq!(whole.text(), known.text());
        for passes in 0..4 {
            let mut dies = reader(passes);
            let broke_off = kartei_behavior::fit(&mut dies, &wanted, None);
            assert_eq!(broke_off, Err(Stop::Here));
            let so_far = dies.left.map(|left| serde_json::from_str(&left).unwrap());
            assert_eq!(so_far.is_some(), passes > 0);
            let mut heir = reader(4 - passes);
            let made = kartei_behavior::fit(&mut heir, &wanted, so_far).unwrap();
            assert_eq!((made.text(), heir.passes_left), (whole.text(), 0));
            let all: SoFar = serde_json::from_str(&heir.left.unwrap()).unwrap();
            assert_eq!(kartei_behavior::fit(&mut reader(0), &wanted, Some(all)), Ok(made));
        }
        let later = Wanted { same_fit_as: Some(&whole), ..wanted };
        let refused = kartei_behavior::fit(&mut reader(1), &later, None);
        assert_eq!(refused, Err(Stop::Refused(Refused::SameMoment)));
        let nobody = Reader { people: &[], passes_left: 1, left: None };
        let refused = kartei_behavior::fit(&mut { nobody }, &wanted, None).unwrap_err();
        let name = schema.name().to_owned();
        assert_eq!(refused, Stop::Refused(Refused::NothingObserved(name)));
        let moved = kartei_behavior::compare(&mut reader(1), &schema, (&before, &whole)).unwrap();
        assert!(moved.profiles > 0);
    }
}

#[test]
fn a_calibration_reads_back_with_the_same_bits() {
    let schema = Schema::parse(CDNOW).unwrap();
    let people = cdnow();
    let calibration = fit(&schema, CDNOW_AS_OF, &people[..3_000]);
    let read = Calibration::parse(&calibration.text()).unwrap();
    assert_eq!(read, calibration);
    assert_eq!(read.version(), calibration.version());
    for record in &people[3_000..3_200] {
        assert_eq!(vector(&schema, &read, record), vector(&schema, &calibration, record));
    }
    let text = calibration.text().replacen("calibration.v1", "calibration.v2", 1);
    assert!(Calibration::parse(&text).is_err());
    assert_ne!(calibration.at(CDNOW_AS_OF + DAY).version(), calibration.version());
    let other = Schema::parse(BFI).unwrap();
    assert!(Scorer::new(&other, &calibration).is_err());
}

#[test]
fn customers_stand_where_their_orders_put_them() {
    let schema = Schema::parse(CDNOW).unwrap();
    let people = cdnow();
    let calibration = fit(&schema, CDNOW_AS_OF, &people);
    let [_, frequency, value, _] = calibration.signals.as_slice() else { panic!("four signals") };
    assert!(matches!(frequency.separation, Separation::Stated { .. }));
    assert!(matches!(value.separation, Separation::Measured { k, .. } if k > 0.0), "{value:?}");
    assert_eq!(value.people, 23_570);
    let good = record(
        "good",
        &[("order_value", 300.0, CDNOW_AS_OF - 5 * DAY), ("order_value", 280.0, CDNOW_AS_OF - DAY)],
    );
    let gone = record("gone", &[("order_value", 4.0, CDNOW_AS_OF - 540 * DAY)]);
    let [good, gone] = [good, gone].map(|one| vector(&schema, &calibration, &one));
    for dimension in 0..3 {
        let percentile =
            |v: &kartei_behavior::Vector| v.dimensions[dimension].as_ref().unwrap().percentile;
        assert!(percentile(&good) > Some(0.95), "{dimension} {good:?}");
        assert!(percentile(&gone) < Some(0.3), "{dimension} {gone:?}");
    }
    assert_eq!(good.dimensions[3], None, "no order says how many items it has");
    assert!(distance(&good, &gone).unwrap() > distance(&good, &good).unwrap());
}

#[test]
fn a_dry_run_tells_who_moves() {
    let schema = Schema::parse(BFI).unwrap();
    let people = bfi();
    let all = fit(&schema, BFI_AS_OF, &people);
    let young: Vec<Record> = people
        .iter()
        .filter(|one| one.members()["attributes"]["age"].as_f64().is_some_and(|age| age < 20.0))
        .cloned()
        .collect();
    let other = fit_parts(&schema, BFI_AS_OF, Some(&all), &[&young]);
    assert!(other.signals.iter().all(|fit| fit.stability.is_some_and(|psi| psi >= 0.0)));
    let again = fit_parts(&schema, BFI_AS_OF, Some(&all), &[&people]);
    assert!(again.signals.iter().all(|fit| fit.stability == Some(0.0)));
    let moved = |to: &Calibration, parts: &[&[Record]]| {
        let scorers = || {
            let from = Scorer::new(&schema, &all).unwrap();
            Moves::new(from, Scorer::new(&schema, to).unwrap()).unwrap()
        };
        let (mut moves, mut person) = (scorers(), Person::default());
        for part in parts {
            let mut own = scorers();
            for record in *part {
                person.measure(&schema, record, BFI_AS_OF);
                own.absorb(record.id(), &person, &person);
            }
            moves.merge(own);
        }
        moves.finish()
    };
    let none = moved(&all, &[&people]);
    assert_eq!((none.profiles, none.change_band), (2_800, 0));
    assert!(none.dimensions.iter().all(|one| one.farthest.is_empty()));
    let whole = moved(&other, &[&people]);
    assert!(whole.change_band > 0 && whole.change_band < 2_800, "{}", whole.change_band);
    let far = &whole.dimensions[0].farthest;
    assert_eq!(far.len(), 10);
    assert!(
        far.windows(2)
            .all(|two| (two[0].to - two[0].from).abs() >= (two[1].to - two[1].from).abs())
    );
    let (a, b) = people.split_at(1_000);
    assert_eq!(moved(&other, &[b, a]), whole);
}

#[test]
fn a_schema_says_what_is_wrong_with_it() {
    let good = json!({"schema": "behavior_schema.v1", "name": "d", "version": 1,
        "signals": [{"name": "s", "kind": "level"}],
        "dimensions": [{"name": "d", "weights": {"s": 1}}]});
    assert!(Schema::parse(&good.to_string()).is_ok());
    let wrong = |pointer: &str, value: serde_json::Value| {
        let mut schema = good.clone();
        *schema.pointer_mut(pointer).unwrap() = value;
        let mistake = Schema::parse(&schema.to_string()).unwrap_err();
        (mistake.pointer, mistake.reason)
    };
    let at = |pointer: &str, value| wrong(pointer, value).0;
    assert_eq!(at("/version", json!(0)), "/version");
    assert_eq!(at("/signals", json!([])), "/signals");
    assert_eq!(at("/dimensions/0/weights", json!({"t": 1})), "/dimensions/0/weights");
    assert_eq!(at("/dimensions/0/weights", json!({"s": -1})), "/dimensions/0/weights");
    assert_eq!(at("/dimensions/0/weights", json!({"s": 0})), "/dimensions/0/weights");
    assert_eq!(at("/signals/0/name", json!(" s")), "/signals/0/name");
    let signal = |more: serde_json::Value| {
        let mut signal = json!({"name": "s", "kind": "level"});
        signal.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        at("/signals/0", signal)
    };
    assert_eq!(signal(json!({"range": [2, 1]})), "/signals/0/range");
    assert_eq!(signal(json!({"half_life_days": 0})), "/signals/0/half_life_days");
    assert_eq!(signal(json!({"reliability": 2})), "/signals/0/reliability");
    assert_eq!(signal(json!({"measure": "per_year"})), "/signals/0/kind");
    assert!(wrong("/signals/0", json!({"name": "s", "kind": "other"})).1.contains("other"));
    assert!(wrong("/signals/0", json!({"name": "s", "kind": "level", "x": 1})).1.contains('x'));
}

#[test]
fn the_json_schema_and_the_reader_agree() {
    let text = include_str!("../../../schemas/behavior_schema.v1.schema.json");
    let schema = serde_json::from_str(text).unwrap();
    let judge = jsonschema::draft202012::new(&schema).unwrap();
    for ready in kartei_behavior::ready() {
        let value: serde_json::Value = serde_json::from_str(ready.text()).unwrap();
        assert!(judge.is_valid(&value), "{}", ready.name());
        // Whatever is taken away or put in, both say the same of it.
        let mut broken = vec![json!(1), json!([])];
        for member in ["schema", "name", "version", "signals", "dimensions"] {
            let mut less = value.clone();
            less.as_object_mut().unwrap().remove(member);
            broken.push(less);
        }
        for (pointer, put) in [
            ("/signals/0/kind", json!("other")),
            ("/signals/0/name", json!("")),
            ("/signals/0", json!({"name": "x"})),
            ("/signals/0", json!({"name": "x", "kind": "level", "more": 1})),
            ("/signals/0", json!({"name": "x", "kind": "level", "half_life_days": 0})),
            ("/signals/0", json!({"name": "x", "kind": "level", "reliability": 1.5})),
            ("/signals/0", json!({"name": "x", "kind": "level", "direction": 0})),
            ("/signals/0", json!({"name": "x", "kind": "level", "range": [1]})),
            ("/dimensions/0/weights", json!({})),
            ("/dimensions", json!([])),
            ("/version", json!(0)),
        ] {
            let mut other = value.clone();
            *other.pointer_mut(pointer).unwrap() = put;
            broken.push(other);
        }
        for value in broken {
            assert!(!judge.is_valid(&value), "{value}");
            assert!(Schema::parse(&value.to_string()).is_err(), "{value}");
        }
    }
    assert_eq!(kartei_behavior::ready().len(), 2, "both are read");
}

#[test]
fn kinds_of_numbers() {
    let signals = json!([
        {"name": "share", "kind": "binary"}, {"name": "events", "kind": "rate"},
        {"name": "took", "kind": "duration"}, {"name": "answer", "kind": "level", "range": [1, 6]},
        {"name": "last", "from": "answer", "kind": "duration", "measure": "days_since"},
        {"name": "often", "from": "answer", "kind": "rate", "measure": "per_year"}]);
    let schema = json!({"schema": "behavior_schema.v1", "name": "d", "version": 1,
        "signals": signals, "dimensions": [{"name": "d", "weights": {"share": 1}}]});
    let schema = Schema::parse(&schema.to_string()).unwrap();
    let year = 365 * DAY + DAY / 4;
    let observed = [
        ("share", 1.0, 0),
        ("share", 0.0, 0),
        ("share", 1.0, 0),
        ("share", 2.0, 0),
        ("events", 4.0, 0),
        ("events", -1.0, 0),
        ("took", 0.0, 0),
        ("took", std::f64::consts::E - 1.0, 0),
        ("answer", 2.0, 0),
        ("answer", 5.0, year),
        ("answer", 9.0, year),
    ];
    let mut person = Person::default();
    person.measure(&schema, &record("p", &observed), 2 * year);
    let value = |signal: usize| person.signals[signal].value.unwrap();
    // (2 + ½) / (3 + 1); (4 + ½) / 1; mean of ln 1 and ln e; mean of 2 and 5.
    assert_eq!((value(0), value(1), value(3)), (0.625, 4.5, 3.5));
    assert!((value(2) - 0.5).abs() < 1e-15);
    // ln(1 + 365.25) days; (3 + ½) in (2 + ½) years: when counts, not what.
    assert!((value(4) - 5.903_316_160_331).abs() < 1e-9, "{}", value(4));
    assert!((value(5) - 1.4).abs() < 1e-12);
    let out: Vec<u64> = person.signals.iter().map(|one| one.out_of_range).collect();
    assert_eq!(out, [1, 1, 0, 1, 0, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn bits_of_random_people(
        people in prop::collection::vec(
            prop::collection::vec((0..3_usize, -1e9..1e9_f64, 0..1_000_i64), 0..12), 0..60),
        cuts in (0..60_usize, 0..60_usize),
    ) {
        let schema = json!({"schema": "behavior_schema.v1", "name": "r", "version": 1,
            "signals": [{"name": "a", "kind": "level", "half_life_days": 90},
                {"name": "b", "kind": "level", "direction": -1}, {"name": "c", "kind": "level"}],
            "dimensions": [{"name": "d", "weights": {"a": 1, "b": 0.3, "c": 7}},
                {"name": "e", "weights": {"c": 1}}]});
        let schema = Schema::parse(&schema.to_string()).unwrap();
        let names = ["a", "b", "c"];
        let people: Vec<Record> = people.iter().enumerate().map(|(number, observed)| {
            let observed: Vec<_> =
                observed.iter().map(|(s, value, day)| (names[*s], *value, day * DAY)).collect();
            record(&format!("p{number}"), &observed)
        }).collect();
        let whole = fit(&schema, 1_000 * DAY, &people);
        let cut = |at: usize| at.min(people.len());
        let (low, high) = (cut(cuts.0.min(cuts.1)), cut(cuts.0.max(cuts.1)));
        let parts = [&people[high..], &people[..low], &people[low..high]];
        let parts = fit_parts(&schema, 1_000 * DAY, None, &parts);
        prop_assert_eq!(parts.text(), whole.text());
        for person in &people {
            for score in vector(&schema, &whole, person).dimensions.into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&score.score));
                prop_assert!((0.0..=1.0 + 1e-12).contains(&score.confidence));
                let sum: f64 = score.contributions.iter().map(|one| one.value).sum();
                prop_assert!((sum - (score.score - 0.5)).abs() < 1e-12);
            }
        }
    }
}
