//! The same bits everywhere: results of all parts, as another machine has them. Where this fails and
//! the tests of values do not, a platform, a compiler or `libm` rounds otherwise, and replicas with
//! different programs would disagree.

use kartei_stats::beta::{beta_share, t_two_sided, upper_f};
use kartei_stats::cluster::{k_means, silhouette};
use kartei_stats::distance::{jensen_shannon, population_stability, wasserstein_distance};
use kartei_stats::effect::{cliffs_delta, hedges_g};
use kartei_stats::linear::{Mahalanobis, principal_components};
use kartei_stats::linkage::{Pattern, estimate};
use kartei_stats::matrix::{correlation, covariance};
use kartei_stats::two::{kolmogorov_smirnov, mann_whitney, mann_whitney_exact, welch};
use kartei_stats::{
    CrossProducts, ExactSum, Rows, StatError, anova, moments, reliability, robust, text,
};

/// Numbers of no particular sort, from a counter.
fn numbers(from: u64, count: u64) -> Vec<f64> {
    let number = |at: u64| {
        let word = (from + at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((word ^ (word >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64
    };
    (0..count).map(|at| number(at) / (1_u64 << 50) as f64 - 3.7).collect()
}

fn results() -> Result<Vec<(&'static str, f64)>, StatError> {
    let (x, y) = (numbers(1, 40), numbers(100, 33));
    let values = numbers(1_000, 400);
    let rows = Rows::new(&values, 4)?;
    let mut products = ExactSum::new();
    x.iter().zip(&y).for_each(|(a, b)| products.add_product(*a, *b));
    let mut within = CrossProducts::new(4);
    for row in rows {
        within.add(&row.iter().map(|number| (number + 3.7) / 8.0).collect::<Vec<f64>>());
    }
    let clusters = k_means(rows, 3, 4, 9)?;
    let components = principal_components(&correlation(&covariance(rows)?)?)?;
    let levels = |code: u8| (0..4).map(|at| Some((code >> at) & 1)).collect();
    let patterns: Vec<Pattern> = (0..16_u8)
        .map(|code| Pattern { levels: levels(code), count: 3 + u64::from(code % 7) * 5 })
        .collect();
    let linkage = estimate(&[2, 2, 2, 2], &patterns)?;
    let weighted = |values: &[f64]| -> Vec<(f64, u64)> {
        let mut list: Vec<(f64, u64)> = values.iter().map(|value| (*value, 2)).collect();
        list.sort_by(|a, b| a.0.total_cmp(&b.0));
        list
    };
    let positive: Vec<f64> = y.iter().map(|value| value.abs()).collect();
    let other: Vec<f64> = x.iter().take(33).map(|value| value.abs()).collect();
    Ok(vec![
        ("products", products.total()),
        ("within", within.covariance()?.cells()[6]),
        ("cdf", kartei_stats::cdf(-4.321)),
        ("quantile", kartei_stats::quantile(1.234e-9).unwrap_or(0.0)),
        ("mean", moments::mean(&x)?),
        ("variance", moments::variance(&x)?),
        ("beta", beta_share(3.3, 17.0, 0.123, 0.877)?),
        ("t", t_two_sided(2.345, 17.8)?),
        ("f", upper_f(3.21, 4.0, 55.0)?),
        ("anova", anova::one_way(&[&x, &y])?.p.unwrap_or(0.0)),
        ("alpha", reliability::cronbach_alpha(&[&x[..20], &x[20..]])?),
        ("welch", welch(&x, &y)?.p),
        ("mann_whitney", mann_whitney(&x, &y)?.p),
        ("mann_whitney_exact", mann_whitney_exact(&x, &y)?),
        ("kolmogorov_smirnov", kolmogorov_smirnov(&x, &y)?.p),
        ("hedges_g", hedges_g(&x, &y)?.high),
        ("cliffs_delta", cliffs_delta(&x, &y)?.low),
        ("stability", population_stability(&[3, 5, 0, 9], &[4, 4, 7, 1])?),
        ("jensen_shannon", jensen_shannon(&positive, &other)?),
        ("wasserstein", wasserstein_distance(&weighted(&x), &weighted(&y))?),
        ("component", components.weights[1][2]),
        ("ratio", components.ratios[0]),
        ("mahalanobis", Mahalanobis::new(rows, 0.01)?.square(&[1.0, -2.0, 0.5, 3.0])?),
        ("inertia", clusters.inertia),
        ("silhouette", silhouette(rows, &clusters.assigned)?),
        ("jaro_winkler", text::jaro_winkler("Katharina", "Catarina")),
        ("prevalence", linkage.linkage.prevalence),
        ("likelihood", linkage.log_likelihood),
        ("mad", robust::mad(&x)?),
        ("quantile_of", robust::quantile_of(&x, 0.37)?),
    ])
}

#[test]
fn results_have_these_bits() {
    let results = results().expect("all of these can be told");
    let found: Vec<String> =
        results.iter().map(|(what, value)| format!("{what} {:016x}", value.to_bits())).collect();
    assert_eq!(found.join("\n"), BITS.trim());
}

const BITS: &str = "
products bff26644eb8c598b
within bf73afda3c09a990
cdf 3ee0497028c18bed
quantile c017daaf9b1e8090
mean 3febdb99849b1aea
variance 401373e7d051de83
beta 3fd6a15d7e371bb4
t 3f9f92352bc53efa
f 3f93d26f43215d30
anova 3fd5b03744fe8fde
alpha bfa5364e515c3cc0
welch 3fd5f7cf7c859ac6
mann_whitney 3fd5f8a4fe826383
mann_whitney_exact 3fd61bc475d794ef
kolmogorov_smirnov 3fe4bb6a41e37ac2
hedges_g 3fe5f6d2cc221311
cliffs_delta bfc21bcddf5bf3fd
stability 4012ca22b7f0562b
jensen_shannon 3fc574aef3fac260
wasserstein 3fe1c03ca1cb3438
component 3fe84d993bb2b554
ratio 3fd48b10f464efc8
mahalanobis 40000a15aaa5263f
inertia 4095754b7953ac62
silhouette 3fcda5c377df7701
jaro_winkler 3fec4bda12f684bd
prevalence 3fd94ed728e5ae8d
likelihood c085c441f557cd2f
mad 400594b64bb33357
quantile_of bf91a152a9dc1748
";
