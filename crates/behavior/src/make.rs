//! How a calibration is made and compared, whoever reads the profiles: which passes there are, what each comes to, and
//! what is kept behind each so that somebody else can go on.
//!
//! ```text
//! moment ─▶ numbers ─▶ spread ─▶ scores ─▶ Calibration          moves: of all, against another calibration
//!        SoFar      SoFar     SoFar
//! ```

use kartei_profile::Record;
use serde::{Deserialize, Serialize};

use crate::calibration::{Calibration, CalibrationMistake};
use crate::fit::{Asked, First, Known, Second, Third};
use crate::measure::{Person, newest};
use crate::moves::{Moved, Moves};
use crate::reference::Reference;
use crate::schema::Schema;
use crate::score::Scorer;

/// What a pass over profiles is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// When the newest observation is from.
    Moment,
    /// Which numbers people have.
    Numbers,
    /// How much people differ, from themselves and from each other.
    Spread,
    /// How scores are distributed.
    Scores,
    /// Whom the calibration moves; the only pass over all profiles, whatever the calibration is made of.
    Moves,
}

impl Step {
    /// Its word, as everywhere outside of this program.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Moment => "moment",
            Self::Numbers => "numbers",
            Self::Spread => "spread",
            Self::Scores => "scores",
            Self::Moves => "moves",
        }
    }
}

/// Why there is no calibration of these profiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing that the schema measures was observed; the schema's name.
    #[error("none of these profiles has an observation that schema `{0}` is made of")]
    NothingObserved(String),
    /// The same fit at another moment was asked for, and there is no other one.
    #[error("the calibration is of that moment already; nothing newer was observed")]
    SameMoment,
    /// Something is a calibration of another schema.
    #[error(transparent)]
    Schema(#[from] CalibrationMistake),
}

/// Reads profiles, once for each pass: on as many threads and in whatever order it likes.
pub trait Passes {
    /// Why it breaks off.
    type Stop: From<Refused>;

    /// One pass: parts of the profiles, each absorbed by something that `begin` made, are merged.
    ///
    /// # Errors
    /// Why it broke off.
    fn pass<A: Send>(
        &mut self,
        step: Step,
        begin: impl Fn() -> A + Sync,
        absorb: impl Fn(&mut A, &Record) + Sync,
        merge: impl Fn(&mut A, A),
    ) -> Result<A, Self::Stop>;

    /// Hears what is known behind a pass, so that somebody can go on from there.
    ///
    /// # Errors
    /// Why it breaks off.
    fn known(&mut self, _so_far: &SoFar) -> Result<(), Self::Stop> {
        Ok(())
    }
}

/// What a calibration is made with.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The schema.
    pub schema: &'a Schema,
    /// Which profiles; empty for all. It is written down, and not applied here.
    pub filter: &'a str,
    /// The moment of the scores, in milliseconds since 1970; nothing for that of the newest observation, not later
    /// than `now_ms`.
    pub as_of_ms: Option<i64>,
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
    /// The calibration that its stability is told against; one of another schema says nothing of it.
    pub before: Option<&'a Calibration>,
    /// Its fit is taken, for another moment.
    pub same_fit_as: Option<&'a Calibration>,
}

/// What is known of a calibration behind a pass. As JSON it is as large as the calibration, whatever the number of
/// profiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "behind", rename_all = "snake_case")]
pub enum SoFar {
    /// The moment.
    Moment {
        /// In milliseconds since 1970.
        as_of_ms: i64,
    },
    /// Numbers.
    Numbers {
        /// With their scales.
        #[serde(with = "as_text")]
        calibration: Calibration,
        /// Bits of what differences are taken from: of observations, and of people, by signal.
        centres: Vec<[u64; 2]>,
    },
    /// Numbers, and how much people differ.
    Spread {
        /// Without the scales of its dimensions.
        #[serde(with = "as_text")]
        calibration: Calibration,
    },
    /// All.
    Made {
        /// The whole.
        #[serde(with = "as_text")]
        calibration: Calibration,
    },
}

/// A calibration as its text: JSON by itself does not promise the same bits.
mod as_text {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::calibration::Calibration;

