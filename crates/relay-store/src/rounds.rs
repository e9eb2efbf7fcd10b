//! Look, judge, commit; and again for what other writers overtook meanwhile.

use std::collections::HashSet;

use kartei_protocol::sync::{ErasedLine, PushEnd};

use crate::access::OrgId;
use crate::engine::{AsOf, Asked, Committed, Held, Want, Write};
use crate::error::RelayStoreError;
use crate::store::RelayStore;
use crate::{erasure, parallel};

/// How often something is judged again. Each time at least one other commit went through, so this
/// many in a row on the same profiles is a fault rather than bad luck.
const ROUNDS_MAX: usize = 50;

/// What is to be done with an item.
pub(crate) enum Judged<A> {
    /// Nothing is written.
    Answer(A),
    /// This is written, and then that is the answer.
    Write(Box<Write>, A),
}

/// What is known of items before.
pub(crate) struct Seen {
    /// When they were looked at.
    pub(crate) as_of: AsOf,
    /// Which of them had no profile, or are hoped to have none.
    pub(crate) absent: Vec<bool>,
}

/// What was done with all items.
pub(crate) struct Done<A> {
    /// For each item the answer, and the revision where it was written.
    pub(crate) answers: Vec<(A, Option<u64>)>,
    /// What it did to the order.
    pub(crate) end: PushEnd,
}

/// What items come to, while they are committed.
pub(crate) trait Answered<A> {
    /// The answer of each item that is settled when the writes have these revisions.
    fn with(&self, revs: &[Option<u64>]) -> Vec<Option<&A>>;
}

struct Round<'a, A> {
    answers: &'a [Option<(A, Option<u64>)>],
    waiting: &'a [(usize, A)],
}

impl<A> Answered<A> for Round<'_, A> {
    fn with(&self, revs: &[Option<u64>]) -> Vec<Option<&A>> {
        let mut all: Vec<Option<&A>> =
            self.answers.iter().map(|one| one.as_ref().map(|(answer, _)| answer)).collect();
        for ((at, answer), rev) in self.waiting.iter().zip(revs) {
            all[*at] = rev.is_some().then_some(answer);
        }
        all
    }
}

impl RelayStore {
    /// Judges items on this side of the database, without a lock and on all cores, and writes what
    /// comes of them. The same profile twice: the second is judged after the first was written. What
    /// was erased is not judged: `erased` says what is answered.
    pub(crate) fn settle<I: Sync, A: Send>(
        &self,
        org: OrgId,
        items: &[I],
        ask: impl Fn(&I) -> Asked<'_>,
        erased: impl Fn(&I, &ErasedLine) -> A,
        judge: impl Fn(&I, Option<&Held>) -> Result<Judged<A>, RelayStoreError> + Sync,
    ) -> Result<Done<A>, RelayStoreError> {
        let unseen = Seen { as_of: AsOf::Rev(0), absent: vec![false; items.len()] };
        self.settle_in(org, items, unseen, ask, erased, judge, |writes, as_of, _| {
            self.engine.commit(org, writes, as_of)
        })
    }

