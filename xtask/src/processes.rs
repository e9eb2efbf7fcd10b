//! Programs that run in the background and end with their owner.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a program may take to say that it is ready. A cold page cache on a slow disk and a
/// debug build are within it.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How long a program may take to end after it was asked to.
const END_WITHIN: Duration = Duration::from_secs(20);

/// A running program; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Background {
    child: Child,
    lines: Receiver<String>,
}

impl Background {
    /// Starts a program and waits for a line of its output that begins with `ready`; answers what
    /// follows on that line.
    pub(crate) fn start(command: &mut Command, ready: &str) -> Result<(Self, String)> {
        let program = command.get_program().to_string_lossy().into_owned();
        let background = Self::spawn(command)?;
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match background.lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix(ready) {
                        return Ok((background, rest.trim().to_owned()));
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    bail!("{program} did not say `{ready}` within {READY_WITHIN:?}")
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    bail!("{program} ended before it said `{ready}`")
                }
            }
        }
    }

    /// Starts a program that does not say when it is ready.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let output = child.stdout.take().context("the output is piped")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more once the program is ready; it must not block on a full
                // pipe all the same.
                let _ = sender.send(line);
            }
        });
        Ok(Self { child, lines })
    }

    /// The program's process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the program to end and waits for it.
    pub(crate) fn stop(mut self) -> Result<ExitStatus> {
        let mut kill = Command::new("kill");
        kill.args(["-TERM", &self.child.id().to_string()]);
        if !crate::exec::succeeds(&mut kill) {
            self.child.kill()?;
        }
        // Its output ends when it ends: the channel tells without asking again and again.
        let deadline = Instant::now() + END_WITHIN;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(self.child.wait()?),
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    bail!("process {} did not end within {END_WITHIN:?}", self.child.id())
                }
            }
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
