//! Makes and compares calibrations: passes over the profiles, on all cores.

use std::ops::ControlFlow;
use std::thread;

use crossbeam_channel::bounded;
use kartei_behavior::{
    Asked, Calibration, First, Moved, Moves, Person, Schema, Scorer, Second, Third, newest,
};
use kartei_local_store::{Exported, StoreError};
use kartei_profile::Record;
use kartei_protocol::desktop::CalibrationStep;
use kartei_protocol::problem::{Problem, ProblemCode};

/// Threads at most: behind so many the one that reads the database is the slowest.
const THREADS_MAX: usize = 8;

/// Parts of the profiles that wait for a thread.
const WAITING: usize = 4;

/// Why there is no calibration.
pub(super) enum Stop {
    Cancelled,
    Store(StoreError),
    Problem(Problem),
}

/// Told how many profiles of a step were looked at, and of how many; may end it.
pub(super) type Tell<'t> = &'t mut dyn FnMut(CalibrationStep, u64, u64) -> ControlFlow<()>;

/// What a calibration is made with.
pub(super) struct Wanted<'a> {
    pub(super) schema: &'a Schema,
    pub(super) filter: &'a str,
    /// Nothing: that of the newest observation, not later than now.
    pub(super) as_of_ms: Option<i64>,
    pub(super) now_ms: i64,
    pub(super) before: Option<&'a Calibration>,
    /// Its fit is taken, for another moment.
    pub(super) same_fit_as: Option<&'a Calibration>,
}

/// One pass over all: each thread takes in a part of the profiles by itself, then the parts are merged.
fn pass<A: Send>(
    exported: &mut Exported<'_>,
    step: CalibrationStep,
    tell: Tell<'_>,
    begin: impl Fn() -> A + Sync,
    absorb: impl Fn(&mut A, &Record) + Sync,
    merge: impl Fn(&mut A, A),
) -> Result<A, Stop> {
    exported.rewind();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let (sender, receiver) = bounded::<Vec<String>>(WAITING);
    thread::scope(|scope| {
        let work = || {
            let (receiver, begin, absorb) = (receiver.clone(), &begin, &absorb);
            scope.spawn(move || {
                let mut own = begin();
                for part in receiver {
                    for text in part {
                        let record = Record::from_stored(&text).map_err(|e| e.to_string())?;
                        absorb(&mut own, &record);
                    }
                }
                Ok::<A, String>(own)
            })
        };
        let workers: Vec<_> = (0..threads).map(|_| work()).collect();
        drop(receiver);
        let read = read(exported, step, tell, &sender);
        drop(sender);
        let mut whole = begin();
        for worker in workers {
            let own = match worker.join() {
                Ok(Ok(own)) => own,
                Ok(Err(reason)) => {
                    let message = format!("a stored profile cannot be read: {reason}");
                    return Err(Stop::Problem(Problem::new(ProblemCode::StoreDamaged, message)));
                }
                Err(panic) => std::panic::resume_unwind(panic),
            };
            merge(&mut whole, own);
        }
        read?;
        Ok(whole)
    })
}

fn read(
    exported: &mut Exported<'_>,
    step: CalibrationStep,
    tell: Tell<'_>,
    sender: &crossbeam_channel::Sender<Vec<String>>,
) -> Result<(), Stop> {
    let (mut done, total) = (0_u64, exported.count());
    loop {
        let mut part = Vec::new();
        exported.next(|text| part.push(text.to_owned())).map_err(Stop::Store)?;
        if part.is_empty() {
            return Ok(());
        }
        done += part.len() as u64;
        // Nobody takes it where a record could not be read: that is told behind.
        if sender.send(part).is_err() {
            return Ok(());
        }
        if tell(step, done, total).is_break() {
            return Err(Stop::Cancelled);
        }
    }
}

