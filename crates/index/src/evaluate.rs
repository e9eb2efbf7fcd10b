//! A filter on the rows of one chunk.
//!
//! Where columns cannot tell, the answer is two sets: rows it holds for certainly, and rows it
//! holds for possibly (which contain the certain ones).

use kartei_filter::{Operand, Term};

use crate::attribute::{Attribute, scatter};
use crate::bits;
use crate::catalog::Chunk;
use crate::column::{self, Ids, Instants, Names};
use crate::error::Damage;
use crate::fit::Fit;
use crate::plan::{Leaf, Node, Test};
use crate::postings::Postings;
use crate::signal::Signal;
use crate::wire::Flaw;

/// A chunk with the bodies of the columns of a plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) chunk: &'a Chunk,
    /// For each column of the plan its bodies for all chunks.
    pub(crate) bodies: &'a [Vec<Option<&'a [u8]>>],
    /// The place of the chunk.
    pub(crate) at: usize,
    pub(crate) names: &'a [String],
}

/// Two sets of rows of a chunk.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) certain: Vec<u64>,
    pub(crate) possible: Vec<u64>,
}

impl Found {
    fn none(words: usize) -> Self {
        Self { certain: vec![0; words], possible: vec![0; words] }
    }

    fn all(rows: usize) -> Self {
        let mut found = Self::none(bits::words_for(rows));
        bits::fill(&mut found.certain, rows);
        found.possible.copy_from_slice(&found.certain);
        found
    }

    /// Rows of which it is not known.
    pub(crate) fn open(&self) -> bool {
        self.certain != self.possible
    }
}

/// Asks for rows that a term possibly holds for whether it does.
pub(crate) type Resolve<'r, X> = &'r mut dyn FnMut(&Term, &mut Found) -> Result<(), X>;

impl<'a> Rows<'a> {
    /// The rows that a filter holds for. `resolve` is called for terms which columns cannot tell
    /// about; it may leave them open.
    pub(crate) fn evaluate<X: From<Damage>>(
        &self,
        node: &Node<'_>,
        resolve: Resolve<'_, X>,
    ) -> Result<Found, X> {
        let rows = self.chunk.rows();
        match node {
            Node::All(inner) => {
                let mut all = Found::all(rows);
                for one in inner {
                    let found = self.evaluate(one, resolve)?;
                    let mut left = 0;
                    for at in 0..all.certain.len() {
                        all.certain[at] &= found.certain[at];
                        all.possible[at] &= found.possible[at];
                        left |= all.possible[at];
                    }
                    if left == 0 {
                        break;
                    }
                }
                Ok(all)
            }
            Node::Any(inner) => {
                let mut any = Found::none(bits::words_for(rows));
                for one in inner {
                    let found = self.evaluate(one, resolve)?;
                    for at in 0..any.certain.len() {
                        any.certain[at] |= found.certain[at];
                        any.possible[at] |= found.possible[at];
                    }
                }
                Ok(any)
            }
            Node::Not(inner) => {
                let found = self.evaluate(inner, resolve)?;
                let mut not = Found::all(rows);
                for at in 0..not.certain.len() {
                    not.certain[at] &= !found.possible[at];
                    not.possible[at] &= !found.certain[at];
                }
                Ok(not)
            }
            Node::Leaf(leaf) => {
                let mut found = Found::none(bits::words_for(rows));
                self.test(leaf, &mut found).map_err(|flaw| Damage {
                    chunk: self.chunk.id(),
                    column: self.names.get(leaf.column).cloned().unwrap_or_default(),
                    flaw,
                })?;
                if found.open() {
                    resolve(leaf.term, &mut found)?;
                }
                Ok(found)
            }
        }
    }

