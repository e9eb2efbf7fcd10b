//! Any sequence of ends, holds, plans, restores and purges takes exactly what a plain model says.

use std::cell::Cell;

use kartei_relay_store::{
    Applied, Applying, Deed, JobQuery, Named, OrgId, PolicySet, RelayStore, Restored,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::{act, submitted};
use crate::stage::{NOW, Stage};

/// Sequences for an engine; each has an organisation of its own.
const SEQUENCES: u32 = 8;
const MOVES: usize = 32;

#[derive(Debug, Clone, Copy)]
enum Move {
    Begin,
    End(usize),
    Hold(usize, bool),
    HoldAll(bool),
    Apply,
    Restore(usize),
    TimePasses,
    Purge,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => Just(Move::Begin),
        5 => (0..5_usize).prop_map(Move::End),
        1 => (0..8_usize, any::<bool>()).prop_map(|(job, hold)| Move::Hold(job, hold)),
        1 => prop::bool::weighted(0.3).prop_map(Move::HoldAll),
        3 => Just(Move::Apply),
        1 => (0..3_usize).prop_map(Move::Restore),
        2 => Just(Move::TimePasses),
        3 => Just(Move::Purge),
    ];
    prop::collection::vec(one, MOVES / 2..MOVES)
}

#[derive(Debug, Default)]
struct Job {
    ended: bool,
    held: bool,
    marked: Option<usize>,
    gone: bool,
}

#[derive(Debug, Default)]
struct Run {
    over: bool,
    restored: bool,
    purged: bool,
}

#[derive(Debug, Default)]
struct Model {
    jobs: Vec<Job>,
    runs: Vec<Run>,
    held: bool,
}

impl Model {
    fn is_due(&self, job: &Job) -> bool {
        !self.held && job.ended && !job.held && !job.gone && job.marked.is_none()
    }

    fn purge(&mut self) -> u64 {
        if self.held {
            return 0;
        }
        let mut taken = 0;
        for job in self.jobs.iter_mut().filter(|job| !job.gone) {
            if job.marked.is_some_and(|run| self.runs[run].over && !self.runs[run].restored) {
                job.gone = true;
                taken += 1;
            }
        }
        for (number, run) in self.runs.iter_mut().enumerate() {
            let is_left = self.jobs.iter().any(|job| !job.gone && job.marked == Some(number));
            run.purged |= run.over && !run.restored && !is_left;
        }
        taken
    }
}

fn name(case: u32, job: usize) -> String {
    format!("job-{case}-{job}")
}

