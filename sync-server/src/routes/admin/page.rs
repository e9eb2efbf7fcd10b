//! The page for administrators, as `ui` builds it. It is part of the program, so that page and relay are of one
//! version; what it shows it asks for with a token, like everybody else.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use kartei_protocol::problem::ProblemCode;
use rust_embed::{EmbeddedFile, RustEmbed};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

use crate::problem::Failure;
use crate::serve::Relay;

#[derive(RustEmbed)]
#[folder = "../ui/dist-admin"]
struct Files;

const PAGE: &str = "admin.html";

/// Nothing from elsewhere, nothing written into the page, and nobody may put it in a frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// A file with a hash of its content in its name never changes.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Any other one is asked for anew.
const ASKED_FOR: HeaderValue = HeaderValue::from_static("no-cache");

pub(in crate::routes) fn router() -> Router<Arc<Relay>> {
    // Fonts are packed already.
    let packed = DefaultPredicate::new().and(NotForContentType::new("font/"));
    Router::new()
        // Relative, so that it holds behind a proxy that puts the relay below a path.
        .route("/admin", get(async || Redirect::permanent("admin/")))
        .route("/admin/", get(page))
        .route("/admin/icon.svg", get(async || file("icon.svg", ASKED_FOR)))
        .route("/admin/assets/{name}", get(asset))
        .layer(CompressionLayer::new().compress_when(packed))
}

async fn page() -> Response {
    let mut response = file(PAGE, ASKED_FOR).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

async fn asset(Path(name): Path<String>) -> Result<impl IntoResponse, Failure> {
    file(&format!("assets/{name}"), FOR_EVER)
}

type Answer = ([(HeaderName, HeaderValue); 2], Bytes);

/// A file of the page.
///
/// # Errors
/// 404.
fn file(path: &str, cached: HeaderValue) -> Result<Answer, Failure> {
    let Some(EmbeddedFile { data, metadata }) = Files::get(path) else {
        let detail = "the page has no such file";
        return Err(Failure::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, detail));
    };
    let kind = HeaderValue::from_str(metadata.mimetype())
        .unwrap_or(const { HeaderValue::from_static("application/octet-stream") });
    let bytes = match data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cached)], bytes))
}
