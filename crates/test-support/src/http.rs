//! Plain HTTP, as an integrator's program speaks it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::wait::until_some;

/// How long one request may take on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);

/// A server with a token for it.
#[derive(Debug, Clone)]
pub struct Http {
    base: String,
    token: Option<String>,
    agent: ureq::Agent,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it was sent.
    pub body: Vec<u8>,
}

impl Http {
    /// Speaks to `base` (`http://127.0.0.1:1234`), with a token where there is one.
    #[must_use]
    pub fn new(base: &str, token: Option<&str>) -> Self {
        Self::patient(base, token, WITHIN)
    }

    /// The same, with what a whole answer may take, and how long an event stream is followed.
    #[must_use]
    pub fn patient(base: &str, token: Option<&str>, within: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(within))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self {
            base: base.to_owned(),
            token: token.map(str::to_owned),
            agent: ureq::Agent::new_with_config(config),
        }
    }

    /// Where a program says in its log that it serves its numbers.
    ///
    /// # Errors
    /// Where it does not say so in time.
    pub fn numbers_of(log: &Path, within: Duration) -> Result<Self> {
        let address = until_some(within, "metrics are served", || {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            let line = log.lines().find(|line| line.contains("Metrics are served"));
            Ok(line.and_then(|line| Some(line.split_once("address=")?.1.trim().to_owned())))
        })?;
        Ok(Self::new(&format!("http://{address}"), None))
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// Where the server cannot be reached or breaks off.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply> {
        let response = self.begin(method, path, headers, body)?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let mut body = Vec::new();
        response
            .into_body()
            .into_reader()
            .read_to_end(&mut body)
            .with_context(|| format!("{method} {path} broke off"))?;
        Ok(Reply { status, headers, body })
    }

    fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<ureq::http::Response<ureq::Body>> {
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_vec())?;
        self.agent.run(request).with_context(|| format!("{method} {path}"))
    }

    /// Reads.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub fn get(&self, path: &str) -> Result<Reply> {
        self.send("GET", path, &[], &[])
    }

    /// Sends a request and leaves the body of the answer to the caller, to be read slowly or not at
    /// all. Dropping the answer closes the connection.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub fn open(&self, path: &str) -> Result<Opened> {
        let response = self.begin("GET", path, &[], &[])?;
        let status = response.status().as_u16();
        let headers = response.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let headers = headers.collect();
        Ok(Opened { status, headers, body: Box::new(response.into_body().into_reader()) })
    }

    /// Opens an event stream.
    ///
    /// # Errors
    /// As [`Http::send`], and where the answer is no 200.
    pub fn events(&self, path: &str, headers: &[(&str, &str)]) -> Result<Events> {
        let response = self.begin("GET", path, headers, &[])?;
        if response.status() != 200 {
            bail!("GET {path} answered {}", response.status());
        }
        Ok(Events { lines: Box::new(BufReader::new(response.into_body().into_reader())) })
    }
}

impl Reply {
    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// This, if it has the status.
    ///
    /// # Errors
    /// With the body, where it has another.
    pub fn expect(self, status: u16) -> Result<Self> {
        if self.status != status {
            bail!("expected {status}, got {}: {}", self.status, self.text());
        }
        Ok(self)
    }
}

/// An answer whose body was not read yet.
pub struct Opened {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it comes.
    pub body: Box<dyn Read + Send>,
}

impl Opened {
    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Server-sent events.
pub struct Events {
    lines: Box<dyn BufRead + Send>,
}

/// One of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerEvent {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its data.
    pub data: String,
}

impl Events {
    /// Waits for the next one.
    ///
    /// # Errors
    /// Where the stream ended.
    pub fn next_event(&mut self) -> Result<ServerEvent> {
        let mut event = ServerEvent::default();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).context("the event stream broke off")? == 0 {
                bail!("the event stream ended");
            }
            let line = line.trim_end();
            if line.is_empty() {
                if event != ServerEvent::default() {
                    return Ok(event);
                }
            } else if let Some((field, value)) = line.split_once(':') {
                let value = value.trim_start().to_owned();
                match field {
                    "event" => event.name = value,
                    "id" => event.id = value,
                    "data" => event.data = value,
                    // A comment keeps the connection alive.
                    _ => {}
                }
            }
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
