//! The event stream of a replica: the newest revision, and who else has which profile open.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream;
use kartei_protocol::sync::HeadNotice;
use serde::Deserialize;
use tokio::sync::watch;

use crate::listener::Listener;
use crate::presence::Follower;
use crate::problem::Failure;
use crate::routes::presence::check_session;
use crate::serve::Relay;

/// A silent connection is cut by proxies after a minute or so.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
pub(crate) struct EventsQuery {
    /// Given, open profiles are told too, and those of this session end with the stream.
    session: Option<String>,
}

/// What a stream remembers between two events.
struct Following {
    heads: watch::Receiver<u64>,
    presence: Option<Follower>,
    stopping: watch::Receiver<bool>,
}

pub(crate) async fn events(
    State(relay): State<Arc<Relay>>,
    listener: Listener,
    query: Result<Query<EventsQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let Query(query) = query.map_err(|e| Failure::invalid(e.body_text()))?;
    let access = &listener.access;
    let org = access.org;
    let head_rev = relay.store(move |store| store.head_rev(org)).await?;
    let mut heads = relay.follow(org, head_rev);
    // The first notice goes out at once: what happened before this connection is told too.
    heads.mark_changed();
    let presence = match query.session {
        Some(session) => {
            check_session(&session)?;
            Some(Follower::new(&relay, access, session).await?)
        }
        None => None,
    };
    let following = Following { heads, presence, stopping: relay.stopping() };
    let notices = stream::unfold(following, |mut following| async {
        let event = following.next().await?;
        Some((Ok(event), following))
    });
    Ok(Sse::new(listener.hears(Box::pin(notices)))
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

impl Following {
    /// Waits for the next event; nothing where the relay stops.
    async fn next(&mut self) -> Option<Event> {
        let presence = async {
            match &mut self.presence {
                Some(follower) => follower.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.heads.changed() => {
                changed.ok()?;
                let notice = HeadNotice { head_rev: *self.heads.borrow_and_update() };
                let event = Event::default().event("head").id(notice.head_rev.to_string());
                Some(event.json_data(notice).unwrap_or_default())
            }
            notice = presence => {
                Some(Event::default().event("presence").json_data(notice?).unwrap_or_default())
            }
            _ = self.stopping.wait_for(|stopping| *stopping) => None,
        }
    }
}
