//! One file on its way to the relay.

use std::collections::BTreeMap;

use kartei_pieces::Ranges;
use kartei_protocol::uploads::{UploadPhase, UploadState};

use crate::control::Control;
use crate::failure::{Failure, Weight};
use crate::rate::Rate;
use crate::retry::Backoff;

/// A file of this size at most goes in one request, that creates, sends and completes.
pub const SMALL_BYTES_MAX: u64 = 1024 * 1024;

/// A request that neither takes bytes nor is answered for so long is given up: the connection is dead, and the
/// systems on both sides may not notice for hours.
pub const STALL_MS: u64 = 45_000;

/// After this the relay is asked again to make a file of the bytes: the one that had begun may have died at it, and a
/// relay does not go on with it by itself.
const COMPLETING_MS: u64 = 1_000;

/// So often in a row the two sides may not agree, before a person is asked.
const DOUBTS_MAX: u32 = 5;

/// So often an upload begins anew before a person is asked: a relay that forgets every session would be sent the
/// same bytes for ever.
const ANEW_MAX: u32 = 5;

/// Names a request that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// What to do next. Each is answered once, by [`Plan::settle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Create the session. The key is the upload's own with this number: the same answers the same session.
    Create {
        /// Grows each time that the upload begins anew.
        generation: u32,
        /// The whole file goes along, and `complete=true`.
        whole: bool,
    },
    /// Send the bytes `[from, to)`.
    Send {
        /// The first byte: a multiple of the relay's piece.
        from: u64,
        /// The byte after the last one.
        to: u64,
    },
    /// Ask for the session's state.
    Ask,
    /// Complete the session, with the digest of what was read.
    Complete,
    /// End the session; nobody wants the file any more.
    Abort,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The relay answered the session's state.
    State(Box<UploadState>),
    /// It failed.
    Failed(Failure),
    /// It was given up here, as after [`Plan::pause`].
    Dropped,
}

/// How an upload ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The file is at the relay.
    Completed {
        /// Its id.
        file: String,
        /// BLAKE3 of what the relay has.
        digest: Option<String>,
    },
    /// It would fail again; a person decides.
    Failed(Failure),
    /// It was cancelled here.
    Cancelled,
}

/// What an upload is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It goes.
    Running,
    /// It is tried again at this time.
    Waiting {
        /// When.
        until: u64,
        /// What failed.
        failure: Failure,
    },
    /// Somebody paused it.
    Paused,
    /// It ended.
    Ended(End),
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Bytes of the file.
    pub size: u64,
    /// Bytes that the relay has for good.
    pub durable: u64,
    /// The same with what is on its way.
    pub sent: u64,
    /// Bytes a second, smoothed.
    pub rate: Option<f64>,
    /// Seconds that are left at this rate.
    pub seconds_left: Option<f64>,
    /// Requests that send bytes now.
    pub streams: u32,
    /// Bytes of a request, as they are chosen now.
    pub request_bytes: u64,
}

#[derive(Debug, Clone)]
struct Flight {
    step: Step,
    generation: u32,
    begun: u64,
    /// When it last took bytes.
    seen: u64,
    sent: u64,
}

/// The plan of one upload. [`Plan::next`] hands out steps until it has none, [`Plan::settle`] takes their answers.
#[derive(Debug, Clone)]
pub struct Plan {
    size: u64,
    session: Option<String>,
    generation: u32,
    received: Ranges,
    flights: BTreeMap<u64, Flight>,
    tickets: u64,
    /// What is there has to be asked for before anything else.
    must_ask: bool,
    /// A chunk was acknowledged while the state was asked for.
    passed_ask: bool,
    /// The relay has all bytes and had begun to make a file of them when it last answered.
    completing: bool,
    /// The request that has everything failed once: the file goes in chunks.
    in_chunks: bool,
    doubts: u32,
    anew: u32,
    backoff: Backoff,
    control: Control,
    rate: Rate,
    phase: Phase,
    cancelled: bool,
}

impl Plan {
    /// The plan of a file of `size` bytes. `session` is the one that it had when the program ended, `generation`
    /// how often it began anew.
    #[must_use]
    pub fn new(size: u64, session: Option<String>, generation: u32) -> Self {
        Self {
            size,
            must_ask: session.is_some(),
            session,
            generation,
            received: Ranges::default(),
            flights: BTreeMap::new(),
            tickets: 0,
            passed_ask: false,
            completing: false,
            in_chunks: false,
            doubts: 0,
            anew: 0,
            backoff: Backoff::default(),
            control: Control::new(),
            rate: Rate::default(),
            phase: Phase::Running,
            cancelled: false,
        }
    }

    /// The next step; nothing while there is none, until an answer comes or [`Plan::wake_at`].
    pub fn next(&mut self, now: u64) -> Option<(Ticket, Step)> {
        if let Phase::Waiting { until, .. } = self.phase
            && now >= until
        {
            self.phase = Phase::Running;
        }
        if self.phase != Phase::Running {
            return None;
        }
        let step = self.choose()?;
        self.tickets += 1;
        let generation = self.generation;
        let flight = Flight { step, generation, begun: now, seen: now, sent: 0 };
        self.flights.insert(self.tickets, flight);
        Some((Ticket(self.tickets), step))
    }

