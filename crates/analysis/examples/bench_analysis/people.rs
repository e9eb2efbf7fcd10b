//! People who are made: always the same ones, about nobody, by their numbers.

use std::fmt::Write;

use kartei_analysis::Side;
use kartei_behavior::{Asked, Calibration, First, Person, Schema, Scorer, Second, Third};
use kartei_profile::{Record, RecordSchema};
use serde_json::{Value, json};

/// Signals, and dimensions of one signal each.
pub(super) const DIMENSIONS: u32 = 25;

/// Signals that are observed twice, the second time after [`FROM_MS`].
const TWICE: u32 = 5;

/// 2026-11-22, in milliseconds.
pub(super) const AS_OF_MS: i64 = 1_795_305_600_000;

/// Between the two moments of observation, as drift is asked for, and in milliseconds.
pub(super) const FROM: &str = "2026-06-01T00:00:00Z";
pub(super) const FROM_MS: i64 = 1_780_272_000_000;

/// People that the calibration is of.
const CALIBRATED_BY: u32 = 20_000;

/// People that are held against what the program itself writes.
const CHECKED: u32 = 1_000;

/// Kinds of people, around whom the others are spread.
const KINDS: u64 = 4;

const SYLLABLES: &[&str] = &[
    "ba", "der", "fin", "gol", "han", "ira", "jo", "kel", "lun", "mar", "nes", "ole", "pri", "ros",
    "sta", "tum", "ul", "vo", "wen", "zel",
];
const CITIES: &[&str] = &["Bern", "Graz", "Leipzig", "Basel", "Lyon", "Malmö", "Porto", "Gdańsk"];
const PLANS: &[&str] = &["basic", "business", "family", "plus"];

/// A small generator (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        words[usize::try_from(self.roll(words.len() as u64)).unwrap()]
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        for syllables in [2, 3] {
            for _ in 0..syllables {
                name.push_str(self.one_of(SYLLABLES));
            }
            name.push(' ');
        }
        name.truncate(name.len() - 1);
        name
    }
}

/// The side that somebody is on: every fourth person on A.
pub(super) fn side(number: u32) -> Side {
    if Dice(u64::from(number) << 32).roll(4) == 0 { Side::A } else { Side::B }
}

pub(super) fn id(number: u32) -> String {
    format!("p-{number:07}")
}

/// Where a kind of people stands in a signal, in tenths: 250 to 749.
fn middle(kind: u64, signal: u32) -> u64 {
    250 + Dice(0x6b69_6e64 ^ (kind << 8) ^ u64::from(signal)).roll(500)
}

/// Somebody's canonical form. Every hundredth person is the one before with another id and a letter less in the name.
pub(super) fn text(number: u32) -> String {
    let is_again = number % 100 == 99;
    let mut dice = Dice(0x6b61_7274_6569 + u64::from(number - u32::from(is_again)));
    let kind = dice.roll(KINDS);
    let mut name = dice.name();
    if is_again {
        name.remove(1);
    }
    let mut text = String::with_capacity(2_560);
    write!(
        text,
        r#"{{"attributes":{{"born":{},"city":"{}","phone":"{}","plan":"{}"}},"display_name":"{name}","id":"{}","observations":["#,
        1940 + dice.roll(65),
        dice.one_of(CITIES),
        100_000_000 + dice.roll(900_000_000),
        dice.one_of(PLANS),
        id(number),
    )
    .unwrap();
    let mut observe = |number: u32, signal: u32, at: &str| {
        let off = dice.roll(201) + dice.roll(201) + dice.roll(201);
        let tenths = (middle(kind, signal) + off).saturating_sub(300).min(1_000);
        let comma = if number > 0 { "," } else { "" };
        write!(
            text,
            r#"{comma}{{"at":"{at}","id":"o{number:02}","signal":"s{signal:02}","value":{}"#,
            tenths / 10
        )
        .unwrap();
        if !tenths.is_multiple_of(10) {
            write!(text, ".{}", tenths % 10).unwrap();
        }
        text.push('}');
    };
    for signal in 0..DIMENSIONS {
        observe(signal, signal, "2026-03-01T00:00:00Z");
    }
    for signal in 0..TWICE {
        observe(DIMENSIONS + signal, signal, "2026-09-01T00:00:00Z");
    }
    text.push_str(r#"],"schema":"user_profile.v1"}"#);
    text
}

pub(super) fn record(number: u32) -> Record {
    Record::from_stored(&text(number)).unwrap()
}

/// Panics where what is made here is not what the program itself would have stored.
pub(super) fn check() {
    let schema = RecordSchema::user_profile_v1();
    for number in 0..CHECKED {
        let made = text(number);
        assert_eq!(Record::parse(&schema, made.as_bytes()).unwrap().record.text(), made);
    }
}

pub(super) fn schema() -> Schema {
    let signal = |at| json!({"name": format!("s{at:02}"), "kind": "level", "range": [0, 100]});
    let dimension = |at| json!({"name": format!("d{at:02}"), "weights": {format!("s{at:02}"): 1}});
    let schema = json!({
        "schema": "behavior_schema.v1",
        "name": "bench",
        "version": 1,
        "signals": (0..DIMENSIONS).map(signal).collect::<Vec<Value>>(),
        "dimensions": (0..DIMENSIONS).map(dimension).collect::<Vec<Value>>(),
    });
    Schema::parse(&schema.to_string()).unwrap()
}

/// By the first people, who are made anew for each pass, so that they are not in memory.
pub(super) fn calibration() -> Calibration {
    let schema = schema();
    let asked = Asked { as_of_ms: AS_OF_MS, filter: String::new() };
    let each = |absorb: &mut dyn FnMut(&Record, &Person)| {
        let mut person = Person::default();
        for number in 0..CALIBRATED_BY {
            let record = record(number);
            person.measure(&schema, &record, AS_OF_MS);
            absorb(&record, &person);
        }
    };
    let mut first = First::new(&schema, &asked);
    each(&mut |record, person| first.absorb(record, person));
    let known = first.finish(None);
    let mut second = Second::new(&known);
    each(&mut |_, person| second.absorb(person));
    let calibration = second.finish();
    let scorer = Scorer::new(&schema, &calibration).unwrap();
    let mut third = Third::new(scorer, schema.dimensions().len());
    each(&mut |_, person| third.absorb(person));
    let scores = third.finish();
    calibration.with_scores(scores)
}
