//! The proof of sync by simulation: real stores of replicas and relays, the real engine, and a
//! network, clocks, disks and machines that a seed breaks, in one thread and in virtual time.
//!
//! A run is made of what [`plan::Plan`] says. People import, edit, take back and decide conflicts
//! ([`people`]) while faults come and go ([`faults`]): messages are lost, late, doubled and out of
//! order; relays and replicas are cut off, stopped, killed between any two writes, lose power with
//! what was not yet on the disk; disks are full, clocks jump, a machine comes back after months; relays
//! forget old deletions, and are restored from backups.
//! Then the faults end, everybody comes to rest, and [`check`] looks whether what must hold does
//! ([`broken::Invariant`]). It looks during the run, too, where that can be told at once.
//!
//! `KARTEI_SEEDS` is how many seeds are run (10,000 by night), from `KARTEI_FIRST_SEED` on, `KARTEI_SEED`
//! repeats one of them and prints what happens in it, and `KARTEI_REPLICAS` is how many take part in the large run (1,000 by
//! night, a matter of minutes).

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod afresh;
mod broken;
mod cases;
mod check;
mod faults;
mod ledger;
mod office;
mod people;
mod plan;
mod queue;
mod relays;
mod replica;
mod runs;
mod sabotage;
mod upkeep;
mod world;

use plan::Plan;

/// Seeds in the test command.
const SEEDS: u64 = 200;

/// Replicas of the large run in the test command.
const REPLICAS: usize = 100;

#[test]
fn replicas_and_relays_agree_whatever_breaks() {
    runs::many("replicas_and_relays_agree_whatever_breaks", SEEDS, Plan::of);
}

#[test]
fn a_crowd_of_replicas_agrees() {
    let replicas = runs::number("KARTEI_REPLICAS").and_then(|n| usize::try_from(n).ok());
    let replicas = replicas.unwrap_or(REPLICAS);
    let seed = runs::number("KARTEI_SEED").unwrap_or(1);
    runs::one("a_crowd_of_replicas_agrees", Plan::large(seed, replicas));
}

#[test]
fn a_seed_says_all_that_happens() {
    for seed in [3, 4, 5] {
        let traces = [0, 1].map(|_| runs::trace(Plan::of(seed)));
        assert_eq!(traces[0], traces[1], "seed {seed} does not repeat itself");
    }
}
