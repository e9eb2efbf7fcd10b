//! Streams of events, for as long as the token stands that asked for them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use futures_util::stream::{self, Stream, StreamExt};
use kartei_relay_store::Access;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::auth::{Reader, bearer};
use crate::problem::Failure;
use crate::serve::Relay;
use crate::standing::standing;

/// How often a token is looked at whose stream is silent.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// For so long a token that was looked at is good for events.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// Who listens: a checked token, which is checked again while the stream goes on.
pub(crate) struct Listener {
    pub(crate) access: Access,
    relay: Arc<Relay>,
    token: String,
}

impl FromRequestParts<Arc<Relay>> for Listener {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, relay: &Arc<Relay>) -> Result<Self, Failure> {
        let Reader(standing) = Reader::from_request_parts(parts, relay).await?;
        let token = bearer(parts)?.to_owned();
        Ok(Self { access: standing.access, relay: Arc::clone(relay), token })
    }
}

/// A stream that somebody listens to.
struct Heard<S> {
    events: S,
    listener: Listener,
    looks: Interval,
    looked_at: Instant,
}

impl Listener {
    /// The same events, until the token is revoked: at most a second later nothing is told any more, and some seconds
    /// later the stream ends. It ends as well where the database cannot tell: the client comes back.
    pub(crate) fn hears<S: Stream + Send + Unpin>(
        self,
        events: S,
    ) -> impl Stream<Item = S::Item> + Send
    where
        S::Item: Send,
    {
        let mut looks = tokio::time::interval(LOOKED_AT_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let heard = Heard { events, listener: self, looks, looked_at: Instant::now() };
        stream::unfold(heard, |mut heard| async {
            let event = heard.next().await?;
            Some((event, heard))
        })
    }

    async fn stands(&self) -> bool {
        standing(&self.relay, &self.token).await.is_ok_and(|standing| standing.is_some())
    }
}

impl<S: Stream + Unpin> Heard<S> {
    async fn next(&mut self) -> Option<S::Item> {
        loop {
            let event = tokio::select! {
                event = self.events.next() => Some(event?),
                _ = self.looks.tick() => None,
            };
            if event.is_none() || self.looked_at.elapsed() >= GOOD_FOR {
                if !self.listener.stands().await {
                    return None;
                }
                self.looked_at = Instant::now();
            }
            if event.is_some() {
                return event;
            }
        }
    }
}
