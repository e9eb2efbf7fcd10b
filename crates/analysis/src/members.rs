//! Who is looked at, and on which side each is.

use std::collections::BTreeSet;

use crate::asked::Side;

/// A profile of an analysis: what its store knows it by, its id, and the side that it is on.
pub type Member<K> = (K, String, Option<Side>);

/// The other cohort of an analysis that has two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Other<K> {
    /// There is none.
    None,
    /// These.
    These(Vec<(K, String)>),
    /// Everybody of these who is not in the first one.
    Rest(Vec<(K, String)>),
}

/// Everybody who is looked at, each once. Who is in both cohorts is on no side.
#[must_use]
pub fn members<K: Ord + Copy>(first: Vec<(K, String)>, other: Other<K>) -> Vec<Member<K>> {
    let (others, is_rest) = match other {
        Other::None => return first.into_iter().map(|(key, id)| (key, id, None)).collect(),
        Other::These(others) => (others, false),
        Other::Rest(others) => (others, true),
    };
    let in_first: BTreeSet<K> = first.iter().map(|(key, _)| *key).collect();
    let mut in_both = BTreeSet::new();
    let mut looked_at: Vec<Member<K>> = Vec::with_capacity(first.len() + others.len());
    for (key, id) in others {
        if in_first.contains(&key) {
            in_both.insert(key);
        } else {
            looked_at.push((key, id, Some(Side::B)));
        }
    }
    looked_at.extend(first.into_iter().map(|(key, id)| {
        let is_on_a = is_rest || !in_both.contains(&key);
        (key, id, is_on_a.then_some(Side::A))
    }));
    looked_at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_in_both_is_on_no_side() {
        let named =
            |keys: &[i64]| keys.iter().map(|key| (*key, key.to_string())).collect::<Vec<_>>();
        let sides = |other| {
            let mut members = members(named(&[1, 2]), other);
            members.sort();
            members.into_iter().map(|(key, _, side)| (key, side)).collect::<Vec<_>>()
        };
        let (a, b) = (Some(Side::A), Some(Side::B));
        assert_eq!(sides(Other::None), [(1, None), (2, None)]);
        assert_eq!(sides(Other::These(named(&[2, 3]))), [(1, a), (2, None), (3, b)]);
        assert_eq!(sides(Other::Rest(named(&[1, 2, 3]))), [(1, a), (2, a), (3, b)]);
    }
}
