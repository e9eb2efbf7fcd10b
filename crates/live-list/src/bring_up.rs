//! Bringing a list up to a later revision, all or nothing.

use crate::error::BringUpError;
use crate::list::LiveList;
use crate::prepare::{PreparedRows, Preparer};
use crate::row::Change;

/// Changes that are prepared together.
const BATCH_ROWS: usize = 1_000;

/// A list on its way to a revision. While it is, nobody can read it; where it is dropped before
/// [`finish`](Self::finish) and something was added, the list is cleared: half of it is worse than
/// none.
#[derive(Debug)]
pub struct BringUp<'a> {
    list: &'a mut LiveList,
    to_rev: u64,
    is_touched: bool,
    preparer: Preparer,
}

impl BringUp<'_> {
    /// Adds changes that a [`Preparer`] prepared. Where a profile comes several times, the last
    /// one counts; so add batches in the order in which they were read.
    ///
    /// # Errors
    /// [`BringUpError::Ahead`] and [`BringUpError::TooMany`].
    pub fn add(&mut self, prepared: PreparedRows) -> Result<(), BringUpError> {
        if let Some((rev, id)) = &prepared.newest
            && *rev > self.to_rev
        {
            return Err(BringUpError::Ahead { id: id.clone(), rev: *rev, to: self.to_rev });
        }
        self.is_touched = true;
        self.list.apply(prepared, &mut self.preparer)
    }

    /// Everything up to the revision was added: it is the list's now.
    pub fn finish(mut self) {
        self.list.rev = self.to_rev;
        self.is_touched = false;
    }
}

impl Drop for BringUp<'_> {
    fn drop(&mut self) {
        if self.is_touched {
            self.list.clear();
        }
    }
}

impl LiveList {
    /// Begins to bring the list up to a revision: everything that changed after
    /// [`rev`](Self::rev) up to `to_rev` is to be added. The revision may be the one that the list
    /// has, for rows that are given again ([`worn`](Self::worn)).
    ///
    /// # Errors
    /// [`BringUpError::Behind`].
    pub fn begin(&mut self, to_rev: u64) -> Result<BringUp<'_>, BringUpError> {
        if to_rev < self.rev {
            return Err(BringUpError::Behind { at: self.rev, to: to_rev });
        }
        Ok(BringUp { list: self, to_rev, is_touched: false, preparer: Preparer::default() })
    }

    /// Brings the list up to a revision with all changes since [`rev`](Self::rev), on this thread:
    /// for some rows, or some thousand.
    ///
    /// # Errors
    /// [`BringUpError`].
    pub fn bring_up(
        &mut self,
        changes: impl IntoIterator<Item = Change>,
        to_rev: u64,
    ) -> Result<(), BringUpError> {
        let mut changes = changes.into_iter();
        let mut bringing = self.begin(to_rev)?;
        loop {
            let batch: Vec<Change> = changes.by_ref().take(BATCH_ROWS).collect();
            if batch.is_empty() {
                bringing.finish();
                return Ok(());
            }
            let prepared = bringing.preparer.prepare(batch)?;
            bringing.add(prepared)?;
        }
    }

    /// As [`bring_up`](Self::bring_up), with batches of some thousand rows that are prepared on
    /// `threads` threads while this one reads on: for many rows. At most three batches for each
    /// thread are in memory.
    ///
    /// # Errors
    /// What reading a batch fails with, or a [`BringUpError`].
    pub fn bring_up_on<E: From<BringUpError>>(
        &mut self,
        threads: usize,
        batches: impl IntoIterator<Item = Result<Vec<Change>, E>>,
        to_rev: u64,
    ) -> Result<(), E> {
        let mut batches = batches.into_iter();
        let mut preparers: Vec<Preparer> = Vec::new();
        preparers.resize_with(threads.max(1), Preparer::default);
        let mut bringing = self.begin(to_rev)?;
        let count = preparers.len();
        let mut read = || batches.by_ref().take(count).collect::<Result<Vec<_>, E>>();
        let mut round = read()?;
        let mut ready: Vec<PreparedRows> = Vec::new();
        // In rounds: one is added, one is prepared, one is read. So they keep their order.
        while !round.is_empty() || !ready.is_empty() {
            let (added, prepared, next) = std::thread::scope(|scope| {
                let workers: Vec<_> = std::mem::take(&mut round)
                    .into_iter()
                    .zip(&mut preparers)
                    .map(|(batch, preparer)| scope.spawn(move || preparer.prepare(batch)))
                    .collect();
                let added = ready.drain(..).try_for_each(|prepared| bringing.add(prepared));
                let next = read();
                let prepared: Result<Vec<_>, BringUpError> = workers
                    .into_iter()
                    .map(|worker| {
                        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                    })
                    .collect();
                (added, prepared, next)
            });
            added?;
            ready = prepared?;
            round = next?;
        }
        bringing.finish();
        Ok(())
    }
}
