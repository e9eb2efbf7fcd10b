//! A body as it comes: not too slow, checked, and broken off where somebody takes over.

use std::io;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::StatusCode;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use kartei_protocol::problem::ProblemCode;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::digest::Announced;
use crate::problem::Failure;

/// The speed that a body must have, looked at once in a while, so that a pause is no fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How often it is looked at.
    pub(crate) window: Duration,
    /// Bytes that must come meanwhile.
    pub(crate) bytes: u64,
}

/// Why a body has no end. What came before counts as far as it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body was broken off")]
pub(crate) enum Broken {
    /// The connection broke.
    Cut,
    /// It came too slowly.
    Slow,
    /// Another request goes on with the session.
    TakenOver,
    /// The relay stops.
    Stopping,
}

impl Broken {
    /// Why a body ended that somebody read as [`Intake::bytes`].
    pub(crate) fn of(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let io = error.downcast_ref::<io::Error>()?;
        io.get_ref()?.downcast_ref::<Self>().copied()
    }

    /// What is answered, where somebody still hears it.
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Cut => Failure::invalid("the body broke off; ask for the state and go on"),
            Self::Slow => Failure::new(
                StatusCode::REQUEST_TIMEOUT,
                ProblemCode::TooSlow,
                "the body came too slowly; ask for the state and go on",
            ),
            Self::TakenOver => Failure::new(
                StatusCode::CONFLICT,
                ProblemCode::TakenOver,
                "another request goes on with this upload",
            ),
            Self::Stopping => Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ProblemCode::UploadBusy,
                "the relay stops; ask for the state and go on",
            ),
        }
    }
}

/// A body.
pub(crate) struct Intake {
    body: BodyDataStream,
    pace: Pace,
    stopped: watch::Receiver<bool>,
    stopping: watch::Receiver<bool>,
    digest: Option<Announced>,
    window_ends: Instant,
    came: u64,
    /// When this side had its last answer.
    answered_at: Instant,
}

impl Intake {
    pub(super) fn new(
        body: Body,
        pace: Pace,
        stopped: watch::Receiver<bool>,
        stopping: watch::Receiver<bool>,
        digest: Option<Announced>,
    ) -> Self {
        let body = body.into_data_stream();
        let window_ends = Instant::now() + pace.window;
        let answered_at = Instant::now();
        Self { body, pace, stopped, stopping, digest, window_ends, came: 0, answered_at }
    }

    /// The next bytes; `None` at the end of a whole body.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        // The time in which the body waited for this side does not make it slow.
        self.window_ends += self.answered_at.elapsed();
        let answer = self.come().await;
        self.answered_at = Instant::now();
        answer
    }

    /// The body's bytes for who takes no part in uploads. Where it is broken off, the error tells why
    /// ([`Broken::of`]).
    pub(crate) fn bytes(
        body: Body,
        pace: Pace,
        stopping: watch::Receiver<bool>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        // Nobody takes over; the sender lives as long as the stream.
        let (keep, stopped) = watch::channel(false);
        let begun = (Self::new(body, pace, stopped, stopping, None), keep);
        stream::try_unfold(begun, |(mut intake, keep)| async move {
            match intake.next().await {
                Ok(piece) => Ok(piece.map(|piece| (piece, (intake, keep)))),
                Err(broken) => Err(io::Error::other(broken)),
            }
        })
    }

    async fn come(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            let piece = tokio::select! {
                biased;
                // An error is that the relay or the stream is gone, which ends requests as well.
                _ = self.stopped.wait_for(|stopped| *stopped) => return Err(Broken::TakenOver),
                _ = self.stopping.wait_for(|stopping| *stopping) => return Err(Broken::Stopping),
                piece = timeout_at(self.window_ends, self.body.next()) => piece,
            };
            let Ok(piece) = piece else {
                if self.came < self.pace.bytes {
                    return Err(Broken::Slow);
                }
                self.begin_window();
                continue;
            };
            let Some(piece) = piece else { return Ok(None) };
            let Ok(piece) = piece else { return Err(Broken::Cut) };
            if piece.is_empty() {
                continue;
            }
            self.came += piece.len() as u64;
            if Instant::now() >= self.window_ends && self.came >= self.pace.bytes {
                self.begin_window();
            }
            if let Some(digest) = &mut self.digest {
                digest.update(&piece);
            }
            return Ok(Some(piece));
        }
    }

    /// After the end: whether the body is what was announced, where something was.
    pub(super) fn is_as_announced(&mut self) -> bool {
        self.digest.take().is_none_or(Announced::holds)
    }

    fn begin_window(&mut self) {
        self.window_ends = Instant::now() + self.pace.window;
        self.came = 0;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use tokio::time::interval_at;

    use super::*;

    const PACE: Pace = Pace { window: Duration::from_secs(10), bytes: 100 };

    fn intake(body: Body) -> (Intake, watch::Sender<bool>, watch::Sender<bool>) {
        let ((stop, stopped), (end, stopping)) = (watch::channel(false), watch::channel(false));
        (Intake::new(body, PACE, stopped, stopping, None), stop, end)
    }

    /// The clock stands still until everybody waits, and then goes on to the next moment by itself.
    fn dripping(bytes: usize, pause: Duration) -> Body {
        let ticks = interval_at(Instant::now() + pause, pause);
        Body::from_stream(stream::unfold(ticks, move |mut ticks| async move {
            ticks.tick().await;
            Some((Ok::<_, std::io::Error>(Bytes::from(vec![0; bytes])), ticks))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_dripping_body_is_ended_and_a_pausing_one_is_not() {
        let (mut slow, _stop, _end) = intake(dripping(1, Duration::from_millis(1_100)));
        let mut pieces = 0;
        let broken = loop {
            match slow.next().await {
                Ok(_) => pieces += 1,
                Err(broken) => break broken,
            }
        };
        assert_eq!((broken, pieces), (Broken::Slow, 9));
        let (mut pausing, _stop, _end) = intake(dripping(150, Duration::from_secs(9)));
        for _ in 0..50 {
            assert!(pausing.next().await.unwrap().is_some());
        }
        let (mut silent, _stop, _end) = intake(dripping(1, Duration::from_secs(1_000)));
        assert_eq!(silent.next().await.unwrap_err(), Broken::Slow);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_waits_for_this_side_is_not_slow() {
        let (mut waiting, _stop, _end) = intake(dripping(60, Duration::from_secs(4)));
        for _ in 0..20 {
            assert!(waiting.next().await.unwrap().is_some());
            tokio::time::advance(Duration::from_secs(30)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_over_and_the_end_of_the_relay_are_heard_while_nothing_comes() {
        let (mut waiting, stop, _end) = intake(dripping(1, Duration::from_secs(5)));
        let _ = stop.send(true);
        assert_eq!(waiting.next().await.unwrap_err(), Broken::TakenOver);
        let (mut waiting, _stop, end) = intake(dripping(1, Duration::from_secs(5)));
        let _ = end.send(true);
        assert_eq!(waiting.next().await.unwrap_err(), Broken::Stopping);
    }
}
