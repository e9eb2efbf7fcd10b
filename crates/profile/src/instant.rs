//! Points in time as records hold them: RFC 3339, kept as UTC.

use std::fmt;

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// A point in time, to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(OffsetDateTime);

/// Text that is no RFC 3339 date and time, or lies outside the years 0 to 9999 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstantError;

impl fmt::Display for InstantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected a date and time such as 2026-11-20T08:30:00Z, years 0000 to 9999 in UTC",
        )
    }
}

impl std::error::Error for InstantError {}

impl Instant {
    /// Reads RFC 3339 with any offset.
    ///
    /// # Errors
    /// [`InstantError`] where it is none, or its UTC year has not four digits.
    pub fn parse(text: &str) -> Result<Self, InstantError> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InstantError)?;
        let utc = moment.checked_to_offset(UtcOffset::UTC).ok_or(InstantError)?;
        if (0..=9999).contains(&utc.year()) { Ok(Self(utc)) } else { Err(InstantError) }
    }

    /// The moment `millis` milliseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`InstantError`] outside the years 0 to 9999.
    pub fn from_unix_millis(millis: i64) -> Result<Self, InstantError> {
        let nanos = i128::from(millis) * 1_000_000;
        let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| InstantError)?;
        if (0..=9999).contains(&moment.year()) { Ok(Self(moment)) } else { Err(InstantError) }
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }
}

impl fmt::Display for Instant {
    /// `2026-11-20T08:30:00Z`, with a fraction only where there is one, without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.0;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )?;
        if t.nanosecond() != 0 {
            let digits = format!("{:09}", t.nanosecond());
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_has_one_text() {
        for same in
            ["2026-02-03T01:00:00+01:00", "2026-02-03T00:00:00Z", "2026-02-02T23:00:00.000-01:00"]
        {
            assert_eq!(Instant::parse(same).unwrap().to_string(), "2026-02-03T00:00:00Z");
        }
        assert_eq!(
            Instant::parse("2026-02-03T00:00:00.120Z").unwrap().to_string(),
            "2026-02-03T00:00:00.12Z"
        );
        assert!(Instant::parse("2026-02-30T00:00:00Z").is_err());
        assert!(Instant::parse("9999-12-31T23:59:59-01:00").is_err(), "a five-digit year in UTC");
        assert!(Instant::parse("0000-01-01T00:00:00+01:00").is_err(), "a year before 0 in UTC");
    }
}
