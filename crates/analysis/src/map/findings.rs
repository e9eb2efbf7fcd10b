//! What the plane shows, in sentences.

use kartei_stats::linear::Components;
use serde_json::Value;

use super::LEAST;
use crate::complete::Part;
use kartei_behavior::Fitted;

use crate::context::Context;
use crate::wording::Language::{English, German};
use crate::wording::{Language, finding};

/// Of fewer people the plane says little.
const FEW: u64 = 30;

/// From this weight on a dimension is said to be what an axis is about.
const NOTABLE: f64 = 0.3;

/// Of many dimensions none may weigh so much; then those that weigh most are told.
const OTHERWISE: usize = 3;

/// Parts that a share is cut into to be written in per cent.
const PARTS: u32 = 1_000_000;

pub(super) fn findings(
    context: &Context,
    part: Part,
    components: Option<&Components>,
) -> Vec<Value> {
    let mut found = part.findings();
    let Some(scale) = &context.scale else { return found };
    if part.people < LEAST {
        found.push(part.too_few(LEAST));
        return found;
    }
    let Some(components) = components else {
        found.push(finding("alike", None, part.people, |language| match language {
            English => "The scores do not vary, so there is no map of them.".to_owned(),
            German => "Die Werte unterscheiden sich nicht; eine Karte gibt es nicht.".to_owned(),
        }));
        return found;
    };
    if part.people < FEW {
        found.push(few(part.people));
    }
    found.push(shown(components, part.people));
    for at in 0..components.weights.len().min(2) {
        found.push(axis(scale, components, at, part.people));
    }
    found
}

fn few(people: u64) -> Value {
    finding("few", None, people, |language| {
        let (some, least) = (language.whole(people), language.whole(FEW));
        match language {
            English => format!(
                "The map is made of {some} people; of fewer than {least} it says little about others."
            ),
            German => format!(
                "Die Karte beruht auf {some} Personen; unter {least} sagt sie wenig über andere."
            ),
        }
    })
}

#[expect(clippy::cast_possible_truncation, reason = "a share is 1 at most")]
fn percent(language: Language, share: f64) -> String {
    language.percent((share * f64::from(PARTS)).round() as u64, u64::from(PARTS))
}

/// How much of the differences between people the plane has.
fn shown(components: &Components, people: u64) -> Value {
    let ratios = &components.ratios;
    finding("shown", None, people, |language| {
        let percent = |share: f64| percent(language, share);
        let Some(second) = ratios.get(1) else {
            return match language {
                English => "There is one dimension: the map is a line.".to_owned(),
                German => "Es gibt eine Dimension: Die Karte ist eine Linie.".to_owned(),
            };
        };
        let both = percent((ratios[0] + second).min(1.0));
        let (across, up) = (percent(ratios[0]), percent(*second));
        match language {
            English => format!(
                "The map shows {both} of the differences between people: {across} from left to right, \
                 {up} from bottom to top."
            ),
            German => format!(
                "Die Karte zeigt {both} der Unterschiede zwischen den Personen: {across} von links nach \
                 rechts, {up} von unten nach oben."
            ),
        }
    })
}

/// What an axis is about: dimensions that weigh most, those that grow along it and those that shrink.
fn axis(scale: &Fitted, components: &Components, at: usize, people: u64) -> Value {
    let mut weights: Vec<(usize, f64)> =
        components.weights[at].iter().copied().enumerate().collect();
    weights.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
    let notable = weights.iter().take_while(|(_, weight)| weight.abs() >= NOTABLE).count();
    weights.truncate(if notable == 0 { OTHERWISE } else { notable });
    let code = ["right", "up"][at];
    finding(code, None, people, |language| {
        let side = |is_more: bool| {
            let titles = weights.iter().filter(|(_, weight)| (*weight > 0.0) == is_more);
            let titles: Vec<String> = titles
                .map(|(dimension, _)| language.of(scale.titles(*dimension)).to_owned())
                .collect();
            language.list(&titles)
        };
        let (more, less) = (side(true), side(false));
        let [here, there] = match (language, at) {
            (English, 0) => ["Right means", "left"],
            (English, _) => ["Up means", "down"],
            (German, 0) => ["Rechts heißt", "links"],
            (German, _) => ["Oben heißt", "unten"],
        };
        let more_of = language.of(["more", "mehr"]);
        match (more, less) {
            (Some(more), Some(less)) => {
                format!("{here} {more_of} {more}, {there} {more_of} {less}.")
            }
            (Some(more), None) => format!("{here} {more_of} {more}."),
            (None, less) => {
                let less_of = language.of(["less", "weniger"]);
                format!("{here} {less_of} {}.", less.unwrap_or_default())
            }
        }
    })
}
