//! Who is most like one of the real people, held against a plain search.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{
    BFI_AS_OF, absorbed, bfi, bfi_scale, calibrated, codes, context, input, report, run, schema,
};
use kartei_analysis::{Accumulator, Analysis, AskedWrongly, CHUNK, Context, in_visiting_order};
use kartei_behavior::{Person, Scorer, Vector, distance};
use kartei_profile::{Record, RecordSchema};
use serde_json::{Value, json};

fn of<'a>(people: &'a [Record], id: &str) -> &'a Record {
    people.iter().find(|one| one.id() == id).unwrap()
}

/// The vectors of all, made without the crate.
fn vectors(people: &[Record]) -> Vec<Vector> {
    let schema = schema("bfi");
    let calibration = calibrated(&schema, people, BFI_AS_OF);
    let scorer = Scorer::new(&schema, &calibration).unwrap();
    let mut person = Person::default();
    let vector = |record: &Record| {
        person.measure(&schema, record, BFI_AS_OF);
        scorer.vector(&person)
    };
    people.iter().map(vector).collect()
}

#[test]
fn the_nearest_are_those_of_a_plain_search_and_say_why() {
    let people = bfi();
    let scale = bfi_scale(&people);
    let focus = of(&people, "bfi-61617");
    let asked = json!({"id": "bfi-61617", "most": 7});
    let context = context("similar", &asked, Some(&scale), Some(focus));
    let report = report(&context, &people);

    let vectors = vectors(&people);
    let about = &vectors[0];
    assert_eq!(people[0].id(), "bfi-61617");
    let mut wanted: Vec<(f64, &str, &Vector)> = people[1..]
        .iter()
        .zip(&vectors[1..])
        .filter_map(|(record, vector)| Some((distance(about, vector)?, record.id(), vector)))
        .collect();
    wanted.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
    assert_eq!(report["compared"], wanted.len());
    assert_eq!(report["not_comparable"], 2_799 - wanted.len());
    let similar = report["similar"].as_array().unwrap();
    assert_eq!(similar.len(), 7);
    let names = ["agreeableness", "conscientiousness", "extraversion", "neuroticism", "openness"];
    for (place, (row, (distance, id, vector))) in similar.iter().zip(&wanted).enumerate() {
        assert_eq!((row["id"].as_str(), row["distance"].as_f64()), (Some(*id), Some(*distance)));
        let farther = (wanted.len() - place - 1) as f64 / wanted.len() as f64;
        assert_eq!(row["nearer_than"], json!(farther));
        let mut whole = 0.0;
        let mut parts: Vec<(f64, &str, f64)> = Vec::new();
        for (name, (a, b)) in names.iter().zip(about.dimensions.iter().zip(&vector.dimensions)) {
            let (Some(a), Some(b)) = (a, b) else { continue };
            let part = a.confidence * b.confidence * (b.score - a.score) * (b.score - a.score);
            whole += part;
            parts.push((part, name, b.score - a.score));
        }
        let told: Vec<&Value> = report["scores"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|score| score["id"] == *id)
            .collect();
        assert_eq!(told.len(), parts.len());
        for (told, (part, name, difference)) in told.iter().zip(&parts) {
            assert_eq!(
                (told["dimension"].as_str(), told["difference"].as_f64()),
                (Some(*name), Some(*difference))
            );
            assert!((told["part"].as_f64().unwrap() - part / whole).abs() < 1e-12, "{told}");
        }
        parts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (alike, apart) = (parts[0], parts[parts.len() - 1]);
        assert_eq!((&row["alike"], &row["apart"]), (&json!(alike.1), &json!(apart.1)));
        assert_eq!(row["apart_by"].as_f64(), Some(apart.2));
    }
    let counted: u64 = report["distances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["people"].as_u64().unwrap())
        .sum();
    assert_eq!(counted, wanted.len() as u64);
    let median = wanted[wanted.len() / 2].0;
    assert!((report["median_distance"].as_f64().unwrap() - median).abs() < 0.001);
    assert_eq!(report["about"].as_array().unwrap().len(), 5);
    assert_eq!(codes(&report), [("nearest".to_owned(), wanted[0].1.to_owned())]);
    assert_eq!(
        report["findings"][0]["en"],
        "Nearest is `bfi-61782` at a distance of 0.05; half of all are farther away than 0.29. \
         They differ most in Conscientiousness (by +0.10)."
    );
    assert_eq!(
        report["findings"][0]["de"],
        "Am nächsten ist `bfi-61782` mit einem Abstand von 0,05; die Hälfte aller ist weiter \
         entfernt als 0,29. Am weitesten auseinander sind sie bei Gewissenhaftigkeit (um +0,10)."
    );
}

#[test]
fn bits_do_not_depend_on_the_way_and_a_part_says_so() {
    let people = bfi();
    let scale = bfi_scale(&people);
    let focus = of(&people, "bfi-64953");
    let context = context("similar", &json!({"id": "bfi-64953"}), Some(&scale), Some(focus));
    let whole = run(&context, &people, |_| None);
    // A tree of other parts in another order.
    let mut turned = people.clone();
    turned.reverse();
    let parts: Vec<Accumulator> =
        turned.chunks(77).map(|part| absorbed(&context, part, |_| None)).collect();
    let mut merged = context.begin();
    for pair in parts.chunks(2) {
        let mut both = pair[0].clone();
        pair[1..].iter().for_each(|other| both.merge(&context, other.clone()));
        merged.merge(&context, both);
    }
    assert_eq!(merged.keep(), whole.keep());
    assert!(whole.keep().len() < 20_000, "{}", whole.keep().len());
    let all = whole.report(&context, &input(2_800));
    // The two who ticked the fifth box throughout.
    assert_eq!(
        (&all["similar"][0]["id"], &all["similar"][0]["distance"]),
        (&json!("bfi-62783"), &json!(0.0))
    );
    assert_eq!(all["findings"][0]["en"], "`bfi-62783` has the same scores.");
    assert_eq!(all["findings"][0]["de"], "`bfi-62783` hat dieselben Werte.");
    assert_eq!(all["similar"].as_array().unwrap().len(), 20);

    let visited = in_visiting_order(context.seed(None), people, Record::id);
    let part = absorbed(&context, &visited[..CHUNK], |_| None).report(&context, &input(2_800));
    assert_eq!((&part["partial"], &part["done"]), (&json!(true), &json!(CHUNK)));
    assert_eq!(codes(&part)[0].0, "sample");
}

#[test]
fn few_and_nobody_say_so() {
    let people = bfi();
    let scale = bfi_scale(&people);
    let context = context("similar", &json!({"id": "bfi-61617"}), Some(&scale), Some(&people[0]));
    let few = codes(&report(&context, &people[..10]));
    assert!(few.contains(&("few".to_owned(), String::new())), "{few:?}");
    let empty = json!({"schema": "user_profile.v1", "id": "nobody"});
    let empty = Record::accept(&RecordSchema::user_profile_v1(), &empty).unwrap().record;
    let alone = report(&context, &[people[0].clone(), empty.clone()]);
    assert_eq!((&alone["compared"], &alone["not_comparable"]), (&json!(0), &json!(1)));
    assert_eq!(codes(&alone), [("nobody".to_owned(), String::new())]);
    assert_eq!(alone["similar"], json!([]));

    let asked = |id: &str| Analysis::new("similar", &json!({"id": id})).unwrap();
    let refused = Context::new(asked("nobody"), 0, Some(scale), Some(&empty)).unwrap_err();
    assert_eq!(refused, AskedWrongly::NoScore("nobody".to_owned()));
}
