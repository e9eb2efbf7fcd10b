//! What the program logs, on standard error: lines for people, or JSON for collectors. Others hear of it where they are
//! named (`telemetry`).

use std::io::IsTerminal as _;

use anyhow::Result;
use clap::ValueEnum;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::telemetry::{Hearer, TELEMETRY, Telemetry, TelemetryOptions};

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// An object a line: `timestamp`, `level`, `target`, `message`, the event's own fields, and `span` with the
    /// request that it belongs to.
    Json,
}

/// Begins to log, and to tell others who are named. `RUST_LOG` says what the log has; `info` unless told. What is
/// answered has to live as long as the program.
///
/// # Errors
/// Where others cannot be told as they are named.
pub(crate) fn begin(format: LogFormat, telemetry: &TelemetryOptions) -> Result<Telemetry> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let unseen: Directive = format!("{TELEMETRY}=off").parse()?;
    let filter = filter.add_directive(unseen);
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log: Hearer = match format {
        LogFormat::Text => {
            log.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed()
        }
        LogFormat::Json => {
            log.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed()
        }
    };
    let (others, telemetry) = telemetry.begin()?;
    let mut hearers = vec![log];
    hearers.extend(others);
    tracing_subscriber::registry().with(hearers).init();
    Ok(telemetry)
}
