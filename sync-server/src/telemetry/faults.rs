//! Faults for who collects them as Sentry does: its envelopes, one for each line of level ERROR and for each panic.
//!
//! A fault has the program's own sentence, where in the program it stands, which request or job it belongs to, and
//! numbers. No other text: what an error says may quote what people wrote.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::panic;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use sentry_core::protocol::{Event, Value};
use sentry_core::types::Dsn;
use sentry_core::{
    Client, ClientOptions, Envelope, Level, Transport, TransportFactory, TransportOptions,
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event as Said, Level as Loudness, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::courier::Courier;
use super::{Hearer, SERVICE, TELEMETRY};

/// Texts that are told: names that the program itself gave.
const NAMES: [&str; 7] = ["request_id", "method", "route", "job_id", "org_id", "run_id", "class"];

/// Faults that are on their way at once; more are not told, the log has them.
const AT_ONCE: usize = 32;

/// How long nobody is told after a collector had enough, where it does not say.
const ENOUGH: Duration = Duration::from_secs(60);

/// Tells faults for as long as the program runs.
#[derive(Clone)]
pub(super) struct Faults(Arc<Client>);

impl Faults {
    /// Begins to tell the project whose DSN is in a file, panics too.
    ///
    /// # Errors
    /// A file that cannot be read, or that has no DSN.
    pub(super) fn begin(file: &Path, environment: String, courier: Courier) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        // It has a key: what is wrong with it is told without it.
        let dsn: Dsn =
            text.trim().parse().ok().with_context(|| format!("{} has no DSN", file.display()))?;
        let release = format!("{SERVICE}@{}", env!("CARGO_PKG_VERSION"));
        let mut options = ClientOptions::new().release(release).environment(environment);
        options.dsn = Some(dsn);
        options.default_integrations = false;
        options.transport = Some(Arc::new(ByCourier(courier)));
        let faults = Self(Arc::new(Client::with_options(options)));
        let (own, before) = (faults.clone(), panic::take_hook());
        panic::set_hook(Box::new(move |panicked| {
            let place = panicked.location().map(|at| format!("{}:{}", at.file(), at.line()));
            own.tell("The program panicked".to_owned(), place, BTreeMap::new(), BTreeMap::new());
            before(panicked);
        }));
        Ok(faults)
    }

    fn tell(
        &self,
        message: String,
        place: Option<String>,
        tags: BTreeMap<String, String>,
        extra: BTreeMap<String, Value>,
    ) {
        let event = Event {
            level: Level::Error,
            message: Some(message),
            logger: Some(SERVICE.to_owned()),
            culprit: place,
            tags,
            extra,
            ..Event::default()
        };
        self.0.capture_event(event, None);
    }

    /// What tells the faults that the program logs.
    pub(super) fn hearer(&self) -> Hearer {
        Box::new(FaultLayer(self.clone()))
    }

    /// Waits until the last ones are on their way.
    pub(super) fn finish(&self, within: Duration) {
        self.0.flush(Some(within));
    }
}

/// What is told of a line or of a span that it is in.
#[derive(Default)]
struct Told {
    message: String,
    tags: BTreeMap<String, String>,
    numbers: BTreeMap<String, Value>,
}

impl Told {
    fn number(&mut self, field: &Field, number: impl Into<Value>) {
        self.numbers.insert(field.name().to_owned(), number.into());
    }
}

impl Visit for Told {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = match field.name() {
            "message" => &mut self.message,
            name if NAMES.contains(&name) => self.tags.entry(name.to_owned()).or_default(),
            _ => return,
        };
        text.clear();
        // Writing to a text does not fail.
        let _ = write!(text, "{value:?}");
    }
}

struct FaultLayer(Faults);

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for FaultLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id).filter(|span| span.metadata().target() != TELEMETRY)
        else {
            return;
        };
        let mut told = Told::default();
        attributes.record(&mut told);
        span.extensions_mut().insert(told.tags);
    }

    fn on_event(&self, said: &Said<'_>, context: Context<'_, S>) {
        if *said.metadata().level() != Loudness::ERROR {
            return;
        }
        let mut told = Told::default();
        for span in context.event_scope(said).into_iter().flatten() {
            if let Some(tags) = span.extensions().get::<BTreeMap<String, String>>() {
                let more = tags.iter().map(|(name, value)| (name.clone(), value.clone()));
                told.tags.extend(more);
            }
        }
        said.record(&mut told);
        let at = said.metadata();
        let place = at.file().zip(at.line()).map(|(file, line)| format!("{file}:{line}"));
        self.0.tell(told.message, place, told.tags, told.numbers);
    }
}

/// Sends envelopes with the courier.
struct ByCourier(Courier);

impl TransportFactory for ByCourier {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        Arc::new(Envelopes {
            courier: self.0.clone(),
            auth: options.dsn.to_auth(Some(&options.user_agent)).to_string(),
            address: options.dsn.envelope_api_url().to_string(),
            pace: Arc::default(),
        })
    }
}

/// How many are on their way, and until when nobody wants to hear more.
#[derive(Default)]
struct Pace {
    sent: Mutex<usize>,
    moved: Condvar,
    silent_until: Mutex<Option<Instant>>,
}

struct Envelopes {
    courier: Courier,
    auth: String,
    address: String,
    pace: Arc<Pace>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pace {
    /// Whether one more may go.
    fn begin(&self) -> bool {
        let is_silent = locked(&self.silent_until).is_some_and(|until| Instant::now() < until);
        let mut sent = locked(&self.sent);
        let goes = !is_silent && *sent < AT_ONCE;
        *sent += usize::from(goes);
        goes
    }

    fn end(&self, silent_for: Option<Duration>) {
        if let Some(pause) = silent_for {
            *locked(&self.silent_until) = Some(Instant::now() + pause);
        }
        *locked(&self.sent) -= 1;
        self.moved.notify_all();
    }
}

impl Transport for Envelopes {
    fn send_envelope(&self, envelope: Envelope) {
        let mut body = Vec::new();
        if envelope.to_writer(&mut body).is_err() || !self.pace.begin() {
            return;
        }
        let request = self
            .courier
            .client
            .post(&self.address)
            .header("X-Sentry-Auth", &self.auth)
            .header("Content-Type", "application/x-sentry-envelope")
            .body(body);
        let pace = Arc::clone(&self.pace);
        self.courier.spawn(async move {
            let enough = match request.send().await {
                Ok(answer) if answer.status() == StatusCode::TOO_MANY_REQUESTS => {
                    let wait = answer.headers().get(RETRY_AFTER);
                    let seconds = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
                    Some(seconds.map_or(ENOUGH, Duration::from_secs))
                }
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => {
                    tracing::warn!(
                        status = answer.status().as_u16(),
                        "A fault was not taken by its collector"
                    );
                    None
                }
                Err(_) => {
                    tracing::warn!("A fault could not be told to its collector");
                    None
                }
            };
            pace.end(enough);
        });
    }

    fn flush(&self, timeout: Duration) -> bool {
        let sent = locked(&self.pace.sent);
        let waited = self.pace.moved.wait_timeout_while(sent, timeout, |sent| *sent > 0);
        waited.is_ok_and(|(_, waited)| !waited.timed_out())
    }
}
