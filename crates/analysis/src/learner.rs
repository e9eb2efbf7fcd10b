//! A model that is learned of the first people, and by which everybody is judged.

use kartei_behavior::Vector;
use serde::{Deserialize, Serialize};

use crate::LEARNED_OF;
use crate::complete::People;
use crate::context::Context;

/// What can be learned of people.
pub(crate) trait Model: Sized {
    /// Of so many people at least.
    fn least(context: &Context) -> usize;

    /// Of the first [`LEARNED_OF`] people; nothing where they are too much alike.
    fn learn(context: &Context, people: &People) -> Option<Self>;

    /// Judges people, those that it was learned of among them.
    fn judge(&mut self, context: &Context, people: &People);
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State<M> {
    /// There are not enough people yet.
    Learning,
    /// There is a model.
    Learned(Box<M>),
    /// The first people are too much alike, so nobody is judged; all are counted.
    Alike(u64),
}

/// A model with those who wait for it. The result depends on the order of people and not on how they were
/// split: the first [`LEARNED_OF`] are learned of, and everybody is judged in turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Learner<M> {
    /// Not judged yet: fewer than [`LEARNED_OF`] and a chunk.
    waiting: People,
    /// People that were judged.
    judged: u64,
    state: State<M>,
}

/// What a learner came to.
#[derive(Debug)]
pub(crate) enum Told<'a, M> {
    /// A model that everybody was judged by.
    Learned(&'a M),
    /// There are too few people.
    TooFew,
    /// They are too much alike.
    Alike,
}

impl<M: Model + Clone> Learner<M> {
    pub(crate) fn begin(context: &Context) -> Self {
        Self { waiting: People::begin(context), judged: 0, state: State::Learning }
    }

    pub(crate) fn absorb(&mut self, id: &str, vector: &Vector) {
        self.waiting.add(id, vector);
    }

    /// Takes in those who come after; they have not been judged.
    pub(crate) fn merge(&mut self, context: &Context, next: Self) {
        self.waiting.append(next.waiting);
        self.settle(context, LEARNED_OF);
    }

    /// Learns where there are `enough` people and judges all who wait.
    fn settle(&mut self, context: &Context, enough: usize) {
        if matches!(self.state, State::Learning) && self.waiting.len() >= enough {
            self.state = match M::learn(context, &self.waiting) {
                Some(model) => State::Learned(Box::new(model)),
                None => State::Alike(0),
            };
        }
        let waiting = self.waiting.len() as u64;
        match &mut self.state {
            State::Learning => return,
            State::Learned(model) => {
                model.judge(context, &self.waiting);
                self.judged += waiting;
            }
            State::Alike(people) => *people += waiting,
        }
        self.waiting.clear();
    }

    /// The same with what can be learned of those who are there, everybody judged.
    pub(crate) fn settled(&self, context: &Context) -> Self {
        let mut settled = self.clone();
        settled.settle(context, M::least(context));
        settled
    }

    /// People with all scores.
    pub(crate) fn people(&self) -> u64 {
        let counted = if let State::Alike(people) = self.state { people } else { self.judged };
        counted + self.waiting.len() as u64
    }

    pub(crate) fn told(&self) -> Told<'_, M> {
        match &self.state {
            State::Learning => Told::TooFew,
            State::Learned(model) => Told::Learned(model),
            State::Alike(_) => Told::Alike,
        }
    }
}
