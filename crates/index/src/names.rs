//! Which tags, attributes and signals there are, for completion and for the heads of tables.

use crate::bits;
use crate::catalog::Catalog;
use crate::column;
use crate::error::{Damage, Error};
use crate::intern::Interner;
use crate::postings::Postings;
use crate::source::Source;
use crate::wire::Flaw;

impl Catalog {
    /// The tags, sorted, and how many profiles have each.
    ///
    /// # Errors
    /// [`Error::Damaged`] and [`Error::Source`].
    pub fn tags<S: Source>(
        &mut self,
        source: &mut S,
    ) -> Result<Vec<(String, usize)>, Error<S::Error>> {
        self.terms(column::TAGS, "", source)
    }

    /// The keys of attributes, sorted, and how many profiles have each.
    ///
    /// # Errors
    /// [`Error::Damaged`] and [`Error::Source`].
    pub fn attributes<S: Source>(
        &mut self,
        source: &mut S,
    ) -> Result<Vec<(String, usize)>, Error<S::Error>> {
        self.terms(column::FIELDS, column::ATTRIBUTE_PREFIX, source)
    }

    /// The signals, sorted, and how many profiles have observations of each.
    ///
    /// # Errors
    /// [`Error::Damaged`] and [`Error::Source`].
    pub fn signals<S: Source>(
        &mut self,
        source: &mut S,
    ) -> Result<Vec<(String, usize)>, Error<S::Error>> {
        self.terms(column::FIELDS, column::SIGNAL_PREFIX, source)
    }

    fn terms<S: Source>(
        &mut self,
        name: &str,
        prefix: &str,
        source: &mut S,
    ) -> Result<Vec<(String, usize)>, Error<S::Error>> {
        self.load(&[name.to_owned()], source)?;
        let mut terms = Interner::default();
        let mut counts: Vec<usize> = Vec::new();
        let mut of = Vec::new();
        for (chunk, body) in self.chunks.iter().zip(self.bodies(name)) {
            let Some(body) = body else { continue };
            let rows = chunk.rows();
            let live = &self.live[chunk.words()];
            let mut count = || -> Result<(), Flaw> {
                let mut flawless = Ok(());
                Postings::open(body, rows)?.each(|term, set| {
                    let Some(term) = term.strip_prefix(prefix.as_bytes()) else { return };
                    of.clear();
                    of.resize(live.len(), 0);
                    flawless = flawless.and(set.add_to(&mut of, rows));
                    of.iter_mut().zip(live).for_each(|(of, live)| *of &= live);
                    let (number, new) = terms.number(term);
                    if new {
                        counts.push(0);
                    }
                    counts[number as usize] += bits::count(&of);
                })?;
                flawless
            };
            let id = chunk.id();
            count().map_err(|flaw| Damage { chunk: id, column: name.to_owned(), flaw })?;
        }
        let mut sorted = Vec::new();
        terms.sort(&mut sorted);
        let numbers = sorted.into_iter().map(|(_, number)| number);
        let counted = numbers.filter(|number| counts[*number as usize] > 0);
        Ok(counted
            .map(|number| {
                let text = String::from_utf8_lossy(terms.get(number)).into_owned();
                (text, counts[number as usize])
            })
            .collect())
    }
}
