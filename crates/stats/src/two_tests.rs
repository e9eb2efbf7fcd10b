use proptest::prelude::*;

use super::*;
use crate::effect::{cliffs_delta, cliffs_delta_of};

fn close(a: f64, b: f64, within: f64) -> bool {
    (a - b).abs() <= within * b.abs()
}

#[test]
fn small_samples_by_hand() {
    // 1 < 2 < 3 < 4 < 5: U is 1 of 6; 2 of 10 orders have U ≤ 1, so 4 of 10 on both sides.
    let (x, y) = ([1.0, 3.0], [2.0, 4.0, 5.0]);
    let found = mann_whitney(&x, &y).unwrap();
    assert_eq!(found.u, 1.0);
    assert!(close(found.z, -(2.0 - 0.5) / 3.0_f64.sqrt(), 1e-15), "{found:?}");
    assert!(close(mann_whitney_exact(&x, &y).unwrap(), 0.4, 1e-15));
    let distance = kolmogorov_smirnov(&x, &y).unwrap();
    assert!(close(distance.d, 2.0 / 3.0, 1e-15));
    // Kolmogorov's distribution at 1 (Smirnov 1948: 0.730000).
    assert!((kolmogorov_above(1.0) - 0.27).abs() < 1e-6);
    assert!((kolmogorov_above(1.358_1) - 0.05).abs() < 1e-5);
}

#[test]
fn both_series_of_kolmogorov_meet() {
    let (below, above) = (kolmogorov_above(1.0 - 1e-12), kolmogorov_above(1.0));
    assert!((below - above).abs() < 1e-11, "{below} {above}");
    assert_eq!(kolmogorov_above(0.0), 1.0);
    assert_eq!(kolmogorov_above(0.169), 1.0);
    assert_eq!(kolmogorov_above(40.0), 0.0);
}

#[test]
fn all_orders_are_counted() {
    for (n, m) in [(1, 1), (1, 5), (2, 3), (4, 4), (7, 9), (20, 20)] {
        let orders = orders_of_u(n, m);
        // n + m over n.
        let whole = (1..=n).fold(1.0, |sum, k| sum * (m + k) as f64 / k as f64);
        assert!(close(orders.iter().sum(), whole, 1e-15), "{n} {m}");
        let mirrored: Vec<f64> = orders.iter().rev().copied().collect();
        assert_eq!(orders, mirrored);
    }
    assert_eq!(orders_of_u(2, 3), [1.0, 1.0, 2.0, 2.0, 2.0, 1.0, 1.0]);
}

#[test]
fn ties_constants_and_what_is_refused() {
    let same = [2.0, 2.0, 2.0];
    assert_eq!(welch(&same, &same), Err(StatError::Constant));
    let tied = mann_whitney(&same, &same).unwrap();
    assert_eq!((tied.u, tied.z, tied.p), (4.5, 0.0, 1.0));
    assert_eq!(mann_whitney_exact(&same, &[1.0]), Err(StatError::Ties));
    assert_eq!(kolmogorov_smirnov(&same, &same).unwrap().d, 0.0);
    assert_eq!(mann_whitney(&[0.0], &[-0.0]).unwrap().u, 0.5);
    let many = [0.5; 51];
    assert_eq!(
        mann_whitney_exact(&many, &many),
        Err(StatError::TooMany { most: EXACT_PAIRS_MAX, found: 2_601 })
    );
    for wrong in [f64::NAN, f64::INFINITY] {
        let with = [1.0, wrong, 2.0];
        assert_eq!(welch(&with, &same), Err(StatError::NotFinite));
        assert_eq!(mann_whitney(&same, &with).map(|_| ()), Err(StatError::NotFinite));
        assert_eq!(mann_whitney_exact(&with, &same), Err(StatError::NotFinite));
        assert_eq!(kolmogorov_smirnov(&with, &same).map(|_| ()), Err(StatError::NotFinite));
    }
    assert_eq!(
        mann_whitney(&[], &same).map(|_| ()),
        Err(StatError::TooFew { needed: 1, found: 0 })
    );
    assert_eq!(welch(&[1.0], &same), Err(StatError::TooFew { needed: 2, found: 1 }));
    let one = [(1.0, 1)];
    for wrong in [&[][..], &[(1.0, 0)], &[(f64::NAN, 1)], &[(2.0, 1), (1.0, 1)], &[(1.0, 1 << 32)]]
    {
        assert!(Pairs::of_counts(wrong, &one).is_err() && Pairs::of_counts(&one, wrong).is_err());
    }
    assert!(cliffs_delta_of(&Pairs::of_counts(&one, &one).unwrap()).is_err());
    // One sample that does not vary, and one value, are enough where the definition is.
    assert_eq!(welch(&same, &[1.0, 2.0]).unwrap().df, 1.0);
    assert_eq!(mann_whitney(&[3.0], &[1.0, 2.0]).unwrap().u, 2.0);
}

