//! Workers that are killed and frozen, and their successors.

use std::time::{Duration, Instant};

use anyhow::Result;
use kartei_test_support::{Dice, RelayHome, Worker};

/// Longer than a lease of 20 seconds, by what a reaper needs.
const SLEEPS: Duration = Duration::from_secs(26);

/// Workers, and until when those sleep that were frozen.
pub(crate) struct Crew(Vec<(Worker, Option<Instant>)>);

impl Crew {
    pub(crate) fn hire(home: &RelayHome, number: usize) -> Result<Self> {
        let workers: Result<Vec<_>> = (0..number).map(|_| Ok((home.worker(2)?, None))).collect();
        Ok(Self(workers?))
    }

    /// Kills any of them, at any moment of its work, and puts another one in its place.
    pub(crate) fn kill_one(&mut self, home: &RelayHome, dice: &mut Dice) -> Result<()> {
        let at = self.any(dice);
        self.0[at].0.kill()?;
        self.0[at] = (home.worker(2)?, None);
        Ok(())
    }

    /// Freezes one, unless that would leave nobody awake; answers whether.
    pub(crate) fn freeze_one(&mut self, dice: &mut Dice) -> Result<bool> {
        if self.0.iter().filter(|(_, until)| until.is_none()).count() < 2 {
            return Ok(false);
        }
        let at = self.any(dice);
        let (worker, until) = &mut self.0[at];
        if until.is_some() {
            return Ok(false);
        }
        worker.freeze()?;
        *until = Some(Instant::now() + SLEEPS);
        Ok(true)
    }

    pub(crate) fn thaw_those_that_slept_enough(&mut self) -> Result<()> {
        for (worker, until) in &mut self.0 {
            if until.is_some_and(|until| until <= Instant::now()) {
                worker.thaw()?;
                *until = None;
            }
        }
        Ok(())
    }

    pub(crate) fn thaw_all(&mut self) -> Result<()> {
        for (worker, until) in &mut self.0 {
            worker.thaw()?;
            *until = None;
        }
        Ok(())
    }

    fn any(&self, dice: &mut Dice) -> usize {
        usize::try_from(dice.roll(self.0.len() as u64)).unwrap_or(0)
    }
}
