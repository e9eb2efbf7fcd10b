//! Error answers: RFC 9457 problem documents with stable codes.

use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kartei_profile::{EditError, Violation};
use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::{RelayStoreError, WriteError};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Codes of the interface for integrators, beside those that replicas know as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ApiCode {
    /// A write came without `If-Match` or `If-None-Match`.
    PreconditionRequired,
    /// The profile is not what the precondition says; `current` is what it is.
    PreconditionFailed,
    /// A type or encoding of a body that this route does not read.
    UnsupportedMediaType,
    /// A patch that cannot be applied to the profile.
    PatchFailed,
    /// A merge from a state that the profile never had.
    UnknownBase,
    /// The profile was merged into another one, where `Location` leads and which `into` names.
    Merged,
    /// The revision lies in the future, or in another history.
    UnknownRevision,
    /// As many imports as the relay takes are running.
    TooManyImports,
    /// As many exports as the relay takes are running.
    TooManyExports,
    /// An import that is to be cancelled has ended.
    ImportEnded,
    /// An `Idempotency-Key` came again with another request.
    KeyReused,
    /// The request with this `Idempotency-Key` is not answered yet.
    StillRunning,
    /// No such file, here or for this token.
    UnknownFile,
    /// A scanner holds a file back.
    FileQuarantined,
    /// A range without a byte of the file.
    RangeInvalid,
    /// An analysis that was waited for was cancelled.
    JobCanceled,
    /// An analysis that was waited for failed; `reason` says why.
    AnalysisFailed,
    /// A plan that would be another one now.
    PlanStale,
    /// A run that can no longer be restored.
    RestoreOver,
    /// The last administrator's token of an organisation stays.
    LastAdministrator,
    /// More requests than this token or address may make.
    TooManyRequests,
    /// The relay has no provider to sign in with.
    SignInOff,
    /// A code or an ID token that is not good; signing in again helps.
    SignInFailed,
    /// The provider knows the person, and nothing gives them a role here.
    NotAdmitted,
    /// The provider cannot be reached just now.
    ProviderAway,
    /// The provider and the relay do not fit together.
    ProviderFailed,
}

/// A database that restarts is back within seconds.
const AWAY_SECONDS: u64 = 2;

/// The stable word of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Code {
    Shared(ProblemCode),
    Api(ApiCode),
}

impl From<ProblemCode> for Code {
    fn from(code: ProblemCode) -> Self {
        Self::Shared(code)
    }
}

impl From<ApiCode> for Code {
    fn from(code: ApiCode) -> Self {
        Self::Api(code)
    }
}

/// An error on its way out.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    code: Code,
    detail: Option<String>,
    /// The kind of problem where somebody else named it.
    kind: Option<&'static str>,
    /// Members of the document beside those of the standard.
    more: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A problem document as it is written.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(flatten)]
    more: &'a Map<String, Value>,
}

impl Failure {
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Code>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            detail: Some(detail.into()),
            kind: None,
            more: Map::new(),
            headers: Vec::new(),
        }
    }

    /// The request itself is wrong.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ProblemCode::InvalidRequest, detail)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, "there is no such profile")
    }

    /// It was there, and was erased for good.
    pub(crate) fn erased() -> Self {
        Self::new(
            StatusCode::GONE,
            ProblemCode::Erased,
            "this profile was erased for good; its id cannot be used again",
        )
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            ProblemCode::Forbidden,
            "this token may read but not write",
        )
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            ProblemCode::Unauthorized,
            "the token is missing, unknown, revoked or has ended",
        )
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// What failed inside is for the log; the client learns that it may try again.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "Request failed");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: ProblemCode::RelayFailed.into(),
            detail: None,
            kind: None,
            more: Map::new(),
            headers: Vec::new(),
        }
    }

    fn away(error: &RelayStoreError) -> Self {
        tracing::warn!(error = error as &dyn std::error::Error, "The database is away");
        Self::unavailable()
    }

    /// What the relay stands on is away just now; nothing is known to be wrong with it.
    pub(crate) fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ProblemCode::RelayFailed,
            "the relay's database cannot be reached just now; ask again",
        )
        .header(header::RETRY_AFTER, HeaderValue::from(AWAY_SECONDS))
    }

    /// Whether it is [`Failure::unavailable`].
    pub(crate) fn is_away(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    /// A record or an edit that does not fit; never with the record's contents.
    pub(crate) fn violation(violation: &Violation) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            ProblemCode::InvalidRecord,
            violation.reason.clone(),
        )
        .with("pointer", json!(violation.pointer))
        .with("keyword", json!(violation.rule))
        .with("mend", json!(violation.mend()))
    }

    /// Adds a member to the document.
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// A kind of problem that a standard names.
    pub(crate) fn kind(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The same problem under another status.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Whether it is this problem.
    pub(crate) fn is(&self, code: ProblemCode) -> bool {
        self.code == Code::Shared(code)
    }

    /// A member of the document.
    pub(crate) fn member(&self, name: &str) -> Option<&Value> {
        self.more.get(name)
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<RelayStoreError> for Failure {
    fn from(error: RelayStoreError) -> Self {
        match error {
            RelayStoreError::OtherEpoch => {
                Self::new(StatusCode::GONE, ProblemCode::InvalidRequest, error.to_string())
            }
            RelayStoreError::CursorTooOld { .. } => {
                Self::new(StatusCode::GONE, ProblemCode::CursorTooOld, error.to_string())
            }
            other if other.passes() => Self::away(&other),
            other => Self::internal(&other),
        }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match &error {
            WriteError::Store(store) if store.passes() => Self::away(store),
            WriteError::NotFound => Self::not_found(),
            WriteError::Erased => Self::erased(),
            WriteError::Invalid(violation) | WriteError::Edit(EditError::Invalid(violation)) => {
                Self::violation(violation)
            }
            WriteError::Edit(EditError::Target { pointer, .. }) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                ProblemCode::InvalidRecord,
                error.to_string(),
            )
            .with("pointer", json!(pointer)),
            WriteError::Patch(reason) => {
                Self::new(StatusCode::CONFLICT, ApiCode::PatchFailed, reason.clone())
            }
            WriteError::UnknownBase(_) => {
                Self::new(StatusCode::CONFLICT, ApiCode::UnknownBase, error.to_string())
            }
            WriteError::Edit(_) | WriteError::Store(_) => Self::internal(&error),
        }
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::invalid(rejection.body_text())
    }
}

impl From<PathRejection> for Failure {
    fn from(rejection: PathRejection) -> Self {
        Self::invalid(rejection.body_text())
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ApiCode::UnsupportedMediaType,
                "send the body as application/json",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                ProblemCode::TooLarge,
                "the body is larger than this route takes",
            ),
            _ => Self::invalid(rejection.body_text()),
        }
    }
}

impl From<BytesRejection> for Failure {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                ProblemCode::TooLarge,
                "the body is larger than this route takes",
            ),
            _ => Self::invalid(rejection.body_text()),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let code = serde_json::to_value(self.code).unwrap_or_default();
        let document = Document {
            kind: self.kind.map_or_else(
                || format!("/problems/{}", code.as_str().unwrap_or("internal")),
                str::to_owned,
            ),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail.as_deref(),
            more: &self.more,
        };
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}
