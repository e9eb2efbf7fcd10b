//! Fisher's irises: values that other programs have for them.

use kartei_stats::cluster::{choose_k, k_means, silhouette};
use kartei_stats::effect::{cliffs_delta, hedges_g};
use kartei_stats::linear::{Mahalanobis, principal_components};
use kartei_stats::matrix::{covariance, covariance_of_sums};
use kartei_stats::two::{kolmogorov_smirnov, mann_whitney, welch};
use kartei_stats::{CrossProducts, ExactSum, Rows};

/// Four lengths in cm and the number of the species, of each flower.
fn iris() -> Vec<[f64; 5]> {
    let lines = include_str!("data/iris.csv").lines().skip(1);
    let flower = |line: &str| -> [f64; 5] {
        let numbers: Vec<f64> =
            line.split(',').map(|number| number.parse().expect("a number")).collect();
        numbers.try_into().expect("five numbers")
    };
    lines.map(flower).collect()
}

fn lengths() -> Vec<f64> {
    iris().iter().flat_map(|flower| flower[..4].to_vec()).collect()
}

fn near(found: f64, known: f64, within: f64) {
    assert!((found - known).abs() <= within, "{found} and not {known}");
}

#[test]
fn sepal_width_of_versicolor_and_virginica() {
    let of = |species: f64| -> Vec<f64> {
        iris().iter().filter(|flower| flower[4] == species).map(|flower| flower[1]).collect()
    };
    let (x, y) = (of(1.0), of(2.0));
    assert_eq!((x.len(), y.len()), (50, 50));
    assert_eq!(mann_whitney(&x, &y).unwrap().u, 841.0);
    near(cliffs_delta(&x, &y).unwrap().value, -0.3272, 1e-15);
    // With the exact J; its approximation gives −0.6362328.
    near(hedges_g(&x, &y).unwrap().value, -0.636_230_7, 5e-8);
    near(kolmogorov_smirnov(&x, &y).unwrap().d, 0.26, 1e-15);
    let test = welch(&x, &y).unwrap();
    near(test.t, -3.205_760_8, 5e-8);
    near(test.df, 97.926_83, 5e-6);
}

#[test]
fn principal_components_and_distances() {
    let lengths = lengths();
    let rows = Rows::new(&lengths, 4).unwrap();
    let mut sums = vec![ExactSum::new(); 4];
    let mut products = vec![ExactSum::new(); 10];
    for flower in rows {
        for i in 0..4 {
            sums[i].add(flower[i]);
            (0..=i).for_each(|j| products[i * (i + 1) / 2 + j].add_product(flower[i], flower[j]));
        }
    }
    let streamed = covariance_of_sums(150, &sums, &products).unwrap();
    // No length is 8 cm; a common scale changes no share.
    let mut eighths = CrossProducts::new(4);
    for flower in rows {
        let flower: Vec<f64> = flower.iter().map(|length| length / 8.0).collect();
        assert!(eighths.add(&flower));
    }
    let eighths = eighths.covariance().unwrap();
    for covariance in [covariance(rows).unwrap(), streamed, eighths] {
        let ratios = principal_components(&covariance).unwrap().ratios;
        for (found, known) in
            ratios.iter().zip([0.924_618_723, 0.053_066_483, 0.017_102_610, 0.005_212_184])
        {
            near(*found, known, 5e-10);
        }
    }
    let spread = Mahalanobis::new(rows, 0.0).unwrap();
    // With n − 1. With n, as maximum likelihood has it, the farthest flower is at 13.18902.
    let farthest = spread.square(&lengths[131 * 4..132 * 4]).unwrap();
    near(farthest, 13.101_092_527_393_5, 1e-11);
    near(farthest * 150.0 / 149.0, 13.189_02, 5e-6);
}

#[test]
fn clusters() {
    let lengths = lengths();
    let rows = Rows::new(&lengths, 4).unwrap();
    for seed in 0..5 {
        let found = k_means(rows, 3, 10, seed).unwrap();
        near(found.inertia, 78.851_441_426_146, 5e-13 * 78.0);
        assert_eq!(found.sizes, [50, 62, 38]);
        near(silhouette(rows, &found.assigned).unwrap(), 0.552_82, 5e-6);
    }
    let choice = choose_k(rows, 4, 10, 1).unwrap();
    for (found, known) in
        choice.silhouettes.iter().zip([(2, 0.681_05), (3, 0.552_82), (4, 0.498_05)])
    {
        assert_eq!(found.0, known.0);
        near(found.1, known.1, 5e-6);
    }
    assert_eq!((choice.clusters.sizes.len(), choice.judged), (2, 150));
}
