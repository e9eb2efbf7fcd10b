use proptest::prelude::*;

use super::*;
use crate::matrix::correlation;

fn symmetric(size: usize, lower: &[f64]) -> Symmetric {
    let mut matrix = Symmetric::new(size, vec![0.0; size * size]).unwrap();
    let mut numbers = lower.iter();
    for i in 0..size {
        for j in 0..=i {
            matrix.put(i, j, *numbers.next().unwrap());
        }
    }
    matrix
}

#[test]
fn eigenvalues_by_hand() {
    let found = eigen(&symmetric(2, &[2.0, 1.0, 2.0]));
    assert!((found.values[0] - 3.0).abs() < 1e-15 && (found.values[1] - 1.0).abs() < 1e-15);
    let root = 0.5_f64.sqrt();
    for (vector, second) in found.vectors.iter().zip([root, -root]) {
        assert!(
            (vector[0].abs() - root).abs() < 1e-15
                && (vector[0] * vector[1] - root * second).abs() < 1e-15
        );
    }
    let diagonal = eigen(&symmetric(3, &[1.0, 0.0, 5.0, 0.0, 0.0, -2.0]));
    assert_eq!(diagonal.values, [5.0, 1.0, -2.0]);
    assert_eq!(diagonal.vectors, [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
    assert_eq!(eigen(&symmetric(2, &[0.0, 0.0, 0.0])).values, [0.0, 0.0]);
    // Cells of very different sizes, and at the ends of the range.
    let graded = eigen(&symmetric(2, &[1e300, 1e-300, 1e-300])).values;
    assert_eq!(graded, [1e300, 1e-300]);
    let great = eigen(&symmetric(2, &[1e308, 1e307, -1e308])).values;
    assert!(great.iter().all(|value| value.is_finite()) && great[0] > 1e308 && great[1] < -1e308);
    // Hilbert's matrix of 3: eigenvalues 1.408318927123654, 0.1223270658539058, 0.002687340355773529.
    let hilbert = eigen(&symmetric(3, &[1.0, 0.5, 1.0 / 3.0, 1.0 / 3.0, 0.25, 0.2])).values;
    for (found, known) in hilbert.iter().zip([
        1.408_318_927_123_654,
        0.122_327_065_853_905_8,
        0.002_687_340_355_773_529,
    ]) {
        assert!((found - known).abs() < 1e-15, "{found} and not {known}");
    }
}

#[test]
fn rounding_does_not_choose_the_sign() {
    let root = 0.5_f64.sqrt();
    for (vector, turned) in [
        ([-root, root + 1e-15], [root, -root - 1e-15]),
        ([-root, root - 1e-15], [root, 1e-15 - root]),
        ([-0.6, 0.8], [-0.6, 0.8]),
        ([0.6, -0.8], [-0.6, 0.8]),
        ([-0.0, 0.0], [0.0, 0.0]),
    ] {
        assert_eq!(with_sign(&vector), turned);
    }
}

#[test]
fn equations_and_what_is_refused() {
    let cholesky = Cholesky::new(&symmetric(3, &[4.0, 2.0, 5.0, 1.0, 3.0, 6.0])).unwrap();
    let x = cholesky.solve(&[11.0, 21.0, 25.0]).unwrap();
    for (found, known) in x.iter().zip([1.0, 2.0, 3.0]) {
        assert!((found - known).abs() < 1e-14, "{x:?}");
    }
    assert!(cholesky.solve(&[1.0]).is_err());
    assert_eq!(cholesky.solve(&[1.0, f64::NAN, 2.0]), Err(StatError::NotFinite));
    for lower in [[1.0, 1.0, 1.0], [1.0, 2.0, 1.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 1.0]] {
        assert_eq!(Cholesky::new(&symmetric(2, &lower)), Err(StatError::Singular), "{lower:?}");
    }
    assert_eq!(principal_components(&symmetric(1, &[0.0])), Err(StatError::Constant));
    // The second column is twice the first: only a ridge helps.
    let values = [1.0, 2.0, 2.0, 4.0, 4.0, 8.0];
    let rows = Rows::new(&values, 2).unwrap();
    assert_eq!(Mahalanobis::new(rows, 0.0), Err(StatError::Singular));
    assert!(Mahalanobis::new(rows, 0.1).unwrap().square(&[1.0, 2.0]).unwrap() > 0.0);
    assert_eq!(Mahalanobis::new(rows, -1.0), Err(StatError::Range("a ridge")));
    let (means, spread) = (rows.means().unwrap(), covariance(rows).unwrap());
    let known = Mahalanobis::of(means.clone(), spread.clone(), 0.1).unwrap();
    assert_eq!(known, Mahalanobis::new(rows, 0.1).unwrap());
    assert!(Mahalanobis::of(means[..1].to_vec(), spread.clone(), 0.1).is_err());
    assert_eq!(Mahalanobis::of(vec![f64::NAN, 0.0], spread, 0.1), Err(StatError::NotFinite));
    let ratios = principal_components(&covariance(rows).unwrap()).unwrap().ratios;
    assert!((ratios[0] - 1.0).abs() < 1e-15 && ratios[1] < 1e-15);
}

proptest! {
    #[test]
    fn it_makes_the_matrix_again(lower in prop::collection::vec(-100.0..100.0_f64, 15)) {
        let matrix = symmetric(5, &lower);
        let Eigen { values, vectors } = eigen(&matrix);
        prop_assert!(values.is_sorted_by(|a, b| a >= b));
        for i in 0..5 {
            for j in 0..5 {
                let made: f64 = (0..5).map(|k| values[k] * vectors[k][i] * vectors[k][j]).sum();
                prop_assert!((made - matrix.at(i, j)).abs() < 1e-12 * 500.0);
                let unit = product(&vectors[i], &vectors[j]);
                prop_assert!((unit - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
            let greatest = vectors[i].iter().fold(0.0, |a: f64, b| if b.abs() > a.abs() { *b } else { a });
            prop_assert!(greatest > 0.0);
        }
    }

    #[test]
    fn equations_are_solved(
        values in prop::collection::vec(-10.0..10.0_f64, 24), b in prop::collection::vec(-10.0..10.0_f64, 3),
    ) {
        let matrix = covariance(Rows::new(&values, 3).unwrap()).unwrap();
        if let Ok(cholesky) = Cholesky::new(&matrix) {
            let x = cholesky.solve(&b).unwrap();
            let size = x.iter().fold(1.0, |a: f64, b| a.max(b.abs()));
            for (i, b) in b.iter().enumerate() {
                let back: f64 = (0..3).map(|j| matrix.at(i, j) * x[j]).sum();
                prop_assert!((back - b).abs() < 1e-11 * size * 100.0);
            }
        }
    }

    /// Mahalanobis' distance knows no units, and of all rows it adds up to (n − 1) · columns.
    #[test]
    fn distances_without_units(values in prop::collection::vec(-10.0..10.0_f64, 30), shift in -9..9_i32) {
        let moved: Vec<f64> = values
            .iter()
            .enumerate()
            .map(|(at, value)| (value + f64::from(shift)) * [1.0, 4.0, 0.5][at % 3])
            .collect();
        let (rows, others) = (Rows::new(&values, 3).unwrap(), Rows::new(&moved, 3).unwrap());
        if let Ok(spread) = Mahalanobis::new(rows, 0.0) {
            let other = Mahalanobis::new(others, 0.0).unwrap();
            let whole: f64 = rows.iter().map(|row| spread.square(row).unwrap()).sum();
            prop_assert!((whole - 27.0).abs() < 1e-7, "{whole}");
            for (row, other_row) in rows.iter().zip(others) {
                let (a, b) = (spread.square(row).unwrap(), other.square(other_row).unwrap());
                prop_assert!((a - b).abs() < 1e-7);
            }
            let (a, b) = (correlation(&covariance(rows).unwrap()).unwrap(), correlation(&covariance(others).unwrap()).unwrap());
            for (a, b) in a.cells().iter().zip(b.cells()) {
                prop_assert!((a - b).abs() < 1e-11);
            }
        }
    }
}
