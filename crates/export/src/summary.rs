//! What a row says of the observations of one signal.

use kartei_profile::{json, write_jcs};
use serde_json::Value;

use crate::row::{Number, Observation};

/// The observations of one signal in one profile, put in by instant.
#[derive(Debug)]
pub(crate) struct Observed<'a> {
    /// Observations.
    pub(crate) count: u64,
    /// Sum of their `n`; 10,000 times 2^53 does not fit into 64 bits.
    pub(crate) n: u128,
    pub(crate) min: Number<'a>,
    pub(crate) max: Number<'a>,
    /// The value of the latest.
    pub(crate) last: Number<'a>,
    values: Vec<(f64, f64)>,
}

impl<'a> Observed<'a> {
    pub(crate) fn first(observation: &Observation<'a>) -> Self {
        let value = observation.value;
        let n = u128::from(observation.n.unsigned_abs());
        let values = vec![weighted(observation)];
        Self { count: 1, n, min: value, max: value, last: value, values }
    }

    pub(crate) fn add(&mut self, observation: &Observation<'a>) {
        let value = observation.value;
        self.count += 1;
        self.n += u128::from(observation.n.unsigned_abs());
        if value.value < self.min.value {
            self.min = value;
        }
        if value.value > self.max.value {
            self.max = value;
        }
        self.last = value;
        self.values.push(weighted(observation));
    }

    /// Mean of the values weighted by `n`, Σ n·value / Σ n, written as the canonical form writes
    /// numbers. It lies between `min` and `max`.
    pub(crate) fn mean(&self) -> String {
        let total: f64 = self.values.iter().map(|(n, _)| n).sum();
        let sum: f64 = self.values.iter().map(|(n, value)| n * value).sum();
        let mean = if sum.is_finite() {
            sum / total
        } else {
            // Near the largest numbers the sum overflows; shares of it do not.
            self.values.iter().map(|(n, value)| value * (n / total)).sum()
        };
        // Rounding must not put the mean of equal values beside them.
        let mean = mean.clamp(self.min.value, self.max.value);
        let mut text = Vec::with_capacity(24);
        if let Some(number) = json::number(mean) {
            write_jcs(&Value::Number(number), &mut text);
        }
        String::from_utf8(text).unwrap_or_default()
    }
}

fn weighted(observation: &Observation<'_>) -> (f64, f64) {
    // The schema ends `n` at 2^53, so this is exact.
    #[expect(clippy::cast_precision_loss, reason = "n is at most 2^53")]
    let n = observation.n as f64;
    (n, observation.value.value)
}
