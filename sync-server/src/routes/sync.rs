//! Sync with replicas: see `kartei_protocol::sync` for the rows.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sync::{
    BucketDigests, Cursor, FETCH_IDS_MAX, FetchRequest, MemberLine, PULL_ROWS_MAX, PUSH_BYTES_MAX,
    PUSH_ITEMS_MAX, PullLine, PushAnswer, PushItem, WhoAmI,
};
use kartei_relay_store::{Author, OrgId, RelayStore};
use kartei_sync_core::BUCKETS;
use serde::Deserialize;

use crate::admin::now;
use crate::auth::{Caller, Writer};
use crate::body::{Lines, in_lines, read_lines};
use crate::pages::Asked;
use crate::problem::Failure;
use crate::routes::profiles::erasures::clean_up;
use crate::serve::Relay;

/// Bytes of records and changes in one answer before compression: what a replica applies in one
/// transaction, within some hundred milliseconds.
const PULL_BYTES_MAX: usize = 8 * 1024 * 1024;

pub(crate) async fn whoami(Caller(access): Caller) -> Json<WhoAmI> {
    Json(WhoAmI {
        organisation: access.organisation,
        name: access.name,
        role: access.role.to_string(),
        epoch: access.epoch,
    })
}

pub(crate) async fn push(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let org = access.org;
    let items = tokio::task::spawn_blocking(move || {
        read_lines::<PushItem>(&headers, &body, PUSH_ITEMS_MAX, PUSH_BYTES_MAX)
    })
    .await
    .map_err(|e| Failure::internal(&e))??;
    let sender = Author { name: access.name, now: now() };
    let pushed = relay.store(move |store| store.push(org, &sender, &items)).await?;
    if pushed.end.head_rev > pushed.end.head_before {
        relay.announce(org, pushed.end.head_rev);
    }
    if let Some(rev) = pushed.follows_erased {
        relay.announce(org, rev);
        clean_up(&relay, org).await;
    }
    let mut lines = Lines::new();
    for answer in &pushed.answers {
        lines.push(answer)?;
    }
    lines.push(&PushAnswer::End(pushed.end))?;
    lines.into_response()
}

#[derive(Deserialize)]
pub(crate) struct PullQuery {
    cursor: Option<Cursor>,
    limit: Option<usize>,
}

pub(crate) async fn pull(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    query: Result<Query<PullQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) = query.map_err(|e| {
        Failure::new(StatusCode::BAD_REQUEST, ProblemCode::InvalidRequest, e.body_text())
    })?;
    let rows_max = query.limit.unwrap_or(PULL_ROWS_MAX).clamp(1, PULL_ROWS_MAX);
    let pages = Arc::clone(relay.pages());
    let page = relay.store(move |store| {
        // The cursor moved in the transaction that applied what comes before it; all erasures up to
        // its base are among that.
        let confirmed = query.cursor.as_ref().map_or(0, |cursor| cursor.base);
        let state = store.feed_state(access.org)?;
        let asked = Asked { org: access.org, cursor: query.cursor.clone(), rows_max, state };
        // In the same turn: as many pages are in memory as are read at once.
        let page =
            pages.page(asked, || packed(store, access.org, query.cursor.as_ref(), rows_max))?;
        store.confirm_erasures(&access, confirmed, now())?;
        Ok::<_, Failure>(page)
    });
    Ok(in_lines(page.await?))
}

/// A page of the feed, as it goes over the wire.
fn packed(
    store: &RelayStore,
    org: OrgId,
    cursor: Option<&Cursor>,
    rows_max: usize,
) -> Result<Bytes, Failure> {
    let page = store.feed(org, cursor, rows_max, PULL_BYTES_MAX)?;
    let mut lines = Lines::new();
    for line in page.erased {
        lines.push(&PullLine::Erased(line))?;
    }
    for line in page.lines {
        lines.push(&PullLine::Profile(line))?;
    }
    let (head_rev, more, total) = (page.head_rev, page.more, page.total);
    lines.push(&PullLine::End { cursor: page.cursor, head_rev, more, total })?;
    lines.finish()
}

/// Where a replica found the total to differ from its own.
pub(crate) async fn digests(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
) -> Result<Json<BucketDigests>, Failure> {
    Ok(Json(relay.store(move |store| store.bucket_digests(access.org)).await?))
}

/// The profiles of the buckets that differ.
pub(crate) async fn members(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    Path(buckets): Path<String>,
) -> Result<Response, Failure> {
    let buckets: Result<Vec<u8>, _> = buckets.split(',').map(str::parse).collect();
    let buckets = buckets.map_err(|_| {
        let detail = format!("buckets are numbers below {BUCKETS}, with commas between");
        Failure::new(StatusCode::BAD_REQUEST, ProblemCode::InvalidRequest, detail)
    })?;
    let answer = relay.store(move |store| {
        let found = store.members(access.org, &buckets)?;
        let mut lines = Lines::new();
        for member in found.members {
            lines.push(&MemberLine::Member(member))?;
        }
        lines.push(&MemberLine::End { epoch: found.epoch, rev: found.rev })?;
        lines.into_response()
    });
    answer.await
}

/// Whole profiles, for a replica that mends its own.
pub(crate) async fn fetch(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let invalid =
        |detail| Failure::new(StatusCode::BAD_REQUEST, ProblemCode::InvalidRequest, detail);
    let request: FetchRequest =
        serde_json::from_slice(&body).map_err(|e| invalid(e.to_string()))?;
    if request.ids.len() > FETCH_IDS_MAX {
        return Err(invalid(format!("more than {FETCH_IDS_MAX} ids")));
    }
    let found = relay.store(move |store| store.fetch(access.org, &request.ids)).await?;
    let mut lines = Lines::new();
    for line in found.lines {
        lines.push(&PullLine::Profile(line))?;
    }
    let head_rev = found.cursor.rev;
    lines.push(&PullLine::End { cursor: found.cursor, head_rev, more: false, total: None })?;
    lines.into_response()
}
