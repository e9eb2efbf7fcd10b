//! What the relay tells others of itself, where it is told to: spans to a collector, faults to whoever collects those.
//! Both are off unless an address is named (docs/observability.md).
//!
//! ```text
//! tracing ─▶ spans of target `telemetry` ─▶ batches ─▶ OTLP over HTTP ─────┐
//!        └─▶ events of level ERROR ─▶ word for word of the program alone ─▶ Sentry's envelope ─┴▶ Courier: a runtime of its own
//! ```
//! Neither gets what people wrote: spans have method, route, status and ids of requests and jobs; faults have the
//! program's own sentence, where it stands, numbers and those ids. What an error says stays in the log.

mod courier;
mod faults;
mod spans;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::Url;
use tracing_subscriber::{Layer, Registry};

use courier::Courier;
use faults::Faults;
pub(crate) use spans::{ended, failed, of_job, of_request, of_store};

/// The target of spans that are told to collectors, and that the log leaves out: they say what it says already.
pub(crate) const TELEMETRY: &str = "telemetry";

/// How long the end of the program waits for collectors.
const LAST_WITHIN: Duration = Duration::from_secs(2);

/// What the relay is called in what it tells.
const SERVICE: &str = "kartei-relay";

/// Where the relay tells of itself.
#[derive(Debug, Clone, Args)]
pub(crate) struct TelemetryOptions {
    /// A collector's address for OTLP over HTTP, such as http://127.0.0.1:4318: it is told how long requests and jobs
    /// take. Without it nobody is.
    #[arg(long, global = true, env = "KARTEI_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<Url>,
    /// A file with the headers that the collector wants, a line each: `name: value`.
    #[arg(
        long,
        global = true,
        env = "KARTEI_OTLP_HEADERS_FILE",
        value_name = "FILE",
        requires = "otlp_endpoint"
    )]
    otlp_headers_file: Option<PathBuf>,
    /// Which share of requests and jobs is told, 0 to 1. One that another program tells of goes with that.
    #[arg(
        long,
        global = true,
        env = "KARTEI_OTLP_SHARE",
        value_name = "SHARE",
        default_value_t = 1.0
    )]
    otlp_share: f64,
    /// A file with the DSN of a project that collects faults as Sentry does. Without it nobody hears of them.
    #[arg(long, global = true, env = "KARTEI_SENTRY_DSN_FILE", value_name = "FILE")]
    sentry_dsn_file: Option<PathBuf>,
    /// What this relay is, beside others that tell the same collectors.
    #[arg(
        long,
        global = true,
        env = "KARTEI_ENVIRONMENT",
        value_name = "NAME",
        default_value = "production"
    )]
    environment: String,
}

/// Sends what is still to be told when the program ends.
#[derive(Default)]
pub(crate) struct Telemetry {
    spans: Option<SdkTracerProvider>,
    faults: Option<Faults>,
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(spans) = &self.spans
            && let Err(error) = spans.shutdown_with_timeout(LAST_WITHIN)
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "The last spans could not be told"
            );
        }
        if let Some(faults) = &self.faults {
            faults.finish(LAST_WITHIN);
        }
    }
}

/// What hears everything that the program logs.
pub(crate) type Hearer = Box<dyn Layer<Registry> + Send + Sync>;

impl TelemetryOptions {
    /// Those that tell others, and what has to live as long as the program.
    ///
    /// # Errors
    /// A share beyond 0 to 1, a file that cannot be read, headers or a DSN that are none.
    pub(crate) fn begin(&self) -> Result<(Vec<Hearer>, Telemetry)> {
        if !(0.0..=1.0).contains(&self.otlp_share) {
            bail!("--otlp-share is 0 to 1");
        }
        let (mut hearers, mut telemetry) = (Vec::new(), Telemetry::default());
        if self.otlp_endpoint.is_none() && self.sentry_dsn_file.is_none() {
            return Ok((hearers, telemetry));
        }
        let courier = Courier::begin().context("begin to tell collectors")?;
        if let Some(endpoint) = &self.otlp_endpoint {
            let headers = self.otlp_headers_file.as_deref().map(spans::headers_in).transpose()?;
            let collector = spans::Collector {
                endpoint,
                headers: headers.unwrap_or_default(),
                share: self.otlp_share,
                environment: self.environment.clone(),
            };
            let (hearer, provider) = spans::begin(collector, courier.clone())?;
            hearers.push(hearer);
            telemetry.spans = Some(provider);
        }
        if let Some(file) = &self.sentry_dsn_file {
            let faults = Faults::begin(file, self.environment.clone(), courier)?;
            hearers.push(faults.hearer());
            telemetry.faults = Some(faults);
        }
        Ok((hearers, telemetry))
    }
}