/// The moment that scores are to be of.
fn moment(exported: &mut Exported<'_>, wanted: &Wanted<'_>, tell: Tell<'_>) -> Result<i64, Stop> {
    if let Some(as_of_ms) = wanted.as_of_ms {
        return Ok(as_of_ms);
    }
    let found = pass(
        exported,
        CalibrationStep::Moment,
        tell,
        || None,
        |latest: &mut Option<i64>, record| {
            *latest = (*latest).max(newest(wanted.schema, record, wanted.now_ms));
        },
        |ours, theirs| *ours = (*ours).max(theirs),
    )?;
    found.ok_or_else(|| {
        let message = format!(
            "none of these profiles has an observation that schema `{}` is made of",
            wanted.schema.name()
        );
        Stop::Problem(Problem::new(ProblemCode::NothingObserved, message))
    })
}

/// Makes a calibration of the profiles.
pub(super) fn fit(
    exported: &mut Exported<'_>,
    wanted: &Wanted<'_>,
    tell: Tell<'_>,
) -> Result<Calibration, Stop> {
    let schema = wanted.schema;
    let as_of_ms = moment(exported, wanted, tell)?;
    if let Some(known) = wanted.same_fit_as {
        return same_fit(known, as_of_ms);
    }
    let asked = Asked { as_of_ms, filter: wanted.filter.to_owned() };
    let (first, _) = pass(
        exported,
        CalibrationStep::Numbers,
        tell,
        || (First::new(schema, &asked), Person::default()),
        |(first, person), record| {
            person.measure(schema, record, as_of_ms);
            first.absorb(record, person);
        },
        |(ours, _), (theirs, _)| ours.merge(theirs),
    )?;
    let known = first.finish(wanted.before);
    let (second, _) = pass(
        exported,
        CalibrationStep::Spread,
        tell,
        || (Second::new(&known), Person::default()),
        |(second, person), record| {
            person.measure(schema, record, as_of_ms);
            second.absorb(person);
        },
        |(ours, _), (theirs, _)| ours.merge(&theirs),
    )?;
    let calibration = second.finish();
    let scorer = scorer(schema, &calibration)?;
    let (third, _) = pass(
        exported,
        CalibrationStep::Scores,
        tell,
        || (Third::new(scorer, schema.dimensions().len()), Person::default()),
        |(third, person), record| {
            person.measure(schema, record, as_of_ms);
            third.absorb(person);
        },
        |(ours, _), (theirs, _)| ours.merge(theirs),
    )?;
    let scores = third.finish();
    Ok(calibration.with_scores(scores))
}

/// The same fit at another moment.
fn same_fit(known: &Calibration, as_of_ms: i64) -> Result<Calibration, Stop> {
    if known.as_of_ms == as_of_ms {
        let message = "the calibration is of that moment already; nothing newer was observed";
        return Err(Stop::Problem(Problem::new(ProblemCode::Blocked, message)));
    }
    Ok(known.at(as_of_ms))
}

/// Looks whom `to` moves.
pub(super) fn compare(
    exported: &mut Exported<'_>,
    schema: &Schema,
    (from, to): (&Calibration, &Calibration),
    tell: Tell<'_>,
) -> Result<Moved, Stop> {
    let (from, to) = (scorer(schema, from)?, scorer(schema, to)?);
    let begin = Moves::new(from, to).map_err(|e| other_schema(&e))?;
    let (moves, ..) = pass(
        exported,
        CalibrationStep::Moves,
        tell,
        || (begin.clone(), Person::default(), Person::default()),
        |(moves, now, then), record| {
            now.measure(schema, record, from.as_of_ms());
            then.measure(schema, record, to.as_of_ms());
            moves.absorb(record.id(), now, then);
        },
        |(ours, ..), (theirs, ..)| ours.merge(theirs),
    )?;
    Ok(moves.finish())
}

fn scorer<'a>(schema: &'a Schema, calibration: &'a Calibration) -> Result<Scorer<'a>, Stop> {
    Scorer::new(schema, calibration).map_err(|e| other_schema(&e))
}

fn other_schema(error: &kartei_behavior::CalibrationMistake) -> Stop {
    Stop::Problem(Problem::new(ProblemCode::Blocked, error.to_string()))
}
