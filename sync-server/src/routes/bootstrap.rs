//! What a fresh replica begins with: see `kartei_protocol::bootstrap` for the rows.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kartei_blob_store::Digest;
use kartei_profile::RecordHash;
use kartei_protocol::bootstrap::BootstrapManifest;
use kartei_protocol::problem::ProblemCode;

use crate::auth::Caller;
use crate::conditions;
use crate::problem::Failure;
use crate::serve::Relay;

/// A segment never changes, and is only for those whose token opens it.
const CACHING: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

pub(crate) async fn manifest(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
) -> Result<Json<BootstrapManifest>, Failure> {
    let chain = relay.store(move |store| store.chain(access.org)).await?;
    // Who asks now does not wait for it; the next one has it.
    relay.segments().note(access.org, chain.head_rev);
    Ok(Json(chain.manifest()))
}

pub(crate) async fn segment(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Path(digest) = path?;
    let digest: Digest =
        digest.parse().map_err(|_| Failure::invalid("a segment is named by its SHA-256 in hex"))?;
    let bytes = relay.segment(access.org, digest).await?.ok_or_else(|| {
        Failure::new(
            StatusCode::NOT_FOUND,
            ProblemCode::NotFound,
            "there is no such segment; ask for the manifest again",
        )
    })?;
    let tag = RecordHash::from_bytes(*digest.as_bytes());
    let mut response = if conditions::is_known(&headers, tag)? {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        bytes.into_response()
    };
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zstd"));
    answer.insert(header::CACHE_CONTROL, CACHING);
    if let Ok(value) = HeaderValue::from_str(&conditions::tag(tag)) {
        answer.insert(header::ETAG, value);
    }
    Ok(response)
}
