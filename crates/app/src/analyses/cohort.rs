//! Makes an analysis of the profiles that are here.
//!
//! ```text
//! snapshot ─▶ chosen, in visiting order ─▶ this thread reads chunk after chunk that is looked at
//!                                              │ bounded channel
//!                                  threads: parse, absorb ─▶ merged here in the order of the chunks ─▶ told, report
//! ```
//! The relay's workers do the same with the same parts (`kartei_analysis`), so a result has the same bytes wherever
//! it was made of the same profiles.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use kartei_analysis::{
    Accumulator, CHUNK, Context, Input, Member, Other, Profile, Side, in_visiting_order, members,
};
use kartei_local_store::{Cohort, Store, StoreError};
use kartei_profile::Record;
use kartei_protocol::problem::{Problem, ProblemCode};
use serde_json::Value;

use crate::problem::of_store;

/// Threads that absorb at most.
const THREADS_MAX: usize = 4;

/// Chunks that wait for a thread.
const WAITING: usize = 2;

/// How often it is told what is known so far, at most.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// How far an analysis is.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) done: u64,
    pub(super) total: u64,
    /// What it comes to so far, where that is told.
    pub(super) report: Option<Value>,
}

/// Why an analysis has no result.
#[derive(Debug)]
pub(super) enum Stop {
    Cancelled,
    Problem(Problem),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Problem(of_store(&error))
    }
}

/// Is told how far it is; what it breaks ends the analysis.
pub(super) type Tell<'a> = &'a mut dyn FnMut(Step) -> ControlFlow<()>;

/// A profile as it is read: the side that it is on, its text, its fields in conflict.
type Text = (Option<Side>, String, u64);

/// A chunk by its number: how many profiles it has, and those that are looked at.
type Chunk = (usize, usize, Vec<Text>);

/// What the profiles come to: the report, and how many they were.
pub(super) fn analyse(
    store: &Store,
    context: &Context,
    filter: Option<&str>,
    tell: Tell<'_>,
) -> Result<(Value, u64), Stop> {
    store.cohort(|cohort| run(cohort, context, filter, tell))?
}

fn run(
    cohort: &Cohort<'_>,
    context: &Context,
    filter: Option<&str>,
    tell: Tell<'_>,
) -> Result<(Value, u64), Stop> {
    let other = match context.analysis().other() {
        None => Other::None,
        Some(None) => Other::Rest(cohort.chosen("")?),
        Some(Some(filter)) => Other::These(cohort.chosen(filter)?),
    };
    let chosen = members(cohort.chosen(filter.unwrap_or_default())?, other);
    let chosen = in_visiting_order(context.seed(filter), chosen, |(_, id, _)| id.as_str());
    let of = cohort.input()?;
    let input = Input {
        epoch: of.epoch,
        rev: of.rev,
        filter: filter.map(str::to_owned),
        total: chosen.len() as u64,
        pending: of.pending,
        dataset: None,
    };
    let chunks: Vec<&[Member<i64>]> = chosen.chunks(CHUNK).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let (sender, receiver) = bounded::<Chunk>(WAITING);
    let (done, coming) = unbounded();
    thread::scope(|scope| {
        for _ in 0..threads.min(chunks.len()) {
            let (receiver, done) = (receiver.clone(), done.clone());
            scope.spawn(move || absorb(context, &receiver, &done));
        }
        drop((receiver, done));
        let mut whole =
            Whole { context, input, seen: context.begin(), merged: 0, waiting: BTreeMap::new() };
        let mut told_at: Option<Instant> = None;
        for (number, members) in chunks.iter().enumerate() {
            let looked_at = if context.looks_at(number) { *members } else { &[] };
            let mut part = Vec::with_capacity(looked_at.len());
            for (key, _, side) in looked_at {
                let (text, conflicts) = cohort.read(*key)?;
                part.push((*side, text, conflicts));
            }
            // Nobody takes it where a record could not be read: that is told behind.
            if sender.send((number, members.len(), part)).is_err() {
                break;
            }
            while let Ok(chunk) = coming.try_recv() {
                whole.take(chunk)?;
            }
            // The first chunk is told at once: something is there to be looked at.
            let is_due = told_at.is_none_or(|at| at.elapsed() >= TOLD_EVERY);
            let step = whole.step(is_due && whole.merged > 0);
            if step.report.is_some() {
                told_at = Some(Instant::now());
            }
            if tell(step).is_break() {
                return Err(Stop::Cancelled);
            }
        }
        drop(sender);
        for chunk in coming {
            whole.take(chunk)?;
        }
        Ok((whole.seen.report(context, &whole.input), whole.seen.seen()))
    })
}

/// Takes chunks until there are no more.
fn absorb(
    context: &Context,
    chunks: &Receiver<Chunk>,
    done: &Sender<(usize, Result<Accumulator, String>)>,
) {
    let mut scores = context.scores();
    for (number, members, part) in chunks {
        let mut seen = context.begin();
        seen.pass_over((members - part.len()) as u64);
        let absorbed = part.into_iter().try_for_each(|(side, text, conflicts)| {
            let record = Record::from_stored(&text).map_err(|e| e.to_string())?;
            let profile = Profile { record: &record, conflicts };
            seen.absorb(context, &profile, side, scores.as_mut());
            Ok(())
        });
        if done.send((number, absorbed.map(|()| seen))).is_err() {
            return;
        }
    }
}

/// What is merged so far, and what comes too early.
struct Whole<'a> {
    context: &'a Context,
    input: Input,
    seen: Accumulator,
    merged: usize,
    waiting: BTreeMap<usize, Accumulator>,
}

impl Whole<'_> {
    fn take(&mut self, (number, chunk): (usize, Result<Accumulator, String>)) -> Result<(), Stop> {
        let chunk = chunk.map_err(|reason| {
            let message = format!("a stored profile cannot be read: {reason}");
            Stop::Problem(Problem::new(ProblemCode::StoreDamaged, message))
        })?;
        self.waiting.insert(number, chunk);
        while let Some(chunk) = self.waiting.remove(&self.merged) {
            self.seen.merge(self.context, chunk);
            self.merged += 1;
        }
        Ok(())
    }

    fn step(&self, with_report: bool) -> Step {
        let report = with_report.then(|| self.seen.report(self.context, &self.input));
        Step { done: self.seen.seen(), total: self.input.total, report }
    }
}
