//! What is worth saying of a report, in sentences.

use serde_json::Value;

use super::report::Of;
use super::{AGES_DAYS, Attribute, Quality};
use crate::wording::Language::{English, German};
use crate::wording::{Language, finding};

/// Of fewer profiles shares say little.
const FEW: u64 = 30;

/// A value that fewer than this share of the profiles lack is not worth a sentence.
const MISSING_SHARE: f64 = 0.01;

/// A value that nearly nobody has is a remark about a few, and not missing in the others.
const PRESENT_SHARE: f64 = 0.05;

/// Sentences of one kind.
const OF_A_KIND: usize = 5;

/// "212 of 2,800 profiles (7.6 %)", or "all 2,800 profiles", behind a preposition.
fn profiles(language: Language, count: u64, of: Of) -> String {
    if let Some(all) = whole_cohort(language, count, of) {
        return match language {
            English => format!("all {all} profiles"),
            German => format!("allen {all} Profilen"),
        };
    }
    let (some, all) = (language.whole(count), language.whole(of.seen));
    let percent = language.percent(count, of.seen);
    match language {
        English => format!("{some} of {all} profiles ({percent})"),
        German => format!("{some} von {all} Profilen ({percent})"),
    }
}

/// The same at the beginning of a sentence.
fn subject(language: Language, count: u64, of: Of) -> String {
    match (whole_cohort(language, count, of), language) {
        (Some(all), English) => format!("All {all} profiles"),
        (Some(all), German) => format!("Alle {all} Profile"),
        (None, _) => profiles(language, count, of),
    }
}

/// How many all are, where it is all: of a part nobody knows.
fn whole_cohort(language: Language, count: u64, of: Of) -> Option<String> {
    (count == of.total && of.seen == of.total && count > 1).then(|| language.whole(count))
}

/// The findings of a report, the gravest kinds first. A report of a part speaks of that part.
pub(super) fn findings(quality: &Quality, of: Of) -> Vec<Value> {
    let mut found = Vec::new();
    if of.total == 0 {
        found.push(finding("empty", None, 0, |language| match language {
            English => "No profile fits the filter.".to_owned(),
            German => "Kein Profil passt zum Filter.".to_owned(),
        }));
        return found;
    }
    if of.total < FEW {
        found.push(finding("few", None, of.total, |language| {
            let all = language.whole(of.total);
            match language {
                English => format!("Only {all} profiles: shares of so few say little."),
                German => format!("Nur {all} Profile: Anteile von so wenigen sagen wenig."),
            }
        }));
    }
    whole_profiles(quality, of, &mut found);
    missing(quality, of, &mut found);
    mixed_and_constant(quality, of, &mut found);
    if found.is_empty() {
        found.push(finding("nothing", None, 0, |language| match language {
            English => "Nothing stands out.".to_owned(),
            German => "Nichts fällt auf.".to_owned(),
        }));
    }
    found
}

fn whole_profiles(quality: &Quality, of: Of, found: &mut Vec<Value>) {
    for (code, some, english, german) in [
        (
            "in_conflict",
            quality.in_conflict,
            "a conflict that nobody has decided.",
            "einen Konflikt, den niemand entschieden hat.",
        ),
        (
            "observed_ahead",
            quality.ahead,
            "an observation in the future.",
            "eine Beobachtung in der Zukunft.",
        ),
        (
            "consent_withheld",
            quality.consent_withheld,
            "not agreed to being analysed.",
            "der Auswertung nicht zugestimmt.",
        ),
        ("unobserved", quality.unobserved, "no observation.", "keine Beobachtung."),
    ] {
        if some > 0 {
            found.push(finding(code, None, some, |language| {
                let (verb, what) = match (language, some) {
                    (English, 1) => ("has", english),
                    (English, _) => ("have", english),
                    (German, 1) => ("hat", german),
                    (German, _) => ("haben", german),
                };
                format!("{} {verb} {what}", subject(language, some, of))
            }));
        }
    }
    let observed = of.seen - quality.unobserved;
    let old = quality.ages[AGES_DAYS.len() - 1] + quality.ages[AGES_DAYS.len()];
    if observed > 0 && old * 2 > observed {
        found.push(finding("old", None, old, |language| {
            let some = profiles(language, old, of);
            match language {
                English => format!("The newest observation of {some} is more than a year old."),
                German => format!("Die jüngste Beobachtung ist bei {some} über ein Jahr alt."),
            }
        }));
    }
}

fn missing(quality: &Quality, of: Of, found: &mut Vec<Value>) {
    let share = |count: u64| count as f64 / of.seen.max(1) as f64;
    let attributes =
        quality.attributes.iter().map(|(name, one)| ("attribute", name, one.present()));
    let signals = quality.signals.iter().map(|(name, one)| ("signal", name, one.profiles));
    let mut lacking: Vec<(u64, &str, &str)> = attributes
        .chain(signals)
        .map(|(what, name, present)| (of.seen - present, what, name.as_str()))
        .filter(|(lack, ..)| {
            share(*lack) >= MISSING_SHARE && share(of.seen - lack) >= PRESENT_SHARE
        })
        .collect();
    lacking.sort_by(|(a, _, one), (b, _, other)| b.cmp(a).then_with(|| one.cmp(other)));
    for (lack, what, name) in lacking.into_iter().take(OF_A_KIND) {
        found.push(finding(&format!("{what}_missing"), Some(name), lack, |language| {
            let some = profiles(language, lack, of);
            match (language, what) {
                (English, "signal") => format!("`{name}` was never observed in {some}."),
                (English, _) => format!("`{name}` is missing in {some}."),
                (German, "signal") => format!("`{name}` wurde bei {some} nie beobachtet."),
                (German, _) => format!("`{name}` fehlt bei {some}."),
            }
        }));
    }
}

fn mixed_and_constant(quality: &Quality, of: Of, found: &mut Vec<Value>) {
    let kinds = |one: &Attribute| [one.texts, one.numbers, one.flags];
    let is_mixed = |one: &Attribute| kinds(one).into_iter().filter(|count| *count > 0).count() > 1;
    let mixed = quality.attributes.iter().filter(|(_, one)| is_mixed(one));
    for (name, one) in mixed.take(OF_A_KIND) {
        let few = kinds(one).into_iter().sum::<u64>() - kinds(one).into_iter().max().unwrap_or(0);
        found.push(finding("attribute_mixed", Some(name), few, |language| {
            let [texts, numbers, flags] = kinds(one).map(|count| language.whole(count));
            match language {
                English => format!(
                    "`{name}` is a text {texts} times, a number {numbers} times and yes or no \
                     {flags} times."
                ),
                German => format!(
                    "`{name}` ist {texts}-mal ein Text, {numbers}-mal eine Zahl und {flags}-mal ja \
                     oder nein."
                ),
            }
        }));
    }
    let is_constant = |one: &Attribute| {
        one.present() >= FEW && one.values.as_ref().is_some_and(|values| values.len() == 1)
    };
    // What only a part shows may differ in the rest.
    let constant =
        quality.attributes.iter().filter(|(_, one)| of.seen == of.total && is_constant(one));
    for (name, one) in constant.take(OF_A_KIND) {
        found.push(finding("attribute_constant", Some(name), one.present(), |language| {
            let all = language.whole(one.present());
            match language {
                English => {
                    format!("`{name}` has the same value in all {all} profiles that have it.")
                }
                German => {
                    format!("`{name}` hat in allen {all} Profilen, die es haben, denselben Wert.")
                }
            }
        }));
    }
}
