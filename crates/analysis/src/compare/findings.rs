//! What is worth saying of a comparison, in sentences.

use kartei_stats::effect::Effect;
use serde_json::Value;

use super::report::{DIMENSION, FEW, Told};
use super::{CompareInput, Comparison};
use crate::wording::Language::{English, German};
use crate::wording::{Language, finding, sample};

/// Sentences at most.
const MOST: usize = 8;

/// Of the variables that are said to differ, this share may do so by chance.
const FALSE_SHARE: f64 = 0.05;

/// How great a difference is, in words (Cohen 1988, §2.2: 0.2 is small, 0.5 medium and 0.8 large).
fn size(language: Language, g: f64) -> &'static str {
    let g = g.abs();
    match language {
        English if g < 0.2 => "a very small difference",
        English if g < 0.5 => "a small difference",
        English if g < 0.8 => "a medium difference",
        English => "a large difference",
        German if g < 0.2 => "ein sehr kleiner Unterschied",
        German if g < 0.5 => "ein kleiner Unterschied",
        German if g < 0.8 => "ein mittlerer Unterschied",
        German => "ein großer Unterschied",
    }
}

/// "g = 0.41, 95 % between 0.33 and 0.49".
fn numbers(language: Language, g: &Effect) -> String {
    let [value, low, high] = [g.value, g.low, g.high].map(|number| language.hundredths(number));
    match language {
        English => format!("g = {value}, 95\u{a0}% between {low} and {high}"),
        German => format!("g = {value}, mit 95\u{a0}% zwischen {low} und {high}"),
    }
}

/// What people call a variable: a name in backticks, or a dimension's titles.
struct Called {
    en: String,
    de: String,
}

impl Called {
    fn new(one: &Told<'_>, input: &CompareInput) -> Self {
        match input.titles.get(one.name).filter(|_| one.kind == DIMENSION) {
            Some([en, de]) => Self { en: en.clone(), de: de.clone() },
            None => {
                let quoted = format!("`{}`", one.name);
                Self { en: quoted.clone(), de: quoted }
            }
        }
    }

    fn in_(&self, language: Language) -> &str {
        match language {
            English => &self.en,
            German => &self.de,
        }
    }
}

/// A variable that differs: in its means, or in how its numbers lie while the means may be the same.
fn difference(name: &str, called: &Called, g: &Effect) -> Value {
    if g.low <= 0.0 && g.high >= 0.0 {
        return finding("otherwise_distributed", Some(name), 1, |language| {
            let (called, numbers) = (called.in_(language), numbers(language, g));
            match language {
                English => format!(
                    "{called} is distributed differently in A and B, but the means may be the same \
                     ({numbers})."
                ),
                German => format!(
                    "{called} ist in A und B verschieden verteilt, aber die Mittelwerte können \
                     gleich sein ({numbers})."
                ),
            }
        });
    }
    let is_higher = g.value > 0.0;
    let code = if is_higher { "higher" } else { "lower" };
    finding(code, Some(name), 1, |language| {
        let (size, numbers) = (size(language, g.value), numbers(language, g));
        let called = called.in_(language);
        match language {
            English => format!("{called} is {code} in A than in B: {size} ({numbers})."),
            German => {
                let higher = if is_higher { "höher" } else { "niedriger" };
                format!("{called} ist in A {higher} als in B: {size} ({numbers}).")
            }
        }
    })
}

/// A side on which there are too few.
fn small_side(side: &str, count: u64) -> Value {
    finding("side_small", Some(side), count, |language| {
        let few = language.whole(FEW);
        match (language, count) {
            (English, 0) => format!("No profile is on side {side}: at least {few} are needed."),
            (English, 1) => format!("Side {side} has 1 profile: at least {few} are needed."),
            (English, _) => {
                let count = language.whole(count);
                format!("Side {side} has {count} profiles: at least {few} are needed.")
            }
            (German, 0) => {
                format!("Auf Seite {side} ist kein Profil: Nötig sind mindestens {few}.")
            }
            (German, 1) => format!("Seite {side} hat 1 Profil: Nötig sind mindestens {few}."),
            (German, _) => {
                let count = language.whole(count);
                format!("Seite {side} hat {count} Profile: Nötig sind mindestens {few}.")
            }
        }
    })
}

/// Nothing differs beyond what chance brings, or nothing can be compared.
fn nothing(compared: u64) -> Value {
    if compared == 0 {
        return finding("nothing_compared", None, 0, |language| {
            let few = language.whole(FEW);
            match language {
                English => format!(
                    "Nothing can be compared: no attribute, signal or dimension has at least {few} \
                     numbers on each side that vary."
                ),
                German => format!(
                    "Nichts lässt sich vergleichen: Kein Attribut, kein Signal und keine Dimension \
                     hat auf jeder Seite mindestens {few} Zahlen, die sich unterscheiden."
                ),
            }
        });
    }
    finding("same", None, compared, |language| {
        let all = language.whole(compared);
        match (language, compared) {
            (English, 1) => {
                "The one variable that was compared does not differ beyond chance.".to_owned()
            }
            (English, _) => {
                format!("None of the {all} variables that were compared differs beyond chance.")
            }
            (German, 1) => {
                "Die eine verglichene Größe unterscheidet sich nicht über den Zufall hinaus."
                    .to_owned()
            }
            (German, _) => format!(
                "Keine der {all} verglichenen Größen unterscheidet sich über den Zufall hinaus."
            ),
        }
    })
}

/// Variables that differ as well, for which there is no room.
fn more(left: u64) -> Value {
    finding("more", None, left, |language| {
        let some = language.whole(left);
        match (language, left) {
            (English, 1) => "1 more variable differs, by less than these.".to_owned(),
            (English, _) => format!("{some} more variables differ, by less than these."),
            (German, 1) => {
                "1 weitere Größe unterscheidet sich, weniger stark als diese.".to_owned()
            }
            (German, _) => {
                format!("{some} weitere Größen unterscheiden sich, weniger stark als diese.")
            }
        }
    })
}

/// The findings of a comparison, the greatest differences first; `told` stands in that order.
pub(super) fn findings(
    comparison: &Comparison,
    told: &[Told<'_>],
    input: &CompareInput,
) -> Vec<Value> {
    let total = input.total;
    let mut found = Vec::new();
    if comparison.seen < total {
        found.push(sample(comparison.seen, total));
    }
    let small = [("A", comparison.a), ("B", comparison.b)].into_iter();
    let small: Vec<Value> = small
        .filter(|(_, count)| *count < FEW)
        .map(|(side, count)| small_side(side, count))
        .collect();
    if !small.is_empty() {
        found.extend(small);
        return found;
    }
    let differ: Vec<(&Told<'_>, Effect)> = told
        .iter()
        .filter(|one| one.adjusted.is_some_and(|p| p <= FALSE_SHARE))
        .filter_map(|one| Some((one, one.means?.g)))
        .collect();
    if differ.is_empty() {
        let compared = told.iter().filter(|one| one.means.is_some()).count();
        found.push(nothing(compared as u64));
        return found;
    }
    let room = MOST - found.len();
    // Where not all find room the last sentence counts the rest.
    let shown = if differ.len() > room { room - 1 } else { differ.len() };
    let shown_ones = differ.iter().take(shown);
    found.extend(shown_ones.map(|(one, g)| difference(one.name, &Called::new(one, input), g)));
    if differ.len() > shown {
        found.push(more((differ.len() - shown) as u64));
    }
    found
}
