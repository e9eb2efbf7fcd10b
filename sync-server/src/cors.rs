//! Which web pages may ask for uploads and files: none, unless the operator names them.
//!
//! By hand rather than by a layer of the library: that one answers every `OPTIONS` itself, and tus and the draft
//! have answers of their own to it. Tokens are sent by the page, never by cookies, so credentials are not allowed.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::serve::Relay;

/// What pages may send beside what every page may.
const SENT: &str = "authorization, content-type, content-digest, range, if-range, if-none-match, upload-length, \
                    upload-offset, upload-metadata, upload-defer-length, upload-concat, upload-checksum, \
                    upload-complete, upload-draft-interop-version, tus-resumable, x-http-method-override, \
                    x-request-id, x-requested-with";

/// What pages may read beside what every page may.
const READ: &str = "location, etag, content-range, content-disposition, retry-after, ratelimit, ratelimit-policy, \
                    upload-offset, upload-length, upload-metadata, upload-expires, upload-complete, upload-limit, \
                    upload-concat, tus-resumable, tus-version, tus-extension, tus-max-size, tus-checksum-algorithm, \
                    x-request-id";

/// What pages may ask for at all.
const PLACE: &str = "/api/";

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

/// Seconds for which a browser remembers the answer: it saves every second request of an upload.
const REMEMBERED: &str = "7200";

/// Answers browsers that ask first, and tells them what pages of named origins may read.
pub(crate) async fn answer(
    State(relay): State<Arc<Relay>>,
    request: Request,
    next: Next,
) -> Response {
    if !request.uri().path().starts_with(PLACE) {
        return next.run(request).await;
    }
    let asked = request.headers();
    let origin = asked.get(header::ORIGIN).filter(|origin| relay.origins().contains(origin));
    let origin = origin.cloned();
    let asks_first = request.method() == Method::OPTIONS
        && asked.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response =
        if asks_first { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        allow(headers, origin, asks_first);
    }
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue, asks_first: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let told: &[_] = if asks_first {
        &[
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, SENT),
            (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED),
        ]
    } else {
        &[(header::ACCESS_CONTROL_EXPOSE_HEADERS, READ)]
    };
    for (name, value) in told {
        headers.insert(name.clone(), HeaderValue::from_static(value));
    }
}
