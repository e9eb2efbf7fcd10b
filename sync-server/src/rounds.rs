//! What a relay does again and again, for as long as it runs.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};

/// Moments at which something is due: at once, and then after each pause.
pub(crate) struct Rounds {
    ticks: Interval,
    stopping: watch::Receiver<bool>,
}

impl Rounds {
    /// `stopping` becomes `true` when the relay stops.
    pub(crate) fn every(pause: Duration, stopping: watch::Receiver<bool>) -> Self {
        let mut ticks = tokio::time::interval(pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, stopping }
    }

    /// Waits for the next; `false` where the relay stops.
    pub(crate) async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.ticks.tick() => true,
            _ = self.stopping.wait_for(|stopping| *stopping) => false,
        }
    }
}
