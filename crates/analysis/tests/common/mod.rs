//! Real people with a calibration of them, and the way that an analysis goes.
#![allow(dead_code, reason = "every test file uses a part")]

use std::io::Read;

use kartei_analysis::{
    Accumulator, Analysis, CHUNK, Context, Input, Profile, Side, in_visiting_order,
};
use kartei_behavior::{Asked, Calibration, First, Fitted, Person, Schema, Scorer, Second, Third};
use kartei_profile::{Record, RecordSchema};
use serde_json::Value;

/// 2026-11-22, in milliseconds.
pub(super) const AS_OF: i64 = 1_795_305_600_000;

/// 2010-06-01, when the answers of bfi are from.
pub(super) const BFI_AS_OF: i64 = 1_275_350_400_000;

/// Reads NDJSON that was packed with gzip.
pub(super) fn records(packed: &[u8]) -> Vec<Record> {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let schema = RecordSchema::user_profile_v1();
    text.lines().map(|line| Record::parse(&schema, line.as_bytes()).unwrap().record).collect()
}

/// The 2,800 people of bfi, in the order of the file.
pub(super) fn bfi() -> Vec<Record> {
    records(include_bytes!("../../../../tests/fixtures/data/bfi.ndjson.gz"))
}

/// The schema of this name that comes with the program.
pub(super) fn schema(name: &str) -> Schema {
    kartei_behavior::ready().into_iter().find(|one| one.name() == name).unwrap()
}

/// A calibration of a schema by these people.
pub(super) fn calibrated(schema: &Schema, people: &[Record], as_of_ms: i64) -> Calibration {
    let mut person = Person::default();
    let asked = Asked { as_of_ms, filter: String::new() };
    let mut first = First::new(schema, &asked);
    let mut each = |absorb: &mut dyn FnMut(&Record, &Person)| {
        for record in people {
            person.measure(schema, record, as_of_ms);
            absorb(record, &person);
        }
    };
    each(&mut |record, person| first.absorb(record, person));
    let known = first.finish(None);
    let mut second = Second::new(&known);
    each(&mut |_, person| second.absorb(person));
    let calibration = second.finish();
    let scorer = Scorer::new(schema, &calibration).unwrap();
    let mut third = Third::new(scorer, schema.dimensions().len());
    each(&mut |_, person| third.absorb(person));
    let scores = third.finish();
    calibration.with_scores(scores)
}

/// bfi by a calibration of all of its people.
pub(super) fn bfi_scale(people: &[Record]) -> Fitted {
    let schema = schema("bfi");
    let calibration = calibrated(&schema, people, BFI_AS_OF);
    Fitted::new(schema, calibration).unwrap()
}

/// An analysis of scores with all that it is made with.
pub(super) fn context(
    name: &str,
    params: &Value,
    scale: Option<&Fitted>,
    focus: Option<&Record>,
) -> Context {
    let analysis = Analysis::new(name, params).unwrap();
    Context::new(analysis, AS_OF, scale.cloned(), focus).unwrap()
}

/// One chunk.
pub(super) fn absorbed(
    context: &Context,
    people: &[Record],
    side: impl Fn(&Record) -> Option<Side>,
) -> Accumulator {
    let mut scores = context.scores();
    let mut seen = context.begin();
    for record in people {
        let profile = Profile { record, conflicts: 0 };
        seen.absorb(context, &profile, side(record), scores.as_mut());
    }
    seen
}

/// People as a worker visits them: in the order of the request, chunk by chunk, kept and resumed after each.
pub(super) fn run(
    context: &Context,
    people: &[Record],
    side: impl Fn(&Record) -> Option<Side> + Copy,
) -> Accumulator {
    let people = in_visiting_order(context.seed(None), people.to_vec(), Record::id);
    let mut seen = context.begin();
    for part in people.chunks(CHUNK) {
        seen.merge(context, absorbed(context, part, side));
        seen = Accumulator::resume(&seen.keep()).unwrap();
    }
    seen
}

pub(super) fn input(total: usize) -> Input {
    Input {
        epoch: "e".to_owned(),
        rev: 9,
        filter: None,
        total: total as u64,
        pending: 0,
        dataset: None,
    }
}

/// The final report of an analysis of these people.
pub(super) fn report(context: &Context, people: &[Record]) -> Value {
    run(context, people, |_| None).report(context, &input(people.len()))
}

/// Codes of the findings with what they are about.
pub(super) fn codes(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().unwrap();
    let text = |one: &Value, member: &str| one[member].as_str().unwrap_or_default().to_owned();
    findings.iter().map(|one| (text(one, "code"), text(one, "about"))).collect()
}
