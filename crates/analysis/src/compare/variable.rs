//! Variables of a kind, by their names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::numbers::Numbers;
use crate::asked::Side;
use crate::quality::NAMES_MAX;

/// A variable on both sides.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variable {
    pub(super) a: Numbers,
    pub(super) b: Numbers,
}

impl Variable {
    pub(super) fn side(&mut self, side: Side) -> &mut Numbers {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    fn merge(&mut self, next: Self) {
        self.a.merge(next.a);
        self.b.merge(next.b);
    }
}

/// Variables in the order of their names, found by what was found in the same place of the last profile: mostly
/// profiles have the same names in the same order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "BTreeMap<String, Variable>")]
pub(super) struct Variables {
    /// In the order in which they came.
    each: Vec<(String, Variable)>,
    /// Where each is, by its name.
    by_name: BTreeMap<String, usize>,
    /// Where the names of the last profile were.
    last: Vec<usize>,
}

impl Variables {
    /// Where the variable of a name is that was met as the `nth` of a profile; a new one where it was not there yet.
    /// Where names of its kind were left out nothing new is begun: it might be one of them, and what is told of a name
    /// is all of it.
    pub(super) fn find(&mut self, nth: usize, name: &str, left_out: bool) -> Option<usize> {
        if let Some(at) = self.last.get(nth)
            && self.each[*at].0 == name
        {
            return Some(*at);
        }
        let at = match self.by_name.get(name) {
            Some(at) => *at,
            None if left_out && self.each.len() >= NAMES_MAX => return None,
            None => self.begin(name.to_owned(), Variable::default()),
        };
        if nth >= self.last.len() {
            self.last.resize(nth + 1, at);
        }
        self.last[nth] = at;
        Some(at)
    }

    fn begin(&mut self, name: String, variable: Variable) -> usize {
        let at = self.each.len();
        self.by_name.insert(name.clone(), at);
        self.each.push((name, variable));
        at
    }

    /// The variable at a place that was found.
    pub(super) fn at(&mut self, place: usize) -> &mut Variable {
        &mut self.each[place].1
    }

    /// In the order of the names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Variable)> {
        self.by_name.iter().map(|(name, at)| (name.as_str(), &self.each[*at].1))
    }

    /// Does something with each, in the order of the names.
    pub(super) fn for_each(&mut self, mut deed: impl FnMut(&mut Variable)) {
        for at in self.by_name.values() {
            deed(&mut self.each[*at].1);
        }
    }

    /// Takes in those of the next chunk, in the order of the names, and answers whether some were left out. What was
    /// left out once is never taken in later.
    pub(super) fn merge(&mut self, mut next: Self) -> bool {
        let mut left_out = false;
        for (name, theirs) in next.by_name {
            let theirs = std::mem::take(&mut next.each[theirs].1);
            match self.by_name.get(&name) {
                Some(ours) => self.each[*ours].1.merge(theirs),
                None if self.each.len() < NAMES_MAX => {
                    self.begin(name, theirs);
                }
                None => left_out = true,
            }
        }
        left_out
    }
}

impl PartialEq for Variables {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Serialize for Variables {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl From<BTreeMap<String, Variable>> for Variables {
    fn from(named: BTreeMap<String, Variable>) -> Self {
        let mut variables = Self::default();
        for (name, variable) in named {
            variables.begin(name, variable);
        }
        variables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_wherever_they_come() {
        let mut variables = Variables::default();
        let found = [(0, "b"), (1, "a"), (0, "b"), (0, "a"), (1, "b"), (7, "c"), (3, "c")]
            .map(|(nth, name)| variables.find(nth, name, false).unwrap());
        assert_eq!(found, [0, 1, 0, 1, 0, 2, 2]);
        let names = |variables: &Variables| {
            variables.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&variables), ["a", "b", "c"]);
        variables.at(2).side(Side::A).add(4.0);
        let text = serde_json::to_string(&variables).unwrap();
        let mut read: Variables = serde_json::from_str(&text).unwrap();
        assert_eq!(read, variables);
        // Found in another order, but the same.
        assert_eq!(read.find(0, "a", true), Some(0));
        let next = Variables::from(
            [("d", 1.0), ("a", 2.0)]
                .map(|(name, value)| {
                    let mut variable = Variable::default();
                    variable.side(Side::B).add(value);
                    (name.to_owned(), variable)
                })
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        );
        assert!(!read.merge(next.clone()) && !variables.merge(next));
        assert_eq!(names(&read), ["a", "b", "c", "d"]);
        assert_eq!(read, variables);
    }
}
