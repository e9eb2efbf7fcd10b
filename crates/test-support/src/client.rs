//! `kartei` with a data folder of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{Answer, program};

/// One replica.
#[derive(Debug, Clone)]
pub struct Client {
    program: PathBuf,
    data: PathBuf,
}

impl Client {
    pub(crate) fn new(data: PathBuf) -> Result<Self> {
        Ok(Self { program: program("kartei")?, data })
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Runs a command with `--json` to its end.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Answer> {
        self.finish(self.command(arguments).arg("--json"))
    }

    /// Runs a command as a person types it to its end.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn run_plain<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Answer> {
        self.finish(&mut self.command(arguments))
    }

    /// Starts a command with `--json` and lets it run; its output is thrown away.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Child> {
        let mut command = self.command(arguments);
        command.arg("--json").stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().context("cannot start kartei")
    }

    /// Imports files, every line of which must be accepted; answers the reports.
    ///
    /// # Errors
    /// Where it does not end with code 0.
    pub fn import<P: AsRef<Path>>(&self, files: &[P]) -> Result<Vec<Value>> {
        let mut arguments = vec![OsStr::new("import")];
        arguments.extend(files.iter().map(|file| file.as_ref().as_os_str()));
        let answer = self.run(&arguments)?.done()?;
        Ok(answer["reports"].as_array().cloned().unwrap_or_default())
    }

    /// Connects to a relay.
    ///
    /// # Errors
    /// Where it does not end with code 0.
    pub fn login(&self, url: &str, token: &str) -> Result<Value> {
        self.run(&["login", url, "--token", token])?.done()
    }

    /// Syncs; answers the status.
    ///
    /// # Errors
    /// Where it does not end with code 0.
    pub fn sync(&self) -> Result<Value> {
        self.run(&["sync"])?.done()
    }

    /// The status.
    ///
    /// # Errors
    /// Where it does not end with code 0.
    pub fn status(&self) -> Result<Value> {
        self.run(&["status"])?.done()
    }

    /// One profile.
    ///
    /// # Errors
    /// Where it does not end with code 0.
    pub fn show(&self, id: &str) -> Result<Value> {
        self.run(&["show", id])?.done()
    }

    /// Edits one profile; answers it.
    ///
    /// # Errors
    /// Where it does not end with code 0.
    pub fn edit(&self, id: &str, edits: &[&str]) -> Result<Value> {
        self.run(&[&["edit", id], edits].concat())?.done()
    }

    /// All canonical records as they come out of `export`.
    ///
    /// # Errors
    /// Where it does not end with code 0.
    pub fn export(&self) -> Result<Vec<u8>> {
        Ok(self.run_plain(&["export"])?.expect_code(0)?.stdout().to_vec())
    }

    fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(&self.program);
        // What the surrounding shell says must not reach a test.
        command.env_remove("KARTEI_DATA_DIR").stdin(Stdio::null());
        command.arg("--data").arg(&self.data).args(arguments);
        command
    }

    fn finish(&self, command: &mut Command) -> Result<Answer> {
        let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
        let words = format!("kartei {}", words.collect::<Vec<_>>().join(" "));
        let output = command.output().with_context(|| format!("cannot start `{words}`"))?;
        Ok(Answer::new(words, output))
    }
}
