//! `kartei-relay`: its folder, its tokens, its process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{Answer, program};

/// How long a relay may take to listen, with recovery after a kill and a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(30);

const READY: &str = "kartei-relay listening on ";

/// The folder of a relay, whether one runs on it or not.
#[derive(Debug, Clone)]
pub struct RelayHome {
    program: PathBuf,
    data: PathBuf,
    organisation: String,
}

impl RelayHome {
    pub(crate) fn create(data: PathBuf, organisation: &str) -> Result<Self> {
        let home =
            Self { program: program("kartei-relay")?, data, organisation: organisation.to_owned() };
        home.admin(&["org", "create", organisation])?.expect_code(0)?;
        Ok(home)
    }

    /// Makes a token.
    ///
    /// # Errors
    /// Where the relay's program refuses.
    pub fn token(&self, role: &str, name: &str) -> Result<String> {
        let create =
            ["token", "create", "--org", &self.organisation, "--role", role, "--name", name];
        let answer = self.admin(&create)?.expect_code(0)?;
        Ok(String::from_utf8_lossy(answer.stdout()).trim().to_owned())
    }

    /// Runs an `admin` command to its end.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn admin(&self, arguments: &[&str]) -> Result<Answer> {
        let mut command = Command::new(&self.program);
        command.arg("admin").args(arguments).arg("--data").arg(&self.data).stdin(Stdio::null());
        let output = command.output().context("cannot start kartei-relay")?;
        Ok(Answer::new(format!("kartei-relay admin {}", arguments.join(" ")), output))
    }

    /// Starts the relay on a free port and waits until it listens.
    ///
    /// # Errors
    /// Where it does not listen in time.
    pub fn start(&self) -> Result<Relay> {
        self.start_on(0)
    }

    /// Starts the relay on a port, such as the one it had before.
    ///
    /// # Errors
    /// Where it does not listen in time.
    pub fn start_on(&self, port: u16) -> Result<Relay> {
        let mut child = Command::new(&self.program)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(&self.data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start kartei-relay")?;
        let output = child.stdout.take().context("the output is piped")?;
        let (sender, ready) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix(READY) {
                    // The test may be gone already; the pipe must be read on all the same.
                    let _ = sender.send(url.trim().to_owned());
                }
            }
        });
        let mut relay = Relay { child, url: String::new() };
        match ready.recv_timeout(READY_WITHIN) {
            Ok(url) => relay.url = url,
            Err(_) => bail!("kartei-relay did not say `{READY}…` within {READY_WITHIN:?}"),
        }
        Ok(relay)
    }
}

/// A running relay. Dropping it kills it, as a crash would.
#[derive(Debug)]
pub struct Relay {
    child: Child,
    url: String,
}

impl Relay {
    /// Its base address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its port.
    ///
    /// # Errors
    /// Where the address has none.
    pub fn port(&self) -> Result<u16> {
        let port = self.url.rsplit(':').next().and_then(|port| port.parse().ok());
        port.with_context(|| format!("{} has no port", self.url))
    }

    /// Kills the relay at once and waits until it is gone.
    ///
    /// # Errors
    /// Where it cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
