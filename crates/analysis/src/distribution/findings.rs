//! What a distribution says, in sentences.

use serde_json::Value;

use super::{Distribution, OUTER_BAND};
use crate::context::Context;
use crate::wording::Language::{English, German};
use crate::wording::{finding, sample};

/// Of fewer people nothing is said.
const FEW: u64 = 30;

/// By how much the share of an outer band has to differ from the population's to be worth a sentence.
const NOTABLE: f64 = 0.05;

/// Share of people without a score, or with an uncertain one, that is worth a sentence.
const MANY: f64 = 0.2;

pub(super) fn findings(
    known: &Distribution,
    context: &Context,
    seen: u64,
    total: u64,
) -> Vec<Value> {
    let mut found = Vec::new();
    if seen < total {
        found.push(sample(seen, total));
    }
    let Some(scale) = &context.scale else { return found };
    if seen > 0 && known.without == seen {
        found.push(finding("no_scores", None, seen, |language| match language {
            English => {
                "Nobody has a score: none of the signals of the schema was observed.".to_owned()
            }
            German => {
                "Niemand hat einen Wert: Kein Signal des Schemas wurde beobachtet.".to_owned()
            }
        }));
        return found;
    }
    let mut apart: Vec<(f64, Value)> = Vec::new();
    for (at, one) in known.dimensions.iter().enumerate() {
        let (names, people) = (scale.titles(at), one.people());
        let name = scale.names()[at];
        if people < FEW {
            if people > 0 {
                apart.push((0.0, few(name, names, people)));
            }
            continue;
        }
        for (band, is_high) in [(2, true), (0, false)] {
            let Some(share) = one.share(band).filter(|share| share - OUTER_BAND >= NOTABLE) else {
                continue;
            };
            let said = crowded(name, names, is_high, one.bands[band], one.bands.iter().sum());
            apart.push((share - OUTER_BAND, said));
        }
        if one.uncertain as f64 >= MANY * people as f64 {
            apart.push((0.0, uncertain(name, names, one.uncertain, people)));
        }
    }
    // The greatest differences first; the rest in the order of the schema.
    apart.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    if !apart.iter().any(|(size, _)| *size > 0.0) {
        found.push(finding("as_calibrated", None, seen, |language| match language {
            English => "In every dimension these people are spread as the population that the \
                        calibration was made of, within five percentage points in each band."
                .to_owned(),
            German => {
                "In jeder Dimension verteilen sich diese Personen wie die Menge, an der kalibriert \
                       wurde, bis auf fünf Prozentpunkte je Band."
                    .to_owned()
            }
        }));
    }
    found.extend(apart.into_iter().map(|(_, said)| said));
    found
}

fn few(name: &str, [en, de]: [&str; 2], people: u64) -> Value {
    finding("few", Some(name), people, |language| {
        let (some, least) = (language.whole(people), language.whole(FEW));
        match language {
            English => {
                format!("{en}: only {some} have a score; of fewer than {least} nothing is said.")
            }
            German => {
                format!("{de}: Nur {some} haben einen Wert; unter {least} wird nichts gesagt.")
            }
        }
    })
}

fn crowded(name: &str, [en, de]: [&str; 2], is_high: bool, count: u64, of: u64) -> Value {
    let code = if is_high { "many_high" } else { "many_low" };
    finding(code, Some(name), count, |language| {
        let share = language.percent(count, of);
        match language {
            English => {
                let band = if is_high { "highest" } else { "lowest" };
                format!(
                    "{en}: {share} are in the {band} band, which has 23\u{a0}% of the population that \
                     was calibrated by."
                )
            }
            German => {
                let band = if is_high { "obersten" } else { "untersten" };
                format!(
                    "{de}: {share} sind im {band} Band; in der Menge, an der kalibriert wurde, sind es \
                     23\u{a0}%."
                )
            }
        }
    })
}

fn uncertain(name: &str, [en, de]: [&str; 2], count: u64, of: u64) -> Value {
    finding("uncertain", Some(name), count, |language| {
        let share = language.percent(count, of);
        match language {
            English => {
                format!("{en}: {share} of the scores rest on less than half of what they could.")
            }
            German => format!(
                "{de}: {share} der Werte beruhen auf weniger als der Hälfte dessen, was möglich wäre."
            ),
        }
    })
}
