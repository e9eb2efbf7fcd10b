use proptest::prelude::*;

use super::*;

/// Pairs as the model expects them, of this many.
fn expected(linkage: &Linkage, whole: f64) -> Vec<Pattern> {
    let mut lists: Vec<Vec<Option<u8>>> = vec![vec![]];
    for field in &linkage.fields {
        let longer = |list: &Vec<Option<u8>>| -> Vec<Vec<Option<u8>>> {
            (0..field.m.len())
                .map(|level| {
                    let mut list = list.clone();
                    list.push(Some(u8::try_from(level).unwrap()));
                    list
                })
                .collect()
        };
        lists = lists.iter().flat_map(longer).collect();
    }
    #[expect(clippy::cast_possible_truncation, reason = "far below 2^53")]
    let count = |levels: &Vec<Option<u8>>| {
        let (m, u) = linkage.joint(levels);
        (whole * (m + u)).round() as u64
    };
    lists.iter().map(|levels| Pattern { levels: levels.clone(), count: count(levels) }).collect()
}

fn planted() -> Linkage {
    let field = |m: &[f64], u: &[f64]| Field { m: m.to_vec(), u: u.to_vec() };
    Linkage {
        prevalence: 0.05,
        fields: vec![
            field(&[0.1, 0.9], &[0.95, 0.05]),
            field(&[0.05, 0.15, 0.8], &[0.85, 0.1, 0.05]),
            field(&[0.2, 0.8], &[0.7, 0.3]),
            field(&[0.02, 0.98], &[0.9, 0.1]),
        ],
    }
}

fn close(a: f64, b: f64, within: f64) -> bool {
    (a - b).abs() <= within
}

#[test]
fn it_finds_what_was_planted() {
    let planted = planted();
    let found = estimate(&[2, 3, 2, 2], &expected(&planted, 1e12)).unwrap();
    assert!(found.is_settled, "{} rounds", found.rounds);
    assert!(furthest(&found.linkage, &planted) < 1e-7, "{found:?}");
    assert!(close(found.linkage.prevalence, 0.05, 1e-8));
}

#[test]
fn no_round_makes_it_less_likely() {
    for (levels, patterns) in [
        (vec![2, 3, 2, 2], expected(&planted(), 1e4)),
        // Hardly any structure, and probabilities that run into their bound.
        (
            vec![2, 2, 2],
            [(0, 0, 0, 5), (1, 1, 1, 7), (0, 1, 0, 1), (1, 1, 0, 2)]
                .map(|(a, b, c, count)| Pattern { levels: vec![Some(a), Some(b), Some(c)], count })
                .to_vec(),
        ),
    ] {
        let patterns = gathered(&levels, &patterns).unwrap();
        let mut linkage = beginning(&levels);
        let mut last = log_likelihood(&linkage, &patterns);
        for round in 0..2_000 {
            linkage = step(&linkage, &patterns);
            let next = log_likelihood(&linkage, &patterns);
            assert!(next >= last - 1e-12 * (1.0 + last.abs()), "round {round}: {last} to {next}");
            last = next;
        }
        for field in &linkage.fields {
            for list in [&field.m, &field.u] {
                assert!(list.iter().all(|p| *p >= LEAST_PROBABILITY));
                assert!(close(list.iter().sum(), 1.0, 1e-14));
            }
        }
    }
}

#[test]
fn weights_and_posteriors() {
    let linkage = planted();
    let all = [Some(1), Some(2), Some(1), Some(1)];
    let odds = (0.9 / 0.05) * (0.8 / 0.05) * (0.8 / 0.3) * (0.98 / 0.1);
    assert!(close(linkage.weight(&all).unwrap(), libm::log2(odds), 1e-13));
    let posterior = 0.05 * odds / (0.05 * odds + 0.95);
    assert!(close(linkage.posterior(&all).unwrap(), posterior, 1e-15));
    let lacking = [None, None, None, None];
    assert_eq!(linkage.weight(&lacking), Ok(0.0));
    assert!(close(linkage.posterior(&lacking).unwrap(), 0.05, 1e-16));
    assert!(close(
        linkage.weight(&[Some(0), None, None, None]).unwrap(),
        libm::log2(0.1 / 0.95),
        1e-15
    ));
    assert!(linkage.weight(&[Some(2), None, None, None]).is_err());
    assert!(linkage.posterior(&[Some(1)]).is_err());
}

#[test]
fn what_is_refused_and_what_says_nothing() {
    let pattern = |levels: &[Option<u8>], count| Pattern { levels: levels.to_vec(), count };
    let one = pattern(&[Some(1), Some(1), Some(0)], 3);
    let of = |levels: &[usize], patterns: &[Pattern]| estimate(levels, patterns);
    assert!(of(&[2, 2], std::slice::from_ref(&one)).is_err());
    assert!(of(&[2; 33], std::slice::from_ref(&one)).is_err());
    assert!(of(&[2, 1, 2], std::slice::from_ref(&one)).is_err());
    assert!(of(&[2, 65, 2], std::slice::from_ref(&one)).is_err());
    assert!(of(&[2, 2, 2, 2], std::slice::from_ref(&one)).is_err());
    assert!(of(&[2, 2, 2], &[pattern(&[Some(2), Some(1), Some(0)], 3)]).is_err());
    assert!(of(&[2, 2, 2], &[pattern(&[Some(1), Some(1), Some(0)], 0)]).is_err());
    assert!(of(&[2, 2, 2], &[]).is_err());
    // A field that nobody has keeps its beginning.
    let found = of(&[2, 2, 2], &[pattern(&[Some(1), Some(1), None], 3)]).unwrap();
    assert_eq!(found.linkage.fields[2], beginning(&[2, 2, 2]).fields[2]);
    // At the bound, with 32 fields, nothing leaves the range of f64.
    let levels = vec![2; FIELDS_MAX];
    let (high, low) = (vec![Some(1); FIELDS_MAX], vec![Some(0); FIELDS_MAX]);
    let found = of(&levels, &[pattern(&high, 10), pattern(&low, u64::MAX)]).unwrap();
    assert!(found.log_likelihood.is_finite() && found.linkage.posterior(&high).unwrap() > 0.99);
}

