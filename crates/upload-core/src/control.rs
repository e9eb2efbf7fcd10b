//! How large requests are, and how many run at once: what the link is seen to do decides.

/// Requests are no smaller (but at a file's end): each costs an answer and a durable write.
pub const REQUEST_BYTES_MIN: u64 = 1024 * 1024;

/// Requests are no larger: what a cut connection loses of its last piece, and what an answer is waited for.
pub const REQUEST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Requests at once at least: one fills the link while the other waits for its answer.
pub const STREAMS_MIN: u32 = 2;

/// Requests at once at most: beyond it others on the same link suffer.
pub const STREAMS_MAX: u32 = 8;

/// A fresh upload begins with this size: small, because the first answers decide how many streams there are.
const REQUEST_BYTES_FIRST: u64 = 1024 * 1024;

/// A request that was quicker than this is too small: the pause before the next is a large share of it.
const QUICK_MS: u64 = 2_000;

/// While more streams may be worth trying a request of this time is large enough: smaller ones tell sooner, and while
/// their size changes they tell nothing.
const TELLING_MS: u64 = 1_000;

/// A request that took longer than this is too large: progress and losses become coarse.
const SLOW_MS: u64 = 8_000;

/// Twice as many streams could bring as much again. Where this share of it is seen, that is no noise.
const CLEAR: f64 = 0.6;

/// With more requests to judge by, they stay where they bring this share: with twice as many, a quarter more goodput.
const WORTH: f64 = 0.25;

/// And go early where they bring less than this.
const HOPELESS: f64 = 0.1;

/// After streams that brought nothing, so many requests go through before more are tried.
const REST: u32 = 24;

/// Each time that they bring nothing again, twice as many, up to this.
const REST_MAX: u32 = 16 * REST;

/// Of a level's requests, no more than so many are remembered: a link changes.
const SEEN_MAX: u32 = 32;

/// Size and number of requests. The size follows the time that a request takes. The number doubles while that brings
/// more, and comes back where it does not; failures of the way halve both.
///
/// What streams bring is told by the rate of each single request, and not by the goodput of all over a time: answers
/// come in lumps, and on a link that loses packets goodput varies by more than a stream. Where streams do not hinder
/// each other, requests are as fast with twice as many; where they share what is full already, half as fast.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Control {
    piece: u64,
    request_max: u64,
    streams_max: u32,
    request: u64,
    streams: u32,
    /// Requests that began with so many streams, and of this size.
    seen: Seen,
    /// When there came to be so many.
    since: u64,
    trial: Option<Trial>,
    rest: u32,
    /// How long the next rest is.
    patience: u32,
}

/// How fast requests were.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Seen {
    requests: u32,
    bytes: u64,
    took_ms: u64,
}

impl Seen {
    fn add(&mut self, bytes: u64, took_ms: u64) {
        self.requests += 1;
        self.bytes += bytes;
        self.took_ms += took_ms.max(1);
        if self.requests >= SEEN_MAX {
            self.requests /= 2;
            self.bytes /= 2;
            self.took_ms /= 2;
        }
    }

    /// Bytes a millisecond of one stream.
    #[expect(clippy::cast_precision_loss, reason = "a measurement")]
    fn rate(&self) -> f64 {
        self.bytes as f64 / self.took_ms.max(1) as f64
    }
}

/// More streams that have to show what they bring.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Trial {
    /// How many there were before.
    from: u32,
    /// The rate of one of them.
    rate: f64,
}

impl Trial {
    /// What was brought of all that so many streams could bring: 1 where each is as fast as before, and 0 where they
    /// together are.
    fn share(&self, streams: u32, rate: f64) -> f64 {
        let times = f64::from(streams) / f64::from(self.from);
        (times * rate / self.rate - 1.0) / (times - 1.0)
    }
}

impl Control {
    pub(crate) fn new() -> Self {
        Self {
            piece: REQUEST_BYTES_MIN,
            request_max: REQUEST_BYTES_MAX,
            streams_max: STREAMS_MAX,
            request: REQUEST_BYTES_FIRST,
            streams: STREAMS_MIN,
            seen: Seen::default(),
            since: 0,
            trial: None,
            rest: 0,
            patience: REST,
        }
    }

