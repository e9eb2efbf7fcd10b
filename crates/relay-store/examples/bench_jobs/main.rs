//! The inside of `cargo xtask bench jobs`: the queue alone, on a Postgres of its own that waits for the disk.
//!
//! Jobs do nothing here: what is measured is submitting, claiming and completing them, each step a durable event.
//! `pickup` also times how long a job waits for a worker that is woken, `fair` how long one of a small organisation
//! waits beside a hundred thousand of a large one. `bloat` looks at the tables while jobs come and go.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod bloat;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use kartei_relay_store::{
    Acting, Deed, JobRow, NewJobRow, OrgId, Payload, QueueSet, RelayStore, Submitted,
};
use kartei_test_support::Postgres;

const LEASE_MS: i64 = 20_000;
/// Jobs that are claimed and completed at once.
const BATCH: usize = 50;
const SUBMITTERS: usize = 8;
const WORKERS: usize = 4;

fn submit(store: &RelayStore, org: OrgId, id: &str) {
    let job = NewJobRow {
        id,
        token: 1,
        by: "bench",
        key: None,
        request: [0; 32],
        analysis: "quality",
        filter: None,
        params: "{}",
        retry_of: None,
        attempts_max: 3,
        deadline_ms: 3_600_000,
        waiting_max: u64::MAX,
    };
    assert!(matches!(store.submit_job(org, &job).unwrap(), Submitted::New(_)));
}

fn complete(row: &JobRow) -> Acting {
    Acting {
        job: row.id.clone(),
        actor: "worker".to_owned(),
        deed: Deed::Complete {
            claim: row.claim,
            id: format!("r-{}", row.id),
            payload: Payload::Here("{}".to_owned()),
            size: 2,
            digest: [0; 32],
            profiles: 0,
            input: ("e".to_owned(), 1),
        },
    }
}

struct Bench {
    cluster: Postgres,
    store: Arc<RelayStore>,
    org: OrgId,
}

impl Bench {
    fn begin() -> Self {
        let cluster = Postgres::start(true).unwrap();
        let database = cluster.database("bench").unwrap();
        RelayStore::migrate(&database.owner_url, Some(&database.relay_role)).unwrap();
        let store = RelayStore::connect(&database.relay_url).unwrap();
        let org = store.create_organisation("Bench", 0).unwrap().id;
        store.set_job_queue(org, "bench", &[QueueSet::Cap(1_000_000)]).unwrap();
        Self { cluster, store: Arc::new(store), org }
    }

    /// Commits so far, and bytes of the log.
    fn written(&self) -> (f64, f64) {
        let sql = "SELECT (SELECT sum(xact_commit) FROM pg_stat_database), \
                   pg_current_wal_lsn() - '0/0'::pg_lsn";
        let text = self.cluster.sql("bench", sql).unwrap();
        let (commits, bytes) = text.split_once('|').unwrap();
        (commits.parse().unwrap(), bytes.parse().unwrap())
    }

    fn throughput(&self, jobs: u64) {
        let began = self.written();
        let started = Instant::now();
        thread::scope(|scope| {
            for submitter in 0..SUBMITTERS {
                let (store, org) = (&self.store, self.org);
                scope.spawn(move || {
                    for number in (submitter as u64..jobs).step_by(SUBMITTERS) {
                        submit(store, org, &format!("t-{number}"));
                    }
                });
            }
        });
        let submitted = started.elapsed();
        let done = AtomicU64::new(0);
        let started = Instant::now();
        thread::scope(|scope| {
            for worker in 0..WORKERS {
                let done = &done;
                // Where it gets none, another one claims just now.
                scope
                    .spawn(move || self.work(&format!("w{worker}"), jobs, done, thread::yield_now));
            }
        });
        let worked = started.elapsed();
        let rate = |took: Duration| jobs as f64 / took.as_secs_f64();
        println!("submit_per_s {:.0}", rate(submitted));
        println!("done_per_s {:.0}", rate(worked));
        self.say_written(began, jobs);
    }

    /// Completes what there is until so many are `done`, and pauses where there is nothing.
    fn work(&self, name: &str, jobs: u64, done: &AtomicU64, pause: impl Fn()) {
        while done.load(Ordering::Relaxed) < jobs {
            let rows = self.store.claim_jobs(self.org, name, LEASE_MS, BATCH, 0).unwrap();
            if rows.is_empty() {
                pause();
                continue;
            }
            let acts: Vec<Acting> = rows.iter().map(complete).collect();
            let acted = self.store.act_on_jobs(self.org, &acts).unwrap();
            assert!(acted.iter().all(|one| one.as_ref().unwrap().step().is_some()));
            done.fetch_add(rows.len() as u64, Ordering::Relaxed);
        }
    }

    fn say_written(&self, began: (f64, f64), jobs: u64) {
        let (commits, bytes) = self.written();
        println!("commits_per_job {:.2}", (commits - began.0) / jobs as f64);
        println!("wal_bytes_per_job {:.0}", (bytes - began.1) / jobs as f64);
    }

    /// How long each of some jobs waits from being durable until a worker that was woken has it.
    fn pickup(&self, jobs: u64) {
        let (wake, woken) = mpsc::channel::<Instant>();
        let (tell, told) = mpsc::channel::<Duration>();
        let store = Arc::clone(&self.store);
        let worker = thread::spawn(move || {
            for submitted in woken {
                let (org, _) = store.waiting_organisations(16).unwrap()[0];
                let rows = store.claim_jobs(org, "w", LEASE_MS, 1, 0).unwrap();
                tell.send(submitted.elapsed()).unwrap();
                store.act_on_job(org, complete(&rows[0])).unwrap();
            }
        });
        let mut waits = Vec::new();
        for number in 0..jobs {
            submit(&self.store, self.org, &format!("p-{number}"));
            wake.send(Instant::now()).unwrap();
            waits.push(told.recv().unwrap());
        }
        drop(wake);
        worker.join().unwrap();
        quantiles("pickup", &mut waits);
    }

