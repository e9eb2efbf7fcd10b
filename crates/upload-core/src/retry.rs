//! When to try again.

/// The first pause is somewhere below this.
const FIRST_MS: u64 = 500;

/// No pause is longer: a link that came back is used within half a minute on average.
const CAP_MS: u64 = 60_000;

/// Pauses with full jitter, as "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015) found best: any
/// length up to a bound that doubles, so that clients that failed together do not come back together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Something went through.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure; at least what the relay asked for.
    pub(crate) fn next_ms(&mut self, random: u64, asked_ms: Option<u64>) -> u64 {
        let bound = FIRST_MS.saturating_mul(1 << self.failures.min(16)).min(CAP_MS);
        self.failures = self.failures.saturating_add(1);
        let jitter = random % (bound + 1);
        // What the relay asks for is a floor, and so long that nobody waits for it is taken for the cap.
        jitter.max(asked_ms.unwrap_or(0).min(CAP_MS).saturating_add(jitter / 4)).min(2 * CAP_MS)
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_cap_and_are_spread() {
        let mut backoff = Backoff::default();
        let longest: Vec<u64> = (0..10).map(|_| Backoff::next_ms(&mut backoff, 0, None)).collect();
        assert_eq!(longest, [0; 10], "full jitter begins at nothing");
        let mut backoff = Backoff::default();
        for bound in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            let mut same = backoff;
            assert_eq!(same.next_ms(bound, None), bound);
            assert!(backoff.next_ms(bound / 3, None) <= bound);
        }
        backoff.reset();
        assert_eq!(backoff.next_ms(500, None), 500);
    }

    #[test]
    fn what_the_relay_asks_for_is_a_floor() {
        assert!(Backoff::default().next_ms(3, Some(5_000)) >= 5_000);
        assert!(Backoff::default().next_ms(3, Some(u64::MAX)) <= 2 * CAP_MS);
    }
}
