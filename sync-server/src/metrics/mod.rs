//! What happened here, as numbers for who watches the relay: OpenMetrics on an address of its own.
//!
//! ```text
//! Workshop::tell ─▶ Metrics::moved ─▶ counter (event, status, analysis) with the last job as exemplar
//! routes ─────────▶ http::count ────▶ requests, durations, open ones
//! uploads ────────▶ Metrics::uploaded
//! GET /metrics ──▶ open jobs of the database, the machine, and everything as text
//! ```
//! Ids are no labels: each would be a series of its own. The newest job of a series is its exemplar, which
//! leads from a number to the log.

mod http;
mod machine;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::Args;
use kartei_protocol::jobs::JobEventKind;
use kartei_relay_store::{JobRow, OpenJobs, OrgId, RelayStore};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::CounterWithExemplar;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::listen;

use http::Requests;
pub(crate) use http::count;
use machine::Machine;
pub(crate) use machine::Watched;

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

/// How an upload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uploaded {
    /// It is a file, of so many bytes.
    Completed(u64),
    /// Somebody ended it.
    Aborted,
    /// Nobody went on with it.
    Expired,
    /// It could not become a file.
    Failed,
}

impl Uploaded {
    fn word(self) -> &'static str {
        match self {
            Self::Completed(_) => "completed",
            Self::Aborted => "aborted",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// The numbers of a program.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    transitions: Family<Transition, CounterWithExemplar<Trace>>,
    open: Family<Status, Gauge>,
    lag: Gauge<f64, AtomicU64>,
    has_database: Gauge,
    expires: Gauge,
    uploads: Family<Outcome, Counter>,
    uploaded: Counter,
    requests: Requests,
    machine: Machine,
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
        let lag = Gauge::<f64, AtomicU64>::default();
        let about = "For how long the oldest job waits that may begin; 0 where none does";
        registry.register_with_unit("kartei_job_lag", about, Unit::Seconds, lag.clone());
        let has_database = Gauge::default();
        let about = "Whether the database answered just now: 1, or 0";
        registry.register("kartei_database_up", about, has_database.clone());
        let expires = Gauge::default();
        let about =
            "Until when the relay's certificate is good, since 1970; 0 where it speaks no TLS";
        let name = "kartei_tls_certificate_expires_timestamp";
        registry.register_with_unit(name, about, Unit::Seconds, expires.clone());
        let uploads = Family::<Outcome, Counter>::default();
        for end in [Uploaded::Completed(0), Uploaded::Aborted, Uploaded::Expired, Uploaded::Failed]
        {
            // A rate needs a beginning.
            drop(uploads.get_or_create(&Outcome { outcome: end.word() }));
        }
        registry.register("kartei_uploads", "Uploads that ended", uploads.clone());
        let uploaded = Counter::default();
        let about = "Bytes of uploads that became files";
        registry.register_with_unit("kartei_upload", about, Unit::Bytes, uploaded.clone());
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("kartei_build", "The program", version);
        let (requests, machine) = (Requests::new(&mut registry), Machine::new(&mut registry));
        Self {
            registry,
            transitions,
            open,
            lag,
            has_database,
            expires,
            uploads,
            uploaded,
            requests,
            machine,
        }
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

    /// An upload ended.
    pub(crate) fn uploaded(&self, how: Uploaded) {
        self.uploads.get_or_create(&Outcome { outcome: how.word() }).inc();
        if let Uploaded::Completed(bytes) = how {
            self.uploaded.inc_by(bytes);
        }
    }

    /// Until when the relay's certificate is good, in seconds since 1970.
    pub(crate) fn certificate_expires(&self, at: u64) {
        self.expires.set(i64::try_from(at).unwrap_or(i64::MAX));
    }

    /// Everything as text, together with what is in the database. Where that is away, its numbers are left
    /// out: old ones would be taken for new ones.
    fn text(&self, store: &RelayStore, folders: &[Watched]) -> Result<String, std::fmt::Error> {
        self.machine.look(folders);
        let counted = store.open_jobs();
        self.has_database.set(counted.is_ok().into());
        match counted {
            Ok(OpenJobs { queued, running, lag_ms }) => {
                self.lag.set(Duration::from_millis(lag_ms).as_secs_f64());
                for (status, count) in [("queued", queued), ("running", running)] {
                    let gauge = self.open.get_or_create(&Status { status });
                    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "Jobs are not counted");
                self.open.clear();
                self.lag.set(f64::NAN);
            }
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

type Told = (Arc<Metrics>, Arc<RelayStore>, Arc<[Watched]>);

async fn tell(State((metrics, store, folders)): State<Told>) -> Response {
    let text = tokio::task::spawn_blocking(move || metrics.text(&store, &folders)).await;
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
    folders: Vec<Watched>,
    stopping: watch::Receiver<bool>,
) -> Result<Option<JoinHandle<Result<()>>>> {
    let Some(address) = options.metrics_listen else { return Ok(None) };
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listen on {address} for metrics"))?;
    let address = listener.local_addr().context("read the listening address of metrics")?;
    tracing::info!(%address, "Metrics are served");
    let state: Told = (metrics, store, folders.into());
    let router = Router::new().route("/metrics", get(tell)).with_state(state);
    Ok(Some(tokio::spawn(listen::serve(listener, router, None, stopping))))
}
