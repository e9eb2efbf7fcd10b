//! How the demo speaks: chapters, sentences, and claims that were compared.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

/// The printed story.
pub(crate) struct Story {
    began: Instant,
    claims: u32,
}

impl Story {
    /// Prints the title.
    pub(crate) fn begin(title: &str) -> Self {
        println!("\n{title}");
        Self { began: Instant::now(), claims: 0 }
    }

    /// Begins a chapter.
    pub(crate) fn chapter(&mut self, title: &str) {
        println!("\n  {title}");
    }

    /// Says what happened.
    pub(crate) fn tell(&mut self, sentence: impl AsRef<str>) {
        println!("    {}", sentence.as_ref());
    }

    /// Says what was compared, and ends the demo where it does not hold.
    pub(crate) fn check(&mut self, claim: &str, holds: bool) -> Result<()> {
        if !holds {
            println!("    ✗ {claim}");
            bail!("the demo expected that {claim}, and it is not so");
        }
        println!("    ✓ {claim}");
        self.claims += 1;
        Ok(())
    }

    /// Prints the end.
    pub(crate) fn end(&self, folder: &Path) {
        println!(
            "\n  {} comparisons held, in {:.0} s. Data and pictures: {}\n",
            self.claims,
            self.began.elapsed().as_secs_f64(),
            folder.display()
        );
    }
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Runs something and answers the seconds it took.
pub(crate) fn timed<T>(act: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let started = Instant::now();
    let answer = act()?;
    Ok((answer, started.elapsed().as_secs_f64()))
}

/// How many a second, rounded down.
pub(crate) fn rate(count: u64, seconds: f64) -> u64 {
    let millis = std::time::Duration::from_secs_f64(seconds.max(0.001)).as_millis();
    u64::try_from(u128::from(count) * 1_000 / millis.max(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (26_370, "26,370"), (1_000_000, "1,000,000")]
        {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_rate_is_a_second() {
        assert_eq!(rate(3_000, 1.5), 2_000);
        assert_eq!(rate(1, 0.0), 1_000);
    }
}
