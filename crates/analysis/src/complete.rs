//! People with a score in every dimension, as rows of numbers: what is made of whole rows leaves the others out.

use kartei_behavior::Vector;
use kartei_stats::{Rows, StatError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bits;
use crate::context::Context;
use crate::interval::{Interval, share_interval};
use crate::wording::Language::{English, German};
use crate::wording::{finding, sample};

/// People that a chart shows: enough for its shape, and few enough to be drawn.
pub(crate) const POINTS_MAX: usize = 2_000;

/// Share of people without a score in some dimension that is worth a sentence.
const MANY: f64 = 0.2;

/// Scores of some people, each with all dimensions, 0 to 1, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct People {
    columns: usize,
    ids: Vec<String>,
    /// One row behind the other.
    #[serde(with = "bits::many")]
    rows: Vec<f64>,
}

impl People {
    /// Nobody, with the dimensions of the scale.
    pub(crate) fn begin(context: &Context) -> Self {
        let columns = context.scale.as_ref().map_or(0, |scale| scale.names().len());
        Self { columns, ids: Vec::new(), rows: Vec::new() }
    }

    /// Takes somebody in whose scores are complete, and says whether they are.
    pub(crate) fn add(&mut self, id: &str, vector: &Vector) -> bool {
        let scores = vector.dimensions.iter().flatten().map(|score| score.score);
        let before = self.rows.len();
        self.rows.extend(scores);
        let is_complete = self.columns > 0 && self.rows.len() - before == self.columns;
        if is_complete {
            self.ids.push(id.to_owned());
        } else {
            self.rows.truncate(before);
        }
        is_complete
    }

    /// Scores of who was taken in last; nothing where there is nobody.
    pub(crate) fn last(&self) -> &[f64] {
        &self.rows[self.rows.len().saturating_sub(self.columns)..]
    }

    /// Takes in those who come after.
    pub(crate) fn append(&mut self, next: Self) {
        self.ids.extend(next.ids);
        self.rows.extend(next.rows);
    }

    /// Keeps the first ones.
    pub(crate) fn keep_first(&mut self, most: usize) {
        self.ids.truncate(most);
        self.rows.truncate(most * self.columns);
    }

    /// Forgets everybody.
    pub(crate) fn clear(&mut self) {
        self.keep_first(0);
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// How many dimensions.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Ids with their scores.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.ids.iter().map(String::as_str).zip(self.rows.chunks_exact(self.columns.max(1)))
    }

    /// The scores alone, of the first ones.
    pub(crate) fn rows(&self, most: usize) -> Result<Rows<'_>, StatError> {
        let numbers = self.rows.len().min(most.saturating_mul(self.columns));
        Rows::new(&self.rows[..numbers], self.columns)
    }
}

/// How much of a cohort was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Profiles that were seen, of `total`.
    pub(crate) seen: u64,
    /// Profiles of the cohort.
    pub(crate) total: u64,
    /// People with all scores, among those that were seen.
    pub(crate) people: u64,
}

impl Part {
    pub(crate) fn is_partial(self) -> bool {
        self.seen < self.total
    }

    /// People without a score in some dimension.
    pub(crate) fn incomplete(self) -> u64 {
        self.seen.saturating_sub(self.people)
    }

    /// How many people of the cohort have all scores: as many as the part makes believe, while it is one.
    pub(crate) fn of_all(self) -> u64 {
        if !self.is_partial() {
            return self.people;
        }
        let seen = u128::from(self.seen.max(1));
        let of_all = (u128::from(self.people) * u128::from(self.total) + seen / 2) / seen;
        u64::try_from(of_all).unwrap_or(u64::MAX)
    }

    /// Between what a share of the people lies; nothing where all were seen.
    pub(crate) fn interval(self, count: u64) -> Option<Interval> {
        share_interval(count, self.people, self.of_all()).filter(|_| self.is_partial())
    }

    /// A count of people with its share, and between what that lies.
    pub(crate) fn share(self, count: u64) -> Value {
        let interval = self.interval(count);
        json!({
            "count": count,
            "share": (self.people > 0).then(|| count as f64 / self.people as f64),
            "low": interval.map(|interval| interval.low),
            "high": interval.map(|interval| interval.high),
        })
    }

    /// The sentences that all such reports begin with.
    pub(crate) fn findings(self) -> Vec<Value> {
        let mut found = Vec::new();
        if self.is_partial() {
            found.push(sample(self.seen, self.total));
        }
        if self.incomplete() > 0 && self.incomplete() as f64 >= MANY * self.seen as f64 {
            found.push(self.incomplete_said());
        }
        found
    }

    fn incomplete_said(self) -> Value {
        let (count, seen) = (self.incomplete(), self.seen);
        finding("incomplete", None, count, |language| {
            let (some, all) = (language.whole(count), language.whole(seen));
            let share = language.percent(count, seen);
            match language {
                English => format!(
                    "{some} of {all} people ({share}) have no score in at least one dimension; \
                     they are left out here."
                ),
                German => format!(
                    "{some} von {all} Personen ({share}) haben in mindestens einer Dimension keinen \
                     Wert; sie bleiben hier außer Betracht."
                ),
            }
        })
    }

    /// There are fewer people with all scores than are needed.
    pub(crate) fn too_few(self, least: u64) -> Value {
        let people = self.people;
        finding("too_few", None, people, |language| {
            let (some, least) = (language.whole(people), language.whole(least));
            match (language, people) {
                (English, 0) => {
                    format!("Nobody has a score in every dimension: at least {least} are needed.")
                }
                (English, 1) => format!(
                    "Only 1 person has a score in every dimension: at least {least} are needed."
                ),
                (English, _) => format!(
                    "Only {some} people have a score in every dimension: at least {least} are needed."
                ),
                (German, 0) => {
                    format!(
                        "Niemand hat in jeder Dimension einen Wert: Nötig sind mindestens {least}."
                    )
                }
                (German, 1) => format!(
                    "Nur 1 Person hat in jeder Dimension einen Wert: Nötig sind mindestens {least}."
                ),
                (German, _) => format!(
                    "Nur {some} Personen haben in jeder Dimension einen Wert: Nötig sind mindestens \
                     {least}."
                ),
            }
        })
    }
}

/// What is learned of the first people is still to be learned of more.
pub(crate) fn learning(learned_of: u64) -> Value {
    finding("learning", None, learned_of, |language| {
        let (now, all) = (language.whole(learned_of), language.whole(crate::LEARNED_OF as u64));
        match language {
            English => format!(
                "This was learned of {now} people so far and may still change; of the first {all} it is \
                 learned once and for all."
            ),
            German => format!(
                "Gelernt wurde das bisher an {now} Personen und kann sich noch ändern; an den ersten \
                 {all} wird es endgültig gelernt."
            ),
        }
    })
}
