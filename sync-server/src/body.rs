//! NDJSON bodies, gzipped, with limits.

use std::io::{Read, Write};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use kartei_protocol::problem::ProblemCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::Failure;

/// Reads one value a line, at most `items_max` of them out of at most `bytes_max` bytes.
pub(crate) fn read_lines<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: &[u8],
    items_max: usize,
    bytes_max: usize,
) -> Result<Vec<T>, Failure> {
    let text = inflate(headers, body, bytes_max)?;
    let mut items = Vec::new();
    for (i, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        if items.len() == items_max {
            return Err(too_large(format!("more than {items_max} lines")));
        }
        let item = serde_json::from_slice(line).map_err(|e| {
            let detail = format!("line {}: {e}", i + 1);
            Failure::new(StatusCode::BAD_REQUEST, ProblemCode::InvalidRequest, detail)
        })?;
        items.push(item);
    }
    Ok(items)
}

/// The bytes of a body, inflated, at most `bytes_max` of them.
pub(crate) fn read_text(
    headers: &HeaderMap,
    body: &[u8],
    bytes_max: usize,
) -> Result<Vec<u8>, Failure> {
    inflate(headers, body, bytes_max)
}

fn inflate(headers: &HeaderMap, body: &[u8], bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let limit = bytes_max as u64 + 1;
    let mut text = Vec::new();
    let read = match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None => body.take(limit).read_to_end(&mut text),
        Some(b"gzip") => MultiGzDecoder::new(body).take(limit).read_to_end(&mut text),
        Some(_) => {
            let detail = "the body is not encoded in gzip";
            return Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                // Replicas read this too, and know the shared codes only.
                ProblemCode::InvalidRequest,
                detail,
            )
            .header(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip")));
        }
    };
    if let Err(error) = read {
        let detail = format!("the gzip stream is damaged: {error}");
        return Err(Failure::new(StatusCode::BAD_REQUEST, ProblemCode::InvalidRequest, detail));
    }
    if text.len() > bytes_max {
        return Err(too_large(format!("more than {bytes_max} bytes")));
    }
    Ok(text)
}

fn too_large(detail: String) -> Failure {
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, ProblemCode::TooLarge, detail)
}

/// Collects lines of an answer.
pub(crate) struct Lines(GzEncoder<Vec<u8>>);

impl Lines {
    pub(crate) fn new() -> Self {
        Self(GzEncoder::new(Vec::new(), Compression::fast()))
    }

    pub(crate) fn push(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.0, line).map_err(|e| Failure::internal(&e))?;
        self.0.write_all(b"\n").map_err(|e| Failure::internal(&e))
    }

    /// All of them, packed.
    pub(crate) fn finish(self) -> Result<Bytes, Failure> {
        self.0.finish().map(Bytes::from).map_err(|e| Failure::internal(&e))
    }

    pub(crate) fn into_response(self) -> Result<Response, Failure> {
        self.finish().map(in_lines)
    }
}

/// An answer of lines that were packed.
pub(crate) fn in_lines(packed: Bytes) -> Response {
    let mut response = Response::new(Body::from(packed));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response
}
