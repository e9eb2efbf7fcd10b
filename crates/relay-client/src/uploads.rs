//! Uploads: the requests of docs/uploads.md.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::Stream;
use kartei_protocol::uploads::{CompleteUpload, NewUpload, UploadState, Uploads};
use kartei_upload_core::Failure;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Body, RequestBuilder, Response, Url};
use serde_json::json;

use crate::error::Document;
use crate::{RelayClient, RelayError};

/// Names the digest of a request's body (RFC 9530).
const CONTENT_DIGEST: &str = "content-digest";

const BYTES: &str = "application/octet-stream";

/// An upload's request failed: what the plan makes of it, and what a person is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the upload failed ({}): {detail}", .failure.code)]
pub struct UploadFailure {
    /// The code and what else decides what follows.
    pub failure: Failure,
    /// What the relay or the system says.
    pub detail: String,
}

impl From<RelayError> for UploadFailure {
    fn from(error: RelayError) -> Self {
        let failure = match &error {
            RelayError::Unreachable(_) | RelayError::CutOff => Failure::unreachable(),
            // No answer, so no status; the code says to people why.
            RelayError::Certificate(fault) => Failure {
                code: json!(fault.code()).as_str().unwrap_or_default().to_owned(),
                ..Failure::unreachable()
            },
            _ => Failure { code: "failed".to_owned(), status: 400, retry_after_ms: None },
        };
        Self { failure, detail: error.to_string() }
    }
}

/// A part of a file.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// The session.
    pub upload: &'a str,
    /// Its first byte.
    pub offset: u64,
    /// How many bytes it has.
    pub bytes: u64,
    /// CRC32C (Castagnoli) of them.
    pub crc32c: u32,
}

fn digest_header(crc32c: u32) -> String {
    format!("crc32c=:{}:", STANDARD.encode(crc32c.to_be_bytes()))
}

impl RelayClient {
    /// Creates a session, or answers the one that the key made before.
    ///
    /// # Errors
    /// [`UploadFailure`].
    pub async fn create_upload(&self, new: &NewUpload) -> Result<UploadState, UploadFailure> {
        let body = json(new)?;
        let request = self.http.post(self.upload_url("create")?).body(body);
        self.ask_upload(request.header(CONTENT_TYPE, "application/json")).await
    }

    /// Creates a session with the whole file, and completes it.
    ///
    /// # Errors
    /// [`UploadFailure`].
    pub async fn upload_whole(
        &self,
        new: &NewUpload,
        crc32c: u32,
        content: Bytes,
    ) -> Result<UploadState, UploadFailure> {
        let mut url = self.upload_url("create")?;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("complete", "true").append_pair("name", &new.name);
            query.append_pair("size", &content.len().to_string());
            for (name, value) in [
                ("content_type", &new.content_type),
                ("digest", &new.digest),
                ("sha256", &new.sha256),
                ("key", &new.key),
            ] {
                if let Some(value) = value {
                    query.append_pair(name, value);
                }
            }
        }
        let request = self.http.post(url).header(CONTENT_TYPE, BYTES).body(content);
        self.ask_upload(request.header(CONTENT_DIGEST, digest_header(crc32c))).await
    }

    /// Sends a part. `body` gives its bytes as they are wanted.
    ///
    /// # Errors
    /// [`UploadFailure`]; whole pieces may have arrived all the same.
    pub async fn send_chunk(
        &self,
        chunk: Chunk<'_>,
        body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<UploadState, UploadFailure> {
        let mut url = self.session_url("chunk", chunk.upload)?;
        url.query_pairs_mut().append_pair("offset", &chunk.offset.to_string());
        let request = self
            .http
            .post(url)
            .header(CONTENT_TYPE, BYTES)
            // A stream does not say how long it is.
            .header(CONTENT_LENGTH, chunk.bytes)
            .header(CONTENT_DIGEST, digest_header(chunk.crc32c))
            .body(Body::wrap_stream(body));
        self.ask_upload(request).await
    }

    /// A session's state.
    ///
    /// # Errors
    /// [`UploadFailure`].
    pub async fn upload_state(&self, upload: &str) -> Result<UploadState, UploadFailure> {
        self.ask_upload(self.http.post(self.session_url("status", upload)?)).await
    }

    /// Makes a file of a session that has all its bytes.
    ///
    /// # Errors
    /// [`UploadFailure`].
    pub async fn complete_upload(
        &self,
        upload: &str,
        complete: &CompleteUpload,
    ) -> Result<UploadState, UploadFailure> {
        let request = self.http.post(self.session_url("complete", upload)?).body(json(complete)?);
        self.ask_upload(request.header(CONTENT_TYPE, "application/json")).await
    }

    /// Ends a session; nothing of it is kept.
    ///
    /// # Errors
    /// [`UploadFailure`].
    pub async fn abort_upload(&self, upload: &str) -> Result<UploadState, UploadFailure> {
        self.ask_upload(self.http.post(self.session_url("abort", upload)?)).await
    }

    /// The sessions of the token's organisation; nothing where the relay takes no uploads.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn uploads(&self) -> Result<Option<Uploads>, RelayError> {
        let response = match self.send(self.http.get(self.url("api/uploads")?)).await {
            Ok(response) => response,
            Err(RelayError::Refused { status: 404, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let body = response.bytes().await.map_err(|e| RelayError::from_http(&e))?;
        let uploads = serde_json::from_slice(&body);
        uploads.map(Some).map_err(|e| RelayError::Incompatible(format!("uploads: {e}")))
    }

    fn upload_url(&self, action: &str) -> Result<Url, RelayError> {
        let mut url = self.url("api/upload")?;
        url.query_pairs_mut().append_pair("action", action);
        Ok(url)
    }

    fn session_url(&self, action: &str, upload: &str) -> Result<Url, RelayError> {
        let mut url = self.upload_url(action)?;
        url.query_pairs_mut().append_pair("upload", upload);
        Ok(url)
    }

    async fn ask_upload(&self, request: RequestBuilder) -> Result<UploadState, UploadFailure> {
        let response = request.bearer_auth(&self.token).send().await;
        let response = response.map_err(|e| RelayError::from_http(&e))?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let body = response.bytes().await.map_err(|e| RelayError::from_http(&e))?;
        let state = serde_json::from_slice(&body);
        Ok(state.map_err(|e| RelayError::Incompatible(format!("upload: {e}")))?)
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, RelayError> {
    serde_json::to_vec(value).map_err(|e| RelayError::Incompatible(format!("upload: {e}")))
}

async fn refusal(response: Response) -> UploadFailure {
    let status = response.status();
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let seconds: Option<u64> = seconds.and_then(|text| text.trim().parse().ok());
    let retry_after_ms = seconds.map(|seconds| seconds.saturating_mul(1_000));
    let Document { code, detail } = Document::read(response).await;
    let detail = detail.unwrap_or_else(|| format!("the relay answered with status {status}"));
    UploadFailure { failure: Failure { code, status: status.as_u16(), retry_after_ms }, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_a_structured_field() {
        // CRC32C of "123456789", the check value of the algorithm.
        assert_eq!(digest_header(0xe306_9283), "crc32c=:4waSgw==:");
    }
}
