use proptest::prelude::*;

use super::*;

fn exact(values: &[f64]) -> ExactSum {
    let mut sum = ExactSum::new();
    values.iter().for_each(|value| sum.add(*value));
    sum
}

#[test]
fn sums_that_rounding_spoils() {
    for (values, total) in [
        (&[1e16, 1.0, -1e16][..], 1.0),
        (&[1.0, 1e100, 1.0, -1e100], 2.0),
        (&[f64::MAX, f64::MAX, -f64::MAX, -f64::MAX, 5e-324], 5e-324),
        (&[0.1; 10], 1.0),
        // Half of the last bit goes to even, a little more goes up.
        (&[9_007_199_254_740_992.0, 1.0], 9_007_199_254_740_992.0),
        (&[9_007_199_254_740_994.0, 1.0], 9_007_199_254_740_996.0),
        (&[9_007_199_254_740_992.0, 1.0, 5e-324], 9_007_199_254_740_994.0),
        (&[-9_007_199_254_740_992.0, -1.0, -5e-324], -9_007_199_254_740_994.0),
        (&[f64::MAX, f64::MAX], f64::INFINITY),
        (&[-f64::MAX, -f64::MAX], f64::NEG_INFINITY),
        (&[-0.0, -0.0], 0.0),
        (&[f64::MIN_POSITIVE, -5e-324], f64::MIN_POSITIVE - 5e-324),
        (&[], 0.0),
    ] {
        assert_eq!(exact(values).total().to_bits(), total.to_bits(), "{values:?}");
    }
    let neumaier: Sum = [1.0, 1e100, 1.0, -1e100].into_iter().collect();
    assert_eq!(neumaier.total(), 2.0);
}

#[test]
fn one_number_is_its_own_sum() {
    for exponent in 0..2047_u64 {
        for mantissa in [0, 1, (1 << 52) - 1, 0x5_5555_5555_5555] {
            for sign in [0, 1_u64 << 63] {
                let value = f64::from_bits(sign | exponent << 52 | mantissa);
                let total = exact(&[value]).total();
                assert_eq!(total.to_bits(), if value == 0.0 { 0 } else { value.to_bits() });
            }
        }
    }
}

#[test]
fn more_additions_than_wait_for_a_carry() {
    let mut sum = ExactSum::new();
    for _ in 0..5_000 {
        sum.add(-f64::MAX);
    }
    for _ in 0..5_000 {
        sum.add(f64::MAX);
    }
    sum.add(3.0);
    assert_eq!(sum.total(), 3.0);
}

#[test]
fn a_product_keeps_its_lowest_bit() {
    let (a, b) = (1.0 + f64::EPSILON, 1.0 - f64::EPSILON);
    let mut sum = ExactSum::new();
    sum.add_product(a, b);
    sum.add(-1.0);
    assert_eq!(sum.total(), -f64::EPSILON * f64::EPSILON);
    // At the ends of the stated range, too.
    for scale in [libm::ldexp(1.0, -400), libm::ldexp(1.0, 400)] {
        let mut sum = ExactSum::new();
        sum.add_product(a * scale, b * scale);
        sum.add(-scale * scale);
        assert_eq!(sum.total(), -f64::EPSILON * f64::EPSILON * scale * scale);
    }
    let mut sum = ExactSum::new();
    sum.add_product(5e-324, 0.5);
    sum.add_product(0.0, -3.0);
    assert_eq!(sum, ExactSum::new());
}

