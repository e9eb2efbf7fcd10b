use proptest::prelude::*;

use super::*;

/// How many digits agree: NIST's log relative error, 15 where all do.
fn digits(found: f64, certified: f64) -> f64 {
    let off = ((found - certified) / certified).abs();
    if off == 0.0 { 15.0 } else { (-libm::log10(off)).min(15.0) }
}

/// NIST StRD, SmLs01 to SmLs09 (Simon and Lesage 1989): nine groups around an offset, which have a
/// middle of .4, .3, .5, .3, .5 and so on; a group has its middle once, and then, in turns, .1 below
/// and .1 above it. Written as decimals and read, as any program reads them.
fn simon_lesage(offset: u64, size: usize) -> Vec<Vec<f64>> {
    let value = |tenths: u64| -> f64 { format!("{offset}.{tenths}").parse().unwrap() };
    let middles = [4, 3, 5, 3, 5, 3, 5, 3, 5];
    let group = |middle: u64| {
        let turns = (1..size).map(|at| if at % 2 == 1 { middle - 1 } else { middle + 1 });
        std::iter::once(middle).chain(turns).map(value).collect()
    };
    middles.into_iter().map(group).collect()
}

fn one_way_of(groups: &[Vec<f64>]) -> Anova {
    let groups: Vec<&[f64]> = groups.iter().map(Vec::as_slice).collect();
    one_way(&groups).unwrap()
}

#[test]
fn the_certified_values_of_simon_and_lesage() {
    // With a mean of 1e6 and 1e12 the tenths are not exact in binary. The last column is the F of the
    // numbers that a program reads, by Python's fractions: that one is found to the last digits, and
    // how far it is from the certified one is all that any program can do.
    let sets = [
        ("SmLs01", 1, 21, 21.0, 14.5, 21.0),
        ("SmLs02", 1, 201, 201.0, 14.5, 201.000_000_000_000_03),
        ("SmLs03", 1, 2_001, 2_001.0, 14.5, 2_001.000_000_000_000_2),
        ("SmLs04", 1_000_000, 21, 21.0, 10.4, 21.000_000_000_776_1),
        ("SmLs05", 1_000_000, 201, 201.0, 10.2, 201.000_000_012_417_64),
        ("SmLs06", 1_000_000, 2_001, 2_001.0, 10.1, 2_001.000_000_128_832_9),
        ("SmLs07", 1_000_000_000_000, 21, 21.0, 4.4, 21.000_811_887_818_77),
        ("SmLs08", 1_000_000_000_000, 201, 201.0, 4.1, 201.013_004_095_948_45),
        ("SmLs09", 1_000_000_000_000, 2_001, 2_001.0, 4.1, 2_001.134_926_220_950_5),
    ];
    for (name, offset, size, certified, needed, exact) in sets {
        let found = one_way_of(&simon_lesage(offset, size));
        let f = found.f.unwrap();
        println!("{name}: {:.1} digits", digits(f, certified));
        assert!(digits(f, certified) >= needed, "{name}: {f} and not {certified}");
        assert!((f - exact).abs() <= 4e-16 * exact, "{name}: {f} and not {exact}");
        assert_eq!((found.groups, found.values), (9, 9 * size));
    }
}

#[test]
fn a_great_mean_costs_nothing_where_the_numbers_are_exact() {
    // The same sets in tenths: whole numbers, which binary has exactly.
    for (offset, size, f) in [
        (10_000_000_i64, 201, 201.0),
        (10_000_000_000_000, 21, 21.0),
        (10_000_000_000_000, 2_001, 2_001.0),
    ] {
        let groups: Vec<Vec<f64>> = simon_lesage(0, size)
            .into_iter()
            .map(|group| {
                group.into_iter().map(|value| (value * 10.0).round() + offset as f64).collect()
            })
            .collect();
        assert!(digits(one_way_of(&groups).f.unwrap(), f) >= 14.5, "{offset} {size}");
    }
}

