//! Many uploads while everything breaks: real clients and a real relay are killed at any moment, the way
//! between them cuts, stalls, loses and answers for the relay, parts come twice and in any order, two
//! clients share a session. In the end every upload has become a file without a person's help, every file
//! has its bytes, and nothing else is left.
//!
//! `KARTEI_UPLOADS` says how many, `KARTEI_SEED` repeats a run's choices (the operating system still has its
//! say in the moments).

mod check;
mod faults;
mod ledger;
mod people;
mod strangers;
mod world;

use anyhow::Result;
use kartei_test_support::Dice;
use world::World;

/// Uploads in a test run; `cargo xtask night` makes thousands.
const UPLOADS: u64 = 60;

#[test]
fn uploads_end_whole_whatever_breaks() -> Result<()> {
    let given = std::env::var("KARTEI_UPLOADS").ok().and_then(|text| text.parse().ok());
    let uploads = given.unwrap_or(UPLOADS);
    let mut dice = Dice::from_environment();
    println!("KARTEI_SEED={} KARTEI_UPLOADS={uploads}", dice.seed());
    let mut world = World::begin(&mut dice, uploads)?;
    let outcome = world.run();
    if outcome.is_err() {
        println!("what is left is kept in {}", world.stage.keep().display());
    }
    outcome
}
