//! How long a job waits before it is tried again.

/// The first wait is up to this long, in milliseconds; each further one up to twice as long.
const FIRST_MS: u64 = 1_000;

/// No wait is longer.
const LONGEST_MS: u64 = 60_000;

/// Milliseconds until the next attempt, after `attempts` of them: anything between nothing and an
/// exponentially growing bound ("full jitter"), so that jobs that failed together do not come back
/// together. `chance` is any random number.
#[must_use]
pub fn backoff_ms(attempts: u32, chance: u64) -> i64 {
    let doubled = FIRST_MS.saturating_mul(1 << attempts.saturating_sub(1).min(16));
    let bound = doubled.min(LONGEST_MS);
    i64::try_from(chance % (bound + 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_begin_at_nothing() {
        assert_eq!(backoff_ms(1, 0), 0);
        assert_eq!(backoff_ms(1, 1_000), 1_000);
        assert_eq!(backoff_ms(1, 1_001), 0, "never beyond the bound");
        assert_eq!(backoff_ms(2, 2_000), 2_000);
        assert_eq!(backoff_ms(3, 4_000), 4_000);
        for attempts in [0, 7, 40, u32::MAX] {
            for chance in [0, 1, 59_999, 60_000, 60_001, u64::MAX] {
                assert!((0..=60_000).contains(&backoff_ms(attempts, chance)));
            }
        }
    }
}
