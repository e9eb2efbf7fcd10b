//! Many jobs while everything breaks: workers are killed and frozen for longer than their leases, the relay is
//! killed, Postgres is restarted and its connections are ended, and people cancel what is just being completed. In
//! the end everything that is kept of every job fits together, in the interface and in the database itself.
//!
//! `KARTEI_JOBS_SECONDS` says for how long, `KARTEI_SEED` repeats a run's choices (the operating system still has
//! its say in the moments).

mod check;
mod crew;
mod people;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kartei_test_support::{
    Dice, Http, Postgres, Relay, RelayHome, Stage, free_port, pass, repository, until,
};

use crew::Crew;
use people::{Ledger, cancel_jobs, submit_jobs};

/// How long a test run lets it storm; `cargo xtask night` does for twenty minutes.
const SECONDS: u64 = 40;

/// How long it may take until the last job has ended, when nothing breaks any more: leases have to end, and some
/// jobs are on their third attempt.
const CALM_WITHIN: Duration = Duration::from_secs(300);

/// Between two faults.
const FAULT_EVERY: Duration = Duration::from_millis(2_500);

const DATABASE: &str = "storm";

/// What breaks, and what it breaks.
struct World {
    cluster: Postgres,
    stage: Stage,
    home: RelayHome,
    relay: Option<Relay>,
    port: u16,
    token: String,
    crew: Crew,
}

/// What broke, and how often.
#[derive(Debug, Default)]
struct Tally {
    workers_killed: u32,
    workers_frozen: u32,
    relays_killed: u32,
    connections_ended: u32,
    restarts: u32,
}

impl World {
    fn begin() -> Result<Self> {
        let cluster = Postgres::start(true)?;
        let database = cluster.database(DATABASE)?;
        let stage = Stage::new()?;
        let home = stage.relay_home_on(&database)?.with(&[("KARTEI_WORKERS", "0")]);
        let home = home.logging_to(stage.path("relay.log"));
        home.run(&["jobs", "queue", "--org", "Test", "--cap", "4"])?.expect_code(0)?;
        let port = free_port()?;
        let relay = home.start_on(port)?;
        let token = home.token("analyst", "Ada")?;
        let http = Http::new(relay.url(), Some(&token));
        let kind = ("content-type", "application/gzip");
        for file in ["bfi.ndjson.gz", "cdnow.ndjson.gz"] {
            let body = std::fs::read(repository(&format!("tests/fixtures/data/{file}")))?;
            http.send("POST", "/profiles/import", &[kind], &body)?.expect(200)?;
        }
        let crew = Crew::hire(&home, 3)?;
        Ok(Self { cluster, stage, home, relay: Some(relay), port, token, crew })
    }

    fn http(&self) -> Http {
        // A request that a dead relay took has no answer: whoever asks tries again.
        let base = format!("http://127.0.0.1:{}", self.port);
        Http::patient(&base, Some(&self.token), Duration::from_secs(10))
    }

    /// Breaks something.
    fn fault(&mut self, dice: &mut Dice, tally: &mut Tally) -> Result<()> {
        match dice.roll(12) {
            0..=5 => {
                self.crew.kill_one(&self.home, dice)?;
                tally.workers_killed += 1;
            }
            6 | 7 => tally.workers_frozen += u32::from(self.crew.freeze_one(dice)?),
            8 => {
                drop(self.relay.take());
                self.relay = Some(self.home.start_on(self.port)?);
                tally.relays_killed += 1;
            }
            9 | 10 => {
                let ended = self.cluster.sql(
                    DATABASE,
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                     WHERE application_name = 'kartei-relay'",
                )?;
                tally.connections_ended += ended.parse::<u32>().unwrap_or(0);
            }
            _ => {
                self.cluster.crash_and_restart()?;
                tally.restarts += 1;
            }
        }
        self.crew.thaw_those_that_slept_enough()
    }

    fn storm(&mut self, dice: &mut Dice, lasting: Duration) -> Result<(Ledger, Tally)> {
        let (ledger, over, mut tally) =
            (Mutex::new(Ledger::default()), AtomicBool::new(false), Tally::default());
        let people: Vec<(Http, Dice)> =
            (0..5).map(|_| (self.http(), Dice::seeded(dice.roll(u64::MAX)))).collect();
        let outcome = std::thread::scope(|scope| {
            let people: Vec<_> = people
                .into_iter()
                .enumerate()
                .map(|(number, (http, dice))| {
                    let (ledger, over) = (&ledger, &over);
                    scope.spawn(move || match number {
                        0 | 1 => submit_jobs(&http, dice, ledger, over, number),
                        _ => cancel_jobs(&http, dice, ledger, over),
                    })
                })
                .collect();
            let end = Instant::now() + lasting;
            let mut faults = Ok(());
            while faults.is_ok() && Instant::now() < end {
                pass(dice.moment(FAULT_EVERY));
                faults = self.fault(dice, &mut tally);
            }
            over.store(true, Ordering::Relaxed);
            for person in people {
                person.join().map_err(|_| anyhow::anyhow!("somebody panicked"))??;
            }
            faults
        });
        outcome?;
        Ok((ledger.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner), tally))
    }

    fn calm(&mut self) -> Result<()> {
        self.crew.thaw_all()?;
        let cluster = &self.cluster;
        until(CALM_WITHIN, "every job has ended", || {
            let open = "SELECT count(*) FROM kartei.jobs WHERE state IN ('queued', 'running')";
            Ok(cluster.sql(DATABASE, open)? == "0")
        })
    }
}

#[test]
fn jobs_end_once_whatever_breaks() -> Result<()> {
    let given = std::env::var("KARTEI_JOBS_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds = given.unwrap_or(SECONDS);
    let mut dice = Dice::from_environment();
    println!("KARTEI_SEED={} KARTEI_JOBS_SECONDS={seconds}", dice.seed());
    let mut world = World::begin()?;
    let outcome =
        world.storm(&mut dice, Duration::from_secs(seconds)).and_then(|(ledger, tally)| {
            world.calm().context("after the storm")?;
            let found = check::everything(&world.http(), &world.cluster, &ledger)?;
            println!("{tally:?}");
            println!("{found}");
            Ok(())
        });
    if outcome.is_err() {
        println!("what is left is kept in {}", world.stage.keep().display());
    }
    outcome
}
