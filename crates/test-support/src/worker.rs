//! `kartei-relay work`: a worker of its own, beside the relays that share its database.

use std::process::{Child, Stdio};

use anyhow::{Context, Result, bail};

use crate::RelayHome;
use crate::signal::signal;

/// A running worker. Dropping it kills it, as a crash would.
#[derive(Debug)]
pub struct Worker {
    child: Child,
}

impl RelayHome {
    /// Starts a worker that runs so many analyses at once.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn worker(&self, jobs: usize) -> Result<Worker> {
        let mut command = self.command();
        command.args(["work", "--workers", &jobs.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(log) = self.log() {
            command.stderr(log?);
        }
        let child = command.spawn().context("cannot start kartei-relay work")?;
        Ok(Worker { child })
    }
}

impl Worker {
    /// Kills it at once and waits until it is gone.
    ///
    /// # Errors
    /// Where it cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops it where it stands, as a machine that sleeps: it neither works nor knows that time passes.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn freeze(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn thaw(&self) -> Result<()> {
        self.signal("CONT")
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Errors
    /// Where it does not end well.
    pub fn stop(mut self) -> Result<()> {
        self.signal("TERM")?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("kartei-relay work ended with {status}");
        }
        Ok(())
    }

    fn signal(&self, name: &str) -> Result<()> {
        signal(&self.child, name)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail only where it has ended already. One that is frozen is killed as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
