//! How many of the selected profiles have each value of a field: the numbers beside a list.
//!
//! Values are counted where they stand, chunk by chunk: a text once by its code, a number by its
//! packed form. A field with more values than anybody would choose from is given up early, so that
//! asking for it costs little.

use kartei_filter::Status;

use crate::bits;
use crate::catalog::{Catalog, Origin};
use crate::column;
use crate::error::{Damage, Error};
use crate::parts::in_parts;
use crate::select::Matches;
use crate::source::Source;
use crate::tally::Tally;
use crate::wire::Flaw;

/// Values of a field that are counted at most. A person chooses among some dozens, and searches
/// among some thousands; beyond that a field is text and no choice.
pub const DISTINCT_MAX: usize = 20_000;

/// Chunks that an attribute's outline is taken from: some twenty thousand profiles, which takes a
/// millisecond.
const SAMPLED_CHUNKS: usize = 32;

/// Attributes whose outline is taken, the most frequent ones first. The others are only named.
const OUTLINED_MAX: usize = 200;

/// A value that profiles have.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
    /// JSON's null.
    Null,
}

/// The values of a field among the selected profiles.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Counts {
    /// Each value with how many profiles have it, the most frequent first; of equally frequent ones
    /// in the order of values. None where there are too many.
    pub values: Vec<(Value, usize)>,
    /// How many profiles have the field at all, as far as was counted.
    pub present: usize,
    /// Whether there are more values than [`DISTINCT_MAX`]: counting was given up.
    pub too_many: bool,
}

/// What an attribute is like, from a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// Its key.
    pub key: String,
    /// How many profiles have it.
    pub profiles: usize,
    /// How many different values there are in the sample; `None` where none was taken.
    pub distinct: Option<usize>,
    /// Whether most of its values are numbers.
    pub numeric: bool,
}

impl Catalog {
    /// How many of the selected profiles have each tag.
    ///
    /// # Errors
    /// [`Error::Outdated`], [`Error::Damaged`] and [`Error::Source`].
    pub fn count_tags<S: Source>(
        &mut self,
        within: &Matches,
        source: &mut S,
    ) -> Result<Counts, Error<S::Error>> {
        self.count(column::TAGS, within, source, Tally::tags)
    }

    /// How many of the selected profiles have each value of an attribute.
    ///
    /// # Errors
    /// [`Error::Outdated`], [`Error::Damaged`] and [`Error::Source`].
    pub fn count_attribute<S: Source>(
        &mut self,
        key: &str,
        within: &Matches,
        source: &mut S,
    ) -> Result<Counts, Error<S::Error>> {
        self.count(&column::of_attribute(key), within, source, Tally::attribute)
    }

    /// How many of the selected profiles have each status.
    ///
    /// # Errors
    /// [`Error::Outdated`] and [`Error::Source`].
    pub fn count_statuses<S: Source>(
        &mut self,
        within: &Matches,
        source: &mut S,
    ) -> Result<Vec<(Status, usize)>, Error<S::Error>> {
        let selected = self.selected(within)?;
        let named = [Status::Conflict, Status::Rejected, Status::Pending];
        let mut counts: Vec<(Status, usize)> = Vec::with_capacity(named.len() + 1);
        for (status, rows) in self.status_rows(&named, source)? {
            let both = rows.iter().zip(&selected).map(|(a, b)| (a & b).count_ones() as usize);
            counts.push((status, both.sum()));
        }
        let others: usize = counts.iter().map(|(_, count)| count).sum();
        counts.push((Status::Synced, bits::count(&selected).saturating_sub(others)));
        Ok(counts)
    }

    /// The attributes that there are, the most frequent first, each with what it is like.
    ///
    /// # Errors
    /// [`Error::Damaged`] and [`Error::Source`].
    pub fn outlines<S: Source>(&mut self, source: &mut S) -> Result<Vec<Outline>, Error<S::Error>> {
        let mut names = self.attributes(source)?;
        names.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let step = self.chunks.len().div_ceil(SAMPLED_CHUNKS).max(1);
        let sample: Vec<usize> = (0..self.chunks.len()).step_by(step).collect();
        let mut outlines = Vec::with_capacity(names.len());
        for (at, (key, profiles)) in names.into_iter().enumerate() {
            let tally = if at < OUTLINED_MAX {
                Some(self.sampled(&column::of_attribute(&key), &sample, source)?)
            } else {
                None
            };
            outlines.push(Outline {
                key,
                profiles,
                distinct: tally.as_ref().map(Tally::distinct),
                numeric: tally.is_some_and(|tally| tally.is_numeric()),
            });
        }
        Ok(outlines)
    }

    /// Counts a column in some chunks without keeping it in memory.
    fn sampled<S: Source>(
        &self,
        name: &str,
        sample: &[usize],
        source: &mut S,
    ) -> Result<Tally, Error<S::Error>> {
        let stored: Vec<i64> =
            sample.iter().map(|at| self.chunks[*at].id()).filter(|id| *id != 0).collect();
        let mut bodies = source.columns(name, &stored).map_err(Error::Source)?.into_iter();
        let mut tally = Tally::default();
        for at in sample {
            let chunk = &self.chunks[*at];
            let body = match &chunk.origin {
                Origin::Memory(columns) => columns.get(name).cloned(),
                Origin::Stored { .. } => bodies.next().flatten(),
            };
            let Some(body) = body else { continue };
            let mut all = vec![0; bits::words_for(chunk.rows())];
            bits::fill(&mut all, chunk.rows());
            tally.attribute(&body, chunk.rows(), &all).map_err(|flaw| Damage {
                chunk: chunk.id(),
                column: name.to_owned(),
                flaw,
            })?;
        }
        Ok(tally)
    }

    fn count<S: Source>(
        &mut self,
        name: &str,
        within: &Matches,
        source: &mut S,
        add: impl Fn(&mut Tally, &[u8], usize, &[u64]) -> Result<(), Flaw> + Sync,
    ) -> Result<Counts, Error<S::Error>> {
        let selected = self.selected(within)?;
        self.load(&[name.to_owned()], source)?;
        let bodies = self.bodies(name);
        let parts = in_parts(self.chunks.len(), self.live_count, |range| {
            let mut tally = Tally::default();
            for at in range {
                let chunk = &self.chunks[at];
                let (Some(body), rows) = (bodies[at], &selected[chunk.words()]) else { continue };
                if rows.iter().all(|word| *word == 0) {
                    continue;
                }
                add(&mut tally, body, chunk.rows(), rows).map_err(|flaw| Damage {
                    chunk: chunk.id(),
                    column: name.to_owned(),
                    flaw,
                })?;
                if tally.distinct() > DISTINCT_MAX {
                    break;
                }
            }
            Ok::<_, Damage>(tally)
        });
        let mut all = Tally::default();
        for part in parts {
            all.absorb(&part?);
        }
        Ok(all.counts(DISTINCT_MAX))
    }

    /// The selected rows that are profiles of today.
    fn selected<E>(&self, within: &Matches) -> Result<Vec<u64>, Error<E>> {
        if within.numbering != self.numbering {
            return Err(Error::Outdated);
        }
        let mut rows = within.rows.clone();
        rows.resize(self.live.len(), 0);
        rows.iter_mut().zip(&self.live).for_each(|(row, live)| *row &= live);
        Ok(rows)
    }
}
