//! Spans for collectors: OpenTelemetry's protocol (OTLP 1) in protobuf over HTTP, names after its semantic conventions for
//! HTTP. A request that brings a `traceparent` (W3C Trace Context) is part of that trace.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::pin::Pin;

use anyhow::{Context as _, Result};
use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use reqwest::Url;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;

use super::courier::Courier;
use super::{Hearer, SERVICE, TELEMETRY};

/// Where a collector takes spans, below its address.
const PATH: &str = "v1/traces";

/// Who is told, and what.
pub(super) struct Collector<'a> {
    pub(super) endpoint: &'a Url,
    pub(super) headers: HashMap<String, String>,
    pub(super) share: f64,
    pub(super) environment: String,
}

/// The headers in a file, a line each: `name: value`.
pub(super) fn headers_in(file: &Path) -> Result<HashMap<String, String>> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            // What stands there may be a secret: it is not told.
            let (name, value) = line.split_once(':').with_context(|| {
                format!("line {} of {} is no `name: value`", at + 1, file.display())
            })?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

/// Below the collector's address, unless it is named whole.
fn place(endpoint: &Url) -> String {
    let address = endpoint.as_str().trim_end_matches('/');
    if address.ends_with(PATH) { address.to_owned() } else { format!("{address}/{PATH}") }
}

pub(super) fn begin(
    collector: Collector<'_>,
    courier: Courier,
) -> Result<(Hearer, SdkTracerProvider)> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(courier)
        .with_endpoint(place(collector.endpoint))
        .with_headers(collector.headers)
        .build()
        .context("--otlp-endpoint")?;
    let resource = Resource::builder_empty()
        .with_service_name(SERVICE)
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("deployment.environment.name", collector.environment),
        ])
        .build();
    let share = Sampler::TraceIdRatioBased(collector.share);
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(share)))
        .with_resource(resource)
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(SERVICE))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false);
    // Events stay in the log: what they say of errors may name people.
    let is_told = filter_fn(|told| told.is_span() && told.target() == TELEMETRY);
    Ok((Box::new(layer.with_filter(is_told)), provider))
}

impl HttpClient for Courier {
    fn send_bytes<'s, 'f>(
        &'s self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        let client = self.client.clone();
        // The exporter waits on a thread without a runtime.
        let answer = self.spawn(async move {
            let answer = client.execute(request.try_into()?).await?;
            let mut told = Response::builder().status(answer.status());
            if let Some(headers) = told.headers_mut() {
                headers.clone_from(answer.headers());
            }
            Ok(told.body(answer.bytes().await?)?)
        });
        Box::pin(async move { answer.await? })
    }
}

/// The span of a request, within the trace that it says it belongs to.
pub(crate) fn of_request(
    method: &Method,
    route: Option<&str>,
    name: &str,
    headers: &HeaderMap,
) -> Span {
    let span = tracing::info_span!(
        target: TELEMETRY,
        "request",
        otel.name = field::Empty,
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = field::Empty,
        request_id = name,
    );
    if span.is_disabled() {
        return span;
    }
    match route {
        Some(route) => span.record("otel.name", format_args!("{method} {route}")),
        None => span.record("otel.name", format_args!("{method}")),
    };
    let parent = TraceContextPropagator::new()
        .extract_with_context(&Context::new(), &HeaderExtractor(headers));
    if parent.span().span_context().is_valid() {
        // It has not begun yet, and its layer is there: that is when it is not disabled.
        let _ = span.set_parent(parent);
    }
    span
}

/// Says how a request ended. Only what the relay itself got wrong is a fault of its span.
pub(crate) fn ended(span: &Span, status: u16) {
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "error");
    }
}

/// The span of work with the databases, within a request.
pub(crate) fn of_store() -> Span {
    tracing::info_span!(target: TELEMETRY, "store", otel.kind = "client")
}

/// The span of an attempt at a job, a trace of its own.
pub(crate) fn of_job(analysis: &str, id: &str, attempt: u32) -> Span {
    tracing::info_span!(
        target: TELEMETRY,
        parent: None,
        "job",
        otel.name = format_args!("job {analysis}"),
        otel.kind = "consumer",
        otel.status_code = field::Empty,
        job_id = id,
        attempt,
    )
}

/// Says that an attempt at a job failed.
pub(crate) fn failed(span: &Span) {
    span.record("otel.status_code", "error");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_go_below_the_address_or_where_it_says() {
        let placed = |text: &str| place(&Url::parse(text).unwrap());
        assert_eq!(placed("http://127.0.0.1:4318"), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(placed("https://collector/otlp/"), "https://collector/otlp/v1/traces");
        assert_eq!(placed("https://collector/v1/traces"), "https://collector/v1/traces");
    }

    #[test]
    fn headers_are_read_line_by_line_and_never_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("headers");
        fs::write(&file, "x-key: a:b\n\nauthorization: Bearer secret\n").unwrap();
        let headers = headers_in(&file).unwrap();
        assert_eq!(headers["x-key"], "a:b");
        assert_eq!(headers["authorization"], "Bearer secret");
        fs::write(&file, "x-key: a\nsecret").unwrap();
        let wrong = headers_in(&file).unwrap_err().to_string();
        assert!(wrong.contains("line 2") && !wrong.contains("secret"), "{wrong}");
    }
}