    fn choose(&mut self) -> Option<Step> {
        let alone = self.flights.is_empty();
        if self.cancelled {
            return alone.then_some(Step::Abort);
        }
        if self.session.is_none() {
            let whole = self.size <= SMALL_BYTES_MAX && !self.in_chunks;
            return alone.then_some(Step::Create { generation: self.generation, whole });
        }
        // Whatever is under way besides chunks decides what follows.
        if self.flights.values().any(|flight| !matches!(flight.step, Step::Send { .. })) {
            return None;
        }
        if self.must_ask {
            self.must_ask = false;
            self.passed_ask = false;
            return Some(Step::Ask);
        }
        if self.completing {
            return alone.then_some(Step::Complete);
        }
        if self.flights.len() >= usize::try_from(self.control.streams()).unwrap_or(usize::MAX) {
            return None;
        }
        match self.next_range() {
            Some((from, to)) => Some(Step::Send { from, to }),
            None if alone && self.received.covers(self.size) => Some(Step::Complete),
            None => None,
        }
    }

    /// The first bytes that are neither there nor on their way.
    fn next_range(&self) -> Option<(u64, u64)> {
        let mut taken = self.received.clone();
        for flight in self.flights.values() {
            if let Step::Send { from, to } = flight.step {
                taken.add(from, to);
            }
        }
        let (gap, end) = taken.gaps(0, self.size).next()?;
        let piece = self.control.piece();
        let from = gap / piece * piece;
        let mut bytes = self.control.request_bytes();
        // At the end what is left is shared among the streams, so that none waits for the last.
        let left = self.size - taken.len().min(self.size);
        let streams = u64::from(self.control.streams());
        if left < bytes.saturating_mul(streams) {
            bytes = bytes.min(left.div_ceil(streams).next_multiple_of(piece));
        }
        let to = from.saturating_add(bytes).min(end.next_multiple_of(piece)).min(self.size);
        Some((from, to))
    }

    /// So many more bytes of a request were handed to the connection.
    pub fn sent(&mut self, ticket: Ticket, now: u64, bytes: u64) {
        if let Some(flight) = self.flights.get_mut(&ticket.0) {
            flight.sent += bytes;
            flight.seen = now;
            self.rate.count(now, bytes);
        }
    }

    /// Requests that stand still for too long: whoever drives the plan drops them, and settles them as failed.
    #[must_use]
    pub fn stalled(&self, now: u64) -> Vec<Ticket> {
        let dead = |flight: &Flight| now.saturating_sub(flight.seen) >= STALL_MS;
        self.flights.iter().filter(|(_, f)| dead(f)).map(|(ticket, _)| Ticket(*ticket)).collect()
    }

    /// When to ask again without an answer: the end of a pause, or a request that stands still by then.
    #[must_use]
    pub fn wake_at(&self) -> Option<u64> {
        let stall = self.flights.values().map(|flight| flight.seen + STALL_MS).min();
        let pause = match self.phase {
            Phase::Waiting { until, .. } => Some(until),
            _ => None,
        };
        pause.into_iter().chain(stall).min()
    }

    /// Takes the answer to a step. A ticket that is not known is passed over.
    pub fn settle(&mut self, ticket: Ticket, now: u64, random: u64, answer: Answer) {
        let Some(flight) = self.flights.remove(&ticket.0) else { return };
        // What became of a session that was given up says nothing of the one after it.
        if self.has_ended() || flight.generation != self.generation {
            return;
        }
        match answer {
            Answer::Dropped => self.must_ask = self.session.is_some(),
            Answer::State(state) => self.learn(&flight, now, random, &state),
            Answer::Failed(failure) => self.fail(&flight, now, random, failure),
        }
    }

    fn learn(&mut self, flight: &Flight, now: u64, random: u64, state: &UploadState) {
        self.backoff.reset();
        if matches!(flight.step, Step::Abort) {
            self.end(End::Cancelled);
            return;
        }
        let is_other = state.size.is_some_and(|size| size != self.size);
        if is_other || state.state == UploadPhase::Expired {
            self.begin_anew(now, random, gone());
            return;
        }
        self.session = Some(state.id.clone());
        self.completing = state.state == UploadPhase::Completing;
        self.control.limit(state.piece_bytes, state.request_bytes_max, state.streams_max);
        match state.state {
            UploadPhase::Open => self.take_ranges(flight, now, state),
            UploadPhase::Completing => {
                self.wait(now + COMPLETING_MS, completing());
            }
            UploadPhase::Completed => {
                let (file, digest) = (state.file.clone(), state.digest.clone());
                self.end(match file {
                    Some(file) => End::Completed { file, digest },
                    None => End::Failed(gone()),
                });
            }
            UploadPhase::Failed | UploadPhase::Aborted | UploadPhase::Expired => {
                let code = state.problem.clone().unwrap_or_else(|| "upload_gone".to_owned());
                self.end(End::Failed(Failure { code, status: 410, retry_after_ms: None }));
            }
        }
    }

