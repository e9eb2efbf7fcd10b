//! Chance that can be repeated.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A small generator (SplitMix64). Print [`Dice::seed`] first; `KARTEI_SEED` repeats a run.
#[derive(Debug, Clone)]
pub struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    /// The seed of `KARTEI_SEED`, or else of the clock.
    #[must_use]
    pub fn from_environment() -> Self {
        let given = std::env::var("KARTEI_SEED").ok().and_then(|text| text.parse().ok());
        let clock = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            u64::try_from(since.as_micros() & 0xffff_ffff).unwrap_or(0)
        };
        Self::seeded(given.unwrap_or_else(clock))
    }

    /// A given seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// What to print, to repeat the run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A number from 0 to below `below`.
    pub fn roll(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }

    /// A duration from nothing to `longest`.
    pub fn moment(&mut self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.roll(micros.saturating_add(1)))
    }
}
