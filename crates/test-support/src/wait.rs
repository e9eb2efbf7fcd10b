//! Waiting for a state. The only place in the tests that sleeps: between two looks.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Time between two looks: short against what is waited for, long against the look itself.
const BETWEEN: Duration = Duration::from_millis(20);

/// Waits until `state` says yes.
///
/// # Errors
/// Where it does not within `deadline`, or where the look itself fails.
pub fn until(
    deadline: Duration,
    what: &str,
    mut state: impl FnMut() -> Result<bool>,
) -> Result<()> {
    until_some(deadline, what, || Ok(state()?.then_some(())))
}

/// Waits until `state` has something to give.
///
/// # Errors
/// Where it has nothing within `deadline`, or where the look itself fails.
pub fn until_some<T>(
    deadline: Duration,
    what: &str,
    mut state: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = state()? {
            return Ok(found);
        }
        if Instant::now() >= end {
            bail!("waited {deadline:?} in vain until {what}");
        }
        thread::sleep(BETWEEN);
    }
}

/// Lets a moment pass, after which a test kills something, or which a fault takes. Not for waiting: use
/// [`until`].
pub fn pass(moment: Duration) {
    thread::sleep(moment);
}