    fn take_ranges(&mut self, flight: &Flight, now: u64, state: &UploadState) {
        let theirs: Ranges = state.received.iter().copied().collect();
        match flight.step {
            // Asked while nothing else was acknowledged: this is what is there, whatever was believed.
            Step::Ask if !self.passed_ask => self.received = theirs,
            Step::Create { .. } => self.received = theirs,
            _ => theirs.as_slice().iter().for_each(|(from, to)| self.received.add(*from, *to)),
        }
        if let Step::Send { from, to } = flight.step {
            self.passed_ask = true;
            self.doubts = 0;
            let is_whole = to - from >= self.control.request_bytes();
            self.control.went_through(now, to - from, now.saturating_sub(flight.begun), is_whole);
        }
    }

    fn fail(&mut self, flight: &Flight, now: u64, random: u64, failure: Failure) {
        if matches!(flight.step, Step::Abort) {
            // The session expires by itself; what matters here is that nothing is sent any more.
            self.end(End::Cancelled);
            return;
        }
        let weight = failure.weight();
        match weight {
            Weight::Fatal => return self.end(End::Failed(failure)),
            Weight::Gone => return self.begin_anew(now, random, failure),
            Weight::Doubt => {
                self.doubts += 1;
                if self.doubts > DOUBTS_MAX {
                    return self.end(End::Failed(failure));
                }
            }
            Weight::Way => self.control.failed(),
            Weight::Busy => {}
        }
        // The whole file in one request may have arrived: the same key answers what is there.
        self.in_chunks |= matches!(flight.step, Step::Create { whole: true, .. });
        self.must_ask = self.session.is_some();
        let pause = self.backoff.next_ms(random, failure.retry_after_ms);
        self.wait(now + pause, failure);
    }

    fn begin_anew(&mut self, now: u64, random: u64, failure: Failure) {
        self.anew += 1;
        if self.anew > ANEW_MAX {
            return self.end(End::Failed(failure));
        }
        self.generation += 1;
        self.session = None;
        self.must_ask = false;
        self.completing = false;
        self.received = Ranges::default();
        let pause = self.backoff.next_ms(random, failure.retry_after_ms);
        self.wait(now + pause, failure);
    }

    /// A pause does not become shorter by a second failure.
    fn wait(&mut self, until: u64, failure: Failure) {
        if self.cancelled {
            return;
        }
        match &mut self.phase {
            Phase::Waiting { until: set, .. } => *set = (*set).max(until),
            Phase::Running => self.phase = Phase::Waiting { until, failure },
            Phase::Paused | Phase::Ended(_) => {}
        }
    }

    fn end(&mut self, end: End) {
        self.phase = Phase::Ended(end);
    }

    fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// Stops; what is on its way is to be dropped and settled as [`Answer::Dropped`].
    pub fn pause(&mut self) {
        if !self.has_ended() && !self.cancelled {
            self.phase = Phase::Paused;
            self.calm_down();
        }
    }

    /// Goes on, and tries at once what waits: somebody asked for it, or the network changed.
    pub fn resume(&mut self) {
        if !self.has_ended() {
            self.phase = Phase::Running;
            self.must_ask = self.session.is_some();
            self.backoff.reset();
            self.calm_down();
        }
    }

    /// Gives the upload up, here and at the relay. What is on its way is to be dropped.
    pub fn cancel(&mut self) {
        if self.has_ended() {
            return;
        }
        self.cancelled = true;
        match self.session {
            Some(_) => self.phase = Phase::Running,
            None => self.end(End::Cancelled),
        }
    }

    fn calm_down(&mut self) {
        self.rate.forget();
        self.control.forget();
    }

    /// What it is at.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The relay's session, while there is one.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// How often it began anew.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Failures in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    /// How far it is.
    pub fn progress(&mut self, now: u64) -> Progress {
        let durable = self.received.len().min(self.size);
        let (mut flying, mut streams) = (0, 0);
        for flight in self.flights.values() {
            if let Step::Send { from, to } = flight.step {
                flying += flight.sent.min(to - from);
                streams += 1;
            }
        }
        let sent = durable.saturating_add(flying).min(self.size);
        let rate = match self.phase {
            Phase::Running => self.rate.per_sec(now),
            _ => None,
        };
        #[expect(clippy::cast_precision_loss, reason = "a number for people")]
        let left = (self.size - sent) as f64;
        let seconds_left = rate.filter(|rate| *rate >= 1.0).map(|rate| left / rate);
        let request_bytes = self.control.request_bytes();
        Progress { size: self.size, durable, sent, rate, seconds_left, streams, request_bytes }
    }
}

fn gone() -> Failure {
    Failure { code: "upload_gone".to_owned(), status: 410, retry_after_ms: None }
}

/// Not a failure: all bytes are there, and the relay makes a file of them.
fn completing() -> Failure {
    Failure { code: "completing".to_owned(), status: 200, retry_after_ms: None }
}
