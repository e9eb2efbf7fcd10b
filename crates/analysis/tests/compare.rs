//! Women and men of the real questionnaires held against each other, and what a comparison must be
//! whatever way it was made.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read;

use kartei_analysis::{CHUNK, CompareInput, Comparison, Profile, Seed, Side, in_visiting_order};
use kartei_behavior::{Asked, Calibration, First, Fitted, Person, Schema, Scorer, Second, Third};
use kartei_profile::{Record, RecordSchema};
use kartei_stats::effect::hedges_g;
use proptest::prelude::*;
use serde_json::{Value, json};

/// 2026-11-22, in milliseconds.
const AS_OF: i64 = 1_795_305_600_000;

/// 2010-06-01, when the answers of bfi are from.
const BFI_AS_OF: i64 = 1_275_350_400_000;

fn bfi() -> Vec<Record> {
    let packed = include_bytes!("../../../tests/fixtures/data/bfi.ndjson.gz");
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    let schema = RecordSchema::user_profile_v1();
    let read = text.lines().map(|line| Record::parse(&schema, line.as_bytes()).unwrap().record);
    in_visiting_order(Seed::of("job"), read.collect(), Record::id)
}

/// Women are A and men are B.
fn sex(record: &Record) -> Option<Side> {
    match record.members()["attributes"]["gender"].as_str() {
        Some("female") => Some(Side::A),
        Some("male") => Some(Side::B),
        _ => None,
    }
}

/// A profile whose attributes say on which side it is.
fn made(number: usize, side: &str, attributes: &Value, observations: &Value) -> Record {
    let mut attributes = attributes.clone();
    attributes["side"] = json!(side);
    let value = json!({
        "schema": "user_profile.v1",
        "id": format!("p{number:05}"),
        "attributes": attributes,
        "observations": observations,
    });
    Record::accept(&RecordSchema::user_profile_v1(), &value).unwrap().record
}

fn told_side(record: &Record) -> Option<Side> {
    match record.members()["attributes"]["side"].as_str() {
        Some("a") => Some(Side::A),
        Some("b") => Some(Side::B),
        _ => None,
    }
}

fn chunk(profiles: &[Record], side: impl Fn(&Record) -> Option<Side>) -> Comparison {
    let mut seen = Comparison::begin(AS_OF);
    for record in profiles {
        seen.absorb(&Profile { record, conflicts: 0 }, side(record), None);
    }
    seen
}

fn merged(
    profiles: &[Record],
    size: usize,
    side: impl Fn(&Record) -> Option<Side> + Copy,
) -> Comparison {
    let mut seen = Comparison::begin(AS_OF);
    profiles.chunks(size).for_each(|part| seen.merge(chunk(part, side)));
    seen
}

fn input(total: usize) -> CompareInput {
    CompareInput {
        epoch: "e".to_owned(),
        rev: 9,
        filter_a: Some("attr:gender=female".to_owned()),
        filter_b: Some("attr:gender=male".to_owned()),
        calibration: None,
        titles: std::collections::BTreeMap::new(),
        total: total as u64,
    }
}

fn variable<'a>(report: &'a Value, kind: &str, name: &str) -> &'a Value {
    let variables = report["variables"].as_array().unwrap();
    variables.iter().find(|one| one["name"] == name && one["kind"] == kind).unwrap()
}

fn codes(report: &Value) -> Vec<(&str, &str)> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|one| (one["code"].as_str().unwrap(), one["about"].as_str().unwrap_or_default()))
        .collect()
}

fn near(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found:e} and not {expected:e}");
}

