//! Signals to programs that a test started.

use std::process::{Child, Command};

use anyhow::{Context, Result, bail};

/// Sends a signal, `TERM` for one.
///
/// # Errors
/// Where the system refuses.
pub(crate) fn signal(child: &Child, name: &str) -> Result<()> {
    let process = child.id();
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status()
        .context("cannot run kill")?;
    if !sent.success() {
        bail!("the process {process} got no SIG{name}");
    }
    Ok(())
}
