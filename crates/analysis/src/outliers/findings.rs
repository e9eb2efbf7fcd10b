//! Who is unlike the others and why, in sentences.

use serde_json::Value;

use super::model::{Far, Judged};
use super::{EXPECTED, columns, least, limit};
use crate::LEARNED_OF;
use crate::complete::{Part, learning};
use kartei_behavior::Fitted;

use crate::context::Context;
use crate::interval::share_interval;
use crate::learner::Told;
use crate::wording::Language::{self, English, German};
use crate::wording::finding;

/// Of so many people one is expected beyond the limit: the reciprocal of [`EXPECTED`].
const OF: u64 = 1_000;

/// People who are told by name at most.
const NAMED: usize = 3;

/// Dimensions that are told of somebody at most, and the robust z from which on they are worth it.
const DIMENSIONS: usize = 3;
const NOTABLE: f64 = 2.0;

pub(super) fn findings(context: &Context, part: Part, told: &Told<'_, Judged>) -> Vec<Value> {
    let mut found = part.findings();
    let Some(scale) = &context.scale else { return found };
    let model = match told {
        Told::TooFew => {
            found.push(part.too_few(least(context) as u64));
            return found;
        }
        Told::Alike => {
            found.push(alike(part.people));
            return found;
        }
        Told::Learned(model) => model,
    };
    if part.is_partial() && model.learned_of < LEARNED_OF as u64 {
        found.push(learning(model.learned_of));
    }
    found.push(beyond(model.beyond, part.people));
    let limit = limit(columns(context)).unwrap_or(f64::INFINITY);
    let far = model.far().iter().take_while(|far| far.distance > limit).take(NAMED);
    found.extend(far.enumerate().map(|(at, far)| farthest(scale, model, far, at == 0)));
    if model.ridge > 0.0 {
        found.push(ridge(part.people));
    }
    found
}

fn alike(people: u64) -> Value {
    finding("alike", None, people, |language| match language {
        English => "The scores do not vary, so nobody is unlike the others.".to_owned(),
        German => "Die Werte unterscheiden sich nicht; niemand fällt aus dem Rahmen.".to_owned(),
    })
}

/// How many lie beyond the limit, and how many should.
fn beyond(count: u64, people: u64) -> Value {
    // Of a population without end: what chance makes of a share.
    let low = share_interval(count, people, u64::MAX / 2).map_or(0.0, |interval| interval.low);
    let code = match count {
        0 => "none_beyond",
        _ if low <= EXPECTED => "as_expected",
        _ => "beyond",
    };
    let expected = (people + OF / 2) / OF;
    finding(code, None, count, |language| {
        let (some, all) = (language.whole(count), language.whole(people));
        let share = language.percent(count, people);
        let about = match (language, expected) {
            (English, 0) => "fewer than 1".to_owned(),
            (German, 0) => "weniger als 1".to_owned(),
            _ => format!("≈\u{a0}{}", language.whole(expected)),
        };
        let lie = match (language, count) {
            (English, 1) => "lies",
            (English, _) => "lie",
            (German, 1) => "liegt",
            (German, _) => "liegen",
        };
        match (language, code) {
            (English, "none_beyond") => format!(
                "None of {all} people lies farther from the others than 1 of 1,000 should ({about})."
            ),
            (English, "as_expected") => format!(
                "{some} of {all} people ({share}) {lie} farther from the others than 1 of 1,000 should \
                 ({about}): no more than chance brings."
            ),
            (English, _) => format!(
                "{some} of {all} people ({share}) {lie} farther from the others than 1 of 1,000 should \
                 ({about})."
            ),
            (German, "none_beyond") => format!(
                "Keine von {all} Personen liegt weiter von den anderen entfernt, als es 1 von 1.000 \
                 sollte ({about})."
            ),
            (German, "as_expected") => format!(
                "{some} von {all} Personen ({share}) {lie} weiter von den anderen entfernt, als es 1 von \
                 1.000 sollte ({about}): nicht mehr, als der Zufall bringt."
            ),
            (German, _) => format!(
                "{some} von {all} Personen ({share}) {lie} weiter von den anderen entfernt, als es 1 von \
                 1.000 sollte ({about})."
            ),
        }
    })
}

/// "low in Neuroticism (z = −4.20)".
fn out(scale: &Fitted, dimension: usize, z: f64, language: Language) -> String {
    let title = language.of(scale.titles(dimension));
    let side = match (language, z > 0.0) {
        (English, true) => "high",
        (English, false) => "low",
        (German, true) => "hoch",
        (German, false) => "niedrig",
    };
    format!("{side} in {title} (z = {})", language.hundredths(z))
}

fn farthest(scale: &Fitted, model: &Judged, far: &Far, is_first: bool) -> Value {
    let mut unusual = model.unusual(far);
    unusual.retain(|(_, z)| z.abs() >= NOTABLE);
    unusual.truncate(DIMENSIONS);
    finding("farthest", Some(&far.id), 1, |language| {
        let named = unusual.iter().map(|(dimension, z)| out(scale, *dimension, *z, language));
        let why = language.list(&named.collect::<Vec<String>>()).unwrap_or_else(|| {
            language
                .of([
                    "no single score is unusual, but how they go together is",
                    "kein einzelner Wert ist ungewöhnlich, aber ihr Zusammentreffen",
                ])
                .to_owned()
        });
        let id = &far.id;
        match (language, is_first) {
            (English, true) => format!("`{id}` lies farthest from the others: {why}."),
            (English, false) => format!("Then comes `{id}`: {why}."),
            (German, true) => format!("`{id}` liegt am weitesten von den anderen entfernt: {why}."),
            (German, false) => format!("Dann kommt `{id}`: {why}."),
        }
    })
}

fn ridge(people: u64) -> Value {
    finding("ridge", None, people, |language| match language {
        English => {
            "Some dimensions follow from others or do not vary; distances allow for a little \
                    deviation from that."
                .to_owned()
        }
        German => {
            "Einige Dimensionen folgen aus anderen oder unterscheiden sich nicht; die Abstände \
                   lassen davon eine kleine Abweichung zu."
                .to_owned()
        }
    })
}