/// What scipy 1.17.1 and numpy 2.4.6 make of the same file, read by Python's own `gzip` and `json`, women
/// against men: `mean`, `std(ddof=1)` and `median` of numpy; `ttest_ind(equal_var=False)`;
/// `mannwhitneyu(method="asymptotic")` with z as `norm.isf(p / 2)`; D of `ks_2samp` and its p as
/// `kstwobign.sf(D * sqrt(n * m / (n + m)))`; g as the difference of the means over the pooled deviation
/// times J by `gammaln`; delta and its interval from the whole matrix of signs; and
/// `false_discovery_control` over the 27 p of `mannwhitneyu`.
#[test]
fn women_and_men_as_scipy_has_them() {
    let profiles = bfi();
    let report = merged(&profiles, CHUNK, sex).report(&input(profiles.len()));
    assert_eq!(
        (&report["a"], &report["b"], &report["neither"]),
        (&json!(1881), &json!(919), &json!(0))
    );
    assert_eq!((&report["partial"], &report["compared"]), (&json!(false), &json!(27)));
    for (kind, name, sides, g, welch, ranks, delta, shapes, adjusted) in [
        (
            "signal",
            "A4",
            [
                [1865.0, 4.830563002680965, 1.461681139535358, 5.0],
                [916.0, 4.433406113537118, 1.4810045966233238, 5.0],
            ],
            [0.2704566317417528, 0.19105880151082702, 0.34985446197267855],
            [6.675050428759768, 1797.9313278886934, 3.2821762678966506e-11],
            [1007691.0, 8.079083123775902, 6.525553674996021e-16],
            [0.17973120104897153, 0.13686793100276223, 0.22192269519422525],
            [0.1689698771907232, 1.16762052743246e-15],
            3.5237989844978514e-15,
        ),
        (
            "signal",
            "N3",
            [
                [1872.0, 3.3520299145299144, 1.6155001949603853, 3.0],
                [917.0, 2.9400218102508178, 1.5411747630229402, 3.0],
            ],
            [0.2588180534436745, 0.1795252237838046, 0.33811088310354437],
            [6.527199354287026, 1898.1937287408182, 8.574552132406303e-11],
            [982106.5, 6.305110779659477, 2.879878395763593e-10],
            [0.14423018669201876, 0.1001303311118124, 0.18776447481547617],
            [0.10748189469563518, 1.3334252247513026e-06],
            1.1108102383659573e-09,
        ),
        (
            "attribute",
            "age",
            [
                [1881.0, 29.15311004784689, 11.157430123975399, 26.0],
                [919.0, 28.02285092491839, 11.033348149318524, 25.0],
            ],
            [0.10164334645170997, 0.022716974673017976, 0.18056971823040197],
            [2.5359328030080484, 1840.159709539948, 0.01129692981830684],
            [920679.0, 2.8079556976052573, 0.0049857085129198665],
            [0.06520678985028106, 0.019952487333569188, 0.11019445154654167],
            [0.062069061267274406, 0.017183906974010756],
            0.00791847822640214,
        ),
    ] {
        let one = variable(&report, kind, name);
        assert_eq!(one["code"], "compared");
        for (side, [n, mean, deviation, median]) in [("a", sides[0]), ("b", sides[1])] {
            near(&one[side]["n"], n);
            near(&one[side]["mean"], mean);
            near(&one[side]["deviation"], deviation);
            near(&one[side]["median"], median);
        }
        for (about, expected) in [("hedges_g", g), ("cliffs_delta", delta)] {
            near(&one[about]["value"], expected[0]);
            near(&one[about]["low"], expected[1]);
            near(&one[about]["high"], expected[2]);
        }
        near(&one["welch"]["t"], welch[0]);
        near(&one["welch"]["df"], welch[1]);
        near(&one["welch"]["p"], welch[2]);
        near(&one["mann_whitney"]["u"], ranks[0]);
        near(&one["mann_whitney"]["z"], ranks[1]);
        near(&one["mann_whitney"]["p"], ranks[2]);
        near(&one["kolmogorov_smirnov"]["d"], shapes[0]);
        near(&one["kolmogorov_smirnov"]["p"], shapes[1]);
        assert_eq!(one["adjusted"]["of"], "mann_whitney");
        near(&one["adjusted"]["p"], adjusted);
    }
}

