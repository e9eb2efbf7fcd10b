//! The relay of the demo: its organisation, its tokens, its process.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::exec;
use crate::processes::Background;

/// A running relay.
pub(crate) struct Relay {
    /// Its base address.
    pub url: String,
    process: Background,
}

impl Relay {
    /// Starts the relay on a loopback port; port 0 takes a free one.
    pub(crate) fn start(program: &Path, data: &Path, port: u16) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(data);
        // Its log would stand between the sentences of the story.
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "warn");
        }
        let (process, url) = Background::start(&mut command, "kartei-relay listening on ")?;
        Ok(Self { url, process })
    }

    /// Ends the relay in order and answers its port, to start it there again.
    pub(crate) fn stop(self) -> Result<u16> {
        let port = self.url.rsplit(':').next().and_then(|port| port.parse().ok());
        let status = self.process.stop()?;
        if !status.success() {
            bail!("the relay ended with {status}");
        }
        port.context("the relay's address has a port")
    }
}

/// Makes an organisation.
pub(crate) fn create_organisation(program: &Path, data: &Path, name: &str) -> Result<()> {
    let mut command = Command::new(program);
    command.args(["admin", "org", "create", name, "--data"]).arg(data);
    exec::capture(&mut command).map(drop)
}

/// Makes an analyst's token.
pub(crate) fn create_token(program: &Path, data: &Path, org: &str, name: &str) -> Result<String> {
    let mut command = Command::new(program);
    command.args(["admin", "token", "create", "--org", org, "--role", "analyst", "--name", name]);
    command.arg("--data").arg(data);
    Ok(exec::capture(&mut command)?.trim().to_owned())
}
