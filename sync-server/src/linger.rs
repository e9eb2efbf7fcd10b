//! Answers that come before their request has ended.
//!
//! A refused body is not read, and a connection that is closed while the client still writes is all that many
//! clients see: the answer is lost. So what is left of a body is read, for a while.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::uploads::REQUEST_BYTES_MAX;

/// Bytes that are read of somebody whom the relay does not know: what fits into the buffers between.
const STRANGERS_BYTES: u64 = 1024 * 1024;

/// Time for reading what nobody wants.
const TIME: Duration = Duration::from_secs(10);

/// A body that comes back when it was not read to its end.
struct Lent {
    body: Body,
    back: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            return;
        }
        if let Some(back) = self.back.take() {
            // Nobody takes it where the request itself is gone.
            let _ = back.send(std::mem::take(&mut self.body));
        }
    }
}

/// Reads what an answer leaves of its request's body before the answer goes out.
pub(crate) async fn linger(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let (back, mut left) = oneshot::channel();
    let lent = Body::new(Lent { body, back: Some(back) });
    let response = next.run(Request::from_parts(parts, lent)).await;
    if let Ok(body) = left.try_recv() {
        let is_stranger = response.status() == StatusCode::UNAUTHORIZED;
        let limit = if is_stranger { STRANGERS_BYTES } else { REQUEST_BYTES_MAX };
        // Whether it ended, broke or was too much: the answer goes out.
        let _ = timeout(TIME, read(body, limit)).await;
    }
    response
}

async fn read(body: Body, limit: u64) {
    let mut pieces = body.into_data_stream();
    let mut count = 0;
    while let Some(Ok(piece)) = pieces.next().await {
        count += piece.len() as u64;
        if count > limit {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures_util::stream;

    use super::*;

    /// A body of pieces of a KiB that counts how many were taken.
    fn counted(pieces: u64) -> (Body, Arc<AtomicU64>) {
        let taken = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&taken);
        let body = stream::iter(0..pieces).map(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from(vec![0; 1024]))
        });
        (Body::from_stream(body), taken)
    }

    #[tokio::test]
    async fn a_body_that_is_not_read_comes_back() {
        let (body, taken) = counted(100);
        let (back, mut left) = oneshot::channel();
        let mut lent = Body::new(Lent { body, back: Some(back) }).into_data_stream();
        assert!(lent.next().await.is_some());
        drop(lent);
        read(left.try_recv().unwrap(), 10 * 1024).await;
        assert_eq!(taken.load(Ordering::Relaxed), 12, "one by the handler, then until the limit");
    }
}
