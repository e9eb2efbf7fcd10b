//! Passes over the profiles of this data folder, on all cores: what calibrations are made of.

use std::ops::ControlFlow;
use std::thread;

use crossbeam_channel::bounded;
use kartei_behavior::{Passes, Refused, Step};
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

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        let code = match refused {
            Refused::NothingObserved(_) => ProblemCode::NothingObserved,
            Refused::SameMoment | Refused::Schema(_) => ProblemCode::Blocked,
        };
        Self::Problem(Problem::new(code, refused.to_string()))
    }
}

/// Profiles of this data folder that are read again and again, as they are in one snapshot.
pub(super) struct Reading<'r, 'e> {
    pub(super) exported: &'r mut Exported<'e>,
    pub(super) tell: Tell<'r>,
}

impl Passes for Reading<'_, '_> {
    type Stop = Stop;

    fn pass<A: Send>(
        &mut self,
        step: Step,
        begin: impl Fn() -> A + Sync,
        absorb: impl Fn(&mut A, &Record) + Sync,
        merge: impl Fn(&mut A, A),
    ) -> Result<A, Stop> {
        let step = match step {
            Step::Moment => CalibrationStep::Moment,
            Step::Numbers => CalibrationStep::Numbers,
            Step::Spread => CalibrationStep::Spread,
            Step::Scores => CalibrationStep::Scores,
            Step::Moves => CalibrationStep::Moves,
        };
        pass(self.exported, step, self.tell, begin, absorb, merge)
    }
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
