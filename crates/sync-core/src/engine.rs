//! When a replica pulls, pushes and waits.
//!
//! One cycle pulls until the feed is read, then pushes until the outbox is empty, then pulls once
//! more if others wrote meanwhile. A local change, a notice of the relay, a request by a person or
//! the poll timer starts a cycle; whatever comes during one starts another after it. The engine
//! holds no data and touches nothing: the driver does what [`Effect`] says and reports back.

/// Without a notice for this long, a replica looks by itself: notices are a hint, not a promise.
pub const POLL_MS: u64 = 30_000;

/// First pause after a failure. Doubles up to [`BACKOFF_MAX_MS`].
const BACKOFF_MIN_MS: u64 = 500;

/// A laptop that wakes on another network should not wait longer than this.
const BACKOFF_MAX_MS: u64 = 60_000;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A profile was edited or imported here.
    LocalChange,
    /// The relay says that its newest revision is this.
    HeadNotice {
        /// The relay's newest revision.
        head_rev: u64,
        /// The revision up to which this replica is complete.
        complete_rev: u64,
    },
    /// A person wants it now.
    SyncNow,
    /// The clock reached the moment of the last [`Effect::WakeAt`].
    Woke,
    /// A page of the feed was applied.
    Pulled {
        /// Whether more follows.
        more: bool,
        /// Whether the outbox holds something that the relay has not refused.
        to_send: bool,
    },
    /// A batch of the outbox was sent and the answers were applied.
    Pushed {
        /// Whether the outbox still holds something that the relay has not refused.
        to_send: bool,
        /// Whether any item was settled; without progress it is a fault, not work.
        progress: bool,
        /// Whether the replica is complete up to the relay's newest revision.
        complete: bool,
    },
    /// The last effect failed.
    Failed(Failure),
}

/// Why an effect failed, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection, a timeout, a relay that says "later": tried again by itself.
    Transient,
    /// The token may read but not write: pulls go on.
    PushForbidden,
    /// Nothing will change by trying again.
    Permanent,
}

/// What the driver is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Get a page of the feed and apply it, then report [`Event::Pulled`].
    Pull,
    /// Send a batch of the outbox and apply the answers, then report [`Event::Pushed`].
    Push,
    /// Report [`Event::Woke`] at this moment, instead of any asked for before.
    WakeAt(u64),
}

/// Where the engine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing to exchange, as of the end of the last cycle.
    UpToDate,
    /// In a cycle.
    Syncing,
    /// The relay could not be reached; tried again at the moment given.
    Offline {
        /// When, in the driver's milliseconds.
        retry_at: u64,
    },
    /// Everything was read, but this token may not write.
    ReadOnly,
    /// Waits for a person.
    Halted,
}

