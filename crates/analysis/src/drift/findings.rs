//! What a drift says, in sentences.

use kartei_profile::Instant;
use serde_json::Value;

use kartei_behavior::Fitted;

use super::{Drift, Told};
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

/// Characters of a version that are told in a sentence.
const VERSION_SHOWN: usize = 8;

/// What is held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Moments,
    Calibrations,
}

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
    if let Some(against) = &context.against {
        found.extend(between_calibrations(known, told, [against, scale]));
        return found;
    }
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
    found.extend(moved(told, scale, Between::Moments));
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

/// The same people by two calibrations.
fn between_calibrations(known: &Drift, told: &[Told], scales: [&Fitted; 2]) -> Vec<Value> {
    let [from, to] =
        scales.map(|scale| scale.version().get(..VERSION_SHOWN).unwrap_or_default().to_owned());
    if scales[0].version() == scales[1].version() {
        let same = finding("same_calibration", None, 0, |language| match language {
            English => format!("Calibration `{to}` is held against itself: nothing can differ."),
            German => {
                format!(
                    "Kalibrierung `{to}` wird mit sich selbst verglichen: Nichts kann anders sein."
                )
            }
        });
        return vec![same];
    }
    let [before, after] = known.people;
    if before.min(after) == 0 {
        let nobody = if before == 0 { &from } else { &to };
        let none = finding("none_by_one", None, 0, |language| match language {
            English => format!(
                "By calibration `{nobody}` nobody has a score: there is nothing to compare."
            ),
            German => format!(
                "Nach Kalibrierung `{nobody}` hat niemand einen Wert: Es gibt nichts zu vergleichen."
            ),
        });
        return vec![none];
    }
    let mut found = moved(told, scales[1], Between::Calibrations);
    let (fewer, lacking) = if before < after { (before, &from) } else { (after, &to) };
    let more = before.max(after);
    if (more - fewer) as f64 >= NEW * more as f64 {
        found.push(finding("some_by_one", None, more - fewer, |language| {
            let share = language.percent(more - fewer, more);
            match language {
                English => format!("{share} have no score by calibration `{lacking}`."),
                German => format!("{share} haben nach Kalibrierung `{lacking}` keinen Wert."),
            }
        }));
    }
    found
}

