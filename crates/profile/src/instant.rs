//! Points in time as records hold them: RFC 3339, kept as UTC.

use std::fmt;

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// A point in time, to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    seconds: i64,
    nanos: u32,
}

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
        if let Some(plain) = Self::parse_plain(text) {
            return Ok(plain);
        }
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InstantError)?;
        let utc = moment.checked_to_offset(UtcOffset::UTC).ok_or(InstantError)?;
        Self::within_years(utc)
    }

    /// Reads the one form in which instants are written here, for those without a fraction; `None`
    /// for every other text.
    pub(crate) fn parse_plain(text: &str) -> Option<Self> {
        Some(Self { seconds: plain_utc(text.as_bytes())?, nanos: 0 })
    }

    /// The moment `millis` milliseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`InstantError`] outside the years 0 to 9999.
    pub fn from_unix_millis(millis: i64) -> Result<Self, InstantError> {
        let nanos = i128::from(millis) * 1_000_000;
        let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| InstantError)?;
        Self::within_years(moment)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
    #[must_use]
    pub fn unix_millis(self) -> i64 {
        self.seconds * 1000 + i64::from(self.nanos / 1_000_000)
    }

    fn within_years(utc: OffsetDateTime) -> Result<Self, InstantError> {
        if !(0..=9999).contains(&utc.year()) {
            return Err(InstantError);
        }
        Ok(Self { seconds: utc.unix_timestamp(), nanos: utc.nanosecond() })
    }
}

/// Where the digits of `YYYY-MM-DDTHH:MM:SSZ` are.
const DIGITS: [usize; 14] = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18];

/// What is between and after them.
const SEPARATORS: [(usize, u8); 6] =
    [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];

/// Seconds since 1970 of `YYYY-MM-DDTHH:MM:SSZ`, the form that nearly all instants come in; `None`
/// for every other one. Days are counted by the proleptic Gregorian calendar, with years that begin
/// in March so that the leap day is a year's last.
fn plain_utc(text: &[u8]) -> Option<i64> {
    let text: &[u8; 20] = text.try_into().ok()?;
    // All digits and separators are looked at together: one branch where it fits.
    let digit = |at: usize| u32::from(text[at].wrapping_sub(b'0'));
    let is_formed = DIGITS.iter().fold(true, |fits, at| fits & (digit(*at) < 10))
        & SEPARATORS.iter().fold(true, |fits, (at, byte)| fits & (text[*at] == *byte));
    if !is_formed {
        return None;
    }
    let two = |at: usize| i64::from(digit(at) * 10 + digit(at + 1));
    let (year, month, day) = (two(0) * 100 + two(2), two(5), two(8));
    let (hour, minute, second) = (two(11), two(14), two(17));
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let march_year = if month > 2 { year } else { year - 1 };
    let march_month = (month + 9) % 12;
    let era = march_year.div_euclid(400);
    let year_of_era = march_year.rem_euclid(400);
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    let days = era * 146_097 + day_of_era - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

impl fmt::Display for Instant {
    /// `2026-11-20T08:30:00Z`, with a fraction only where there is one, without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = OffsetDateTime::from_unix_timestamp(self.seconds).map_err(|_| fmt::Error)?;
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
        if self.nanos != 0 {
            let digits = format!("{:09}", self.nanos);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_library(
            (y, m, d) in (0..=9999_i32, 0..=13_u8, 0..=32_u8),
            (h, i, s) in (0..=24_u8, 0..=60_u8, 0..=60_u8),
        ) {
            let text = format!("{y:04}-{m:02}-{d:02}T{h:02}:{i:02}:{s:02}Z");
            let short = plain_utc(text.as_bytes());
            let long = OffsetDateTime::parse(&text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp);
            // A leap second is RFC 3339, but not of our schema; the library alone takes it.
            if s < 60 {
                prop_assert_eq!(short, long, "{}", text);
            }
            if let Some(seconds) = short {
                prop_assert_eq!(Instant { seconds, nanos: 0 }.to_string(), text);
            }
        }
    }

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
