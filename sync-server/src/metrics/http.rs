//! Requests as numbers: how many, how long, how many at once.
//!
//! A route is named by its template (`/profiles/{id}`) and a method by one of a short list: no id, no name and nothing
//! else that a client chooses becomes a series.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::Metrics;

/// Seconds: from what is answered from memory to what a proxy gives up.
const SECONDS: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What no route fits.
const NOWHERE: &str = "none";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    route: String,
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    method: &'static str,
    status: u16,
}

type Durations = Family<Asked, Histogram, fn() -> Histogram>;

/// The numbers of requests.
#[derive(Debug)]
pub(super) struct Requests {
    answered: Family<Answered, Counter>,
    durations: Durations,
    open: Gauge,
}

impl Requests {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let answered = Family::<Answered, Counter>::default();
        let durations =
            Durations::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        let open = Gauge::default();
        let about = "Requests that were answered";
        registry.register("kartei_http_requests", about, answered.clone());
        let about = "Time until a request was answered, without the answer's body";
        registry.register_with_unit(
            "kartei_http_request_duration",
            about,
            Unit::Seconds,
            durations.clone(),
        );
        let about = "Requests that wait for their answer";
        registry.register("kartei_http_requests_open", about, open.clone());
        Self { answered, durations, open }
    }
}

fn word(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// Counts one less when the request ends, however it does.
struct Open<'a>(&'a Gauge);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Counts a request, within the route that answers it.
pub(crate) async fn count(
    State(metrics): State<Arc<Metrics>>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let requests = &metrics.requests;
    let began = Instant::now();
    let method = word(request.method());
    let route = route.map_or_else(|| NOWHERE.to_owned(), |route| route.as_str().to_owned());
    requests.open.inc();
    let open = Open(&requests.open);
    let response = next.run(request).await;
    drop(open);
    let asked = Asked { route, method };
    requests.durations.get_or_create(&asked).observe(began.elapsed().as_secs_f64());
    let status = response.status().as_u16();
    let answered = Answered { route: asked.route, method, status };
    requests.answered.get_or_create(&answered).inc();
    response
}