/// Matches agree in three fields of three, the others in two that go together.
fn rare() -> (Prior, Vec<Pattern>) {
    let field = || Field { m: vec![0.1, 0.9], u: vec![0.5, 0.5] };
    let linkage = Linkage { prevalence: 1e-4, fields: vec![field(), field(), field()] };
    let pattern = |a, b, c, count| Pattern { levels: vec![Some(a), Some(b), c], count };
    let patterns = vec![
        pattern(0, 0, Some(0), 4_000_000),
        pattern(1, 0, Some(0), 300_000),
        pattern(0, 1, Some(0), 300_000),
        pattern(1, 1, Some(0), 400_000),
        pattern(0, 0, Some(1), 30),
        pattern(1, 1, Some(1), 20),
        pattern(1, 1, None, 7),
    ];
    (Prior { linkage, pairs: 10.0 }, patterns)
}

#[test]
fn rare_matches_are_told_from_fields_that_go_together() {
    let (prior, patterns) = rare();
    let found = classify(&prior, &patterns).unwrap();
    assert!(found.is_settled && found.rounds < 10, "{found:?}");
    let (linkage, all) = (&found.linkage, 5_000_057.0);
    assert_eq!(linkage.prevalence, 21.0 / (all + 1.0 / 1e-4));
    assert!(close(linkage.fields[2].m[1], 29.0 / 30.0, 1e-15));
    assert!(close(linkage.fields[2].u[1], 30.5 / 5_000_031.0, 1e-15));
    assert!(linkage.posterior(&[Some(1), Some(1), Some(1)]).unwrap() > 0.7);
    for not in [[Some(0), Some(0), Some(1)], [Some(1), Some(1), Some(0)], [Some(1), Some(1), None]]
    {
        assert!(linkage.posterior(&not).unwrap() < 0.1, "{not:?}");
    }
    // Without a prior the two fields that go together are taken for matches.
    let plain = estimate(&[2; 3], &patterns).unwrap().linkage;
    assert!(plain.posterior(&[Some(1), Some(1), Some(0)]).unwrap() > 0.5);

    let turned: Vec<Pattern> = patterns.iter().rev().cloned().collect();
    assert_eq!(classify(&prior, &turned).unwrap(), found);
}

#[test]
fn more_agreement_never_speaks_less_for_a_match() {
    let (m, u) = ([0.1, 0.1, 0.8], [0.001, 0.499, 0.5]);
    let found = in_order(&m, &u);
    assert!(close(found[0], 0.25, 1e-15) && close(found[1], 0.25, 1e-15), "{found:?}");
    assert!(close(found[2], 0.5, 1e-15));
    assert_eq!(in_order(&[0.5, 0.5], &[0.75, 0.25]), [0.75, 0.25]);
    let falling = in_order(&[0.2, 0.3, 0.5], &[0.1, 0.2, 0.7]);
    for (found, wanted) in falling.iter().zip([0.2, 0.3, 0.5]) {
        assert!(close(*found, wanted, 1e-15), "{falling:?}");
    }
}

#[test]
fn a_prior_that_says_nothing_is_refused() {
    let (prior, patterns) = rare();
    assert!(classify(&prior, &[]).is_err());
    assert!(classify(&Prior { pairs: 0.0, ..prior.clone() }, &patterns).is_err());
    let mut sure = prior.clone();
    sure.linkage.prevalence = 0.0;
    assert!(classify(&sure, &patterns).is_err());
    let mut short = prior.clone();
    short.linkage.fields.pop();
    assert!(classify(&short, &patterns).is_err());
    short.linkage.fields.clear();
    assert!(classify(&short, &patterns).is_err());
    let mut uneven = prior;
    uneven.linkage.fields[0].u.push(0.5);
    assert!(classify(&uneven, &patterns).is_err());
}

proptest! {
    #[test]
    fn order_and_parts_do_not_matter(
        counts in prop::collection::vec((0..2_u8, 0..2_u8, prop::option::of(0..3_u8), 1..50_u64), 1..12),
    ) {
        let patterns: Vec<Pattern> = counts
            .iter()
            .map(|(a, b, c, count)| Pattern { levels: vec![Some(*a), Some(*b), *c], count: *count })
            .collect();
        let mut turned: Vec<Pattern> = patterns.iter().rev().cloned().collect();
        let Some(last) = turned.last_mut().filter(|last| last.count > 1) else { return Ok(()) };
        last.count -= 1;
        let part = Pattern { count: 1, ..last.clone() };
        turned.push(part);
        let levels = [2, 2, 3];
        let (gathered, again) = (gathered(&levels, &patterns).unwrap(), gathered(&levels, &turned).unwrap());
        prop_assert_eq!(&gathered, &again);
        let (mut linkage, mut last) = (beginning(&levels), -1e300_f64);
        for _ in 0..50 {
            let next = log_likelihood(&linkage, &gathered);
            prop_assert!(next >= last - 1e-12 * (1.0 + last.abs()));
            (last, linkage) = (next, step(&linkage, &gathered));
        }
    }
}
