//! What a program said before it ended.

use std::process::Output;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The end of a program.
#[derive(Debug)]
pub struct Answer {
    command: String,
    output: Output,
}

impl Answer {
    pub(crate) fn new(command: String, output: Output) -> Self {
        Self { command, output }
    }

    /// The exit code; `None` where the program was killed.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// Its standard output.
    #[must_use]
    pub fn stdout(&self) -> &[u8] {
        &self.output.stdout
    }

    /// Its standard output, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// Its standard error, as text.
    #[must_use]
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Its standard output, which must be exactly one JSON value.
    ///
    /// # Errors
    /// With everything the program said, where it is not.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.output.stdout)
            .with_context(|| format!("expected one JSON value from {self}"))
    }

    /// The answer, if the program ended with this code.
    ///
    /// # Errors
    /// With everything the program said, where it did not.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        if self.code() == Some(code) {
            Ok(self)
        } else {
            bail!("expected exit code {code} from {self}")
        }
    }

    /// The JSON of a command that must have succeeded.
    ///
    /// # Errors
    /// With everything the program said, where it did not.
    pub fn done(self) -> Result<Value> {
        self.expect_code(0)?.json()
    }

    /// The code of the problem that a failed command must have printed.
    ///
    /// # Errors
    /// With everything the program said, where it printed none.
    pub fn problem(self) -> Result<String> {
        let failed = self.expect_code(1)?;
        let answer = failed.json()?;
        let code = answer["problem"]["code"].as_str();
        code.map(str::to_owned).with_context(|| format!("expected a problem from {failed}"))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`{}` ({})\nstdout: {}\nstderr: {}",
            self.command,
            self.output.status,
            String::from_utf8_lossy(&self.output.stdout).trim_end(),
            self.stderr().trim_end()
        )
    }
}
