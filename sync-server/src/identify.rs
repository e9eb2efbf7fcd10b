//! A name for each request: in every line that the log has of it, and in its answer, so that whoever was refused
//! can say which request it was. Collectors are told how long it took (`telemetry`).

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use crate::random::chance;
use crate::telemetry;

/// Where a request brings its name, and an answer has it.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a proxy or a program calls a request is at most so long.
const CHARS_MAX: usize = 64;

/// The name that a request brings, where it is one that can stand in a line.
fn brought(request: &Request) -> Option<String> {
    let name = request.headers().get(&REQUEST_ID)?.to_str().ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_name = (1..=CHARS_MAX).contains(&name.len()) && name.bytes().all(is_plain);
    is_name.then(|| name.to_owned())
}

/// Handles a request under its name. The log gets method and route, never the path: that names people. Whoever was
/// refused for the token or its role is told of there; how often an address may try unknown tokens is limited.
pub(crate) async fn identified(
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let name = brought(&request).unwrap_or_else(|| format!("req-{:016x}", chance()));
    let span = tracing::info_span!(
        "request",
        request_id = %name,
        method = %request.method(),
        route = route.as_ref().map(MatchedPath::as_str),
    );
    let route = route.as_ref().map(MatchedPath::as_str);
    let told = telemetry::of_request(request.method(), route, &name, request.headers());
    let answered = next.run(request).instrument(span.clone()).instrument(told.clone());
    let mut response = answered.await;
    let status = response.status();
    telemetry::ended(&told, status.as_u16());
    if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status) {
        span.in_scope(|| tracing::info!(status = status.as_u16(), "A request was refused"));
    }
    if let Ok(name) = HeaderValue::try_from(name) {
        response.headers_mut().insert(REQUEST_ID, name);
    }
    response
}
