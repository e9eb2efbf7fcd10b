//! Numbers from all of the range of `f64`: each statistic tells a number or an error, and never stops.

use kartei_stats::cluster::{choose_k, k_means, silhouette};
use kartei_stats::distance::{jensen_shannon, kolmogorov_distance, wasserstein_distance};
use kartei_stats::effect::{cliffs_delta, hedges_g};
use kartei_stats::linear::{Cholesky, Mahalanobis, eigen, principal_components};
use kartei_stats::matrix::{correlation, covariance};
use kartei_stats::two::{kolmogorov_smirnov, mann_whitney, mann_whitney_exact, welch};
use kartei_stats::{Rows, StatError, Symmetric, adjust, anova, beta, moments, reliability, robust};
use proptest::prelude::*;

/// Anything, and more often what makes trouble.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => any::<u64>().prop_map(f64::from_bits),
        3 => prop::sample::select(vec![
            0.0, -0.0, 1.0, -1.0, 0.5, 5e-324, -5e-324, f64::MIN_POSITIVE, f64::MAX, f64::MIN, 1e154, -1e154,
            1e-160, 1e300, f64::EPSILON,
        ]),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        4 => -10.0..10.0_f64,
    ]
}

/// Lists that are mostly finite: a single NaN is refused at once.
fn list() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![
        1 => prop::collection::vec(number(), 0..12),
        4 => prop::collection::vec(
            number().prop_map(|value| if value.is_finite() { value } else { 2.5 }),
            0..12,
        ),
    ]
}

fn told(name: &str, result: Result<Vec<f64>, StatError>) -> Result<(), TestCaseError> {
    if let Ok(values) = result {
        prop_assert!(values.iter().all(|value| value.is_finite()), "{name}: {values:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn of_lists(x in list(), y in list(), z in list(), q in number()) {
        told("mean", moments::mean(&x).map(|v| vec![v]))?;
        told("variance", moments::variance(&x).map(|v| vec![v]))?;
        told("median", robust::median(&x).map(|v| vec![v]))?;
        told("mad", robust::mad(&x).map(|v| vec![v]))?;
        told("robust_z", robust::robust_z(&x))?;
        told("quantile", robust::quantile_of(&x, q).map(|v| vec![v]))?;
        told("welch", welch(&x, &y).map(|v| vec![v.t, v.df, v.p, v.difference]))?;
        told("mann_whitney", mann_whitney(&x, &y).map(|v| vec![v.u, v.z, v.p]))?;
        told("exact", mann_whitney_exact(&x, &y).map(|v| vec![v]))?;
        told("kolmogorov", kolmogorov_smirnov(&x, &y).map(|v| vec![v.d, v.p]))?;
        told("hedges", hedges_g(&x, &y).map(|v| vec![v.low, v.value, v.high]))?;
        told("cliff", cliffs_delta(&x, &y).map(|v| vec![v.low, v.value, v.high]))?;
        told("adjust", adjust::benjamini_hochberg(&x))?;
        told("shannon", jensen_shannon(&x, &y).map(|v| vec![v]))?;
        told("alpha", reliability::cronbach_alpha(&[&x, &y, &z]).map(|v| vec![v]))?;
        told("anova", anova::one_way(&[&x, &y, &z]).map(|v| {
            vec![v.between, v.within, v.f.unwrap_or(0.0), v.p.unwrap_or(0.0), v.worth, v.sigma2, v.tau2]
        }))?;
        let counted = |list: &[f64]| -> Vec<(f64, u64)> {
            let mut list: Vec<(f64, u64)> = list.iter().map(|value| (*value, value.to_bits())).collect();
            list.sort_by(|a, b| a.0.total_cmp(&b.0));
            list
        };
        told("distance", kolmogorov_distance(&counted(&x), &counted(&y)).map(|v| vec![v]))?;
        told("wasserstein", wasserstein_distance(&counted(&x), &counted(&y)).map(|v| vec![v]))?;
    }

    #[test]
    fn of_rows(x in list(), columns in 0..4_usize, k in 0..5_usize, ridge in number()) {
        let Ok(rows) = Rows::new(&x[..x.len() - x.len() % columns.max(1)], columns) else { return Ok(()) };
        told("means", rows.means())?;
        if let Ok(matrix) = covariance(rows) {
            told("covariance", Ok(matrix.cells().to_vec()))?;
            told("correlation", correlation(&matrix).map(|v| v.cells().to_vec()))?;
            told("components", principal_components(&matrix).map(|v| [v.variances, v.ratios].concat()))?;
            let b = vec![1.0; columns];
            told("solve", Cholesky::new(&matrix).and_then(|v| v.solve(&b)))?;
        }
        if let Ok(spread) = Mahalanobis::new(rows, ridge) {
            for row in rows {
                told("mahalanobis", spread.square(row).map(|v| vec![v]))?;
            }
        }
        if let Ok(found) = k_means(rows, k, 2, 3) {
            told("k_means", Ok([found.centers.concat(), vec![found.inertia]].concat()))?;
            told("silhouette", silhouette(rows, &found.assigned).map(|v| vec![v]))?;
        }
        told("choose_k", choose_k(rows, k, 2, 3).map(|v| v.silhouettes.iter().map(|of| of.1).collect()))?;
    }

    #[test]
    fn of_matrices(x in prop::collection::vec(number(), 6)) {
        let mirrored = vec![x[0], x[1], x[3], x[1], x[2], x[4], x[3], x[4], x[5]];
        if let Ok(matrix) = Symmetric::new(3, mirrored) {
            prop_assert_eq!(eigen(&matrix).values.len(), 3);
            told("components", principal_components(&matrix).map(|v| [v.variances, v.ratios].concat()))?;
            told("solve", Cholesky::new(&matrix).and_then(|v| v.solve(&[1.0, -2.0, 1e300])))?;
        }
    }

    #[test]
    fn of_distributions(a in number(), b in number(), x in 0.0..=1.0_f64, t in number()) {
        // Great parameters take many terms.
        let (a, b) = (a.abs().min(1e7), b.abs().min(1e7));
        told("beta", beta::beta_share(a, b, x, 1.0 - x).map(|v| vec![v]))?;
        told("t", beta::t_two_sided(t, a).map(|v| vec![v]))?;
        told("f", beta::upper_f(t, a, b).map(|v| vec![v]))?;
        prop_assert_eq!(kartei_stats::cdf(t).is_nan(), t.is_nan());
        prop_assert!(kartei_stats::quantile(t).is_none_or(f64::is_finite));
    }
}
