//! What a sample says of the whole.

use serde::{Deserialize, Serialize};

/// The normal quantile of 95 % on both sides.
const Z: f64 = 1.959_963_984_540_054;

/// Between what a value lies, with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Not below.
    pub low: f64,
    /// Not above.
    pub high: f64,
}

/// Of `total` profiles `seen` were looked at, drawn without putting back, and `count` of those have
/// something: between what the share of all lies. Wilson's interval (Wilson 1927), with the number of
/// observations that the finite population makes them worth, `n (N − 1) / (N − n)` (Cochran, Sampling
/// Techniques, §2.6). `None` where nothing was seen; without width where all were.
#[must_use]
pub fn share_interval(count: u64, seen: u64, total: u64) -> Option<Interval> {
    if seen == 0 {
        return None;
    }
    let (n, whole) = (seen as f64, total.max(seen) as f64);
    let share = count as f64 / n;
    if seen >= total {
        return Some(Interval { low: share, high: share });
    }
    let worth = n * (whole - 1.0) / (whole - n);
    let z2 = Z * Z;
    let middle = (share + z2 / (2.0 * worth)) / (1.0 + z2 / worth);
    let half = Z / (1.0 + z2 / worth)
        * (share * (1.0 - share) / worth + z2 / (4.0 * worth * worth)).sqrt();
    // What was seen is certain: some have it, the rest of the seen have not.
    let low = (middle - half).max(count as f64 / whole);
    let high = (middle + half).min((whole - (n - count as f64)) / whole);
    Some(Interval { low: low.min(share), high: high.max(share) })
}

/// Of `total` numbers `seen` were looked at, drawn without putting back, with this mean and deviation (n − 1): between
/// what the mean of all lies. The normal interval with the finite population's correction `1 − n/N` (Cochran,
/// Sampling Techniques, §2.8). `None` of fewer than two; without width where all were seen.
#[must_use]
pub(crate) fn mean_interval(mean: f64, deviation: f64, seen: u64, total: u64) -> Option<Interval> {
    if seen < 2 {
        return None;
    }
    let (n, whole) = (seen as f64, total.max(seen) as f64);
    let half = Z * deviation * ((1.0 - n / whole) / n).sqrt();
    Some(Interval { low: mean - half, high: mean + half })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_all_is_without_width() {
        let part = mean_interval(10.0, 2.0, 100, 400).unwrap();
        // 1.96 · 2 / 10 · √0.75
        assert!((part.high - part.low - 2.0 * 0.339_475_7).abs() < 1e-6, "{part:?}");
        let all = mean_interval(10.0, 2.0, 400, 400).unwrap();
        assert_eq!((all.low, all.high), (10.0, 10.0));
        assert_eq!(mean_interval(1.0, 0.0, 1, 2), None);
    }

    #[test]
    fn values_of_others() {
        // Wilson without a finite population, as statsmodels' proportion_confint(10, 100,
        // method="wilson") has it: 0.05522914, 0.17436566.
        let wide = share_interval(10, 100, u64::MAX / 2).unwrap();
        assert!((wide.low - 0.055_229_14).abs() < 1e-8, "{wide:?}");
        assert!((wide.high - 0.174_365_66).abs() < 1e-8, "{wide:?}");
        let all = share_interval(7, 28, 28).unwrap();
        assert_eq!((all.low, all.high), (0.25, 0.25));
        assert_eq!(share_interval(0, 0, 10), None);
        let half = share_interval(5, 10, 20).unwrap();
        assert!(half.low >= 0.25 && half.high <= 0.75, "five of twenty are certain: {half:?}");
        let none = share_interval(0, 50, 100).unwrap();
        assert_eq!(none.low, 0.0);
        assert!(none.high > 0.0 && none.high <= 0.5);
    }

    #[test]
    fn about_95_of_100_samples_tell_the_truth() {
        // Every 7th of 700 has it; samples are drawn by the visiting order.
        let people: Vec<String> = (0..700).map(|number| number.to_string()).collect();
        let mut right = 0;
        for job in 0..400 {
            let seed = crate::Seed::of(&format!("job-{job}"));
            let order = crate::in_visiting_order(seed, people.clone(), String::as_str);
            let count =
                order[..120].iter().filter(|id| id.parse::<u32>().unwrap() % 7 == 0).count();
            let interval = share_interval(count as u64, 120, 700).unwrap();
            right += u32::from((interval.low..=interval.high).contains(&(1.0 / 7.0)));
        }
        // 380 are expected with a deviation of 4.4; the seeds are fixed, so this is no matter of luck.
        assert!((365..=395).contains(&right), "{right} of 400");
    }
}