#[test]
fn known_differences_of_the_sexes_come_first_and_are_said() {
    let profiles = bfi();
    let report = merged(&profiles, CHUNK, sex).report(&input(profiles.len()));
    let higher = |name: &str| {
        let one = &variable(&report, "signal", name)["hedges_g"];
        (one["low"].as_f64().unwrap() > 0.0, one["high"].as_f64().unwrap() < 0.0)
    };
    // N4 ("often feel blue") is where women and men of this sample do not differ: g = −0.002.
    for name in ["A2", "A3", "A4", "A5", "N1", "N2", "N3", "N5"] {
        assert_eq!(higher(name), (true, false), "{name}");
    }
    assert_eq!(higher("A1"), (false, true), "indifference to others");
    assert_eq!(higher("N4"), (false, false));
    near(&variable(&report, "signal", "N4")["hedges_g"]["value"], -0.0021943961836593706);
    let first: Vec<&str> = report["variables"].as_array().unwrap()[..7]
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(first, ["N5", "A2", "A1", "A3", "A4", "E1", "N3"]);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 8);
    let said = |at: usize, language: &str| findings[at][language].as_str().unwrap();
    assert_eq!(
        said(4, "en"),
        "`A4` is higher in A than in B: a small difference (g = 0.27, 95\u{a0}% between 0.19 and 0.35)."
    );
    assert_eq!(
        said(4, "de"),
        "`A4` ist in A höher als in B: ein kleiner Unterschied (g = 0,27, mit 95\u{a0}% zwischen 0,19 \
         und 0,35)."
    );
    assert_eq!(
        said(2, "de"),
        "`A1` ist in A niedriger als in B: ein kleiner Unterschied (g = \u{2212}0,34, mit 95\u{a0}% \
         zwischen \u{2212}0,42 und \u{2212}0,26)."
    );
    // 21 of the 27 have an adjusted p of 0.05 at most, seven are told.
    assert_eq!(said(7, "en"), "14 more variables differ, by less than these.");
    assert_eq!(report["params"]["filter_a"], "attr:gender=female");
    assert_eq!(report["input"]["as_of"], AS_OF);
}

/// A fit of the whole population.
fn fit(schema: &Schema, profiles: &[Record]) -> Calibration {
    let people: Vec<Person> = profiles
        .iter()
        .map(|record| {
            let mut person = Person::default();
            person.measure(schema, record, BFI_AS_OF);
            person
        })
        .collect();
    let asked = Asked { as_of_ms: BFI_AS_OF, filter: String::new() };
    let mut first = First::new(schema, &asked);
    for (record, person) in profiles.iter().zip(&people) {
        first.absorb(record, person);
    }
    let known = first.finish(None);
    let mut second = Second::new(&known);
    people.iter().for_each(|person| second.absorb(person));
    let calibration = second.finish();
    let scorer = Scorer::new(schema, &calibration).unwrap();
    let mut third = Third::new(scorer, schema.dimensions().len());
    people.iter().for_each(|person| third.absorb(person));
    let scores = third.finish();
    calibration.with_scores(scores)
}

#[test]
fn scores_are_compared_where_there_is_a_calibration() {
    let profiles = bfi();
    let schema = Schema::parse(include_str!("../../../schemas/behavior/bfi.v1.json")).unwrap();
    let calibration = fit(&schema, &profiles);
    let fitted = Fitted::new(schema.clone(), calibration.clone()).unwrap();
    let mut scores = fitted.scores();
    let mut seen = Comparison::begin(AS_OF);
    for part in profiles.chunks(CHUNK) {
        let mut own = Comparison::begin(AS_OF);
        for record in part {
            own.absorb(&Profile { record, conflicts: 0 }, sex(record), Some(&mut scores));
        }
        seen.merge(own);
    }
    let mut asked = input(profiles.len());
    asked.calibration = Some(calibration.version());
    let report = seen.report(&asked);
    assert_eq!(report["input"]["calibration"], calibration.version());
    assert_eq!(report["compared"], 27 + schema.dimensions().len());
    // The same by hand.
    let scorer = Scorer::new(&schema, &calibration).unwrap();
    for (at, dimension) in schema.dimensions().iter().enumerate() {
        let (mut women, mut men) = (Vec::new(), Vec::new());
        for record in &profiles {
            let mut person = Person::default();
            person.measure(&schema, record, BFI_AS_OF);
            let Some(score) = &scorer.vector(&person).dimensions[at] else { continue };
            if sex(record) == Some(Side::A) { &mut women } else { &mut men }.push(score.score);
        }
        let one = variable(&report, "dimension", &dimension.name);
        let g = hedges_g(&women, &men).unwrap();
        near(&one["hedges_g"]["value"], g.value);
        assert_eq!(one["a"]["n"], women.len());
    }
    let value = |name: &str| variable(&report, "dimension", name)["hedges_g"]["value"].as_f64();
    assert!(value("agreeableness").unwrap() > 0.3 && value("neuroticism").unwrap() > 0.2);
    let moved = Fitted::new(schema, calibration.at(AS_OF));
    assert!(moved.is_ok(), "the fit at another moment");
}

