//! What the nearest say, in sentences.

use serde_json::Value;

use super::{Place, Similar, extremes};
use kartei_behavior::Fitted;

use crate::context::Context;
use crate::wording::Language::{English, German};
use crate::wording::{finding, sample};

/// Of fewer people nobody is near.
const FEW: u64 = 30;

/// Share of people that cannot be compared which is worth a sentence.
const MANY: f64 = 0.2;

pub(super) fn findings(
    known: &Similar,
    context: &Context,
    focus: &[Option<Place>],
    seen: u64,
    total: u64,
) -> Vec<Value> {
    let mut found = Vec::new();
    if seen < total {
        found.push(sample(seen, total));
    }
    let Some(scale) = &context.scale else { return found };
    let compared = known.distances.count();
    if compared == 0 {
        found.push(finding("nobody", None, known.not_comparable, |language| match language {
            English => "Nobody can be compared: nobody shares half of the dimensions.".to_owned(),
            German => {
                "Niemand ist vergleichbar: Niemand teilt die Hälfte der Dimensionen.".to_owned()
            }
        }));
        return found;
    }
    found.extend(nearest(known, scale, focus));
    if compared < FEW {
        found.push(finding("few", None, compared, |language| {
            let (some, least) = (language.whole(compared), language.whole(FEW));
            match language {
                English => format!(
                    "Only {some} were compared; of fewer than {least} even the nearest may be far."
                ),
                German => format!(
                    "Nur {some} wurden verglichen; unter {least} kann auch der Nächste fern sein."
                ),
            }
        }));
    }
    let scored = focus.iter().flatten().count() as u64;
    if scored < focus.len() as u64 {
        found.push(finding("not_in_all", None, scored, |language| {
            let (some, all) = (language.whole(scored), language.whole(focus.len() as u64));
            match language {
                English => format!(
                    "The profile has a score in {some} of {all} dimensions; of the others nothing \
                     is compared."
                ),
                German => format!(
                    "Das Profil hat in {some} von {all} Dimensionen einen Wert; in den anderen wird \
                     nicht verglichen."
                ),
            }
        }));
    }
    let without = known.not_comparable;
    if without as f64 >= MANY * (without + compared) as f64 {
        found.push(finding("not_comparable", None, without, |language| {
            let share = language.percent(without, without + compared);
            match language {
                English => format!(
                    "{share} cannot be compared: they share fewer than half of the dimensions."
                ),
                German => format!(
                    "{share} sind nicht vergleichbar: Sie teilen weniger als die Hälfte der \
                     Dimensionen."
                ),
            }
        }));
    }
    found
}

/// Who is nearest, how near that is among all, and what they differ in.
fn nearest(known: &Similar, scale: &Fitted, focus: &[Option<Place>]) -> Option<Value> {
    let nearest = known.nearest.first()?;
    let id = &nearest.id;
    let equal = known.nearest.iter().filter(|one| one.distance == 0.0).count() as u64;
    if equal > 0 {
        return Some(finding("same", Some(id), equal, |language| {
            let some = language.whole(equal);
            match (language, equal) {
                (English, 1) => format!("`{id}` has the same scores."),
                (German, 1) => format!("`{id}` hat dieselben Werte."),
                (English, _) => format!("{some} have the same scores; the first is `{id}`."),
                (German, _) => format!("{some} haben dieselben Werte; das erste ist `{id}`."),
            }
        }));
    }
    let (_, apart) = extremes(&nearest.apart(focus))?;
    let [en, de] = scale.titles(apart.dimension);
    let typical = known.distances.quantile(0.5)?;
    Some(finding("nearest", Some(id), known.distances.count(), |language| {
        let [distance, typical, by] =
            [nearest.distance, typical, apart.difference].map(|number| language.hundredths(number));
        let by = if apart.difference > 0.0 { format!("+{by}") } else { by };
        match language {
            English => format!(
                "Nearest is `{id}` at a distance of {distance}; half of all are farther away than \
                 {typical}. They differ most in {en} (by {by})."
            ),
            German => format!(
                "Am nächsten ist `{id}` mit einem Abstand von {distance}; die Hälfte aller ist \
                 weiter entfernt als {typical}. Am weitesten auseinander sind sie bei {de} (um {by})."
            ),
        }
    }))
}
