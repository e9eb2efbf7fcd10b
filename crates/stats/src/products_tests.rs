use proptest::prelude::*;

use super::*;

/// The greatest multiple of `2^-48` below 1.
const BELOW_ONE: f64 = 1.0 - 1.0 / ONE as f64;

fn of(rows: &[[f64; 3]]) -> CrossProducts {
    let mut products = CrossProducts::new(3);
    rows.iter().for_each(|row| assert!(products.add(row)));
    products
}

/// A number as it is kept.
fn rounded(number: f64) -> f64 {
    fixed(number) as f64 / ONE as f64
}

/// The same sums without a limit to their range.
fn unlimited(rows: &[[f64; 3]]) -> (Vec<ExactSum>, Vec<ExactSum>) {
    let (mut sums, mut products) = (vec![ExactSum::new(); 3], vec![ExactSum::new(); 6]);
    for row in rows {
        let row = row.map(rounded);
        for i in 0..3 {
            sums[i].add(row[i]);
            (0..=i).for_each(|j| products[cells(i) + j].add_product(row[i], row[j]));
        }
    }
    (sums, products)
}

#[test]
fn numbers_round_to_the_nearest_multiple() {
    let half = 0.5 / ONE as f64;
    for (number, kept) in [
        (0.0, 0),
        (-0.0, 0),
        (5e-324, 0),
        (1.0, ONE),
        (BELOW_ONE, ONE - 1),
        (0.5, ONE / 2),
        // What lies in the middle goes to even.
        (half, 0),
        (3.0 * half, 2),
        (0.5 + half, ONE / 2),
        (1.0 - half, ONE),
        // What rounding makes of a score of 0 or 1.
        (-1e-16, 0),
        (1.0 + f64::EPSILON, ONE),
    ] {
        assert_eq!(fixed(number), kept, "{number:e}");
    }
}

#[test]
fn by_hand() {
    let products = of(&[[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]]);
    assert_eq!((products.rows(), products.means().unwrap()), (2, vec![0.5; 3]));
    let found = products.covariance().unwrap();
    assert_eq!(found.cells(), [0.5, 0.0, -0.5, 0.0, 0.0, 0.0, -0.5, 0.0, 0.5]);
    // A third has no end in binary, and still columns that are all alike do not vary.
    assert_eq!(of(&[[1.0 / 3.0; 3]; 7]).covariance().unwrap().cells(), [0.0; 9]);
}

#[test]
fn what_is_refused() {
    let mut products = of(&[[0.25; 3]]);
    assert!(!products.add(&[0.5; 2]) && !products.merge(&CrossProducts::new(2)));
    assert_eq!(products.covariance().unwrap_err(), StatError::TooFew { needed: 2, found: 1 });
    assert!(CrossProducts::new(3).means().is_err());
    let mut without = CrossProducts::new(0);
    assert!(without.add(&[]) && without.add(&[]) && without.covariance().is_err());
    for wrong in [
        r#"{"rows":1,"sums":[1,1],"products":[0,0]}"#,
        r#"{"rows":1,"sums":[281474976710657],"products":[0]}"#,
        r#"{"rows":1,"sums":[1],"products":[79228162514264337593543950337]}"#,
        r#"{"rows":4294967296,"sums":[1],"products":[1]}"#,
        r#"{"rows":1,"sums":[-1],"products":[1]}"#,
    ] {
        assert!(serde_json::from_str::<CrossProducts>(wrong).is_err(), "{wrong}");
    }
}

/// The most rows there can be, with the greatest products: none of the sums leaves 128 bits.
#[test]
fn the_most_rows_fit_and_no_more() {
    let rows = u32::MAX;
    let sum = u128::from(rows) * u128::from(ONE);
    let text = format!(
        r#"{{"rows":{},"sums":[{}],"products":[{}]}}"#,
        rows - 1,
        sum - u128::from(ONE),
        (u128::from(rows) - 1) << (2 * BITS)
    );
    let mut products: CrossProducts = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&products).unwrap(), text);
    assert!(products.add(&[1.0]));
    assert!(!products.add(&[1.0]) && !products.merge(&products.clone()));
    assert_eq!(products.rows(), u64::from(rows));
    let written = serde_json::to_string(&products).unwrap();
    assert_eq!(
        written,
        format!(r#"{{"rows":{rows},"sums":[{sum}],"products":[{}]}}"#, sum << BITS)
    );
    assert_eq!(products.means().unwrap(), [1.0]);
    assert_eq!(products.covariance().unwrap().cells(), [0.0]);
    let mut nothing = CrossProducts::new(1);
    assert!(nothing.merge(&products));
    assert_eq!(nothing, products);
}

/// Numbers from all of the range, and its ends more often.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..=1.0_f64,
        1 => prop::sample::select(vec![0.0, 1.0, 0.5, BELOW_ONE, 1.0 - f64::EPSILON / 2.0, 1e-12, 1e-300]),
        1 => (0..=100_u32).prop_map(|percent| f64::from(percent) / 100.0),
    ]
}

fn rows() -> impl Strategy<Value = Vec<[f64; 3]>> {
    prop::collection::vec([number(), number(), number()], 0..60)
}

proptest! {
    #[test]
    fn sums_are_those_of_exact_sums(rows in rows()) {
        let (found, (sums, products)) = (of(&rows), unlimited(&rows));
        for (fixed, known) in found.sums.iter().zip(&sums) {
            prop_assert_eq!(&exact(*fixed, BITS), known);
        }
        for (fixed, known) in found.products.iter().zip(&products) {
            prop_assert_eq!(&exact(*fixed, 2 * BITS), known);
        }
        let known = covariance_of_sums(rows.len() as u64, &sums, &products);
        prop_assert_eq!(of(&rows).covariance(), known);
        for row in &rows {
            let far = row.iter().map(|one| (one - rounded(*one)).abs()).fold(0.0, f64::max);
            prop_assert!(far <= 0.5 / ONE as f64);
        }
    }

    #[test]
    fn any_order_and_any_tree_of_merges(
        rows in rows(),
        order in prop::collection::vec(any::<u64>(), 60),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let whole = of(&rows);
        let mut turned: Vec<(u64, [f64; 3])> = order.into_iter().zip(rows).collect();
        turned.sort_by_key(|(key, _)| *key);
        let mut parts = vec![turned.into_iter().map(|(_, row)| row).collect::<Vec<_>>()];
        for cut in cuts {
            let at = cut.index(parts.len());
            let half = parts[at].len() / 2;
            let tail = parts[at].split_off(half);
            parts.push(tail);
        }
        let mut parts: Vec<CrossProducts> = parts.iter().map(|part| of(part)).collect();
        while let Some(last) = parts.pop() {
            let half = parts.len() / 2;
            match parts.get_mut(half) {
                Some(other) => prop_assert!(other.merge(&last)),
                None => {
                    prop_assert_eq!(&last, &whole);
                    let text = serde_json::to_string(&last).unwrap();
                    prop_assert_eq!(&text, &serde_json::to_string(&whole).unwrap());
                    prop_assert_eq!(&serde_json::from_str::<CrossProducts>(&text).unwrap(), &whole);
                    prop_assert_eq!(last.covariance(), whole.covariance());
                    prop_assert_eq!(last.means(), whole.means());
                }
            }
        }
    }
}
