//! The audit as a file: all that matches, read in pages while it is sent.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use kartei_export::TableData;
use kartei_protocol::admin::AuditEvent;
use kartei_relay_store::{AuditQuery, OrgId};
use serde_json::{Value, json};

use super::audit::told;
use crate::problem::Failure;
use crate::serve::Relay;

/// Events that are read at once.
const EVENTS_AT_ONCE: usize = 1_000;

/// The columns of the CSV; `at` is milliseconds since 1970.
const COLUMNS: [&str; 7] = ["seq", "at", "actor", "action", "subject", "data", "hash"];

/// How the audit is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One row an event, with a header.
    Csv,
    /// One event a line.
    Ndjson,
}

impl Form {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"audit.csv\"",
            Self::Ndjson => "attachment; filename=\"audit.ndjson\"",
        }
    }
}

/// Where an export is.
struct Going {
    relay: Arc<Relay>,
    org: OrgId,
    query: AuditQuery,
    form: Form,
    /// What is to be sent next.
    ready: Option<Bytes>,
    is_over: bool,
}

/// The export. What is wrong from the start is still told with a status; later the connection breaks.
pub(super) async fn answer(
    relay: Arc<Relay>,
    org: OrgId,
    query: AuditQuery,
    form: Form,
) -> Result<Response, Failure> {
    let query = AuditQuery { limit: EVENTS_AT_ONCE, before: None, ..query };
    let mut going = Going { relay, org, query, form, ready: None, is_over: false };
    going.read().await?;
    let body = Body::from_stream(stream::try_unfold(going, async |mut going| {
        if let Some(ready) = going.ready.take() {
            return Ok::<_, io::Error>(Some((ready, going)));
        }
        if going.is_over {
            return Ok(None);
        }
        going.read().await.map_err(|_| io::Error::other("the export broke off"))?;
        Ok(going.ready.take().map(|ready| (ready, going)))
    }));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(form.name()));
    Ok(response)
}

impl Going {
    /// Reads a page and goes on behind it.
    async fn read(&mut self) -> Result<(), Failure> {
        let (org, query) = (self.org, self.query.clone());
        let is_first = query.before.is_none();
        let events = self.relay.store(move |store| store.audit(org, &query)).await?;
        self.is_over = events.len() < EVENTS_AT_ONCE;
        self.query.before = events.last().map(|event| event.seq);
        let events: Vec<AuditEvent> = events.into_iter().map(told).collect();
        let written = match self.form {
            Form::Csv => csv(&events, is_first),
            Form::Ndjson => lines(&events),
        };
        let written = written.map_err(|error| Failure::internal(&error))?;
        self.ready = (!written.is_empty()).then(|| Bytes::from(written));
        Ok(())
    }
}

fn lines(events: &[AuditEvent]) -> io::Result<Vec<u8>> {
    let mut written = Vec::new();
    for event in events {
        serde_json::to_writer(&mut written, event)?;
        written.push(b'\n');
    }
    Ok(written)
}

/// Rows, behind a header where they are the first. No text begins a formula in a spreadsheet.
fn csv(events: &[AuditEvent], is_first: bool) -> io::Result<Vec<u8>> {
    let columns = COLUMNS.map(str::to_owned);
    let rows: Vec<Vec<Value>> = events.iter().map(row).collect();
    let mut written = Vec::new();
    TableData { columns: &columns, rows: &rows }.write_csv(&mut written)?;
    if is_first {
        return Ok(written);
    }
    let header = written.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    Ok(written.split_off(header))
}

fn row(event: &AuditEvent) -> Vec<Value> {
    let data = if event.data.is_null() { String::new() } else { event.data.to_string() };
    vec![
        json!(event.seq),
        json!(event.at),
        json!(event.actor),
        json!(event.action),
        json!(event.subject),
        json!(data),
        json!(event.hash),
    ]
}
