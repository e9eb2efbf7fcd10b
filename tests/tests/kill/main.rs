//! The kill test: real clients and a real relay are killed at random moments and started again;
//! in the end nothing is lost and nothing is doubled.
//!
//! `KARTEI_SEED` repeats a run's choices (the operating system still has its say in the moments),
//! `KARTEI_KILLS` changes how many processes are killed.

mod alone;
mod sealed;
mod world;

use alone::Alone;
use anyhow::Result;
use kartei_test_support::Dice;
use sealed::Sealed;
use world::{Deed, Desk, World};

/// Processes that are killed.
const KILLS: u32 = 80;

/// Processes that are killed while they change many profiles.
const KILLS_ALONE: u32 = 25;

/// Processes that are killed while they encrypt the database, or write it plain.
const KILLS_SEALED: u32 = 16;

/// After how many rounds everything is let come to rest and compared.
const SETTLE_EVERY: u32 = 12;

#[test]
fn killing_anyone_at_any_moment_loses_nothing_and_doubles_nothing() -> Result<()> {
    let kills = kills_or(KILLS);
    let mut dice = Dice::from_environment();
    println!("KARTEI_SEED={} KARTEI_KILLS={kills}", dice.seed());
    let mut world = World::begin()?;
    let mut rounds = 0_u32;
    while world.killed() < kills {
        rounds += 1;
        let desk = if dice.roll(2) == 0 { Desk::Anna } else { Desk::Ben };
        match dice.roll(10) {
            0..=2 => world.kill_client_during(Deed::Import, desk, &mut dice)?,
            3..=4 => world.kill_client_during(Deed::Edit, desk, &mut dice)?,
            5..=6 => world.kill_client_during(Deed::Sync, desk, &mut dice)?,
            _ => world.kill_relay_while_both_sync(&mut dice)?,
        }
        if rounds.is_multiple_of(SETTLE_EVERY) {
            world.settle()?;
        }
        assert!(rounds < 4 * kills, "too few of {rounds} rounds found a process to kill");
    }
    world.settle()?;
    println!("{}", world.summary(rounds));
    Ok(())
}

#[test]
fn a_step_on_many_profiles_is_there_whole_or_not_at_all() -> Result<()> {
    let kills = kills_or(KILLS_ALONE);
    let mut dice = Dice::from_environment();
    println!("KARTEI_SEED={} KARTEI_KILLS={kills}", dice.seed());
    let mut alone = Alone::begin()?;
    let mut rounds = 0_u32;
    while alone.killed < kills {
        rounds += 1;
        let deed = usize::try_from(dice.roll(alone::Deed::ALL.len() as u64))?;
        alone.kill_during(alone::Deed::ALL[deed], &mut dice)?;
        assert!(rounds < 8 * kills, "too few of {rounds} rounds found a process to kill");
    }
    alone.settle()?;
    println!("{rounds} rounds, {} killed", alone.killed);
    Ok(())
}

#[test]
fn a_database_is_encrypted_whole_or_not_at_all() -> Result<()> {
    let kills = kills_or(KILLS_SEALED);
    let mut dice = Dice::from_environment();
    println!("KARTEI_SEED={} KARTEI_KILLS={kills}", dice.seed());
    let mut sealed = Sealed::begin()?;
    let mut rounds = 0_u32;
    while sealed.killed < kills {
        rounds += 1;
        sealed.kill_during(&mut dice)?;
        assert!(rounds < 8 * kills, "too few of {rounds} rounds found a process to kill");
    }
    let (plain, encrypted) = sealed.found;
    println!("{rounds} rounds, {kills} killed: {plain} plain, {encrypted} encrypted afterwards");
    Ok(())
}

fn kills_or(default: u32) -> u32 {
    std::env::var("KARTEI_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}