    pub(super) fn serialize<S: Serializer>(
        calibration: &Calibration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&calibration.text())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Calibration, D::Error> {
        Calibration::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Makes a calibration, from the beginning or from behind a pass of somebody else over the same profiles.
///
/// # Errors
/// [`Refused`], or why a pass broke off.
pub fn fit<P: Passes>(
    passes: &mut P,
    wanted: &Wanted<'_>,
    so_far: Option<SoFar>,
) -> Result<Calibration, P::Stop> {
    let mut at = match so_far {
        Some(so_far) => so_far,
        None => {
            let so_far = SoFar::Moment { as_of_ms: moment(passes, wanted)? };
            passes.known(&so_far)?;
            so_far
        }
    };
    loop {
        at = match at {
            SoFar::Moment { as_of_ms } => match wanted.same_fit_as {
                Some(known) => SoFar::Made { calibration: same_fit(known, as_of_ms)? },
                None => numbers(passes, wanted, as_of_ms)?,
            },
            SoFar::Numbers { calibration, centres } => {
                let known = Known::of(wanted.schema, wanted.before, calibration, &centres)
                    .map_err(Refused::from)?;
                SoFar::Spread { calibration: spread(passes, wanted.schema, &known)? }
            }
            SoFar::Spread { calibration } => {
                let scores = scores(passes, wanted.schema, &calibration)?;
                SoFar::Made { calibration: calibration.with_scores(scores) }
            }
            SoFar::Made { calibration } => return Ok(calibration),
        };
        passes.known(&at)?;
    }
}

/// The moment that scores are to be of.
fn moment<P: Passes>(passes: &mut P, wanted: &Wanted<'_>) -> Result<i64, P::Stop> {
    if let Some(as_of_ms) = wanted.as_of_ms {
        return Ok(as_of_ms);
    }
    let found = passes.pass(
        Step::Moment,
        || None,
        |latest: &mut Option<i64>, record| {
            *latest = (*latest).max(newest(wanted.schema, record, wanted.now_ms));
        },
        |ours, theirs| *ours = (*ours).max(theirs),
    )?;
    Ok(found.ok_or_else(|| Refused::NothingObserved(wanted.schema.name().to_owned()))?)
}

/// The same fit at another moment.
fn same_fit(known: &Calibration, as_of_ms: i64) -> Result<Calibration, Refused> {
    if known.as_of_ms == as_of_ms {
        return Err(Refused::SameMoment);
    }
    Ok(known.at(as_of_ms))
}

fn numbers<P: Passes>(
    passes: &mut P,
    wanted: &Wanted<'_>,
    as_of_ms: i64,
) -> Result<SoFar, P::Stop> {
    let asked = Asked { as_of_ms, filter: wanted.filter.to_owned() };
    let (first, _) = passes.pass(
        Step::Numbers,
        || (First::new(wanted.schema, &asked), Person::default()),
        |(first, person), record| {
            person.measure(wanted.schema, record, as_of_ms);
            first.absorb(record, person);
        },
        |(ours, _), (theirs, _)| ours.merge(theirs),
    )?;
    let (calibration, centres) = first.finish(wanted.before).into_parts();
    Ok(SoFar::Numbers { calibration, centres })
}

fn spread<P: Passes>(
    passes: &mut P,
    schema: &Schema,
    known: &Known<'_>,
) -> Result<Calibration, P::Stop> {
    let as_of_ms = known.as_of_ms();
    let (second, _) = passes.pass(
        Step::Spread,
        || (Second::new(known), Person::default()),
        |(second, person), record| {
            person.measure(schema, record, as_of_ms);
            second.absorb(person);
        },
        |(ours, _), (theirs, _)| ours.merge(&theirs),
    )?;
    Ok(second.finish())
}

fn scores<P: Passes>(
    passes: &mut P,
    schema: &Schema,
    calibration: &Calibration,
) -> Result<Vec<Reference>, P::Stop> {
    let scorer = Scorer::new(schema, calibration).map_err(Refused::from)?;
    let (third, _) = passes.pass(
        Step::Scores,
        || (Third::new(scorer, schema.dimensions().len()), Person::default()),
        |(third, person), record| {
            person.measure(schema, record, calibration.as_of_ms);
            third.absorb(person);
        },
        |(ours, _), (theirs, _)| ours.merge(theirs),
    )?;
    Ok(third.finish())
}

/// Looks whom the calibration `to` moves, against `from`.
///
/// # Errors
/// [`Refused::Schema`] where they are not both of the schema, or why the pass broke off.
pub fn compare<P: Passes>(
    passes: &mut P,
    schema: &Schema,
    (from, to): (&Calibration, &Calibration),
) -> Result<Moved, P::Stop> {
    let from = Scorer::new(schema, from).map_err(Refused::from)?;
    let to = Scorer::new(schema, to).map_err(Refused::from)?;
    let begin = Moves::new(from, to).map_err(Refused::from)?;
    let (moves, ..) = passes.pass(
        Step::Moves,
        || (begin.clone(), Person::default(), Person::default()),
        |(moves, now, then), record| {
            now.measure(schema, record, from.as_of_ms());
            then.measure(schema, record, to.as_of_ms());
            moves.absorb(record.id(), now, then);
        },
        |(ours, ..), (theirs, ..)| ours.merge(theirs),
    )?;
    Ok(moves.finish())
}
