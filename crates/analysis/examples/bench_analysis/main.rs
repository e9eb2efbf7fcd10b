//! The inside of `cargo xtask bench analysis`: each analysis of people who are made, in lines of JSON.
//!
//! ```text
//! bench_analysis whole NAME N     one analysis as the desktop makes it: order, parse, score, absorb, merge, tell
//! bench_analysis parts N [NAME]   the same from parsed records on, and the scores alone
//! bench_analysis scores N FOLDER  the scores for the peer: raw little-endian f64, and the sides
//! ```
//! Making people, and reading or parsing them where that is not measured, happens while the clock stands still.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

mod pass;
mod people;

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use kartei_analysis::{
    Accumulator, Analysis, CHUNK, Context, Input, NAMES, Profile, Scored, Scoring, Side,
    in_visiting_order,
};
use kartei_behavior::{Fitted, Person, Schema, Scorer};
use kartei_profile::Record;
use pass::{forget_peak, in_turn, memory, spent};
use serde_json::{Value, json};

/// Chunks whose texts are in memory at a time.
const TEXTS: usize = 32;

/// People whose scores and whose analyses are timed at a time.
const BLOCK: usize = 256;

/// How often it is told what is known so far, as by the desktop.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Whom `similar` is about.
const FOCUS: u32 = 0;

type Text = (Side, String);

/// A chunk by its number.
type Chunk = (usize, Vec<Text>);

fn context(name: &str, scale: &Fitted) -> Context {
    let params = match name {
        "similar" => json!({"id": people::id(FOCUS)}),
        "drift" => json!({"from": people::FROM}),
        _ => Value::Null,
    };
    let analysis = Analysis::new(name, &params).unwrap();
    let focus = people::record(FOCUS);
    Context::new(analysis, people::AS_OF_MS, Some(scale.clone()), Some(&focus)).unwrap()
}

fn input(total: u32) -> Input {
    Input {
        epoch: "e".to_owned(),
        rev: 1,
        filter: None,
        total: u64::from(total),
        pending: 0,
        dataset: None,
    }
}

/// Texts of these people, by chunk, made by two threads.
fn texts(chunks: &[(usize, &[u32])]) -> Vec<Chunk> {
    let make = |one: &u32| (people::side(*one), people::text(*one));
    let mut made = Vec::new();
    in_turn(
        chunks.to_vec(),
        || (),
        |(), (number, chunk)| (number, chunk.iter().map(make).collect()),
        |part| made.push(part),
    );
    made
}

fn absorb(
    seen: &mut Accumulator,
    context: &Context,
    (side, record): (Side, &Record),
    scores: Option<&mut Scoring<'_>>,
) {
    seen.absorb(context, &Profile { record, conflicts: 0 }, Some(side), scores);
}

/// One analysis from stored texts, in the order of its visit. What is told before the end is told as on a desktop.
fn whole(name: &str, total: u32) {
    let scale = Fitted::new(people::schema(), people::calibration()).unwrap();
    let context = &context(name, &scale);
    let input = input(total);
    let chosen: Vec<(u32, String)> = (0..total).map(|one| (one, people::id(one))).collect();
    forget_peak();
    let before = memory("VmRSS");
    let order = || in_visiting_order(context.seed(None), chosen, |(_, id)| id);
    let (order, mut all) = spent(order);
    let order: Vec<u32> = order.into_iter().map(|(number, _)| number).collect();
    let mut seen = context.begin();
    let (mut first, mut told_at) = (None, None);
    let mut text_bytes = 0;
    let chunks: Vec<(usize, &[u32])> = order.chunks(CHUNK).enumerate().collect();
    for part in chunks.chunks(TEXTS) {
        let texts = texts(part);
        let every = texts.iter().flat_map(|(_, chunk)| chunk);
        let bytes = every.map(|(_, text)| text.len()).sum::<usize>();
        text_bytes = text_bytes.max(bytes);
        let started = Instant::now();
        let work = |scores: &mut Option<Scoring<'_>>, (number, chunk): Chunk| {
            let mut seen = context.begin();
            if !context.looks_at(number) {
                seen.pass_over(chunk.len() as u64);
                return seen;
            }
            for (side, text) in chunk {
                let record = Record::from_stored(&text).unwrap();
                absorb(&mut seen, context, (side, &record), scores.as_mut());
            }
            seen
        };
        let take = |chunk| {
            seen.merge(context, chunk);
            let now = all.wall + started.elapsed();
            if told_at.is_none_or(|told_at| now - told_at >= TOLD_EVERY) {
                black_box(seen.report(context, &input));
                told_at = Some(now);
                first.get_or_insert(all.wall + started.elapsed());
            }
        };
        let pass = in_turn(texts, || context.scores(), work, take);
        all += pass;
    }
    let (_, last) = spent(|| black_box(seen.report(context, &input)));
    all += last;
    let peak = memory("VmHWM");
    let above = peak.zip(before).map(|(peak, before)| peak - before - text_bytes as f64 / 1e6);
    let first = first.map(|first| first.as_secs_f64() * 1e3);
    let told = json!({
        "wall_s": all.wall.as_secs_f64(),
        "cpu_s": all.cpu.as_secs_f64(),
        "first_ms": first,
        "peak_mb": peak,
        "above_mb": above,
    });
    println!("{told}");
}