/// Small whole numbers, so that there are ties.
fn sample() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-9..9_i32).prop_map(f64::from), 2..20)
}

proptest! {
    #[test]
    fn the_other_way_round(x in sample(), y in sample()) {
        let (one, other) = (mann_whitney(&x, &y).unwrap(), mann_whitney(&y, &x).unwrap());
        prop_assert_eq!(one.u + other.u, (x.len() * y.len()) as f64);
        prop_assert_eq!((one.p, one.z), (other.p, -other.z));
        let (one, other) = (kolmogorov_smirnov(&x, &y).unwrap(), kolmogorov_smirnov(&y, &x).unwrap());
        prop_assert_eq!(one, other);
        if let (Ok(one), Ok(other)) = (welch(&x, &y), welch(&y, &x)) {
            prop_assert_eq!(one.t, -other.t);
            prop_assert!(close(one.df, other.df, 1e-14) && close(one.p, other.p, 1e-12));
        }
    }

    /// Equal values may stand in several counts, and a count may be nothing.
    #[test]
    fn counts_come_to_the_same(x in sample(), y in sample(), empty in -9..9_i32) {
        let counted = |values: &[f64]| {
            let mut counts: Vec<(f64, u64)> = values.iter().map(|value| (*value, 1)).collect();
            counts.extend([(f64::from(empty), 0), (values[0], 2), (3.0, 1)]);
            counts.sort_by(|a, b| a.0.total_cmp(&b.0));
            counts
        };
        let one_by_one = |values: &[f64]| [values, &[values[0], values[0], 3.0]].concat();
        let pairs = Pairs::of_counts(&counted(&x), &counted(&y)).unwrap();
        let (x, y) = (one_by_one(&x), one_by_one(&y));
        prop_assert_eq!(mann_whitney_of(&pairs), mann_whitney(&x, &y).unwrap());
        prop_assert_eq!(kolmogorov_smirnov_of(&pairs), kolmogorov_smirnov(&x, &y).unwrap());
        prop_assert_eq!(cliffs_delta_of(&pairs), cliffs_delta(&x, &y));
    }

    #[test]
    fn the_order_of_the_values_does_not_matter(x in sample(), y in sample()) {
        let turned: Vec<f64> = x.iter().rev().copied().collect();
        prop_assert_eq!(mann_whitney(&x, &y), mann_whitney(&turned, &y));
        prop_assert_eq!(kolmogorov_smirnov(&x, &y), kolmogorov_smirnov(&turned, &y));
    }

    /// Mid-ranks, as the definition has them.
    #[test]
    fn u_is_the_sum_of_mid_ranks(x in sample(), y in sample()) {
        let all: Vec<f64> = x.iter().chain(&y).copied().collect();
        let rank = |value: f64| {
            let below = all.iter().filter(|other| **other < value).count() as f64;
            let same = all.iter().filter(|other| **other == value).count() as f64;
            below + (same + 1.0) / 2.0
        };
        let n = x.len() as f64;
        let u = x.iter().map(|value| rank(*value)).sum::<f64>() - n * (n + 1.0) / 2.0;
        prop_assert_eq!(mann_whitney(&x, &y).unwrap().u, u);
    }

    #[test]
    fn shifts_and_scales_change_nothing(x in sample(), y in sample(), shift in -50..50_i32) {
        let moved = |values: &[f64]| -> Vec<f64> {
            values.iter().map(|value| 4.0 * (value + f64::from(shift))).collect()
        };
        let (a, b) = (moved(&x), moved(&y));
        prop_assert_eq!(mann_whitney(&x, &y), mann_whitney(&a, &b));
        prop_assert_eq!(kolmogorov_smirnov(&x, &y), kolmogorov_smirnov(&a, &b));
        if let (Ok(one), Ok(other)) = (welch(&x, &y), welch(&a, &b)) {
            prop_assert!((one.t - other.t).abs() <= 1e-11 * (1.0 + one.t.abs()));
        }
    }

    /// The exact distribution and its approximation tell the same story of middling samples.
    #[test]
    fn the_approximation_is_near(order in Just((0..30).collect::<Vec<i32>>()).prop_shuffle()) {
        let values: Vec<f64> = order.into_iter().map(f64::from).collect();
        let (x, y) = values.split_at(15);
        let exact = mann_whitney_exact(x, y).unwrap();
        prop_assert!((exact - mann_whitney(x, y).unwrap().p).abs() < 0.01);
    }
}
