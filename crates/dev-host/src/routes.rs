//! The addresses of the bridge: `POST /ipc/{name}`, `GET /ipc-events`, `POST /ipc-drop`, and the
//! files of the UI.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as UrlPath, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use kartei_app::Workplace;
use kartei_protocol::problem::{Problem, ProblemCode};
use serde_json::Value;
use tower_http::services::{ServeDir, ServeFile};

use crate::drops::{self, Drops};
use crate::events::{self, Events};
use crate::guard;

/// Bytes of a command's request at most: 1,000 edits with the longest notes fit many times.
const COMMAND_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The same policy as the desktop's, but for the bridge's own address: what breaks there breaks in
/// the browser's tests too.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self'; font-src 'self'; img-src 'self' data:; connect-src 'self'; \
    object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub workplace: Arc<Workplace>,
    pub events: Events,
    pub drops: Arc<Drops>,
}

/// Builds the routes around the workspaces of a home folder.
pub(crate) fn build(workplace: Arc<Workplace>, ui: &Path) -> Result<Router> {
    let events = Events::subscribe(&workplace);
    let shared = Shared { workplace, events, drops: Arc::new(Drops::new()?) };
    let pages = ServeDir::new(ui).fallback(ServeFile::new(ui.join("index.html")));
    Ok(Router::new()
        .route("/ipc/{name}", post(call).layer(DefaultBodyLimit::max(COMMAND_BYTES_MAX)))
        .route("/ipc-events", get(events::stream))
        .route("/ipc-drop", post(drops::store).layer(DefaultBodyLimit::disable()))
        .fallback_service(pages)
        .layer(middleware::map_response(with_policy))
        .layer(middleware::from_fn(guard::loopback_only))
        .with_state(shared))
}

async fn call(
    State(shared): State<Shared>,
    UrlPath(name): UrlPath<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let payload: Value = serde_json::from_slice(&body)
        .map_err(|e| Problem::new(ProblemCode::InvalidRequest, format!("{name}: {e}")))?;
    let answer =
        tokio::task::spawn_blocking(move || shared.workplace.call(&name, payload))
            .await
            .map_err(|e| Problem::new(ProblemCode::Internal, format!("the command ended: {e}")))?;
    Ok(Json(answer?))
}

async fn with_policy(mut response: Response) -> Response {
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// A problem as an HTTP answer.
#[derive(Debug)]
pub(crate) struct Refusal(Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (status(self.0.code), Json(self.0)).into_response()
    }
}

fn status(code: ProblemCode) -> StatusCode {
    match code {
        ProblemCode::InvalidRequest
        | ProblemCode::InvalidFilter
        | ProblemCode::NotNdjson
        | ProblemCode::DamagedArchive
        | ProblemCode::OffsetInvalid
        | ProblemCode::DigestMismatch => StatusCode::BAD_REQUEST,
        ProblemCode::UnknownCommand
        | ProblemCode::NotFound
        | ProblemCode::UnknownUpload
        | ProblemCode::FileMissing
        | ProblemCode::NotAFile => StatusCode::NOT_FOUND,
        ProblemCode::InvalidRecord => StatusCode::UNPROCESSABLE_ENTITY,
        ProblemCode::FileUnreadable | ProblemCode::FileUnwritable | ProblemCode::Forbidden => {
            StatusCode::FORBIDDEN
        }
        ProblemCode::NotSignedIn
        | ProblemCode::Blocked
        | ProblemCode::Gates
        | ProblemCode::NothingObserved
        | ProblemCode::Differs
        | ProblemCode::UploadIncomplete
        | ProblemCode::TakenOver
        | ProblemCode::DirectOff
        | ProblemCode::FileChanged => StatusCode::CONFLICT,
        ProblemCode::Erased
        | ProblemCode::Deleted
        | ProblemCode::CursorTooOld
        | ProblemCode::UploadGone
        | ProblemCode::FileLost => StatusCode::GONE,
        ProblemCode::Unauthorized | ProblemCode::SignInFailed => StatusCode::UNAUTHORIZED,
        ProblemCode::TooLarge
        | ProblemCode::FileLimit
        | ProblemCode::SizeExceeded
        | ProblemCode::QuotaExceeded => StatusCode::PAYLOAD_TOO_LARGE,
        ProblemCode::TooManyUploads | ProblemCode::QueueFull => StatusCode::TOO_MANY_REQUESTS,
        ProblemCode::UploadBusy | ProblemCode::UploadsOff => StatusCode::SERVICE_UNAVAILABLE,
        ProblemCode::TooSlow => StatusCode::REQUEST_TIMEOUT,
        ProblemCode::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        ProblemCode::Offline
        | ProblemCode::CertificateExpired
        | ProblemCode::CertificateNotYet
        | ProblemCode::CertificateIssuer
        | ProblemCode::CertificateAddress
        | ProblemCode::CertificateRefused
        | ProblemCode::RelayIncompatible
        | ProblemCode::RelayFailed => StatusCode::BAD_GATEWAY,
        ProblemCode::StoreNeedsKey | ProblemCode::WrongKey => StatusCode::LOCKED,
        ProblemCode::StoreLocked
        | ProblemCode::StoreTooNew
        | ProblemCode::StoreDamaged
        | ProblemCode::Keychain
        | ProblemCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
