//! The same work on many profiles: one transaction reads and writes, other threads make the changes.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::error::StoreError;

/// Profiles on their way at most: some for each thread, so that none waits for the writer.
const IN_FLIGHT_MAX: usize = 128;

/// Threads at most: beyond this the one writer is the limit.
const WORKERS_MAX: usize = 8;

/// Below this many, threads cost more than they give.
const ALONE_MAX: usize = 8;

/// Takes `jobs` one after the other, runs `work` on each in other threads, and `done` on each result
/// on this one, in whatever order they come.
///
/// # Errors
/// The first one of `jobs` and `done`; what was done before stays done.
pub(crate) fn run<J: Send, R: Send>(
    count: usize,
    mut jobs: impl Iterator<Item = Result<J, StoreError>>,
    work: impl Fn(&J) -> R + Sync,
    mut done: impl FnMut(J, R) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if count <= ALONE_MAX {
        return jobs.try_for_each(|job| {
            let job = job?;
            let result = work(&job);
            done(job, result)
        });
    }
    let workers = thread::available_parallelism().map_or(1, usize::from).clamp(1, WORKERS_MAX);
    thread::scope(|scope| {
        let (job_tx, job_rx) = bounded(IN_FLIGHT_MAX);
        let (done_tx, done_rx) = bounded(IN_FLIGHT_MAX);
        for _ in 0..workers {
            let (job_rx, done_tx) = (job_rx.clone(), done_tx.clone());
            let work = &work;
            scope.spawn(move || serve(&job_rx, &done_tx, work));
        }
        drop((job_rx, done_tx));
        let mut in_flight = 0;
        loop {
            while in_flight < IN_FLIGHT_MAX
                && let Some(job) = jobs.next()
            {
                // Workers only go when this end does.
                let _ = job_tx.send(job?);
                in_flight += 1;
            }
            if in_flight == 0 {
                return Ok(());
            }
            let Ok((job, result)) = done_rx.recv() else { return Ok(()) };
            in_flight -= 1;
            match result {
                Ok(result) => done(job, result)?,
                Err(panic) => resume_unwind(panic),
            }
        }
    })
}

type Caught<R> = Result<R, Box<dyn std::any::Any + Send>>;

/// A panic is handed on: a worker that is gone would be waited for without end.
fn serve<J, R>(
    jobs: &Receiver<J>,
    done: &Sender<(J, Caught<R>)>,
    work: &(impl Fn(&J) -> R + Sync),
) {
    for job in jobs {
        let result = catch_unwind(AssertUnwindSafe(|| work(&job)));
        if done.send((job, result)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once() {
        let mut seen = Vec::new();
        let jobs = (0..1_000_u64).map(Ok);
        run(
            1_000,
            jobs,
            |job| job * 2,
            |job, result| {
                assert_eq!(result, job * 2);
                seen.push(job);
                Ok(())
            },
        )
        .unwrap();
        seen.sort_unstable();
        assert_eq!(seen, (0..1_000).collect::<Vec<_>>());
    }

    #[test]
    fn an_error_ends_it() {
        let jobs = (0..1_000_u64).map(Ok);
        let ended = run(
            1_000,
            jobs,
            |job| *job,
            |job, _| match job {
                500 => Err(StoreError::DiskFull),
                _ => Ok(()),
            },
        );
        assert!(matches!(ended, Err(StoreError::DiskFull)));
    }

    #[test]
    #[should_panic(expected = "in a worker")]
    fn a_panic_is_handed_on() {
        let jobs = (0..1_000_u64).map(Ok);
        let work = |job: &u64| assert!(*job != 500, "in a worker");
        let _ = run(1_000, jobs, work, |_, ()| Ok(()));
    }
}
