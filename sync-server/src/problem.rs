//! Error answers: RFC 9457 problem documents with stable codes.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sync::ProblemDocument;
use kartei_relay_store::RelayStoreError;

/// An error on its way out.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    code: ProblemCode,
    detail: Option<String>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { status, code, detail: Some(detail.into()) }
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            ProblemCode::Unauthorized,
            "the token is missing, unknown or revoked",
        )
    }

    /// What failed inside is for the log; the client learns that it may try again.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "Request failed");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: ProblemCode::RelayFailed,
            detail: None,
        }
    }
}

impl From<RelayStoreError> for Failure {
    fn from(error: RelayStoreError) -> Self {
        match error {
            RelayStoreError::OtherEpoch => {
                Self::new(StatusCode::GONE, ProblemCode::InvalidRequest, error.to_string())
            }
            other => Self::internal(&other),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let code = serde_json::to_value(self.code).unwrap_or_default();
        let document = ProblemDocument {
            kind: format!("/problems/{}", code.as_str().unwrap_or("internal")),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
        };
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
