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
use kartei_relay_store::{Erasure, OrgId, RelayStoreError, Row};
use serde::Deserialize;
use tokio::sync::watch;
use utoipa::IntoParams;

use crate::conditions::REVISION;
use crate::listener::Listener;
use crate::openapi::Problem;
use crate::problem::{ApiCode, Failure};
use crate::routes::request::counted;
use crate::serve::Relay;
use crate::wire::{ChangedProfile, Changes};

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
    /// Of a reading that began at 0: the `head_rev` of its first answer.
    #[serde(default)]
    begun_rev: u64,
    /// Profiles at most. Less than 1 counts as 1, and more than 1,000 as 1,000.
    limit: Option<usize>,
}

/// Profiles that changed
///
/// In the order of their revisions, each once, as it is now; a deleted one with `deleted`. A client that goes on from `next_rev`
/// never misses one, whatever is written meanwhile. `Accept: application/x-ndjson` answers a line a
/// profile and `next_rev` in the header `Kartei-Revision`; `Accept: text/event-stream` an endless
/// stream of events with the revision as their id, which goes on after `Last-Event-ID`.
/// Deletions are forgotten after half a year or so; a client that has not read for so long gets 410 and
/// begins at 0, or lists the profiles and goes on from the list's `revision`.
#[utoipa::path(
    get,
    path = "/profiles/changes",
    tag = "profiles",
    params(Since),
    responses(
        (status = 200, description = "What changed", content(
            (Changes = "application/json"),
            (ChangedProfile = "application/x-ndjson"),
            (ChangedProfile = "text/event-stream"),
        )),
        (status = 400, description = "A wrong parameter", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 410, description = "Deletions after `since_rev` are forgotten", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn changes(
    State(relay): State<Arc<Relay>>,
    listener: Listener,
    since: Result<Query<Since>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Query(since) = since?;
    let org = listener.access.org;
    let accepts = |kind: &str| {
        let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        accepted.is_some_and(|value| value.split(',').any(|one| one.trim().starts_with(kind)))
    };
    counted("since_rev", since.since_rev)?;
    counted("begun_rev", since.begun_rev)?;
    if accepts("text/event-stream") {
        let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let from = match last {
            None => since.since_rev,
            Some(id) => {
                let id =
                    id.parse().map_err(|_| Failure::invalid("`Last-Event-ID` is no revision"))?;
                counted("Last-Event-ID", id)?
            }
        };
        must_be_recent(&relay, org, from).await?;
        return Ok(events(relay, listener, from).await?.into_response());
    }
    if since.since_rev > 0 {
        must_be_recent(&relay, org, since.since_rev.max(since.begun_rev)).await?;
    }
    let limit = since.limit.unwrap_or(ROWS_MAX).clamp(1, ROWS_MAX);
    let Part { head_rev, next_rev, rows, erased } =
        read(&relay, org, since.since_rev, limit).await?;
    if since.since_rev > head_rev {
        let detail = format!("the organisation has no revision {} yet", since.since_rev);
        return Err(Failure::new(StatusCode::BAD_REQUEST, ApiCode::UnknownRevision, detail));
    }
    let more = next_rev < head_rev;
    if accepts("application/x-ndjson") {
        let mut body = Vec::new();
        for profile in &in_order(rows, erased) {
            serde_json::to_writer(&mut body, profile).map_err(|e| Failure::internal(&e))?;
            body.push(b'\n');
        }
        let mut response = Response::new(Body::from(body));
        let kind = HeaderValue::from_static("application/x-ndjson");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response.headers_mut().insert(REVISION, HeaderValue::from(next_rev));
        return Ok(response);
    }
    let profiles = rows.into_iter().map(Into::into).collect();
    let erased = erased.into_iter().map(Into::into).collect();
    Ok(Json(Changes { profiles, erased, next_rev, head_rev, more }).into_response())
}

/// What changed after a revision, up to another one.
struct Part {
    head_rev: u64,
    /// Everything up to here is in it.
    next_rev: u64,
    rows: Vec<Row>,
    erased: Vec<Erasure>,
}

fn in_order(rows: Vec<Row>, erased: Vec<Erasure>) -> Vec<ChangedProfile> {
    let rows = rows.into_iter().map(|row| ChangedProfile::Listed(row.into()));
    let erased = erased.into_iter().map(|erasure| ChangedProfile::Erased(erasure.into()));
    let mut changed: Vec<ChangedProfile> = rows.chain(erased).collect();
    changed.sort_by_key(ChangedProfile::revision);
    changed
}

async fn must_be_recent(relay: &Relay, org: OrgId, after: u64) -> Result<(), Failure> {
    relay.store(move |store| store.must_be_recent(org, after)).await
}

async fn read(relay: &Relay, org: OrgId, from: u64, limit: usize) -> Result<Part, Failure> {
    relay
        .store(move |store| {
            let (head_rev, rows) = store.rows_since(org, from, limit, BYTES_MAX)?;
            // Where no row follows, nothing but erasures and forgotten deletions does up to the head.
            let is_full = rows.len() >= limit
                || rows.iter().map(|row| row.record.len()).sum::<usize>() >= BYTES_MAX;
            let next_rev =
                rows.last().filter(|_| is_full).map_or(head_rev.max(from), |row| row.rev);
            let erased = store.erasures(org, from, next_rev)?;
            Ok::<_, RelayStoreError>(Part { head_rev, next_rev, rows, erased })
        })
        .await
}

/// What an event stream remembers between two events.
struct Follower {
    relay: Arc<Relay>,
    org: OrgId,
    /// Everything up to here waits, or was told.
    at: u64,
    waiting: VecDeque<ChangedProfile>,
    heads: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
}

async fn events(
    relay: Arc<Relay>,
    listener: Listener,
    from: u64,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let org = listener.access.org;
    let head_rev = relay.store(move |store| store.head_rev(org)).await?;
    let (heads, stopping) = (relay.follow(org, head_rev), relay.stopping());
    let follower = Follower { relay, org, at: from, waiting: VecDeque::new(), heads, stopping };
    let stream = stream::unfold(follower, |mut follower| async {
        let changed = follower.next().await?;
        let name = match &changed {
            ChangedProfile::Listed(_) => "profile",
            ChangedProfile::Erased(_) => "erased",
        };
        let event = Event::default().event(name).id(changed.revision().to_string());
        let event = event.json_data(changed).unwrap_or_default();
        Some((Ok(event), follower))
    });
    Ok(Sse::new(listener.hears(Box::pin(stream))).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

impl Follower {
    /// The next changed profile; waits for one. Nothing where the relay stops or the database fails:
    /// the client comes back with the id of its last event.
    async fn next(&mut self) -> Option<ChangedProfile> {
        loop {
            if let Some(changed) = self.waiting.pop_front() {
                return Some(changed);
            }
            // Seen before looking: what comes between is looked at again.
            self.heads.borrow_and_update();
            let part = read(&self.relay, self.org, self.at, EVENTS_AT_ONCE).await.ok()?;
            self.at = part.next_rev;
            self.waiting.extend(in_order(part.rows, part.erased));
            if self.waiting.is_empty() {
                tokio::select! {
                    changed = self.heads.changed() => changed.ok()?,
                    _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                }
            }
        }
    }
}
