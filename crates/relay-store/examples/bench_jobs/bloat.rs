//! Whether the tables stay small while jobs come and go: a million of them, with retention running beside.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kartei_relay_store::{Applied, Applying, PolicySet};

use super::{Bench, submit};

/// Jobs between two looks.
const STEP: u64 = 100_000;
const SUBMITTERS: u64 = 4;
const WORKERS: usize = 2;

/// Jobs that wait at most: workers that come behind are no bloat.
const WAITING_MAX: u64 = 5_000;

/// How often retention looks.
const RETENTION_EVERY: Duration = Duration::from_secs(2);

const TABLES: [&str; 4] = ["jobs", "job_events", "job_results", "notifications"];

impl Bench {
    /// Submits and completes so many jobs, which are due at once, as if their time were over.
    pub(super) fn bloat(&self, jobs: u64) {
        let at_once = PolicySet {
            results_days: Some(Some(0)),
            jobs_days: Some(Some(0)),
            restore_days: Some(0),
            ..PolicySet::default()
        };
        self.store.set_retention(self.org, "bench", &at_once).unwrap();
        let (submitted, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let (purged, over) = (AtomicU64::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            for submitter in 0..SUBMITTERS {
                let (submitted, done) = (&submitted, &done);
                scope.spawn(move || {
                    for number in (submitter..jobs).step_by(usize::try_from(SUBMITTERS).unwrap()) {
                        while submitted.load(Ordering::Relaxed)
                            > done.load(Ordering::Relaxed) + WAITING_MAX
                        {
                            thread::sleep(Duration::from_millis(5));
                        }
                        submit(&self.store, self.org, &format!("m-{number}"));
                        submitted.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            for worker in 0..WORKERS {
                let done = &done;
                let pause = || thread::sleep(Duration::from_millis(1));
                scope.spawn(move || self.work(&format!("w{worker}"), jobs, done, pause));
            }
            let (purged, over) = (&purged, &over);
            scope.spawn(move || self.retain(purged, over));
            let mut since = Instant::now();
            for step in 1..=jobs.div_ceil(STEP) {
                let until = (step * STEP).min(jobs);
                while done.load(Ordering::Relaxed) < until {
                    thread::sleep(Duration::from_millis(50));
                }
                let rate = STEP as f64 / since.elapsed().as_secs_f64();
                since = Instant::now();
                self.look(until, rate, purged.load(Ordering::Relaxed));
            }
            over.store(true, Ordering::Relaxed);
        });
        self.cluster.sql("bench", "VACUUM (ANALYZE)").unwrap();
        self.look(jobs, 0.0, purged.load(Ordering::Relaxed));
    }

    /// Plans, applies and purges for as long as it goes on, and once more.
    fn retain(&self, purged: &AtomicU64, over: &AtomicBool) {
        let mut number = 0;
        loop {
            let is_last = over.load(Ordering::Relaxed);
            let plan = self.store.plan_retention(self.org, "bench").unwrap();
            number += 1;
            let run = format!("run-{number}");
            let asked = Applying { run: &run, plan: plan.hash, as_of: plan.as_of };
            // A job that ends while it is planned, at a moment before, makes another plan of it.
            if self.store.apply_retention(self.org, "bench", &asked).unwrap() == Applied::Stale {
                continue;
            }
            while let Some(gone) = self.store.purge_some(self.org, "bench").unwrap() {
                purged.fetch_add(gone.jobs, Ordering::Relaxed);
            }
            if is_last {
                return;
            }
            thread::sleep(RETENTION_EVERY);
        }
    }

    fn look(&self, done: u64, rate: f64, purged: u64) {
        let sizes: Vec<String> = TABLES
            .iter()
            .map(|table| {
                let sql = format!(
                    "SELECT pg_total_relation_size('kartei.{table}') / 1024, \
                     (SELECT n_live_tup || ' ' || n_dead_tup FROM pg_stat_user_tables \
                      WHERE schemaname = 'kartei' AND relname = '{table}')"
                );
                format!("{table} {}", self.cluster.sql("bench", &sql).unwrap().replace('|', " "))
            })
            .collect();
        println!("bloat done {done} rate {rate:.0} purged {purged} | {}", sizes.join(" | "));
    }
}
