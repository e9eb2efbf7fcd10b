//! Where records come from.

use std::ops::ControlFlow;

use crate::error::Error;
use crate::{OnProgress, Phase, Progress};

/// Some canonical records, in one piece of memory that is used again for the next ones.
#[derive(Debug, Default)]
pub struct Batch {
    text: String,
    ends: Vec<usize>,
}

impl Batch {
    /// Adds a record: its canonical form, without a line feed.
    pub fn push(&mut self, record: &str) {
        self.text.push_str(record);
        self.ends.push(self.text.len());
    }

    /// Records in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Takes all records out.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// The records, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }
}

/// Hands over canonical records in order.
pub trait Source {
    /// What goes wrong while reading.
    type Error;

    /// Adds the next records to `batch`, which is empty. A batch that stays empty is the end.
    /// Some hundred records are a good batch: progress is told and cancelling noticed after each.
    ///
    /// # Errors
    /// Where the records cannot be read.
    fn next(&mut self, batch: &mut Batch) -> Result<(), Self::Error>;

    /// Starts again from the beginning. Called at most once, between the pass that finds the
    /// columns and the pass that writes; both must see the same records, which a read transaction
    /// guarantees.
    ///
    /// # Errors
    /// Where that is not possible.
    fn rewind(&mut self) -> Result<(), Self::Error>;
}

/// A source together with who hears about progress: counts, and notices cancelling.
pub(crate) struct Feed<'a, S> {
    source: &'a mut S,
    on_progress: OnProgress<'a>,
    phase: Phase,
    batch: Batch,
    profiles: u64,
}

impl<'a, S: Source> Feed<'a, S> {
    pub(crate) fn new(source: &'a mut S, on_progress: OnProgress<'a>) -> Self {
        let batch = Batch::default();
        Self { source, on_progress, phase: Phase::Writing, batch, profiles: 0 }
    }

    /// Profiles of this pass that were taken in without an error.
    pub(crate) fn profiles(&self) -> u64 {
        self.profiles
    }

    /// Gives every record with its position, from 1, to `take`.
    pub(crate) fn each(
        &mut self,
        mut take: impl FnMut(u64, &str) -> Result<(), Error<S::Error>>,
    ) -> Result<(), Error<S::Error>> {
        loop {
            self.batch.clear();
            self.source.next(&mut self.batch).map_err(Error::Source)?;
            if self.batch.is_empty() {
                return Ok(());
            }
            for record in self.batch.iter() {
                take(self.profiles + 1, record)?;
                self.profiles += 1;
            }
            let progress = Progress { phase: self.phase, profiles: self.profiles };
            if (self.on_progress)(progress) == ControlFlow::Break(()) {
                return Err(Error::Cancelled);
            }
        }
    }

    /// Like [`Self::each`] for the pass that finds columns; then starts again.
    pub(crate) fn each_first(
        &mut self,
        take: impl FnMut(u64, &str) -> Result<(), Error<S::Error>>,
    ) -> Result<(), Error<S::Error>> {
        self.phase = Phase::FindingColumns;
        self.each(take)?;
        self.source.rewind().map_err(Error::Source)?;
        self.phase = Phase::Writing;
        self.profiles = 0;
        Ok(())
    }
}
