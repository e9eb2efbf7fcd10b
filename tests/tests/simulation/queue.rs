//! What will happen, in the order of a clock that only this queue moves.

use std::collections::BTreeMap;
use std::rc::Rc;

use kartei_local_store::Reread;
use kartei_protocol::sync::{Cursor, PushEnd};

use crate::faults::Fault;

/// Something at a moment.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// A person does something, and will again.
    Act { replica: usize },
    /// The moment that an engine asked for.
    Alarm { replica: usize, run: u32, number: u64 },
    /// A program gives up waiting for an answer.
    Timeout { replica: usize, request: u64 },
    /// A request reaches its relay.
    Request(Rc<Request>),
    /// An answer reaches its replica.
    Answer(Rc<Answer>),
    /// A relay's notice reaches a replica.
    Notice { replica: usize, run: u32, head_rev: u64 },
    /// Something breaks, and something else will.
    Fault,
    /// What broke is mended.
    Mended(Fault, usize),
}

/// What a replica asks a relay.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) replica: usize,
    pub(crate) run: u32,
    pub(crate) number: u64,
    pub(crate) handle: usize,
    pub(crate) asks: Asks,
}

/// The question.
#[derive(Debug)]
pub(crate) enum Asks {
    /// A page of the feed.
    Page(Option<Cursor>),
    /// To take these items, as they are on the wire.
    Take(String),
}

/// What a relay answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) request: Rc<Request>,
    pub(crate) says: Says,
}

/// The answer.
#[derive(Debug)]
pub(crate) enum Says {
    /// A page: its lines as they are on the wire, and where to go on.
    Page { lines: String, cursor: Cursor, more: bool, total: Option<String> },
    /// The relay cannot go on from the cursor.
    StartOver(Reread),
    /// What became of the items, as it is on the wire.
    Taken { answers: String, end: PushEnd },
}

/// Moments in milliseconds since 1970, with what happens then. What is due at the same moment
/// happens in the order in which it was planned.
#[derive(Debug)]
pub(crate) struct Queue {
    now: u64,
    planned: u64,
    waiting: BTreeMap<(u64, u64), Happening>,
}

impl Queue {
    pub(crate) fn new(now: u64) -> Self {
        Self { now, planned: 0, waiting: BTreeMap::new() }
    }

    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Plans something for a moment; for the past means now.
    pub(crate) fn at(&mut self, at: u64, happening: Happening) {
        self.planned += 1;
        self.waiting.insert((at.max(self.now), self.planned), happening);
    }

    pub(crate) fn after(&mut self, pause: u64, happening: Happening) {
        self.at(self.now + pause, happening);
    }

    /// The next thing, at its moment.
    pub(crate) fn next(&mut self) -> Option<Happening> {
        let ((at, _), happening) = self.waiting.pop_first()?;
        self.now = self.now.max(at);
        Some(happening)
    }

    /// Time passes in which nothing happens; what was due meanwhile is due at once.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.now += millis;
    }

    /// Whether a request or an answer is under way.
    pub(crate) fn carries_messages(&self) -> bool {
        self.waiting.values().any(|h| matches!(h, Happening::Request(_) | Happening::Answer(_)))
    }
}