/// The order of pulling, pushing and waiting.
#[derive(Debug)]
pub struct Engine {
    phase: Phase,
    again: bool,
    failures: u32,
    may_push: bool,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// An engine that has not started; [`Event::SyncNow`] starts it.
    #[must_use]
    pub fn new() -> Self {
        Self { phase: Phase::UpToDate, again: false, failures: 0, may_push: true }
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Takes an event at `now` (the driver's milliseconds) and says what to do next. `random`
    /// spreads the pauses of many replicas that lost the same relay.
    pub fn handle(&mut self, now: u64, random: u64, event: Event) -> Option<Effect> {
        match event {
            Event::HeadNotice { head_rev, complete_rev } if head_rev <= complete_rev => None,
            Event::HeadNotice { .. } => match self.phase {
                Phase::Syncing => self.note(),
                Phase::Halted => None,
                // Who gives notice is there again: no need to wait for the retry.
                _ => self.start(),
            },
            Event::LocalChange => match self.phase {
                Phase::Syncing => self.note(),
                // While the relay is away a local change does not hammer at its door.
                Phase::Offline { .. } | Phase::Halted => None,
                Phase::UpToDate | Phase::ReadOnly => self.start(),
            },
            Event::SyncNow => match self.phase {
                Phase::Syncing => self.note(),
                _ => {
                    self.may_push = true;
                    self.start()
                }
            },
            Event::Woke => match self.phase {
                Phase::Syncing | Phase::Halted => None,
                _ => self.start(),
            },
            Event::Pulled { more: true, .. } => Some(Effect::Pull),
            Event::Pulled { more: false, to_send } => {
                self.failures = 0;
                if to_send && self.may_push {
                    Some(Effect::Push)
                } else {
                    self.finish(now, to_send)
                }
            }
            Event::Pushed { progress: false, to_send: true, .. } => self.fail(now, random),
            Event::Pushed { to_send: true, .. } => Some(Effect::Push),
            Event::Pushed { complete: false, .. } => Some(Effect::Pull),
            Event::Pushed { .. } => {
                self.failures = 0;
                self.finish(now, false)
            }
            Event::Failed(Failure::Transient) => self.fail(now, random),
            Event::Failed(Failure::PushForbidden) => {
                self.may_push = false;
                self.finish(now, true)
            }
            Event::Failed(Failure::Permanent) => {
                self.phase = Phase::Halted;
                None
            }
        }
    }

    fn note(&mut self) -> Option<Effect> {
        self.again = true;
        None
    }

    fn start(&mut self) -> Option<Effect> {
        self.phase = Phase::Syncing;
        self.again = false;
        Some(Effect::Pull)
    }

    fn finish(&mut self, now: u64, left: bool) -> Option<Effect> {
        if self.again {
            return self.start();
        }
        self.phase = if left && !self.may_push { Phase::ReadOnly } else { Phase::UpToDate };
        Some(Effect::WakeAt(now + POLL_MS))
    }

    fn fail(&mut self, now: u64, random: u64) -> Option<Effect> {
        let doubled = BACKOFF_MIN_MS.saturating_mul(1 << self.failures.min(16));
        let pause = doubled.min(BACKOFF_MAX_MS);
        self.failures = self.failures.saturating_add(1);
        // Between three quarters and five quarters of the pause.
        let retry_at = now + pause * 3 / 4 + random % (pause / 2 + 1);
        self.phase = Phase::Offline { retry_at };
        Some(Effect::WakeAt(retry_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle() -> Engine {
        let mut engine = Engine::new();
        assert_eq!(engine.handle(0, 0, Event::SyncNow), Some(Effect::Pull));
        engine.handle(0, 0, Event::Pulled { more: false, to_send: false });
        assert_eq!(engine.phase(), Phase::UpToDate);
        engine
    }

    #[test]
    fn a_cycle_pulls_all_then_pushes_all() {
        let mut e = Engine::new();
        assert_eq!(e.handle(0, 0, Event::SyncNow), Some(Effect::Pull));
        assert_eq!(e.handle(0, 0, Event::Pulled { more: true, to_send: true }), Some(Effect::Pull));
        assert_eq!(
            e.handle(0, 0, Event::Pulled { more: false, to_send: true }),
            Some(Effect::Push)
        );
        let pushed = |to_send, complete| Event::Pushed { to_send, progress: true, complete };
        assert_eq!(e.handle(0, 0, pushed(true, false)), Some(Effect::Push));
        assert_eq!(
            e.handle(0, 0, pushed(false, false)),
            Some(Effect::Pull),
            "others wrote meanwhile"
        );
        let last = e.handle(7, 0, Event::Pulled { more: false, to_send: false });
        assert_eq!(last, Some(Effect::WakeAt(7 + POLL_MS)));
        assert_eq!(e.phase(), Phase::UpToDate);
    }

    #[test]
    fn a_change_during_a_cycle_starts_another() {
        let mut e = Engine::new();
        e.handle(0, 0, Event::SyncNow);
        assert_eq!(e.handle(0, 0, Event::LocalChange), None);
        assert_eq!(
            e.handle(0, 0, Event::Pulled { more: false, to_send: false }),
            Some(Effect::Pull)
        );
        assert_eq!(e.phase(), Phase::Syncing);
    }

    #[test]
    fn an_old_notice_is_no_work() {
        let mut e = idle();
        assert_eq!(e.handle(0, 0, Event::HeadNotice { head_rev: 5, complete_rev: 5 }), None);
        assert_eq!(
            e.handle(0, 0, Event::HeadNotice { head_rev: 6, complete_rev: 5 }),
            Some(Effect::Pull)
        );
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_are_spread() {
        let mut e = idle();
        e.handle(0, 0, Event::LocalChange);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let Some(Effect::WakeAt(at)) = e.handle(0, 0, Event::Failed(Failure::Transient)) else {
                panic!("a failure is tried again")
            };
            pauses.push(at);
            assert_eq!(e.handle(at, 0, Event::LocalChange), None, "no hammering while offline");
            assert_eq!(e.handle(at, 0, Event::Woke), Some(Effect::Pull));
        }
        assert!(pauses.is_sorted());
        assert_eq!(*pauses.last().unwrap(), BACKOFF_MAX_MS * 3 / 4);
        let Some(Effect::WakeAt(late)) =
            e.handle(0, u64::MAX / 2, Event::Failed(Failure::Transient))
        else {
            panic!("a failure is tried again")
        };
        assert!(late <= BACKOFF_MAX_MS * 5 / 4);
    }

    #[test]
    fn a_push_that_settles_nothing_does_not_spin() {
        let mut e = Engine::new();
        e.handle(0, 0, Event::SyncNow);
        e.handle(0, 0, Event::Pulled { more: false, to_send: true });
        let stuck = Event::Pushed { to_send: true, progress: false, complete: true };
        assert!(matches!(e.handle(0, 0, stuck), Some(Effect::WakeAt(_))));
        assert!(matches!(e.phase(), Phase::Offline { .. }));
    }

    #[test]
    fn who_may_only_read_goes_on_reading() {
        let mut e = Engine::new();
        e.handle(0, 0, Event::SyncNow);
        e.handle(0, 0, Event::Pulled { more: false, to_send: true });
        e.handle(0, 0, Event::Failed(Failure::PushForbidden));
        assert_eq!(e.phase(), Phase::ReadOnly);
        assert_eq!(e.handle(1, 0, Event::Woke), Some(Effect::Pull));
        e.handle(1, 0, Event::Pulled { more: false, to_send: true });
        assert_eq!(e.phase(), Phase::ReadOnly, "no push is tried");
    }

    #[test]
    fn a_refused_token_waits_for_a_person() {
        let mut e = Engine::new();
        e.handle(0, 0, Event::SyncNow);
        assert_eq!(e.handle(0, 0, Event::Failed(Failure::Permanent)), None);
        assert_eq!(e.handle(0, 0, Event::Woke), None);
        assert_eq!(e.handle(0, 0, Event::LocalChange), None);
        assert_eq!(e.handle(0, 0, Event::SyncNow), Some(Effect::Pull));
    }
}