/// Scores of a part of the people at some moments, as an analysis has them made, and nothing else.
fn score(schema: &Schema, scorer: Scorer<'_>, part: &[(Side, Record)], at: &[i64]) -> Duration {
    let started = Instant::now();
    let mut person = Person::default();
    for (_, record) in part {
        for at_ms in at {
            person.measure(schema, record, *at_ms);
            black_box(scorer.vector(&person));
        }
    }
    started.elapsed()
}

/// What a block cost the thread that took it, in seconds.
struct Costs {
    /// Its place in its chunk.
    place: usize,
    /// To make scores at the moment of the calibration, and at both moments of drift.
    scores: [f64; 2],
    /// To absorb it, by analysis; nothing where that does not look at it.
    absorbed: Vec<Option<f64>>,
}

/// All analyses, or one, of records that are parsed already. A thread makes the scores of a block and then has each
/// analysis absorb it, so that the difference of both is of the same moment, and short enough that few are disturbed.
fn parts(total: u32, only: Option<&str>) {
    let (schema, calibration) = (people::schema(), people::calibration());
    let scale = Fitted::new(schema.clone(), calibration.clone()).unwrap();
    let scorer = Scorer::new(&schema, &calibration).unwrap();
    let names = NAMES.iter().filter(|name| only.is_none_or(|only| only == **name));
    let contexts: Vec<Context> = names.map(|name| context(name, &scale)).collect();
    let mut seen: Vec<Accumulator> = contexts.iter().map(Context::begin).collect();
    let mut merged = vec![Duration::ZERO; contexts.len()];
    let mut costs = Vec::new();
    let has_drift = contexts.iter().any(|context| context.analysis().name() == "drift");
    let each = |(): &mut (), (number, chunk): Chunk| {
        let parsed = chunk.into_iter().map(|(side, text)| (side, Record::from_stored(&text)));
        let part: Vec<_> = parsed.map(|(side, record)| (side, record.unwrap())).collect();
        let mut seen: Vec<Option<Accumulator>> = vec![None; contexts.len()];
        let mut scores: Vec<_> = contexts.iter().map(Context::scores).collect();
        let block = |(place, block): (usize, &[(Side, Record)])| {
            let score = |at: &[i64]| score(&schema, scorer, block, at).as_secs_f64();
            let (mut absorbed, mut drift) = (Vec::with_capacity(contexts.len()), 0.0);
            for ((context, seen), scores) in contexts.iter().zip(&mut seen).zip(&mut scores) {
                let started = Instant::now();
                let seen = seen.get_or_insert_with(|| context.begin());
                let is_looked_at = context.looks_at(number);
                if is_looked_at {
                    for (side, record) in block {
                        absorb(seen, context, (*side, record), scores.as_mut());
                    }
                } else {
                    seen.pass_over(block.len() as u64);
                }
                absorbed.push(is_looked_at.then(|| started.elapsed().as_secs_f64()));
                // Scores are made after an analysis, too: what they need has left the caches as much as it had for that.
                if has_drift && absorbed.len() == 1 {
                    drift = score(&[people::FROM_MS, people::AS_OF_MS]);
                }
            }
            let scores = [score(&[people::AS_OF_MS]), drift];
            Costs { place, scores, absorbed }
        };
        let costs: Vec<Costs> = part.chunks(BLOCK).enumerate().map(block).collect();
        (seen, costs)
    };
    let numbers: Vec<u32> = (0..total).collect();
    let chunks: Vec<(usize, &[u32])> = numbers.chunks(CHUNK).enumerate().collect();
    for chunks in chunks.chunks(TEXTS) {
        let mut absorbed = Vec::new();
        in_turn(texts(chunks), || (), each, |part| absorbed.push(part));
        for (next, cost) in absorbed {
            for (at, next) in next.into_iter().enumerate() {
                let started = Instant::now();
                seen[at].merge(&contexts[at], next.unwrap());
                merged[at] += started.elapsed();
            }
            costs.extend(cost);
        }
    }
    for (at, (context, seen)) in contexts.iter().zip(seen).enumerate() {
        let started = Instant::now();
        black_box(seen.report(context, &input(total)));
        let reported = started.elapsed();
        let analysis = context.analysis();
        let less = |cost: &Costs| match (analysis.name(), analysis.scored()) {
            (_, Scored::Never) => 0.0,
            ("drift", _) => cost.scores[1],
            _ => cost.scores[0],
        };
        let looked_at = chunks.iter().filter(|(number, _)| context.looks_at(*number));
        let looked_at: usize = looked_at.map(|(_, chunk)| chunk.len()).sum();
        // The last chunk has fewer people.
        let chunks = looked_at as f64 / CHUNK as f64;
        let absorbed = |cost: &Costs| Some(cost.absorbed[at]? - less(cost));
        let told = json!({
            "analysis": analysis.name(),
            "scored_s": chunks * of_chunk(&costs, |cost| Some(less(cost))),
            "absorbed_s": chunks * of_chunk(&costs, absorbed),
            "merged_s": (merged[at] + reported).as_secs_f64(),
        });
        println!("{told}");
    }
}

