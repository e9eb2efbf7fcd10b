//! What happened to an analysis: read once, or as it happens.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use kartei_protocol::jobs::{JobEvent, JobEvents};
use kartei_relay_store::OrgId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{find, unknown_job};
use crate::jobs::Follower;
use crate::listener::Listener;
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::routes::request::counted;
use crate::serve::Relay;

/// Events in one answer at most; a stream reads as many at once.
const EVENTS_MAX: usize = 1_000;

/// A silent connection is cut by proxies after a minute or so.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// From where.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct After {
    /// Events behind this number.
    #[serde(default)]
    after_seq: u64,
}

/// What happened to an analysis
///
/// Events are numbered 1, 2, 3 and so on for each job, and are never changed. `Accept: text/event-stream`
/// answers them as they happen, with their numbers as ids, goes on after `Last-Event-ID`, and ends behind
/// the last one.
#[utoipa::path(
    get,
    path = "/analyze/jobs/{id}/events",
    tag = "analyses",
    params(("id" = String, Path, description = "The job's id"), After),
    responses(
        (status = 200, description = "The events", content(
            (JobEvents = "application/json"),
            (JobEvent = "text/event-stream"),
        )),
        (status = 400, description = "A query that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 404, description = "No such job, here or for this token", body = Problem),
        (status = 410, description = "It was deleted by the rules of retention; `restorable_until` says until when an administrator can restore it", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn events(
    State(relay): State<Arc<Relay>>,
    listener: Listener,
    id: Result<Path<String>, PathRejection>,
    after: Result<Query<After>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (Path(id), Query(After { mut after_seq })) = (id?, after?);
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let streams = accepted.is_some_and(|value| value.contains("text/event-stream"));
    if let Some(last) = headers.get("last-event-id").filter(|_| streams) {
        let number = last.to_str().ok().and_then(|text| text.parse().ok());
        after_seq = number.ok_or_else(|| Failure::invalid("`Last-Event-ID` is no number"))?;
    }
    counted("after_seq", after_seq)?;
    let org = listener.access.org;
    find(&relay, org, &id).await?;
    if streams {
        return Ok(stream_of(relay, listener, id, after_seq).into_response());
    }
    let past = relay.store(move |store| store.job_events(org, &id, after_seq, EVENTS_MAX)).await?;
    let past = past.ok_or_else(unknown_job)?;
    let last = past.events.last().map_or(after_seq, |event| event.event_seq);
    let ended = past.state.is_terminal() && last >= past.event_seq;
    Ok(Json(JobEvents { events: past.events, ended }).into_response())
}

/// What an event stream remembers between two events.
struct Streaming {
    relay: Arc<Relay>,
    org: OrgId,
    id: String,
    after_seq: u64,
    waiting: VecDeque<JobEvent>,
    follower: Follower,
}

fn stream_of(
    relay: Arc<Relay>,
    listener: Listener,
    id: String,
    after_seq: u64,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let org = listener.access.org;
    let follower = relay.workshop().follow(org, &id);
    let waiting = VecDeque::new();
    let streaming = Streaming { relay, org, id, after_seq, waiting, follower };
    let events = stream::unfold(streaming, |mut streaming| async {
        let event = streaming.next().await?;
        let told = Event::default().event(event.kind.word()).id(event.event_seq.to_string());
        Some((Ok(told.json_data(event).unwrap_or_default()), streaming))
    });
    Sse::new(listener.hears(Box::pin(events))).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

impl Streaming {
    /// The next event; waits for one. Nothing behind the last one, or where the relay stops or its
    /// database fails: the client comes back with the number of its last event.
    async fn next(&mut self) -> Option<JobEvent> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                self.after_seq = event.event_seq;
                return Some(event);
            }
            // Before looking: what comes in between is looked at again.
            self.follower.mark();
            let (org, id, after_seq) = (self.org, self.id.clone(), self.after_seq);
            let look = move |store: &kartei_relay_store::RelayStore| {
                store.job_events(org, &id, after_seq, EVENTS_MAX)
            };
            let past = self.relay.store(look).await.ok()??;
            self.waiting.extend(past.events);
            let is_over = past.state.is_terminal() && self.after_seq >= past.event_seq;
            if self.waiting.is_empty() && (is_over || !self.follower.next().await) {
                return None;
            }
        }
    }
}
