//! Bodies that are read whole before anything is done: they have to come as fast as uploads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use kartei_protocol::problem::ProblemCode;
use tokio::time::{Instant, timeout};

use crate::problem::Failure;
use crate::serve::Relay;
use crate::uploads::Pace;

/// Where bodies are looked at as they come, as what came of them counts (`uploads::intake`).
const LOOK_THEMSELVES: [&str; 3] = ["/api/upload", "/api/tus", "/api/resumable"];

/// Ends a body that drips, and answers 408.
pub(super) async fn keep(
    State(relay): State<Arc<Relay>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let looks =
        path == "/profiles/import" || LOOK_THEMSELVES.iter().any(|one| path.starts_with(one));
    if looks || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (pace, is_late) = (relay.uploads().options().pace(), Arc::new(AtomicBool::new(false)));
    let response = next.run(request.map(|body| paced(body, pace, Arc::clone(&is_late)))).await;
    if is_late.load(Ordering::Relaxed) {
        let detail = "the body came too slowly; nothing was done";
        return Failure::new(StatusCode::REQUEST_TIMEOUT, ProblemCode::TooSlow, detail)
            .into_response();
    }
    response
}

/// A body that ends with an error where it was waited for as long as a window is, and less came than should. The time in
/// which it waits for this side does not count.
fn paced(body: Body, pace: Pace, is_late: Arc<AtomicBool>) -> Body {
    let begun = (body.into_data_stream(), Duration::ZERO, 0_u64);
    Body::from_stream(stream::try_unfold(begun, move |(mut pieces, waited, came)| {
        let is_late = Arc::clone(&is_late);
        async move {
            let asked = Instant::now();
            let left = pace.window.saturating_sub(waited);
            let Ok(piece) = timeout(left, pieces.next()).await else {
                is_late.store(true, Ordering::Relaxed);
                return Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)));
            };
            let Some(piece) = piece.transpose()? else { return Ok(None) };
            let came = came + piece.len() as u64;
            let goes_on = if came < pace.bytes {
                (pieces, waited + asked.elapsed(), came)
            } else {
                (pieces, Duration::ZERO, 0)
            };
            Ok(Some((piece, goes_on)))
        }
    }))
}