    /// How long jobs of a small organisation wait beside those of a large one.
    fn fair(&self, backlog: u64, jobs: u64) {
        let small = self.store.create_organisation("Small", 0).unwrap().id;
        // What 100,000 submissions would leave.
        let sql = format!(
            "INSERT INTO kartei.jobs (id, org, token, by, request, analysis, params, state, attempts_max, event_seq, \
             due_at, deadline_ms, created_at) SELECT 'b-' || n, o.id, 1, 'bench', '', 'quality', '{{}}', 'queued', 3, 1, \
             0, 3600000, 0 FROM generate_series(1, {backlog}) n, kartei.organisations o WHERE o.name = 'Bench'; \
             INSERT INTO kartei.job_events (job, seq, org, kind, to_state, actor, at) \
             SELECT pk, 1, org, 'queued', 'queued', 'bench', 0 FROM kartei.jobs WHERE id LIKE 'b-%'; \
             ANALYZE kartei.jobs"
        );
        self.cluster.sql("bench", &sql).unwrap();
        // Every worker is busy with one of the large organisation when one of the small comes.
        self.store.set_job_queue(self.org, "bench", &[QueueSet::Cap(WORKERS as u64)]).unwrap();
        let (served, over) = (AtomicI64::new(0), AtomicU64::new(0));
        let (tell, told) = mpsc::channel::<(String, Instant)>();
        let mut waits = Vec::new();
        thread::scope(|scope| {
            for worker in 0..WORKERS {
                let (store, served, over, tell) = (&self.store, &served, &over, tell.clone());
                scope.spawn(move || {
                    let name = format!("w{worker}");
                    while over.load(Ordering::Relaxed) == 0 {
                        for (org, turn) in store.waiting_organisations(16).unwrap() {
                            let floor = served.fetch_max(turn, Ordering::Relaxed).max(turn);
                            let rows = store.claim_jobs(org, &name, LEASE_MS, 1, floor).unwrap();
                            let Some(row) = rows.first() else { continue };
                            if org == small {
                                tell.send((row.id.clone(), Instant::now())).unwrap();
                            }
                            store.act_on_job(org, complete(row)).unwrap();
                            break;
                        }
                    }
                });
            }
            for number in 0..jobs {
                let id = format!("s-{number}");
                submit(&self.store, small, &id);
                let submitted = Instant::now();
                let (claimed, at) = told.recv().unwrap();
                assert_eq!(claimed, id);
                waits.push(at.saturating_duration_since(submitted));
                thread::sleep(Duration::from_millis(10));
            }
            over.store(1, Ordering::Relaxed);
        });
        quantiles("fair", &mut waits);
    }
}

fn quantiles(name: &str, waits: &mut [Duration]) {
    waits.sort_unstable();
    let at = |per_cent: usize| waits[(waits.len() - 1) * per_cent / 100].as_secs_f64() * 1e3;
    for per_cent in [50, 95, 99] {
        println!("{name}_p{per_cent}_ms {:.2}", at(per_cent));
    }
}

/// A peer's program on a database of its own: what it says, and what the database wrote for it.
fn peer(bench: &Bench, node: &str, program: &str, jobs: u64, latency: u64) {
    let name = Path::new(program).file_stem().unwrap().to_str().unwrap();
    println!("[{name}]");
    let url = bench.cluster.database(name).unwrap().owner_url;
    let run = |mode: &str, count: u64| {
        let mut command = Command::new(node);
        let done = command.args([program, &url, mode, &count.to_string()]).status().unwrap();
        assert!(done.success(), "{program} {mode} ended with {done}");
    };
    let began = bench.written();
    run("throughput", jobs);
    bench.say_written(began, jobs);
    run("pickup", latency);
}

/// River's own benchmark on a database of its own: it submits all by the thousand, then works them with as many
/// connections as ours has. It times no wait for a worker.
fn river(bench: &Bench, program: &str, jobs: u64) {
    println!("[river]");
    let url = bench.cluster.database("river").unwrap().owner_url;
    let run = |arguments: &[&str]| {
        let done = Command::new(program).args(arguments).args(["--database-url", &url]).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    run(&["migrate-up"]);
    let began = bench.written();
    let said = run(&["bench", "-n", &jobs.to_string(), "--max-connections", "16"]);
    bench.say_written(began, jobs);
    let whole = said.lines().rfind(|line| line.contains("overall job/sec")).unwrap();
    let rate = whole.split("overall job/sec [").nth(1).unwrap().split(']').next().unwrap();
    println!("done_per_s {}", rate.trim());
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, jobs] = arguments.as_slice() {
        assert_eq!(mode, "bloat", "bench_jobs bloat JOBS");
        return Bench::begin().bloat(jobs.parse().unwrap());
    }
    let [jobs, latency, backlog, node, river_program, peers @ ..] = arguments.as_slice() else {
        panic!("bench_jobs JOBS PICKUPS BACKLOG NODE RIVER PEER…")
    };
    let [jobs, latency, backlog] = [jobs, latency, backlog].map(|one| one.parse().unwrap());
    let bench = Bench::begin();
    println!("[kartei]");
    bench.throughput(jobs);
    bench.pickup(latency);
    river(&bench, river_program, jobs);
    for program in peers {
        peer(&bench, node, program, jobs, latency);
    }
    println!("[kartei fair]");
    bench.fair(backlog, latency);
}
