use proptest::prelude::*;

use super::*;

#[test]
fn the_numbers_of_splitmix() {
    // The first outputs for seed 1234567, as in Vigna's reference program.
    let mut draws = Draws { seed: 1_234_567, drawn: 0 };
    let found: Vec<u64> = (0..5).map(|_| draws.bits()).collect();
    assert_eq!(
        found,
        [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ]
    );
    assert!((0..1_000).all(|_| (0.0..1.0).contains(&draws.share()) && draws.place(3) < 3));
}

#[test]
fn three_heaps_on_a_line() {
    let values = [10.0, 0.0, 1.0, 21.0, 2.0, 11.0, 20.0, 12.0, 22.0];
    let rows = Rows::new(&values, 1).unwrap();
    let found = k_means(rows, 3, 5, 7).unwrap();
    assert_eq!(found.centers, [[1.0], [11.0], [21.0]]);
    assert_eq!(found.assigned, [1, 0, 0, 2, 0, 1, 2, 1, 2]);
    assert_eq!((found.sizes, found.inertia, found.is_settled), (vec![3, 3, 3], 6.0, true));
    let choice = choose_k(rows, 5, 5, 7).unwrap();
    assert_eq!((choice.clusters.sizes.len(), choice.judged), (3, 9));
    let (best, rest): (Vec<_>, Vec<_>) = choice.silhouettes.iter().partition(|(k, _)| *k == 3);
    assert!(rest.iter().all(|(_, mean)| *mean < best[0].1), "{:?}", choice.silhouettes);
}

#[test]
fn an_empty_cluster_takes_the_farthest_row() {
    let (mut assigned, mut apart, mut sizes) =
        (vec![0, 0, 0, 1], vec![1.0, 5.0, 5.0, 9.0], vec![3, 1, 0]);
    assert!(fill_empty(&mut assigned, &mut apart, &mut sizes));
    assert_eq!(assigned, [0, 2, 0, 1], "the first one of two, and not the only one of a cluster");
    assert_eq!(sizes, [2, 1, 1]);
    // From a beginning in which two centers are the same.
    let values = [0.0, 1.0, 10.0, 11.0];
    let rows = Rows::new(&values, 1).unwrap();
    let found = lloyd(rows, vec![vec![0.0], vec![0.0], vec![0.0]]).unwrap();
    assert!(found.sizes.iter().all(|size| *size > 0) && found.is_settled, "{found:?}");
}

#[test]
fn silhouettes_by_hand_and_what_is_refused() {
    let values = [0.0, 1.0, 10.0];
    let rows = Rows::new(&values, 1).unwrap();
    // 0: 1 within and 10 beyond; 1: 1 and 9; 10 is alone.
    let found = silhouette(rows, &[4, 4, 9]).unwrap();
    assert!((found - (0.9 + 8.0 / 9.0) / 3.0).abs() < 1e-15);
    assert_eq!(silhouette(rows, &[1, 1, 1]), Err(StatError::TooFew { needed: 2, found: 1 }));
    assert_eq!(silhouette(rows, &[1, 2]), Err(StatError::Shape { expected: 3, found: 2 }));
    let many = vec![0.5; SILHOUETTE_ROWS_MAX + 1];
    let names: Vec<usize> = (0..many.len()).map(|at| at % 2).collect();
    assert!(matches!(
        silhouette(Rows::new(&many, 1).unwrap(), &names),
        Err(StatError::TooMany { .. })
    ));
    let same = Rows::new(&[2.0, 2.0, 2.0], 1).unwrap();
    assert_eq!(silhouette(same, &[0, 0, 1]), Ok(0.0));
    assert_eq!(k_means(same, 2, 1, 0), Err(StatError::TooFew { needed: 2, found: 1 }));
    assert_eq!(k_means(same, 1, 1, 0).unwrap().inertia, 0.0);
    assert!(choose_k(same, 4, 1, 0).is_err());
    assert!(k_means(rows, 0, 1, 0).is_err());
    assert!(k_means(rows, 1, 0, 0).is_err());
    assert!(k_means(Rows::new(&[], 1).unwrap(), 1, 1, 0).is_err());
    let great = [1e200, -1e200];
    assert_eq!(k_means(Rows::new(&great, 1).unwrap(), 1, 1, 0), Err(StatError::NotFinite));
}

#[test]
fn more_rows_than_silhouettes() {
    let values: Vec<f64> =
        (0..12_000).map(|at| f64::from(at % 3) * 100.0 + f64::from(at % 7)).collect();
    let rows = Rows::new(&values, 1).unwrap();
    let choice = choose_among(rows, 2..=4, 3, 1, 200).unwrap();
    assert_eq!((&choice.clusters.sizes, choice.judged), (&vec![4_000; 3], 200));
    let three = choose_among(rows, 3..=3, 3, 1, 200).unwrap();
    assert_eq!(three.silhouettes, [choice.silhouettes[1]]);
    for (least, most, judged) in [(1, 3, 200), (4, 3, 200), (22, 30, 200), (2, 3, 1)] {
        assert!(choose_among(rows, least..=most, 1, 1, judged).is_err(), "{least} to {most}");
    }
}

proptest! {
    #[test]
    fn what_clusters_are(
        values in prop::collection::vec(-9..9_i32, 4..60), k in 1..5_usize, seed in any::<u64>(),
    ) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let rows = Rows::new(&values[..values.len() / 2 * 2], 2).unwrap();
        let Ok(found) = k_means(rows, k, 3, seed) else { return Ok(()) };
        prop_assert_eq!(found.sizes.iter().sum::<usize>(), rows.len());
        prop_assert!(found.sizes.iter().all(|size| *size > 0));
        prop_assert_eq!(&k_means(rows, k, 3, seed).unwrap(), &found, "the same bits again");
        // No row has a center that is nearer.
        for (row, at) in rows.iter().zip(&found.assigned) {
            let own = square_distance(row, &found.centers[*at]);
            prop_assert!(found.centers.iter().all(|other| square_distance(row, other) >= own - 1e-9));
        }
        // Powers of two scale the squares and nothing else.
        let scaled: Vec<f64> = values.iter().map(|value| value * 4.0).collect();
        let scaled = k_means(Rows::new(&scaled[..scaled.len() / 2 * 2], 2).unwrap(), k, 3, seed).unwrap();
        prop_assert_eq!((scaled.assigned, scaled.inertia), (found.assigned.clone(), 16.0 * found.inertia));
        if k > 1 {
            let mean = silhouette(rows, &found.assigned).unwrap();
            prop_assert!((-1.0..=1.0).contains(&mean));
            let renamed: Vec<usize> = found.assigned.iter().map(|at| 90 - at).collect();
            prop_assert!((silhouette(rows, &renamed).unwrap() - mean).abs() < 1e-12);
        }
    }
}