#[test]
fn a_part_says_that_it_is_one() {
    let profiles = bfi();
    let part = merged(&profiles[..CHUNK], CHUNK, sex).report(&input(profiles.len()));
    let whole = merged(&profiles, CHUNK, sex).report(&input(profiles.len()));
    assert_eq!((&part["partial"], &part["done"]), (&json!(true), &json!(1024)));
    assert_eq!(part["findings"][0]["en"], "So far 1,024 of 2,800 profiles were looked at.");
    assert_eq!(part["findings"][0]["de"], "Bisher wurden 1.024 von 2.800 Profilen angesehen.");
    assert!(part["findings"].as_array().unwrap().len() <= 8);
    let mut inside = 0;
    for one in part["variables"].as_array().unwrap() {
        for needs_order in ["mann_whitney", "cliffs_delta", "kolmogorov_smirnov"] {
            assert!(one[needs_order].is_null());
        }
        assert!(one["a"]["median"].is_null());
        assert_eq!(one["adjusted"]["of"], "welch");
        let (kind, name) = (one["kind"].as_str().unwrap(), one["name"].as_str().unwrap());
        let truth = variable(&whole, kind, name)["hedges_g"]["value"].as_f64().unwrap();
        let [low, high] = ["low", "high"].map(|end| one["hedges_g"][end].as_f64().unwrap());
        inside += usize::from((low..=high).contains(&truth));
    }
    assert!(inside >= 24, "{inside} of 27");
}

#[test]
fn whoever_dies_on_the_way_the_bits_are_the_same() {
    let profiles = bfi();
    let whole = merged(&profiles, CHUNK, sex);
    let mut resumed = Comparison::begin(AS_OF);
    for part in profiles.chunks(CHUNK) {
        resumed.merge(Comparison::resume(&chunk(part, sex).keep()).unwrap());
        resumed = Comparison::resume(&resumed.keep()).unwrap();
    }
    assert_eq!(resumed.keep(), whole.keep());
    let told = |seen: &Comparison| seen.report(&input(2_800)).to_string();
    assert_eq!(told(&resumed), told(&whole));
    assert_eq!(Comparison::resume(b"{}"), None);
    assert_eq!(Comparison::resume(b"not json"), None);
}

/// `count` profiles on a side with `x` counted up from `from`.
fn counted(side: &str, from: usize, count: usize) -> Vec<Record> {
    (from..from + count).map(|x| made(x, side, &json!({"x": x}), &json!([]))).collect()
}

