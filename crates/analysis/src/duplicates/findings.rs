//! What was found of duplicates, in sentences.

use serde_json::Value;

use super::Duplicates;
use super::judge::{Found, Judged};
use crate::wording::Language::{English, German};
use crate::wording::{Language, finding, sample};

pub(super) fn findings(
    known: &Duplicates,
    judged: Option<&Judged>,
    seen: u64,
    total: u64,
) -> Vec<Value> {
    let mut found = Vec::new();
    let looked_at = known.profiles.len() as u64;
    if seen < total {
        found.push(sample(seen, total));
        found.push(finding("at_the_end", None, looked_at, |language| match language {
            English => "Pairs are looked for once all profiles were read.".to_owned(),
            German => "Paare werden gesucht, sobald alle Profile gelesen sind.".to_owned(),
        }));
    }
    let Some(judged) = judged else { return found };
    if looked_at < seen {
        found.push(finding("not_all", None, looked_at, |language| {
            let (some, all) = (language.whole(looked_at), language.whole(seen));
            match language {
                English => format!("Only {some} of {all} profiles were compared, drawn by chance."),
                German => {
                    format!("Nur {some} von {all} Profilen wurden verglichen, zufällig gezogen.")
                }
            }
        }));
    }
    if looked_at < 2 {
        found.push(finding("few", None, looked_at, |language| match language {
            English => "Fewer than two profiles: there is no pair.".to_owned(),
            German => "Weniger als zwei Profile: Es gibt kein Paar.".to_owned(),
        }));
        return found;
    }
    if !judged.can_tell {
        found.push(finding("cannot_tell", None, looked_at, |language| match language {
            English => "No pair agrees otherwise than the others: by what is there, nobody can be \
                        told from anybody."
                .to_owned(),
            German => {
                "Kein Paar stimmt anders überein als die anderen: Was da ist, unterscheidet niemanden."
                    .to_owned()
            }
        }));
        return found;
    }
    match judged.found.first() {
        Some(first) => found.push(pairs(known, judged, first)),
        None => found.push(finding("none", None, judged.compared, |language| {
            let some = language.whole(judged.compared);
            match language {
                English => format!(
                    "No two profiles are probably of one person; {some} pairs that share something \
                     were compared."
                ),
                German => format!(
                    "Keine zwei Profile sind wahrscheinlich von derselben Person; verglichen wurden \
                     {some} Paare mit einer Gemeinsamkeit."
                ),
            }
        })),
    }
    if judged.too_large > 0 {
        found.push(finding("passed_over", None, judged.too_large, |language| match language {
            English => {
                "Too many profiles share the same things; some pairs were not compared.".to_owned()
            }
            German => {
                "Zu viele Profile haben dasselbe gemeinsam; manche Paare wurden nicht verglichen."
                    .to_owned()
            }
        }));
    }
    found
}

/// How many pairs there are, and what speaks for the first.
fn pairs(known: &Duplicates, judged: &Judged, first: &Found) -> Value {
    let (count, [a, b]) = (judged.found.len() as u64, first.ids(known));
    finding("pairs", Some(a), count, |language| {
        let (some, groups) = (language.whole(count), language.whole(judged.groups));
        let why = why(language, first);
        match (language, count) {
            (English, 1) => format!(
                "One pair of profiles is probably of one person (probability ≥ 90\u{a0}%): `{a}` and \
                 `{b}`: {why}."
            ),
            (German, 1) => format!(
                "Ein Paar von Profilen ist wahrscheinlich von derselben Person (Wahrscheinlichkeit \
                 ≥ 90\u{a0}%): `{a}` und `{b}`: {why}."
            ),
            (English, _) => format!(
                "{some} pairs of profiles, in {groups} groups, are each probably of one person \
                 (probability ≥ 90\u{a0}%); the likeliest are `{a}` and `{b}`: {why}."
            ),
            (German, _) => format!(
                "{some} Paare von Profilen, in {groups} Gruppen, sind wahrscheinlich jeweils von \
                 derselben Person (Wahrscheinlichkeit ≥ 90\u{a0}%); am ehesten `{a}` und `{b}`: {why}."
            ),
        }
    })
}

/// "their names are alike, all of their observations are the same and 3 of 3 attributes are equal".
fn why(language: Language, one: &Found) -> String {
    let mut said: Vec<String> = Vec::new();
    match (one.names_level(), language) {
        (3, English) => said.push("their names are the same".to_owned()),
        (3, German) => said.push("ihre Namen sind gleich".to_owned()),
        (1 | 2, English) => said.push("their names are alike".to_owned()),
        (1 | 2, German) => said.push("ihre Namen sind ähnlich".to_owned()),
        _ => {}
    }
    if let Some(share) = one.observations.filter(|share| *share >= 0.1) {
        let percent = (share * 100.0).round();
        said.push(match language {
            English if share == 1.0 => "all of their observations are the same".to_owned(),
            German if share == 1.0 => "alle ihre Beobachtungen sind gleich".to_owned(),
            English => format!("about {percent}\u{a0}% of their observations are the same"),
            German => format!("etwa {percent}\u{a0}% ihrer Beobachtungen sind gleich"),
        });
    }
    let [equal, both] = one.attributes();
    if both > 0 {
        let (some, all) = (language.whole(equal), language.whole(both));
        said.push(match language {
            English => format!("{some} of {all} attributes are equal"),
            German => format!("{some} von {all} Attributen sind gleich"),
        });
    }
    let and = match language {
        English => " and ",
        German => " und ",
    };
    match said.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{}{and}{last}", others.join(", ")),
        None => String::new(),
    }
}
