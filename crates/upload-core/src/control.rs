//! How large requests are, and how many run at once: what the link is seen to do decides.

/// Requests are no smaller (but at a file's end): each costs an answer and a durable write.
pub const REQUEST_BYTES_MIN: u64 = 1024 * 1024;

/// Requests are no larger: what a cut connection loses of its last piece, and what an answer is waited for.
pub const REQUEST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Requests at once at least: one fills the link while the other waits for its answer.
pub const STREAMS_MIN: u32 = 2;

/// Requests at once at most: beyond it others on the same link suffer.
pub const STREAMS_MAX: u32 = 8;

/// A fresh upload begins with this size.
const REQUEST_BYTES_FIRST: u64 = 4 * 1024 * 1024;

/// A request that was quicker than this is too small: the pause before the next is a large share of it.
const QUICK_MS: u64 = 2_000;

/// A request that took longer than this is too large: progress and losses become coarse.
const SLOW_MS: u64 = 8_000;

/// Goodput is measured over at least this time.
const TRIAL_MS: u64 = 1_000;

/// And over so many requests for each stream: answers come in lumps.
const TRIAL_REQUESTS: u32 = 2;

/// Another stream stays where it brings this much more goodput; less is noise.
const WORTH: f64 = 1.10;

/// After a stream that brought nothing, so many measurements pass before the next is tried.
const REST: u32 = 8;

/// Size and number of requests. The size follows the time that a request takes; the number climbs while goodput
/// does, one at a time; failures of the way halve both.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Control {
    piece: u64,
    request_max: u64,
    streams_max: u32,
    request: u64,
    streams: u32,
    /// The measurement that runs: since when, with requests of which size, bytes, requests.
    since: Option<u64>,
    sized: u64,
    bytes: u64,
    requests: u32,
    /// Goodput before the newest stream.
    before: Option<f64>,
    rest: u32,
}

impl Control {
    pub(crate) fn new() -> Self {
        Self {
            piece: REQUEST_BYTES_MIN,
            request_max: REQUEST_BYTES_MAX,
            streams_max: STREAMS_MAX,
            request: REQUEST_BYTES_FIRST,
            streams: STREAMS_MIN,
            since: None,
            sized: 0,
            bytes: 0,
            requests: 0,
            before: None,
            rest: 0,
        }
    }

    /// What the relay takes.
    pub(crate) fn limit(&mut self, piece: u64, request_max: u64, streams_max: u32) {
        self.piece = piece.max(1);
        // A request has whole pieces, and one at least, whatever the relay says.
        self.request_max = request_max.min(REQUEST_BYTES_MAX).max(self.piece);
        self.streams_max = streams_max.clamp(1, STREAMS_MAX);
        self.streams = self.streams.min(self.streams_max);
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
        if took_ms < QUICK_MS && is_whole {
            self.request = (self.request_bytes() * 2).min(REQUEST_BYTES_MAX);
        } else if took_ms > SLOW_MS {
            self.request = (self.request_bytes() / 2).max(REQUEST_BYTES_MIN);
        }
        let Some(since) = self.since else {
            // It began before the measurement did.
            self.measure_anew(now);
            return;
        };
        self.bytes += bytes;
        self.requests += 1;
        let passed = now.saturating_sub(since);
        if self.sized != self.request_bytes() {
            // Larger requests are faster by themselves: that says nothing of the streams.
            self.before = None;
            self.measure_anew(now);
        } else if passed >= TRIAL_MS && self.requests >= self.streams * TRIAL_REQUESTS {
            #[expect(clippy::cast_precision_loss, reason = "a measurement")]
            let goodput = self.bytes as f64 * 1000.0 / passed as f64;
            self.judge(goodput);
            self.measure_anew(now);
        }
    }

    /// The way was bad.
    pub(crate) fn failed(&mut self) {
        self.request = (self.request_bytes() / 2).max(REQUEST_BYTES_MIN);
        self.streams = (self.streams / 2).max(STREAMS_MIN).min(self.streams_max);
        (self.since, self.before, self.rest) = (None, None, REST);
    }

    /// What was measured says nothing of what follows (a pause, another network).
    pub(crate) fn forget(&mut self) {
        (self.since, self.before) = (None, None);
    }

    fn measure_anew(&mut self, now: u64) {
        (self.since, self.sized) = (Some(now), self.request_bytes());
        (self.bytes, self.requests) = (0, 0);
    }

    fn judge(&mut self, goodput: f64) {
        if let Some(before) = self.before.take()
            && goodput < before * WORTH
        {
            self.streams = self.streams.saturating_sub(1).max(STREAMS_MIN).min(self.streams_max);
            self.rest = REST;
            return;
        }
        if self.rest > 0 {
            self.rest -= 1;
        } else if self.streams < self.streams_max {
            self.streams += 1;
            self.before = Some(goodput);
        }
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
