//! The one place that asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use kartei_profile::Instant;

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A moment as people and programs read it, to the second.
pub(crate) fn text(millis: i64) -> String {
    let whole = millis.div_euclid(1000).saturating_mul(1000);
    Instant::from_unix_millis(whole).map(|instant| instant.to_string()).unwrap_or_default()
}
