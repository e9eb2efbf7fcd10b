//! The real thing: three clients and two relays on one Postgres, behind a network that fails.
//!
//! Clients edit, import, delete, restore, decide conflicts and edit many profiles, while each of them
//! also syncs in the background; an integrator writes over HTTP; a reader follows the feed. Meanwhile
//! connections are cut, reset, refused, slowed down and swallowed, clients and relays are killed, and
//! Postgres is restarted as after a crash. Then the faults end, everybody syncs, and whatever anybody
//! was told must hold.
//!
//! `KARTEI_SEED` repeats a run's choices (the operating system has its say in the moments),
//! `KARTEI_CHAOS_SECONDS` changes how long everything breaks.

mod check;
mod desk;
mod faults;
mod files;
mod integrator;
mod ledger;
mod reader;
mod world;

use std::time::Duration;

use anyhow::Result;
use kartei_test_support::Dice;
use world::World;

/// How long everything breaks, unless the environment says otherwise.
const SECONDS: u64 = 60;

#[test]
fn nothing_that_anybody_was_told_is_lost_while_everything_breaks() -> Result<()> {
    let given = std::env::var("KARTEI_CHAOS_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds = given.unwrap_or(SECONDS);
    let mut dice = Dice::from_environment();
    println!("KARTEI_SEED={} KARTEI_CHAOS_SECONDS={seconds}", dice.seed());
    let mut world = World::begin(&mut dice)?;
    let done = world.run(Duration::from_secs(seconds));
    println!("{}", world.summary());
    done.map_err(|error| error.context(world.keep()))
}
