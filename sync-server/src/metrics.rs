//! What happened here, as numbers for who watches the relay: OpenMetrics on an address of its own.
//!
//! ```text
//! Workshop::tell ─▶ Metrics::moved ─▶ counter (event, status, analysis) with the last job as exemplar
//! GET /metrics ──▶ open jobs of the database, and everything as text
//! ```
//! Ids are no labels: each would be a series of its own. The newest job of a series is its exemplar, which
//! leads from a number to the log.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::Args;
use kartei_protocol::jobs::JobEventKind;
use kartei_relay_store::{JobRow, OrgId, RelayStore};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::exemplar::CounterWithExemplar;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::listen;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where the numbers are served.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct MetricsOptions {
    /// Address on which `GET /metrics` is served, without a token: one that only who watches the relay
    /// reaches. Without it nothing is served; port 0 takes a free one and logs it.
    #[arg(long, env = "KARTEI_METRICS_LISTEN", value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,
}

/// A series of transitions. All three come from short lists.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Transition {
    event: &'static str,
    status: &'static str,
    analysis: String,
}

/// What a number leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Trace {
    job_id: String,
    org_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: &'static str,
}

/// The numbers of a program.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    transitions: Family<Transition, CounterWithExemplar<Trace>>,
    open: Family<Status, Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let transitions = Family::<Transition, CounterWithExemplar<Trace>>::default();
        let open = Family::<Status, Gauge>::default();
        let about = "Steps of jobs that this program took";
        registry.register("kartei_job_transitions", about, transitions.clone());
        let about = "Jobs of all organisations that have not ended";
        registry.register("kartei_jobs", about, open.clone());
        Self { registry, transitions, open }
    }

    /// Something happened to a job.
    pub(crate) fn moved(&self, org: OrgId, row: &JobRow, kind: JobEventKind) {
        let series = Transition {
            event: kind.word(),
            status: row.state.word(),
            analysis: row.analysis.clone(),
        };
        let trace = Trace { job_id: row.id.clone(), org_id: org.to_string() };
        let now = SystemTime::now();
        self.transitions.get_or_create(&series).inc_by(1, Some(trace), Some(now));
    }

    /// Everything as text, together with what is in the database. Where that is away, its numbers are left
    /// out: old ones would be taken for new ones.
    fn text(&self, store: &RelayStore) -> Result<String, std::fmt::Error> {
        match store.open_jobs() {
            Ok((queued, running)) => {
                for (status, count) in [("queued", queued), ("running", running)] {
                    let gauge = self.open.get_or_create(&Status { status });
                    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "Jobs are not counted");
                self.open.clear();
            }
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

type Watched = (Arc<Metrics>, Arc<RelayStore>);

async fn tell(State((metrics, store)): State<Watched>) -> Response {
    let text = tokio::task::spawn_blocking(move || metrics.text(&store)).await;
    match text {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Serves the numbers until the program stops, where it is asked to.
///
/// # Errors
/// Where nobody can listen on the address.
pub(crate) async fn watched(
    options: MetricsOptions,
    metrics: Arc<Metrics>,
    store: Arc<RelayStore>,
    stopping: watch::Receiver<bool>,
) -> Result<Option<JoinHandle<Result<()>>>> {
    let Some(address) = options.metrics_listen else { return Ok(None) };
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listen on {address} for metrics"))?;
    let address = listener.local_addr().context("read the listening address of metrics")?;
    tracing::info!(%address, "Metrics are served");
    let router = Router::new().route("/metrics", get(tell)).with_state((metrics, store));
    Ok(Some(tokio::spawn(listen::serve(listener, router, stopping))))
}
