//! What changed since a revision: as JSON, as NDJSON, or as it happens.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use kartei_relay_store::{OrgId, RelayStoreError, Row};
use serde::Deserialize;
use tokio::sync::watch;
use utoipa::IntoParams;

use crate::auth::Caller;
use crate::conditions::REVISION;
use crate::openapi::Problem;
use crate::problem::{ApiCode, Failure};
use crate::serve::Relay;
use crate::wire::{Changes, ListedProfile};

/// Profiles in one answer at most, and unless fewer are asked for.
const ROWS_MAX: usize = 1_000;

/// Bytes of records in one answer: some thousand usual records, or two at their limit.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// A silent connection is cut by proxies after a minute or so.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events that are read from the database at once; the next are read when these were taken.
const EVENTS_AT_ONCE: usize = 200;

/// From where, and how much.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Since {
    /// What the client has: the `next_rev` of its last answer, or 0.
    #[serde(default)]
    since_rev: u64,
    /// Profiles at most, up to 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Profiles that changed
///
/// In the order of their revisions, each once, as it is now; a deleted one with `deleted`. A client that goes on from `next_rev`
/// never misses one, whatever is written meanwhile. `Accept: application/x-ndjson` answers a line a
/// profile and `next_rev` in the header `Kartei-Revision`; `Accept: text/event-stream` an endless
/// stream of events with the revision as their id, which goes on after `Last-Event-ID`.
#[utoipa::path(
    get,
    path = "/profiles/changes",
    tag = "profiles",
    params(Since),
    responses(
        (status = 200, description = "What changed", content(
            (Changes = "application/json"),
            (ListedProfile = "application/x-ndjson"),
            (ListedProfile = "text/event-stream"),
        )),
        (status = 400, description = "A wrong parameter", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn changes(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    since: Result<Query<Since>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Query(since) = since?;
    let accepts = |kind: &str| {
        let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        accepted.is_some_and(|value| value.split(',').any(|one| one.trim().starts_with(kind)))
    };
    if accepts("text/event-stream") {
        let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let from = match last {
            None => since.since_rev,
            Some(id) => {
                id.parse().map_err(|_| Failure::invalid("`Last-Event-ID` is no revision"))?
            }
        };
        return Ok(events(relay, access.org, from).await?.into_response());
    }
    let limit = since.limit.unwrap_or(ROWS_MAX).clamp(1, ROWS_MAX);
    let (head_rev, rows, more) = read(&relay, access.org, since.since_rev, limit).await?;
    let next_rev = rows.last().map_or(since.since_rev, |row| row.rev);
    let profiles: Vec<ListedProfile> = rows.into_iter().map(Into::into).collect();
    if accepts("application/x-ndjson") {
        let mut body = Vec::new();
        for profile in &profiles {
            serde_json::to_writer(&mut body, profile).map_err(|e| Failure::internal(&e))?;
            body.push(b'\n');
        }
        let mut response = Response::new(Body::from(body));
        let kind = HeaderValue::from_static("application/x-ndjson");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response.headers_mut().insert(REVISION, HeaderValue::from(next_rev));
        return Ok(response);
    }
    Ok(Json(Changes { profiles, next_rev, head_rev, more }).into_response())
}

async fn read(
    relay: &Relay,
    org: OrgId,
    from: u64,
    limit: usize,
) -> Result<(u64, Vec<Row>, bool), Failure> {
    let (head_rev, rows) =
        relay.store(move |store| store.rows_since(org, from, limit, BYTES_MAX)).await?;
    if from > head_rev {
        let detail = format!("the organisation has no revision {from} yet");
        return Err(Failure::new(StatusCode::BAD_REQUEST, ApiCode::UnknownRevision, detail));
    }
    // A row carries the revision of its last change, so the last row of a snapshot has the head's.
    let more = rows.last().is_some_and(|row| row.rev < head_rev);
    Ok((head_rev, rows, more))
}

/// What an event stream remembers between two events.
struct Follower {
    relay: Arc<Relay>,
    org: OrgId,
    /// The revision of the last event.
    at: u64,
    waiting: VecDeque<Row>,
    heads: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
}

async fn events(
    relay: Arc<Relay>,
    org: OrgId,
    from: u64,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let head_rev = relay.store(move |store| store.head_rev(org)).await?;
    let (heads, stopping) = (relay.follow(org, head_rev), relay.stopping());
    let follower = Follower { relay, org, at: from, waiting: VecDeque::new(), heads, stopping };
    let stream = stream::unfold(follower, |mut follower| async {
        let row = follower.next().await?;
        let event = Event::default().event("profile").id(row.rev.to_string());
        let event = event.json_data(ListedProfile::from(row)).unwrap_or_default();
        Some((Ok(event), follower))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

impl Follower {
    /// The next changed profile; waits for one. Nothing where the relay stops or the database fails:
    /// the client comes back with the id of its last event.
    async fn next(&mut self) -> Option<Row> {
        loop {
            if let Some(row) = self.waiting.pop_front() {
                self.at = row.rev;
                return Some(row);
            }
            // Seen before looking: what comes between is looked at again.
            self.heads.borrow_and_update();
            let (org, from) = (self.org, self.at);
            let rows: Result<_, Failure> = self
                .relay
                .store(move |store| {
                    let (_, rows) = store.rows_since(org, from, EVENTS_AT_ONCE, BYTES_MAX)?;
                    Ok::<_, RelayStoreError>(rows)
                })
                .await;
            let rows = rows.ok()?;
            if let Some(last) = rows.last() {
                self.at = last.rev;
            }
            self.waiting.extend(rows);
            if self.waiting.is_empty() {
                tokio::select! {
                    changed = self.heads.changed() => changed.ok()?,
                    _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                }
            }
        }
    }
}