    fn test(&self, leaf: &Leaf<'_>, found: &mut Found) -> Result<(), Flaw> {
        let rows = self.chunk.rows();
        match &leaf.test {
            Test::Status(of) => {
                for (to, from) in found.certain.iter_mut().zip(&of[self.chunk.words()]) {
                    *to = *from;
                }
            }
            Test::Changed(comparison, at) => match &self.chunk.changed {
                crate::catalog::Changed::At(changed) => {
                    if comparison.holds(changed.cmp(at)) {
                        bits::fill(&mut found.certain, rows);
                    }
                }
                crate::catalog::Changed::Each(each) => {
                    for (row, changed) in each.iter().enumerate().take(rows) {
                        if comparison.holds(changed.cmp(at)) {
                            bits::set(&mut found.certain, row);
                        }
                    }
                }
            },
            _ => {
                let bodies = self.bodies.get(leaf.column).map(|bodies| bodies[self.at]);
                if let Some(body) = bodies.flatten() {
                    test_column(&leaf.test, body, rows, found)?;
                }
            }
        }
        found
            .possible
            .iter_mut()
            .zip(&found.certain)
            .for_each(|(possible, certain)| *possible |= certain);
        Ok(())
    }
}

fn test_column(test: &Test<'_>, body: &[u8], rows: usize, found: &mut Found) -> Result<(), Flaw> {
    let out = found.certain.as_mut_slice();
    match test {
        Test::Term(term) => Postings::open(body, rows)?.add_term(term, out),
        Test::TermFits(pattern) => {
            let fit = Fit::of(pattern);
            Postings::open(body, rows)?.add_fitting(|text| fit.fits(text), out)
        }
        Test::Id(pattern) => {
            let fit = Fit::of(pattern);
            let ids = Ids::open(body, rows)?;
            let mut common = Vec::new();
            ids.texts.get(0, &mut common)?;
            common.truncate(ids.shared);
            if !fit.may_begin(&common) {
                return Ok(());
            }
            ids.texts.each(|row, text| {
                if fit.fits(text) {
                    bits::set(out, row);
                }
            })
        }
        Test::Name(pattern) => {
            let names = Names::open(body, rows)?;
            let fit = Fit::of(pattern);
            let mut fitting = vec![0; out.len()];
            names.texts.each(|at, text| {
                if fit.fits(text) {
                    bits::set(&mut fitting, at);
                }
            })?;
            let has = |place| bits::has(&fitting, place);
            crate::attribute::scatter_each(&names.rows, names.texts.len(), has, rows, out)
        }
        Test::Attribute(comparison, operand) => {
            Attribute::open(body, rows)?.add_matching(*comparison, operand, out)
        }
        Test::Score(comparison, value) => {
            let operand = Operand::Number(*value);
            Attribute::open(body, rows)?.add_matching(*comparison, &operand, out)
        }
        Test::Signal(comparison, value) => {
            let signal = Signal::open(body, rows)?;
            signal.add_matching(*comparison, *value, &mut found.certain, &mut found.possible)
        }
        Test::Instant(comparison, at) => {
            let instants = Instants::open(body, rows)?;
            let range = instants.values.range(*comparison, |value| Some(value.cmp(at)));
            scatter(&instants.rows, &instants.values, range, rows, out)
        }
        Test::Count(comparison, count) => {
            let counts = column::open_counts(body, rows)?;
            #[expect(clippy::cast_precision_loss, reason = "a profile has few observations")]
            let order = |value: i64| (value as f64).partial_cmp(count);
            counts.within(counts.range(*comparison, order), out);
            Ok(())
        }
        Test::Words { words, phrase } => {
            let postings = Postings::open(body, rows)?;
            let mut all = vec![0; out.len()];
            bits::fill(&mut all, rows);
            for word in *words {
                let mut one = vec![0; out.len()];
                if word.prefix {
                    postings.add_prefix(word.text.as_bytes(), &mut one)?;
                } else {
                    postings.add_term(word.text.as_bytes(), &mut one)?;
                }
                all.iter_mut().zip(&one).for_each(|(all, one)| *all &= one);
                if all.iter().all(|word| *word == 0) {
                    break;
                }
            }
            // That all words of a phrase occur says only that it may be there.
            let to = if *phrase { &mut found.possible } else { &mut found.certain };
            to.copy_from_slice(&all);
            Ok(())
        }
        Test::Status(_) | Test::Changed(..) => Ok(()),
    }
}