    /// What the relay takes.
    pub(crate) fn limit(&mut self, piece: u64, request_max: u64, streams_max: u32) {
        self.piece = piece.max(1);
        // A request has whole pieces, and one at least, whatever the relay says.
        self.request_max = request_max.min(REQUEST_BYTES_MAX).max(self.piece);
        self.streams_max = streams_max.clamp(1, STREAMS_MAX);
        if self.streams > self.streams_max {
            self.streams = self.streams_max;
            self.trial = None;
        }
    }

    /// Bytes of the next request: whole pieces.
    pub(crate) fn request_bytes(&self) -> u64 {
        let bytes = self.request.clamp(REQUEST_BYTES_MIN, REQUEST_BYTES_MAX).min(self.request_max);
        (bytes / self.piece).max(1) * self.piece
    }

    /// Requests at once.
    pub(crate) fn streams(&self) -> u32 {
        self.streams
    }

    pub(crate) fn piece(&self) -> u64 {
        self.piece
    }

    /// A request went through, that was as large as it was to be (the file's last need not).
    pub(crate) fn went_through(&mut self, now: u64, bytes: u64, took_ms: u64, is_whole: bool) {
        let size = self.request_bytes();
        let may_try = self.rest == 0 && self.streams < self.streams_max;
        let is_asking = may_try || self.trial.is_some();
        let quick = if is_asking { TELLING_MS } else { QUICK_MS };
        if took_ms < quick && is_whole {
            self.request = (size * 2).min(REQUEST_BYTES_MAX);
        } else if took_ms > SLOW_MS {
            self.request = (size / 2).max(REQUEST_BYTES_MIN);
        }
        if self.request_bytes() != size {
            // Larger requests are faster by themselves: that says nothing of the streams.
            self.seen = Seen::default();
            return;
        }
        let began_before = now.saturating_sub(took_ms) < self.since;
        if is_whole && !began_before {
            self.seen.add(bytes, took_ms);
            self.judge(now);
        }
    }

    /// The way was bad.
    pub(crate) fn failed(&mut self) {
        self.request = (self.request_bytes() / 2).max(REQUEST_BYTES_MIN);
        self.streams = (self.streams / 2).max(STREAMS_MIN).min(self.streams_max);
        (self.seen, self.trial, self.rest) = (Seen::default(), None, REST);
    }

    /// What was measured says nothing of what follows (a pause, another network).
    pub(crate) fn forget(&mut self) {
        if let Some(trial) = self.trial.take() {
            self.streams = trial.from;
        }
        (self.seen, self.rest, self.patience) = (Seen::default(), 0, REST);
    }

    fn judge(&mut self, now: u64) {
        let (requests, streams) = (self.seen.requests, self.streams);
        let Some(trial) = self.trial else {
            self.rest = self.rest.saturating_sub(1);
            if self.rest == 0 && requests >= streams {
                self.try_more(now);
            }
            return;
        };
        let share = trial.share(streams, self.seen.rate());
        let is_over = requests >= 3 * streams;
        if (requests >= streams && share >= CLEAR) || (is_over && share >= WORTH) {
            (self.trial, self.patience) = (None, REST);
            self.try_more(now);
        } else if is_over || (requests >= 2 * streams && share < HOPELESS) {
            self.trial = None;
            self.rest = self.patience;
            self.patience = (self.patience * 2).min(REST_MAX);
            self.become_so_many(now, trial.from);
        }
    }

    fn try_more(&mut self, now: u64) {
        let more = (self.streams * 2).min(self.streams_max);
        if more > self.streams {
            self.trial = Some(Trial { from: self.streams, rate: self.seen.rate() });
            self.become_so_many(now, more);
        }
    }

    fn become_so_many(&mut self, now: u64, streams: u32) {
        (self.streams, self.since, self.seen) = (streams, now, Seen::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn sizes_are_whole_pieces_within_what_both_sides_take() {
        let mut control = Control::new();
        control.limit(8 * MIB, 20 * MIB, 4);
        assert_eq!(control.request_bytes(), 8 * MIB);
        for at in 0..10 {
            control.went_through(at, 8 * MIB, 10, true);
        }
        assert_eq!(control.request_bytes(), 16 * MIB, "two pieces fit, three do not");
        (0..10).for_each(|_| control.failed());
        assert_eq!(control.request_bytes(), 8 * MIB, "one piece at least");
        control.limit(MIB, 4 * MIB, 1);
        assert_eq!((control.request_bytes(), control.streams()), (4 * MIB, 1));
    }
}