fn step(
    stage: &Stage<'_>,
    (store, org, case): (&RelayStore, OrgId, u32),
    model: &mut Model,
    one: Move,
) -> Result<(), TestCaseError> {
    match one {
        Move::Begin => {
            submitted(store, org, &name(case, model.jobs.len()));
            model.jobs.push(Job::default());
        }
        Move::End(at) => {
            if let Some(job) = model.jobs.get_mut(at).filter(|job| !job.ended) {
                act(store, org, &name(case, at), Deed::Cancel);
                job.ended = true;
            }
        }
        Move::Hold(at, hold) => {
            let held = store.hold_job(org, "Ada", &name(case, at), hold).unwrap();
            let job = model.jobs.get_mut(at).filter(|job| !job.gone);
            prop_assert_eq!(held.is_some(), job.is_some());
            if let Some(job) = job {
                if hold && !job.held {
                    job.marked = None;
                }
                job.held = hold;
            }
        }
        Move::HoldAll(hold) => {
            let set = PolicySet { hold: Some(hold), ..PolicySet::default() };
            store.set_retention(org, "Ada", &set).unwrap();
            model.held = hold;
        }
        Move::Apply => {
            let plan = store.plan_retention(org, "Ada").unwrap();
            let due = model.jobs.iter().filter(|job| model.is_due(job)).count() as u64;
            prop_assert_eq!((plan.kinds[0].count, plan.kinds[1].count), (0, due));
            let id = format!("run-{case}-{}", model.runs.len());
            let asked = Applying { run: &id, plan: plan.hash, as_of: plan.as_of };
            match store.apply_retention(org, "Ada", &asked).unwrap() {
                Applied::Run(run) => prop_assert_eq!(run.jobs, due),
                // Two that choose nothing in the same moment are one plan.
                Applied::Stale => {
                    prop_assert_eq!(due, 0);
                    return Ok(());
                }
            }
            let run = Some(model.runs.len());
            let due: Vec<bool> = model.jobs.iter().map(|job| model.is_due(job)).collect();
            for (job, _) in model.jobs.iter_mut().zip(due).filter(|(_, due)| *due) {
                job.marked = run;
            }
            model.runs.push(Run::default());
        }
        Move::Restore(at) => {
            let restored = store.restore_run(org, "Ada", &format!("run-{case}-{at}")).unwrap();
            let Some(run) = model.runs.get_mut(at) else {
                prop_assert_eq!(restored, Restored::Missing);
                return Ok(());
            };
            if !run.restored && (run.purged || (run.over && !model.held)) {
                prop_assert!(matches!(restored, Restored::Over(_)), "{:?}", restored);
                return Ok(());
            }
            prop_assert!(matches!(restored, Restored::Run(_)), "{:?}", restored);
            run.restored = true;
            let of_run = model.jobs.iter_mut().filter(|job| !job.gone && job.marked == Some(at));
            of_run.for_each(|job| job.marked = None);
        }
        Move::TimePasses => {
            stage.sql("UPDATE retention_runs SET restore_until = 0");
            model.runs.iter_mut().for_each(|run| run.over = true);
        }
        Move::Purge => {
            let mut taken = 0;
            while let Some(some) = store.purge_some(org, "Ada").unwrap() {
                taken += some.jobs;
            }
            prop_assert_eq!(taken, model.purge());
        }
    }
    Ok(())
}

pub(crate) fn any_sequence_takes_what_the_model_says(stage: &Stage<'_>) {
    let store = &stage.store;
    let (number, taken) = (Cell::new(0), Cell::new(0));
    let play = |moves: Vec<Move>| {
        number.set(number.get() + 1);
        let case = number.get();
        let org = store.create_organisation(&format!("Case {case}"), NOW).unwrap().id;
        let days = PolicySet {
            results_days: Some(None),
            jobs_days: Some(Some(0)),
            ..PolicySet::default()
        };
        store.set_retention(org, "Ada", &days).unwrap();
        let mut model = Model::default();
        // Something is there from the beginning.
        let first = [Move::Begin, Move::Begin, Move::Begin, Move::End(0), Move::End(1)];
        for one in first.into_iter().chain(moves) {
            step(stage, (store, org, case), &mut model, one)?;
            let listed = store.jobs(org, &JobQuery { limit: 100, ..JobQuery::default() }).unwrap();
            let listed: Vec<String> = listed.into_iter().rev().map(|row| row.id).collect();
            let there: Vec<String> = model
                .jobs
                .iter()
                .enumerate()
                .filter(|(_, job)| !job.gone && job.marked.is_none())
                .map(|(at, _)| name(case, at))
                .collect();
            prop_assert_eq!(listed, there);
        }
        for (at, job) in model.jobs.iter().enumerate() {
            let id = name(case, at);
            prop_assert_eq!(store.job(org, &id).unwrap().is_none(), job.gone);
            let is_marked = !job.gone && job.marked.is_some();
            let gone = store.gone(org, Named::Job(&id)).unwrap();
            prop_assert_eq!(gone.is_some(), is_marked);
        }
        taken.set(taken.get() + model.jobs.iter().filter(|job| job.gone).count());
        prop_assert!(store.check_audit(org).unwrap().is_ok());
        Ok(())
    };
    let config = Config { cases: SEQUENCES, failure_persistence: None, ..Config::default() };
    play(vec![Move::End(2), Move::Apply, Move::TimePasses, Move::Purge]).unwrap();
    assert_eq!(taken.get(), 3, "what the model takes is something");
    TestRunner::new(config).run(&moves(), play).unwrap();
}