#[test]
fn it_is_written_in_one_way() {
    let one = exact(&[1e300, 0.1, -1e300, 0.2, -4.0]);
    let mut other = exact(&[-4.0, 0.1]);
    other.merge(&exact(&[0.2]));
    let text = serde_json::to_string(&one).unwrap();
    assert_eq!(text, serde_json::to_string(&other).unwrap());
    let read: ExactSum = serde_json::from_str(&text).unwrap();
    assert_eq!(read, one);
    assert_eq!(read.total().to_bits(), one.total().to_bits());
    let nothing = serde_json::to_string(&ExactSum::new()).unwrap();
    assert_eq!(nothing, r#"{"negative":false,"first":0,"limbs":[]}"#);
    for wrong in [
        r#"{"negative":false,"first":68,"limbs":[1]}"#,
        r#"{"negative":false,"first":18446744073709551615,"limbs":[1,1]}"#,
        r#"{"negative":false,"first":0,"limbs":[4294967296]}"#,
    ] {
        assert!(serde_json::from_str::<ExactSum>(wrong).is_err(), "{wrong}");
    }
}

/// Numbers of all sizes and signs.
fn finite() -> impl Strategy<Value = f64> {
    any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite())
}

proptest! {
    #[test]
    fn any_order_and_any_tree_of_merges(
        values in prop::collection::vec(finite(), 0..60),
        order in prop::collection::vec(any::<u64>(), 60),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let whole = exact(&values);
        let mut turned: Vec<(u64, f64)> = order.into_iter().zip(values.iter().copied()).collect();
        turned.sort_by_key(|(key, _)| *key);
        let turned: Vec<f64> = turned.into_iter().map(|(_, value)| value).collect();
        prop_assert_eq!(&exact(&turned), &whole);
        let mut parts = vec![turned];
        for cut in cuts {
            let at = cut.index(parts.len());
            let half = parts[at].len() / 2;
            let tail = parts[at].split_off(half);
            parts.push(tail);
        }
        let mut sums: Vec<ExactSum> = parts.iter().map(|part| exact(part)).collect();
        while let Some(last) = sums.pop() {
            let half = sums.len() / 2;
            match sums.get_mut(half) {
                Some(other) => other.merge(&last),
                None => {
                    prop_assert_eq!(&last, &whole);
                    prop_assert_eq!(last.total().to_bits(), whole.total().to_bits());
                    let text = serde_json::to_string(&last).unwrap();
                    prop_assert_eq!(text, serde_json::to_string(&whole).unwrap());
                }
            }
        }
    }

    /// Against integers: multiples of 2^-20 below 2^90 fit into an `i128`, whose conversion to `f64`
    /// rounds to nearest even.
    #[test]
    fn the_sum_of_integers(
        terms in prop::collection::vec((any::<i32>(), 0_u32..70, any::<bool>()), 0..80),
    ) {
        let mut sum = ExactSum::new();
        let mut whole = 0_i128;
        for (number, shift, by_product) in terms {
            let scale = libm::ldexp(1.0, i32::try_from(shift).unwrap() - 20);
            whole += i128::from(number) << shift;
            if by_product {
                sum.add_product(f64::from(number), scale);
            } else {
                sum.add(f64::from(number) * scale);
            }
        }
        let expected = whole as f64 * libm::ldexp(1.0, -20);
        prop_assert_eq!(sum.total().to_bits(), expected.to_bits());
    }

    #[test]
    fn the_sum_of_products(
        pairs in prop::collection::vec((-(1_i64 << 53)..1 << 53, -(1_i64 << 53)..1 << 53), 0..60),
    ) {
        let mut sum = ExactSum::new();
        pairs.iter().for_each(|(a, b)| sum.add_product(*a as f64, *b as f64));
        let whole: i128 = pairs.iter().map(|(a, b)| i128::from(*a) * i128::from(*b)).sum();
        prop_assert_eq!(sum.total().to_bits(), (whole as f64).to_bits());
    }

    #[test]
    fn neumaier_is_near(values in prop::collection::vec(-1e9..1e9_f64, 0..200)) {
        let sum: Sum = values.iter().copied().collect();
        let size: f64 = values.iter().map(|value| value.abs()).sum();
        prop_assert!((sum.total() - exact(&values).total()).abs() <= 1e-15 * size);
    }
}