/// What a chunk costs that is looked at: of the blocks at each place the median, added up.
fn of_chunk(costs: &[Costs], of: impl Fn(&Costs) -> Option<f64>) -> f64 {
    let median = |place| {
        let there = costs.iter().filter(|cost| cost.place == place);
        let mut costs: Vec<f64> = there.filter_map(&of).collect();
        costs.sort_unstable_by(f64::total_cmp);
        costs[costs.len() / 2]
    };
    (0..CHUNK / BLOCK).map(median).sum()
}

/// Writes `scores.f64` and `earlier.f64`, a row for each person, and `sides.u8`, 1 for A.
fn write_scores(total: u32, folder: &Path) {
    let (schema, calibration) = (people::schema(), people::calibration());
    let scorer = Scorer::new(&schema, &calibration).unwrap();
    let create = |name: &str| BufWriter::new(File::create(folder.join(name)).unwrap());
    let [mut scores, mut earlier, mut sides] =
        ["scores.f64", "earlier.f64", "sides.u8"].map(create);
    let numbers: Vec<u32> = (0..total).collect();
    let row = |person: &mut Person, record: &Record, at_ms: i64| -> Vec<u8> {
        person.measure(&schema, record, at_ms);
        let dimensions = scorer.vector(person).dimensions.into_iter();
        dimensions.flat_map(|score| score.unwrap().score.to_le_bytes()).collect()
    };
    let each = |person: &mut Person, chunk: &[u32]| {
        let mut made: [Vec<u8>; 3] = Default::default();
        for number in chunk {
            let record = people::record(*number);
            made[0].extend(row(person, &record, people::AS_OF_MS));
            made[1].extend(row(person, &record, people::FROM_MS));
            made[2].push(u8::from(people::side(*number) == Side::A));
        }
        made
    };
    in_turn(numbers.chunks(CHUNK).collect(), Person::default, each, |made| {
        for (file, bytes) in [&mut scores, &mut earlier, &mut sides].into_iter().zip(made) {
            file.write_all(&bytes).unwrap();
        }
    });
    for mut file in [scores, earlier, sides] {
        file.flush().unwrap();
    }
}

fn main() {
    people::check();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["whole", name, total] => whole(name, total.parse().unwrap()),
        ["parts", total] => parts(total.parse().unwrap(), None),
        ["parts", total, name] => parts(total.parse().unwrap(), Some(name)),
        ["scores", total, folder] => write_scores(total.parse().unwrap(), Path::new(folder)),
        _ => panic!("whole NAME N, parts N [NAME] or scores N FOLDER"),
    }
}