#[test]
fn few_none_and_one() {
    let report = |profiles: &[Record]| chunk(profiles, told_side).report(&input(profiles.len()));
    let none = report(&[]);
    assert_eq!(codes(&none), [("side_small", "A"), ("side_small", "B")]);
    assert_eq!(none["variables"], json!([]));
    assert_eq!(none["findings"][0]["de"], "Auf Seite A ist kein Profil: Nötig sind mindestens 10.");
    let one = report(&counted("a", 0, 1));
    assert_eq!(one["findings"][0]["en"], "Side A has 1 profile: at least 10 are needed.");
    assert_eq!(variable(&one, "attribute", "x")["code"], "too_few");
    assert!(variable(&one, "attribute", "x")["a"]["mean"].is_null());
    let nine = report(&[counted("a", 0, 20), counted("b", 20, 9)].concat());
    assert_eq!(codes(&nine), [("side_small", "B")]);
    assert_eq!(nine["findings"][0]["de"], "Seite B hat 9 Profile: Nötig sind mindestens 10.");
    assert_eq!(variable(&nine, "attribute", "x")["code"], "too_few");
    let ten = report(&[counted("a", 0, 10), counted("b", 10, 10), counted("c", 20, 3)].concat());
    assert_eq!(ten["neither"], 3);
    let x = variable(&ten, "attribute", "x");
    assert_eq!((&x["code"], &x["cliffs_delta"]["value"]), (&json!("compared"), &json!(-1.0)));
    assert_eq!(
        (&x["mann_whitney"]["u"], &x["kolmogorov_smirnov"]["d"]),
        (&json!(0.0), &json!(1.0))
    );
    assert_eq!(codes(&ten), [("lower", "x")]);
    assert!(ten["findings"][0]["en"].as_str().unwrap().contains("a large difference"));
}

