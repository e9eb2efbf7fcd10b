//! Routes, one module a resource.

mod admin;
mod analyze;
mod bootstrap;
mod calibrations;
mod events;
mod files;
mod health;
mod limits;
mod notifications;
mod pace;
mod presence;
mod profiles;
mod request;
mod resumable;
mod sign_in;
mod sync;
mod tus;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sync::PUSH_BYTES_MAX;
use tower_http::classify::ServerErrorsFailureClass;
use tower_http::trace::TraceLayer;
use tracing::Span;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use admin::audit::told as audit_told;
pub(crate) use admin::organisation::told as organisation_told;
pub(crate) use admin::reads::told as read_told;
pub(crate) use admin::tokens::{role_meant, told as token_told};
pub(crate) use uploads::Action;

use crate::import::VALIDATE_BYTES_MAX;
use crate::linger::linger;
use crate::problem::Failure;
use crate::serve::Relay;
use crate::{cors, identify, limiter, metrics, openapi};

/// What the relay says by intention (it stops, it is busy, its disk or its database is not there just now) is no fault
/// of its own; what it is, was logged where it was found.
fn failed(class: ServerErrorsFailureClass, latency: Duration, _: &Span) {
    let millis = latency.as_millis();
    match class {
        ServerErrorsFailureClass::StatusCode(
            status @ (StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE),
        ) => tracing::info!(status = status.as_u16(), millis, "A request was put off"),
        class => tracing::error!(%class, millis, "A request failed"),
    }
}