#[test]
fn the_certified_values_of_silicon_and_silver() {
    // NIST StRD, SiRstv: resistivity of silicon, five instruments.
    let silicon = [
        vec![196.3052, 196.1240, 196.1890, 196.2569, 196.3403],
        vec![196.3042, 196.3825, 196.1669, 196.3257, 196.0422],
        vec![196.1303, 196.2005, 196.2889, 196.0343, 196.1811],
        vec![196.2795, 196.1748, 196.1494, 196.1485, 195.9885],
        vec![196.2119, 196.1051, 196.1850, 196.0052, 196.2090],
    ];
    let found = one_way_of(&silicon);
    assert!(digits(found.f.unwrap(), 1.180_462_374_402_55) >= 13.0, "{found:?}");
    let exact = 1.180_462_374_402_446_7;
    assert!((found.f.unwrap() - exact).abs() <= 4e-16, "the F of the numbers in binary");
    assert!(digits(found.between, 5.114_626_160_00E-2) >= 12.0, "{found:?}");
    assert!(digits(found.within, 2.166_365_600_00E-1) >= 12.0, "{found:?}");
    assert_eq!(found.worth, 5.0);
    let lambda = found.reliability(5.0).unwrap();
    assert!((lambda - 0.152_874_312_9).abs() < 1e-10, "{lambda}");
    // NIST StRD, AtmWtAg: atomic weight of silver, two instruments.
    let silver = [
        vec![
            107.8681568,
            107.8681465,
            107.8681572,
            107.8681785,
            107.8681446,
            107.8681903,
            107.8681526,
            107.8681494,
            107.8681616,
            107.8681587,
            107.8681519,
            107.8681486,
            107.8681419,
            107.8681569,
            107.8681508,
            107.8681672,
            107.8681385,
            107.8681518,
            107.8681662,
            107.8681424,
            107.8681360,
            107.8681333,
            107.8681610,
            107.8681477,
        ],
        vec![
            107.8681079,
            107.8681344,
            107.8681513,
            107.8681197,
            107.8681604,
            107.8681385,
            107.8681642,
            107.8681365,
            107.8681151,
            107.8681082,
            107.8681517,
            107.8681448,
            107.8681198,
            107.8681482,
            107.8681334,
            107.8681609,
            107.8681101,
            107.8681512,
            107.8681469,
            107.8681360,
            107.8681254,
            107.8681261,
            107.8681450,
            107.8681368,
        ],
    ];
    let f = one_way_of(&silver).f.unwrap();
    // Seven digits of the weights are common to all, and their rest is not exact in binary.
    assert!(digits(f, 15.946_733_567_793_0) >= 10.1, "{f}");
    assert!((f - 15.946_733_566_676_926).abs() <= 4e-15, "{f}: the F of the numbers in binary");
}

#[test]
fn groups_that_say_little() {
    let of = |groups: &[&[f64]]| one_way(groups);
    assert_eq!(of(&[]), Err(StatError::TooFew { needed: 2, found: 0 }));
    assert_eq!(of(&[&[1.0, 2.0], &[]]), Err(StatError::TooFew { needed: 2, found: 1 }));
    assert_eq!(of(&[&[1.0], &[2.0]]), Err(StatError::TooFew { needed: 3, found: 2 }));
    assert_eq!(of(&[&[1.0, f64::NAN], &[2.0]]), Err(StatError::NotFinite));
    assert_eq!(of(&[&[1.0, 1e121], &[2.0]]), Err(StatError::Range("a value")));
    let still = of(&[&[0.1, 0.1], &[0.1, 0.1, 0.1]]).unwrap();
    assert_eq!((still.f, still.tau2, still.between, still.within), (None, 0.0, 0.0, 0.0));
    assert_eq!(still.reliability(3.0), None);
    let apart = of(&[&[1.0, 1.0], &[2.0, 2.0]]).unwrap();
    assert_eq!((apart.f, apart.p, apart.sigma2, apart.tau2), (None, None, 0.0, 0.5));
    assert_eq!(apart.reliability(3.0), Some(1.0));
    // The groups differ less than their values: nothing is known between them.
    let mixed = of(&[&[1.0, 9.0], &[2.0, 8.0]]).unwrap();
    assert_eq!((mixed.tau2, mixed.reliability(10.0)), (0.0, Some(0.0)));
    // Unequal sizes: (9 − 29/9) / 2.
    let unequal = of(&[&[1.0, 2.0], &[2.0, 8.0, 4.0], &[1.0, 3.0, 2.0, 5.0]]).unwrap();
    assert!((unequal.worth - (9.0 - 29.0 / 9.0) / 2.0).abs() < 1e-15);
}

proptest! {
    #[test]
    fn any_order_comes_to_the_same_bits(
        groups in prop::collection::vec(prop::collection::vec(-1e3..1e3_f64, 2..12), 2..6),
    ) {
        let whole = one_way_of(&groups);
        let mut turned = groups.clone();
        turned.iter_mut().for_each(|group| group.reverse());
        prop_assert_eq!(one_way_of(&turned), whole);
        // Powers of two scale the squares and nothing else.
        let mut scaled = groups;
        scaled.iter_mut().flatten().for_each(|value| *value *= 8.0);
        let scaled = one_way_of(&scaled);
        prop_assert_eq!((scaled.f, scaled.within), (whole.f, 64.0 * whole.within));
    }

    /// What varies is either between the groups or within them.
    #[test]
    fn the_squares_add_up(
        groups in prop::collection::vec(prop::collection::vec(-1e3..1e3_f64, 2..12), 2..6),
    ) {
        let found = one_way_of(&groups);
        let all: Vec<f64> = groups.into_iter().flatten().collect();
        let total = crate::moments::variance(&all).unwrap() * (all.len() - 1) as f64;
        prop_assert!((found.between + found.within - total).abs() <= 1e-12 * total);
    }
}