/// The dimensions that moved, the one with the greatest index first; or that none did.
fn moved(told: &[Told], scale: &Fitted, between: Between) -> Vec<Value> {
    let mut found = Vec::new();
    let mut order: Vec<(usize, f64)> = Vec::new();
    for (at, one) in told.iter().enumerate() {
        match one.psi {
            Some(psi) if one.people.iter().all(|people| *people >= FEW) => order.push((at, psi)),
            _ => found.push(few(scale.names()[at], scale.titles(at), one, between)),
        }
    }
    order.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let Some((first, greatest)) = order.first().copied() else { return found };
    if greatest < LITTLE {
        let (name, titles) = (scale.names()[first], scale.titles(first));
        found.insert(0, steady(name, titles, greatest, between));
        return found;
    }
    let moved = order.iter().take_while(|(_, psi)| *psi >= LITTLE).take(MOST + 1);
    let said = moved.enumerate().map(|(place, (at, psi))| {
        let code = if place == 0 { "moved_most" } else { "moved" };
        let (name, [en, de]) = (scale.names()[*at], scale.titles(*at));
        let one = &told[*at];
        finding(code, Some(name), one.both, |language| {
            let most = match (language, place, between) {
                (English, 0, Between::Moments) => format!("{en} moved most"),
                (German, 0, Between::Moments) => format!("{de} hat sich am meisten bewegt"),
                (English, _, Between::Moments) => format!("{en} moved as well"),
                (German, _, Between::Moments) => format!("Auch {de} hat sich bewegt"),
                (English, 0, Between::Calibrations) => format!("{en} differs most"),
                (German, 0, Between::Calibrations) => {
                    format!("{de} unterscheidet sich am meisten")
                }
                (English, _, Between::Calibrations) => format!("{en} differs as well"),
                (German, _, Between::Calibrations) => format!("Auch {de} unterscheidet sich"),
            };
            let index = language.hundredths(*psi);
            let size = size(language, *psi);
            format!("{most}: PSI {index}, {size}; {}", direction(language, one, between))
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
fn direction(language: Language, one: &Told, between: Between) -> String {
    let Some((change, around)) = one.change.zip(one.around) else {
        return match (language, between) {
            (English, Between::Moments) => "nobody has a score at both moments.",
            (German, Between::Moments) => "niemand hat zu beiden Zeitpunkten einen Wert.",
            (English, Between::Calibrations) => "nobody has a score by both.",
            (German, Between::Calibrations) => "niemand hat nach beiden einen Wert.",
        }
        .to_owned();
    };
    let by = language.hundredths(change.abs());
    let some = language.whole(one.both);
    if around.low <= 0.0 && around.high >= 0.0 {
        return match (language, between) {
            (English, Between::Moments) => {
                format!("the scores of the {some} with both went neither up nor down.")
            }
            (German, Between::Moments) => {
                format!("die Werte der {some} mit beiden gingen im Mittel weder hinauf noch hinab.")
            }
            (English, Between::Calibrations) => {
                format!("on average the {some} with both are neither higher nor lower.")
            }
            (German, Between::Calibrations) => {
                format!("im Mittel liegen die {some} mit beiden weder höher noch niedriger.")
            }
        };
    }
    if between == Between::Calibrations {
        return match (language, change > 0.0) {
            (English, true) => format!("on average the {some} with both are higher by {by}."),
            (English, false) => format!("on average the {some} with both are lower by {by}."),
            (German, true) => format!("im Mittel liegen die {some} mit beiden um {by} höher."),
            (German, false) => format!("im Mittel liegen die {some} mit beiden um {by} niedriger."),
        };
    }
    match (language, change > 0.0) {
        (English, true) => format!("the scores of the {some} with both rose by {by} on average."),
        (English, false) => format!("the scores of the {some} with both fell by {by} on average."),
        (German, true) => format!("die Werte der {some} mit beiden stiegen im Mittel um {by}."),
        (German, false) => format!("die Werte der {some} mit beiden sanken im Mittel um {by}."),
    }
}

fn steady(name: &str, [en, de]: [&str; 2], psi: f64, between: Between) -> Value {
    finding("steady", Some(name), 0, |language| {
        let index = language.hundredths(psi);
        let begins = match (language, between) {
            (English, Between::Moments) => "No dimension moved much",
            (German, Between::Moments) => "Keine Dimension hat sich nennenswert bewegt",
            (English, Between::Calibrations) => "No dimension differs much",
            (German, Between::Calibrations) => "Keine Dimension unterscheidet sich nennenswert",
        };
        match language {
            English => {
                format!("{begins}: the greatest PSI is {index} ({en}); below 0.1 is little.")
            }
            German => {
                format!("{begins}: Der größte PSI ist {index} ({de}); unter 0,1 ist wenig.")
            }
        }
    })
}

fn few(name: &str, [en, de]: [&str; 2], one: &Told, between: Between) -> Value {
    let [from, to] = one.people;
    finding("few", Some(name), from.min(to), |language| {
        let [from, to, least] = [from, to, FEW].map(|people| language.whole(people));
        match (language, between) {
            (English, Between::Calibrations) => format!(
                "{en}: {from} have a score by the other calibration and {to} by this one; of fewer \
                 than {least} nothing is said."
            ),
            (German, Between::Calibrations) => format!(
                "{de}: {from} haben nach der anderen Kalibrierung einen Wert und {to} nach dieser; \
                 unter {least} wird nichts gesagt."
            ),
            (English, Between::Moments) => format!(
                "{en}: {from} have a score at the earlier moment and {to} at the later one; of fewer \
                 than {least} nothing is said."
            ),
            (German, Between::Moments) => format!(
                "{de}: {from} haben zum früheren Zeitpunkt einen Wert und {to} zum späteren; unter \
                 {least} wird nichts gesagt."
            ),
        }
    })
}
