//! How alike two texts are.

/// The likeness of two texts after Jaro (1989): 1 for equal ones, 0 where no character is common.
/// Characters are Unicode scalar values, compared as they are: the caller folds case and accents.
/// Two empty texts are equal. With `m` common characters, which stand less than half of the longer
/// text apart, and `t` of them out of order, it is the mean of `m/|a|`, `m/|b|` and `(m − ⌊t/2⌋)/m`.
/// Symmetric. Takes about `|a| · |b| / 2` steps.
#[must_use]
pub fn jaro(a: &str, b: &str) -> f64 {
    jaro_of(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>())
}

/// Jaro's likeness, raised for texts that begin alike (Winkler 1990): `j + l · 0.1 · (1 − j)` with the
/// `l` characters at the beginning that are the same, four at most, whatever `j` is.
#[must_use]
pub fn jaro_winkler(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let likeness = jaro_of(&a, &b);
    let prefix = a.iter().zip(&b).take(PREFIX_MAX).take_while(|(a, b)| a == b).count();
    likeness + prefix as f64 * PREFIX_WEIGHT * (1.0 - likeness)
}

const PREFIX_MAX: usize = 4;
const PREFIX_WEIGHT: f64 = 0.1;

fn jaro_of(a: &[char], b: &[char]) -> f64 {
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    let reach = (a.len().max(b.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; b.len()];
    let mut common_a = Vec::new();
    for (at, char) in a.iter().enumerate() {
        let from = at.saturating_sub(reach).min(b.len());
        let to = (at + reach + 1).min(b.len());
        if let Some(found) = (from..to).find(|place| !taken[*place] && b[*place] == *char) {
            taken[found] = true;
            common_a.push(char);
        }
    }
    if common_a.is_empty() {
        return 0.0;
    }
    let common_b = b.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(char, _)| char);
    let out_of_order = common_a.iter().zip(common_b).filter(|(a, b)| **a != *b).count();
    let m = common_a.len() as f64;
    let swaps = (out_of_order / 2) as f64;
    // The shares of both texts first: their sum does not depend on which comes first.
    ((m / a.len() as f64 + m / b.len() as f64) + (m - swaps) / m) / 3.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_winkler() {
        for (a, b, plain, raised) in [
            ("MARTHA", "MARHTA", 0.944_444_444, 0.961_111_111),
            ("DWAYNE", "DUANE", 0.822_222_222, 0.84),
            ("DIXON", "DICKSONX", 0.766_666_667, 0.813_333_333),
        ] {
            assert!((jaro(a, b) - plain).abs() < 1e-9, "{a} {b}: {}", jaro(a, b));
            assert!((jaro_winkler(a, b) - raised).abs() < 1e-9, "{a} {b}: {}", jaro_winkler(a, b));
        }
    }

    #[test]
    fn short_and_odd_texts() {
        for (a, b, likeness) in [
            ("", "", 1.0),
            ("", "a", 0.0),
            ("a", "", 0.0),
            ("a", "a", 1.0),
            ("a", "b", 0.0),
            ("ab", "ba", 0.0),
            ("Jürgen", "Jürgen", 1.0),
            ("éa", "éb", 0.666_666_666_666_666_6),
            ("aaaa", "a", 0.75),
        ] {
            assert!((jaro(a, b) - likeness).abs() < 1e-15, "{a} {b}: {}", jaro(a, b));
        }
        assert_eq!(jaro_winkler("", ""), 1.0);
        assert_eq!(jaro_winkler("a", "a"), 1.0);
        // Four characters at most count as the beginning.
        let (a, b) = ("abcdefgh", "abcdefxy");
        assert!((jaro_winkler(a, b) - (jaro(a, b) + 0.4 * (1.0 - jaro(a, b)))).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn it_is_symmetric(a in "[abcä]{0,12}", b in "[abcä]{0,12}") {
            prop_assert_eq!(jaro(&a, &b), jaro(&b, &a));
            prop_assert_eq!(jaro_winkler(&a, &b), jaro_winkler(&b, &a));
            prop_assert!((0.0..=1.0).contains(&jaro(&a, &b)));
            prop_assert!(jaro_winkler(&a, &b) >= jaro(&a, &b) && jaro_winkler(&a, &b) <= 1.0);
            prop_assert!((jaro(&a, &a) - 1.0).abs() < 1e-15);
        }
    }
}