#[test]
fn constants_ties_texts_and_later_observations() {
    let at = |at: &str, value: f64, n: u64| json!({"id": format!("{at}{value}"), "signal": "s", "value": value, "at": at, "n": n});
    let profiles: Vec<Record> = (0..60)
        .map(|number| {
            let side = if number % 2 == 0 { "a" } else { "b" };
            let mixed = if number < 20 { json!("many") } else { json!(number % 7) };
            let rare = if number < 18 { json!(number) } else { Value::Null };
            // Of the mean (1 · 1 + 3 · 4) / 4 nothing that is later takes part.
            let observations = json!([
                at("2026-01-01T00:00:00Z", 1.0, 1),
                at("2026-02-01T00:00:00Z", 4.0, 3),
                at("2030-01-01T00:00:00Z", 1e6, 1),
            ]);
            let attributes = json!({
                "same": 3,
                "apart": number % 2,
                "tied": if number % 4 < 2 { 1 } else { 2 },
                "mixed": mixed,
                "rare": rare,
                "flag": true,
            });
            made(number, side, &attributes, &observations)
        })
        .collect();
    let report = chunk(&profiles, told_side).report(&input(60));
    let names: Vec<&str> = report["variables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert!(!names.contains(&"flag") && !names.contains(&"side"), "no numbers: {names:?}");
    let code = |name: &str| variable(&report, "attribute", name)["code"].as_str().unwrap();
    assert_eq!([code("same"), code("apart"), code("rare")], ["constant", "constant", "too_few"]);
    assert!(variable(&report, "attribute", "same")["welch"].is_null());
    let level = variable(&report, "signal", "s");
    assert_eq!((&level["code"], &level["a"]["mean"]), (&json!("constant"), &json!(3.25)));
    let mixed = variable(&report, "attribute", "mixed");
    assert_eq!((&mixed["code"], &mixed["a"]["n"]), (&json!("compared"), &json!(20)));
    let tied = variable(&report, "attribute", "tied");
    assert_eq!(
        (&tied["hedges_g"]["value"], &tied["mann_whitney"]["p"]),
        (&json!(0.0), &json!(1.0))
    );
    assert_eq!(codes(&report), [("same", "")]);
    assert_eq!(
        report["findings"][0]["en"],
        "None of the 2 variables that were compared differs beyond chance."
    );
    let huge: Vec<Record> = (0..40)
        .map(|number| {
            let side = if number % 2 == 0 { "a" } else { "b" };
            made(number, side, &json!({"x": 1e300, "side": side}), &json!([]))
        })
        .collect();
    let report = chunk(&huge, told_side).report(&input(40));
    assert_eq!(variable(&report, "attribute", "x")["a"]["out_of_range"], 20);
    assert_eq!(codes(&report), [("nothing_compared", "")]);
}

#[test]
fn means_may_agree_where_the_numbers_lie_otherwise() {
    // Nearly all of A are a little above B, and a few are far below: the means agree.
    let profiles: Vec<Record> = (0..400)
        .map(|number| {
            let spread = f64::from(u32::try_from(number / 2 % 10).unwrap()) / 10.0;
            let (side, x) = match number {
                _ if number % 2 == 1 => ("b", spread),
                _ if number % 20 == 0 => ("a", spread - 9.0),
                _ => ("a", spread + 1.0),
            };
            made(number, side, &json!({"x": x}), &json!([]))
        })
        .collect();
    let report = chunk(&profiles, told_side).report(&input(400));
    assert_eq!(codes(&report), [("otherwise_distributed", "x")]);
}

#[test]
fn names_beyond_the_bound_are_left_out_and_that_is_said() {
    let wide = |number: usize, first: usize| {
        let attributes: serde_json::Map<String, Value> =
            (first..first + 90).map(|name| (format!("n{name:05}"), json!(number))).collect();
        made(
            number,
            if number.is_multiple_of(2) { "a" } else { "b" },
            &json!(attributes),
            &json!([]),
        )
    };
    // 1,080 names in all, of which the first 1,000 in the order of the visit stay.
    let profiles: Vec<Record> = (0..12).map(|number| wide(number, number * 90)).collect();
    let mut seen = merged(&profiles, 3, told_side);
    let report = seen.report(&input(12));
    assert_eq!(report["names_left_out"], true);
    assert_eq!(report["variables"].as_array().unwrap().len(), 1_000);
    // One that was left out is not begun later.
    let late = wide(12, 990);
    seen.absorb(&Profile { record: &late, conflicts: 0 }, Some(Side::A), None);
    seen.merge(chunk(&[wide(13, 990)], told_side));
    assert_eq!(seen.report(&input(14))["variables"].as_array().unwrap().len(), 1_000);
}

/// Side, two attributes, observations.
type Drawn = (u8, Option<f64>, Option<i8>, Vec<(u8, f64)>);

fn some_profile() -> impl Strategy<Value = Drawn> {
    let number = prop_oneof![-1e3..1e3_f64, (-3..3_i32).prop_map(f64::from)];
    let observation = (0..3_u8, -10.0..10.0_f64);
    (
        0..3_u8,
        prop::option::of(number),
        prop::option::of(any::<i8>()),
        prop::collection::vec(observation, 0..4),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn neither_order_nor_split_nor_keeping_changes_a_bit(
        people in prop::collection::vec(some_profile(), 0..90),
        size in 1..40_usize, turn in 0..90_usize,
    ) {
        let mut profiles: Vec<Record> = people
            .iter()
            .enumerate()
            .map(|(number, (side, x, y, observations))| {
                let side = ["a", "b", "c"][usize::from(*side)];
                let observations: Vec<Value> = observations
                    .iter()
                    .enumerate()
                    .map(|(at, (signal, value))| json!({
                        "id": format!("o{at}"),
                        "signal": format!("s{signal}"),
                        "value": value,
                        "at": "2026-01-01T00:00:00Z",
                    }))
                    .collect();
                made(number, side, &json!({"x": x, "y": y}), &json!(observations))
            })
            .collect();
        let whole = merged(&profiles, CHUNK, told_side);
        let mut kept = Comparison::begin(AS_OF);
        for part in profiles.chunks(size) {
            kept.merge(chunk(part, told_side));
            kept = Comparison::resume(&kept.keep()).unwrap();
        }
        prop_assert_eq!(kept.keep(), whole.keep());
        let count = profiles.len();
        profiles.rotate_left(turn.min(count));
        profiles.reverse();
        let turned = merged(&profiles, size, told_side);
        prop_assert_eq!(turned.keep(), whole.keep());
        for total in [count, count + 1] {
            let told = |seen: &Comparison| seen.report(&input(total)).to_string();
            prop_assert_eq!(told(&turned), told(&whole));
        }
    }
}
