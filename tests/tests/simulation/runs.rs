//! Running seeds, on two threads, and saying how to repeat one that failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::broken::{Broken, Invariant};
use crate::plan::Plan;
use crate::world::{Counts, World};

/// Seeds that run at the same time.
const THREADS: usize = 2;

/// After how many seeds a long run says where it is.
const PROGRESS: u64 = 250;

/// A number in the environment.
pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Everything that does not hold in a run of this plan.
pub(crate) fn broken(plan: Plan) -> (Vec<Broken>, Counts) {
    let run = || {
        let mut world = match World::new(plan) {
            Ok(world) => world,
            Err(broken) => return (vec![broken], Counts::default()),
        };
        let found = world.run().and_then(|()| world.check());
        (found.unwrap_or_else(|broken| vec![broken]), world.counts)
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        let detail = format!("it panicked: {}", text.unwrap_or_default());
        (vec![Broken::new(Invariant::Failure, detail)], Counts::default())
    })
}

/// What happened in a run that must hold together.
pub(crate) fn trace(plan: Plan) -> u64 {
    let mut world = World::new(plan).unwrap();
    world.run().unwrap();
    world.trace()
}

/// Runs one plan.
pub(crate) fn one(test: &str, plan: Plan) {
    let seed = plan.seed;
    let (found, counts) = broken(plan);
    assert!(found.is_empty(), "{}", report(test, seed, &found));
    println!("{counts:?}");
}

/// Runs a number of seeds, or the one of the environment.
pub(crate) fn many(test: &str, seeds: u64, plan: impl Fn(u64) -> Plan + Sync) {
    if let Some(seed) = number("KARTEI_SEED") {
        return one(test, Plan { told: true, ..plan(seed) });
    }
    let seeds = number("KARTEI_SEEDS").unwrap_or(seeds);
    let first = number("KARTEI_FIRST_SEED").unwrap_or(0);
    let next = AtomicU64::new(0);
    let failed: Mutex<Vec<String>> = Mutex::default();
    let total: Mutex<Counts> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let ran = next.fetch_add(1, Ordering::Relaxed);
                    if ran >= seeds {
                        break;
                    }
                    if ran > 0 && ran.is_multiple_of(PROGRESS) {
                        println!("{ran} of {seeds} seeds");
                    }
                    let seed = first.saturating_add(ran);
                    let (found, counts) = broken(plan(seed));
                    total.lock().unwrap().add(&counts);
                    if !found.is_empty() {
                        let report = report(test, seed, &found);
                        eprintln!("{report}");
                        failed.lock().unwrap().push(report);
                    }
                }
            });
        }
    });
    println!("{seeds} seeds: {:?}", total.into_inner().unwrap());
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {seeds} seeds failed:\n{}", failed.len(), failed.join("\n"));
}

/// How to repeat it, and what does not hold.
fn report(test: &str, seed: u64, found: &[Broken]) -> String {
    let what: Vec<String> = found.iter().take(3).map(ToString::to_string).collect();
    let crowd = number("KARTEI_REPLICAS").map(|replicas| format!("KARTEI_REPLICAS={replicas} "));
    let crowd = crowd.unwrap_or_default();
    format!(
        "{crowd}KARTEI_SEED={seed} cargo nextest run -p kartei-tests \
         -E 'binary(simulation) and test({test})' --no-capture\n  {}",
        what.join("\n  ")
    )
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.happenings += other.happenings;
        self.acts += other.acts;
        self.acknowledged += other.acknowledged;
        self.faults += other.faults;
        self.crashes += other.crashes;
        self.power += other.power;
        self.lost += other.lost;
        self.full += other.full;
        self.beside += other.beside;
        self.replayed += other.replayed;
        self.compared += other.compared;
        self.conflicts += other.conflicts;
        self.swept += other.swept;
        self.restored += other.restored;
        self.reread += other.reread;
        self.agreed += other.agreed;
        self.mended += other.mended;
    }
}
