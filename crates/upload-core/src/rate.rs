//! How fast it goes, smoothed for people.

/// Bytes are counted in slices of this; shorter ones would show the buffers of the system.
const SLICE_MS: u64 = 500;

/// What was seen longer ago than this hardly counts.
const MEMORY_MS: f64 = 5_000.0;

/// A smoothed rate.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rate {
    since: Option<u64>,
    bytes: u64,
    per_sec: Option<f64>,
}

impl Rate {
    /// So many bytes went on their way.
    pub(crate) fn count(&mut self, now: u64, bytes: u64) {
        let since = *self.since.get_or_insert(now);
        self.bytes += bytes;
        self.close(now, since);
    }

    /// Forgets what was seen: what follows is another situation (a pause, another network).
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Bytes a second; nothing before the first half second.
    pub(crate) fn per_sec(&mut self, now: u64) -> Option<f64> {
        if let Some(since) = self.since {
            self.close(now, since);
        }
        self.per_sec
    }

    #[expect(clippy::cast_precision_loss, reason = "rates for people")]
    fn close(&mut self, now: u64, since: u64) {
        let passed = now.saturating_sub(since);
        if passed < SLICE_MS {
            return;
        }
        let slice = self.bytes as f64 * 1000.0 / passed as f64;
        let weight = 1.0 - (-(passed as f64) / MEMORY_MS).exp();
        self.per_sec = Some(self.per_sec.map_or(slice, |rate| rate + weight * (slice - rate)));
        (self.since, self.bytes) = (Some(now), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_within_seconds_and_does_not_jump() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_sec(0), None);
        let mut now = 0;
        let mut run = |rate: &mut Rate, millis: u64, bytes: u64| {
            for _ in 0..millis / 100 {
                now += 100;
                rate.count(now, bytes / 10);
            }
            rate.per_sec(now).unwrap()
        };
        let steady = run(&mut rate, 20_000, 1_000_000);
        assert!((steady / 1e6 - 1.0).abs() < 0.3, "{steady}");
        let soon = run(&mut rate, 1_000, 100_000);
        assert!(soon > 500_000.0, "a bad second is not the end: {soon}");
        let later = run(&mut rate, 20_000, 100_000);
        assert!(later < 150_000.0, "{later}");
    }
}