    /// The same with another way to commit, which is told what each item comes to with it. Items whose
    /// profile was seen to be absent a moment ago, or is hoped to be, are not looked for: the commit
    /// finds out, under the lock, where that is not so.
    #[expect(clippy::too_many_arguments, reason = "each is a step of the walk")]
    pub(crate) fn settle_in<I: Sync, A: Send>(
        &self,
        org: OrgId,
        items: &[I],
        seen: Seen,
        ask: impl Fn(&I) -> Asked<'_>,
        erased: impl Fn(&I, &ErasedLine) -> A,
        judge: impl Fn(&I, Option<&Held>) -> Result<Judged<A>, RelayStoreError> + Sync,
        commit: impl Fn(&[Write], AsOf, &dyn Answered<A>) -> Result<Committed, RelayStoreError>,
    ) -> Result<Done<A>, RelayStoreError> {
        let Seen { as_of: seen_at, mut absent } = seen;
        let mut answers: Vec<Option<(A, Option<u64>)>> = items.iter().map(|_| None).collect();
        let mut pending: Vec<usize> = (0..items.len()).collect();
        let mut end: Option<PushEnd> = None;
        for _ in 0..ROUNDS_MAX {
            if pending.is_empty() {
                break;
            }
            let mut taken = HashSet::new();
            let (round, later): (Vec<usize>, Vec<usize>) =
                pending.into_iter().partition(|at| taken.insert(ask(&items[*at]).id));
            pending = later;
            let (new, round): (Vec<usize>, Vec<usize>) =
                round.into_iter().partition(|at| std::mem::take(&mut absent[*at]));
            let mut work: Vec<(usize, Option<Held>)> = Vec::with_capacity(new.len() + round.len());
            let mut as_of = if new.is_empty() { AsOf::Rev(u64::MAX) } else { seen_at };
            if !round.is_empty() {
                let asked: Vec<Asked<'_>> = round.iter().map(|at| ask(&items[*at])).collect();
                let looked = self.engine.look(org, &asked)?;
                as_of = as_of.and(looked.as_of);
                work.extend(round.into_iter().zip(looked.held));
            }
            let missing: Vec<usize> =
                work.iter().filter(|(_, held)| held.is_none()).map(|(at, _)| *at).collect();
            let ids: Vec<&str> = missing.iter().map(|at| ask(&items[*at]).id).collect();
            for (at, found) in missing.iter().zip(self.erased_of(org, &ids)?) {
                if let Some((erasure, key)) = found {
                    let line = erasure::line(&erasure, &key);
                    answers[*at] = Some((erased(&items[*at], &line), None));
                }
            }
            work.retain(|(at, _)| answers[*at].is_none());
            work.extend(new.into_iter().map(|at| (at, None)));
            // Revisions are given in the order of the items.
            work.sort_unstable_by_key(|(at, _)| *at);
            let judged = parallel::map(&work, |(at, held)| judge(&items[*at], held.as_ref()))?;
            let (mut writes, mut waiting) = (Vec::new(), Vec::new());
            for ((at, _), judged) in work.into_iter().zip(judged) {
                match judged {
                    Judged::Answer(answer) => answers[at] = Some((answer, None)),
                    Judged::Write(write, answer) => {
                        writes.push(*write);
                        waiting.push((at, answer));
                    }
                }
            }
            if writes.is_empty() {
                continue;
            }
            let done = commit(&writes, as_of, &Round { answers: &answers, waiting: &waiting })?;
            let mut overtaken = Vec::new();
            for ((at, answer), rev) in waiting.into_iter().zip(done.revs) {
                match rev {
                    Some(rev) => answers[at] = Some((answer, Some(rev))),
                    None => overtaken.push(at),
                }
            }
            // Overtaken ones go first: what names the same profile later must come after them.
            overtaken.append(&mut pending);
            pending = overtaken;
            let head_before = match &end {
                // Nobody else wrote between this commit and the one before.
                Some(end) if end.head_rev == done.head_before => end.head_before,
                _ => done.head_before,
            };
            end = Some(PushEnd {
                epoch: done.epoch,
                head_before,
                head_rev: done.head_rev,
                total: done.total.map(|total| total.to_string()),
            });
        }
        let answers: Option<Vec<_>> = answers.into_iter().collect();
        let answers = answers.ok_or(RelayStoreError::Overtaken)?;
        let end = match end {
            Some(end) => end,
            None => {
                let head = self.engine.head(org)?;
                PushEnd {
                    epoch: head.epoch,
                    head_before: head.rev,
                    head_rev: head.rev,
                    total: head.total.map(|total| total.to_string()),
                }
            }
        };
        Ok(Done { answers, end })
    }
}

/// A question about a profile.
pub(crate) fn ask(id: &str, want: Want) -> Asked<'_> {
    Asked { id, want }
}
