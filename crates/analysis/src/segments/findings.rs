//! What segments are like, in sentences.

use serde_json::Value;

use super::least;
use super::model::{Profile, Segmented};
use crate::LEARNED_OF;
use crate::complete::{Part, learning};
use kartei_behavior::Fitted;

use crate::context::Context;
use crate::learner::Told;
use crate::wording::Language::{self, English, German};
use crate::wording::finding;

/// From this effect on a segment is said to differ in a dimension (Cohen 1988, §2.2: a small one).
const NOTABLE: f64 = 0.2;

/// Dimensions that are told of a segment at most.
const DIMENSIONS: usize = 3;

/// Below this mean silhouette there is no substantial structure (Kaufman and Rousseeuw 1990, §2.2).
const CLEAR: f64 = 0.25;

pub(super) fn findings(
    context: &Context,
    part: Part,
    told: &Told<'_, Segmented>,
    profiles: &[Vec<Profile>],
) -> Vec<Value> {
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
    if let Some(silhouette) = model.silhouette() {
        found.push(clearness(model.sizes().len(), silhouette, part.people));
    }
    for (at, (people, dimensions)) in model.sizes().iter().zip(profiles).enumerate() {
        found.push(segment(scale, at + 1, *people, part.people, dimensions));
    }
    found
}

fn alike(people: u64) -> Value {
    finding("alike", None, people, |language| {
        match language {
            English => "Too many people have the very same scores: there are no segments of them.",
            German => "Zu viele Personen haben genau dieselben Werte; Segmente gibt es nicht.",
        }
        .to_owned()
    })
}

/// Whether people lie in groups at all.
fn clearness(k: usize, silhouette: f64, people: u64) -> Value {
    let is_clear = silhouette >= CLEAR;
    let code = if is_clear { "groups" } else { "no_clear_groups" };
    finding(code, None, people, |language| {
        let mean = language.hundredths(silhouette);
        match (language, is_clear) {
            (English, true) => {
                format!("People lie in {k} groups that can be told apart (silhouette {mean}).")
            }
            (English, false) => format!(
                "There are no clear groups (silhouette {mean}): people lie closely between the \
                 segments; take them as a division, not as kinds of people."
            ),
            (German, true) => format!(
                "Die Personen liegen in {k} Gruppen, die sich unterscheiden lassen (Silhouette {mean})."
            ),
            (German, false) => format!(
                "Es gibt keine klaren Gruppen (Silhouette {mean}): Die Personen liegen dicht zwischen \
                 den Segmenten; sie sind eine Einteilung und keine Arten von Menschen."
            ),
        }
    })
}

/// "Agreeableness (g = 0.82) and Openness (g = 0.41)", of the dimensions with effects of one sign.
fn named(
    scale: &Fitted,
    effects: &[(usize, f64)],
    is_higher: bool,
    language: Language,
) -> Option<String> {
    let of_sign = effects.iter().filter(|(_, g)| (*g > 0.0) == is_higher);
    let named = of_sign.map(|(dimension, g)| {
        let title = language.of(scale.titles(*dimension));
        format!("{title} (g = {})", language.hundredths(*g))
    });
    language.list(&named.collect::<Vec<String>>())
}

fn segment(scale: &Fitted, number: usize, people: u64, of: u64, dimensions: &[Profile]) -> Value {
    let effects = dimensions.iter().enumerate();
    let effects = effects.filter_map(|(at, one)| Some((at, one.g?.value)));
    let mut effects: Vec<(usize, f64)> = effects.filter(|(_, g)| g.abs() >= NOTABLE).collect();
    effects.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
    effects.truncate(DIMENSIONS);
    finding("segment", Some(&number.to_string()), people, |language| {
        let share = language.percent(people, of);
        let higher = named(scale, &effects, true, language);
        let lower = named(scale, &effects, false, language);
        let what = match (language, higher, lower) {
            (English, Some(higher), Some(lower)) => {
                format!("higher than the rest in {higher}, lower in {lower}")
            }
            (English, Some(higher), None) => format!("higher than the rest in {higher}"),
            (English, None, Some(lower)) => format!("lower than the rest in {lower}"),
            (English, None, None) => "hardly different from the rest in any dimension".to_owned(),
            (German, Some(higher), Some(lower)) => {
                format!("höher als die übrigen in {higher}, niedriger in {lower}")
            }
            (German, Some(higher), None) => format!("höher als die übrigen in {higher}"),
            (German, None, Some(lower)) => format!("niedriger als die übrigen in {lower}"),
            (German, None, None) => {
                "in keiner Dimension merklich anders als die übrigen".to_owned()
            }
        };
        format!("Segment {number} ({share}): {what}.")
    })
}
