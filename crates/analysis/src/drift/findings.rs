//! What a drift says, in sentences.

use kartei_profile::Instant;
use serde_json::Value;

use super::{Drift, Told};
use kartei_behavior::Fitted;

use crate::context::Context;
use crate::wording::Language::{English, German};
use crate::wording::{Language, finding, sample};

/// Of fewer people at one of the moments nothing is said.
const FEW: u64 = 30;

/// Below this index a distribution moved little, from the other one on much, by custom (Siddiqi 2006).
const LITTLE: f64 = 0.1;
const MUCH: f64 = 0.25;

/// Dimensions beside the first that are told of at most.
const MOST: usize = 4;

/// Share of people who have a score at the later moment alone that is worth a sentence.
const NEW: f64 = 0.1;

/// The day of a moment, such as 1998-06-30.
fn day(ms: i64) -> String {
    match Instant::from_unix_millis(ms) {
        Ok(instant) => instant.to_string().chars().take(10).collect(),
        Err(_) => ms.to_string(),
    }
}

pub(super) fn findings(
    known: &Drift,
    told: &[Told],
    context: &Context,
    seen: u64,
    total: u64,
) -> Vec<Value> {
    let mut found = Vec::new();
    if seen < total {
        found.push(sample(seen, total));
    }
    let Some(scale) = &context.scale else { return found };
    let [from, to] = [known.from_ms, known.to_ms].map(day);
    if known.from_ms >= known.to_ms {
        found.push(finding("no_time", None, 0, |language| match language {
            English => format!("There is no time between {from} and {to}."),
            German => format!("Zwischen {from} und {to} liegt keine Zeit."),
        }));
        return found;
    }
    let [before, after] = known.people;
    if after == 0 {
        found.push(finding("nobody", None, seen, |language| match language {
            English => format!("Nobody was observed until {to}: nothing can have moved."),
            German => format!("Bis {to} wurde niemand beobachtet: Nichts kann sich bewegt haben."),
        }));
        return found;
    }
    if before == 0 {
        found.push(finding("none_before", None, after, |language| {
            let some = language.whole(after);
            match language {
                English => format!(
                    "Nobody was observed until {from}; the {some} with a score on {to} came since. \
                     There is nothing to compare them with."
                ),
                German => format!(
                    "Bis {from} wurde niemand beobachtet; die {some} mit einem Wert am {to} kamen \
                     seither dazu. Es gibt nichts, womit sie zu vergleichen wären."
                ),
            }
        }));
        return found;
    }
    found.extend(moved(told, scale));
    let new = after.saturating_sub(before);
    if new as f64 >= NEW * after as f64 {
        found.push(finding("new_people", None, new, |language| {
            let share = language.percent(new, after);
            match language {
                English => format!(
                    "{share} of the people with a score on {to} have none on {from}: what moved may \
                     be who they are."
                ),
                German => format!(
                    "{share} der Personen mit einem Wert am {to} haben am {from} keinen: Was sich \
                     bewegt hat, kann auch sein, wer sie sind."
                ),
            }
        }));
    }
    found
}

/// The dimensions that moved, the one with the greatest index first; or that none did.
fn moved(told: &[Told], scale: &Fitted) -> Vec<Value> {
    let mut found = Vec::new();
    let mut order: Vec<(usize, f64)> = Vec::new();
    for (at, one) in told.iter().enumerate() {
        match one.psi {
            Some(psi) if one.people.iter().all(|people| *people >= FEW) => order.push((at, psi)),
            _ => found.push(few(scale.names()[at], scale.titles(at), one)),
        }
    }
    order.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let Some((first, greatest)) = order.first().copied() else { return found };
    if greatest < LITTLE {
        let (name, titles) = (scale.names()[first], scale.titles(first));
        found.insert(0, steady(name, titles, greatest));
        return found;
    }
    let moved = order.iter().take_while(|(_, psi)| *psi >= LITTLE).take(MOST + 1);
    let said = moved.enumerate().map(|(place, (at, psi))| {
        let code = if place == 0 { "moved_most" } else { "moved" };
        let (name, [en, de]) = (scale.names()[*at], scale.titles(*at));
        let one = &told[*at];
        finding(code, Some(name), one.both, |language| {
            let most = match (language, place) {
                (English, 0) => format!("{en} moved most"),
                (German, 0) => format!("{de} hat sich am meisten bewegt"),
                (English, _) => format!("{en} moved as well"),
                (German, _) => format!("Auch {de} hat sich bewegt"),
            };
            let index = language.hundredths(*psi);
            let size = size(language, *psi);
            format!("{most}: PSI {index}, {size}; {}", direction(language, one))
        })
    });
    let said: Vec<Value> = said.collect();
    said.into_iter().chain(found).collect()
}

/// How great an index is, in words.
fn size(language: Language, psi: f64) -> &'static str {
    match language {
        English if psi > MUCH => "which is much",
        English => "which is some",
        German if psi > MUCH => "das ist viel",
        German => "das ist etwas",
    }
}

/// Which way scores went.
fn direction(language: Language, one: &Told) -> String {
    let Some((change, around)) = one.change.zip(one.around) else {
        return match language {
            English => "nobody has a score at both moments.".to_owned(),
            German => "niemand hat zu beiden Zeitpunkten einen Wert.".to_owned(),
        };
    };
    let by = language.hundredths(change.abs());
    let some = language.whole(one.both);
    if around.low <= 0.0 && around.high >= 0.0 {
        return match language {
            English => format!("the scores of the {some} with both went neither up nor down."),
            German => {
                format!("die Werte der {some} mit beiden gingen im Mittel weder hinauf noch hinab.")
            }
        };
    }
    match (language, change > 0.0) {
        (English, true) => format!("the scores of the {some} with both rose by {by} on average."),
        (English, false) => format!("the scores of the {some} with both fell by {by} on average."),
        (German, true) => format!("die Werte der {some} mit beiden stiegen im Mittel um {by}."),
        (German, false) => format!("die Werte der {some} mit beiden sanken im Mittel um {by}."),
    }
}

fn steady(name: &str, [en, de]: [&str; 2], psi: f64) -> Value {
    finding("steady", Some(name), 0, |language| {
        let index = language.hundredths(psi);
        match language {
            English => format!(
                "No dimension moved much: the greatest PSI is {index} ({en}); below 0.1 is little."
            ),
            German => format!(
                "Keine Dimension hat sich nennenswert bewegt: Der größte PSI ist {index} ({de}); \
                 unter 0,1 ist wenig."
            ),
        }
    })
}

fn few(name: &str, [en, de]: [&str; 2], one: &Told) -> Value {
    let [from, to] = one.people;
    finding("few", Some(name), from.min(to), |language| {
        let [from, to, least] = [from, to, FEW].map(|people| language.whole(people));
        match language {
            English => format!(
                "{en}: {from} have a score at the earlier moment and {to} at the later one; of fewer \
                 than {least} nothing is said."
            ),
            German => format!(
                "{de}: {from} haben zum früheren Zeitpunkt einen Wert und {to} zum späteren; unter \
                 {least} wird nichts gesagt."
            ),
        }
    })
}