/// What every answer says, unless its route says otherwise: it is for whoever asked and no cache between may keep it, no
/// page may show it or take it in (`cors` names those that may ask for it), and nothing within it may run or load.
const UNLESS_SAID: [(HeaderName, HeaderValue); 3] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// What every answer says: no browser may guess what kind it is, show it within another page, or tell others that
/// somebody came from here; paths name people.
const ALWAYS: [(HeaderName, HeaderValue); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

async fn for_the_caller_alone(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in UNLESS_SAID {
        headers.entry(name).or_insert(value);
    }
    headers.extend(ALWAYS);
    response
}

/// A relay that was asked to stop ends connections with their next answer, so that clients that keep them open
/// ask on new ones, which lead to another relay.
async fn leaving(State(relay): State<Arc<Relay>>, request: Request, next: Next) -> Response {
    // HTTP/2 has no such header; there hyper itself says that it goes.
    let can_be_told = request.version() < Version::HTTP_2;
    let mut response = next.run(request).await;
    if can_be_told && relay.is_leaving() {
        let close = const { HeaderValue::from_static("close") };
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// The interface for integrators, which describes itself.
pub(crate) fn integrators() -> OpenApiRouter<Arc<Relay>> {
    openapi::router()
        .routes(routes!(limits::limits))
        .routes(routes!(profiles::read::schema))
        .routes(routes!(profiles::list::list))
        .routes(routes!(profiles::changes::changes))
        .routes(routes!(
            profiles::read::get,
            profiles::write::put,
            profiles::write::patch,
            profiles::write::delete
        ))
        .routes(routes!(profiles::read::document, profiles::write::take_document))
        .routes(routes!(profiles::behavior::get))
        .routes(routes!(profiles::history::history))
        .routes(routes!(profiles::erasures::erase))
        .routes(routes!(profiles::erasures::erasures))
        .routes(routes!(profiles::merge::merge))
        .routes(routes!(analyze::analyze))
        .routes(routes!(analyze::create, analyze::list))
        .routes(routes!(analyze::get))
        .routes(routes!(analyze::cancel))
        .routes(routes!(analyze::retry))
        .routes(routes!(analyze::events::events))
        .routes(routes!(analyze::result))
        .routes(routes!(notifications::list))
        .routes(routes!(notifications::read))
        .routes(routes!(admin::audit::list))
        .routes(routes!(admin::organisation::get))
        .routes(routes!(admin::organisation::set_quota))
        .routes(routes!(admin::organisation::devices))
        .routes(routes!(admin::reads::list))
        .routes(routes!(admin::tokens::list, admin::tokens::create))
        .routes(routes!(admin::tokens::revoke))
        .routes(routes!(admin::queue::get, admin::queue::set))
        .routes(routes!(admin::queue::pause))
        .routes(routes!(admin::queue::resume))
        .routes(routes!(admin::queue::running))
        .routes(routes!(admin::queue::fail))
        .routes(routes!(admin::webhook::get, admin::webhook::set, admin::webhook::remove))
        .routes(routes!(admin::webhook::list))
        .routes(routes!(admin::webhook::resend))
        .routes(routes!(admin::retention::get, admin::retention::set))
        .routes(routes!(admin::retention::plan))
        .routes(routes!(admin::retention::apply))
        .routes(routes!(admin::retention::runs))
        .routes(routes!(admin::retention::restore))
        .routes(routes!(admin::retention::purge))
        .routes(routes!(admin::retention::hold, admin::retention::release))
        .layer(DefaultBodyLimit::max(profiles::RECORD_BYTES_MAX))
        .routes(routes!(profiles::export::export))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(sign_in::ways))
                .routes(routes!(sign_in::oidc))
                .layer(DefaultBodyLimit::max(sign_in::SIGN_IN_BYTES_MAX)),
        )
        .merge(
            OpenApiRouter::new()
                .routes(routes!(profiles::validate::validate))
                .layer(DefaultBodyLimit::max(VALIDATE_BYTES_MAX)),
        )
        .merge(
            OpenApiRouter::new()
                .routes(routes!(calibrations::list, calibrations::add))
                .layer(DefaultBodyLimit::max(CALIBRATION_BYTES_MAX)),
        )
        .routes(routes!(calibrations::get, calibrations::delete))
        .routes(routes!(calibrations::activate))
        .routes(routes!(calibrations::fit::fit))
        .routes(routes!(calibrations::fit::compare))
        // Streams, and counts by itself.
        .routes(routes!(profiles::imports::import))
        .routes(routes!(profiles::imports::get, profiles::imports::cancel))
        .routes(routes!(profiles::imports::file))
}

/// Uploads and files. Bodies stream, and are counted where they are taken.
pub(crate) fn keepers() -> OpenApiRouter<Arc<Relay>> {
    OpenApiRouter::new()
        .routes(routes!(uploads::upload))
        .routes(routes!(uploads::list))
        .routes(routes!(files::list))
        .routes(routes!(files::get, files::change, files::delete))
        .routes(routes!(files::attach, files::detach))
        .routes(routes!(files::import))
        .routes(routes!(files::link))
        .routes(routes!(files::serve::serve))
}

/// Bytes of a calibration with its schema: more than the largest that keeps its numbers of a thousand knots for each of 512
/// signals.
const CALIBRATION_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The same with the doors that describe themselves elsewhere, behind limits and the origins that may ask.
fn api(relay: &Arc<Relay>) -> Router<Arc<Relay>> {
    let (keepers, _) = keepers().split_for_parts();
    let mut router = keepers
        .route("/api/files/serve/{id}/{name}", get(files::serve::serve_named))
        .merge(tus::router());
    if relay.uploads().options().resumable_draft {
        router = router.merge(resumable::router());
    }
    router.layer(from_fn_with_state(Arc::clone(relay), limiter::by_address)).layer(from_fn(linger))
}

pub(crate) fn router(relay: Arc<Relay>) -> Router {
    let (profiles, _) = integrators().split_for_parts();
    Router::new()
        .merge(profiles)
        .merge(api(&relay))
        .merge(admin::page::router())
        .route("/openapi.json", get(openapi::json))
        .route("/docs", get(openapi::page))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/sync/v1/whoami", get(sync::whoami))
        .route("/sync/v1/push", post(sync::push).layer(DefaultBodyLimit::max(PUSH_BYTES_MAX)))
        .route("/sync/v1/pull", get(sync::pull))
        .route("/sync/v1/bootstrap", get(bootstrap::manifest))
        .route("/sync/v1/bootstrap/segments/{digest}", get(bootstrap::segment))
        .route("/sync/v1/events", get(events::events))
        .route("/sync/v1/presence", post(presence::report))
        .route("/sync/v1/digests", get(sync::digests))
        .route("/sync/v1/digests/{buckets}", get(sync::members))
        .route("/sync/v1/fetch", post(sync::fetch))
        .fallback(async || {
            Failure::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, "there is no such route")
        })
        .method_not_allowed_fallback(async || {
            Failure::new(
                StatusCode::METHOD_NOT_ALLOWED,
                ProblemCode::InvalidRequest,
                "the route does not know this method",
            )
        })
        .layer(from_fn_with_state(Arc::clone(&relay), pace::keep))
        .layer(map_response(for_the_caller_alone))
        .layer(from_fn_with_state(Arc::clone(&relay), leaving))
        .layer(from_fn_with_state(Arc::clone(relay.metrics()), metrics::count))
        // Around everything, as a browser asks with a method that the route does not know.
        .layer(from_fn_with_state(Arc::clone(&relay), cors::answer))
        // Method, path, status and time; never headers or bodies.
        .layer(TraceLayer::new_for_http().on_failure(failed))
        .layer(from_fn(identify::identified))
        .with_state(relay)
}
