//! `kartei` with a data folder of its own.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Answer, pass, program};

/// One replica.
#[derive(Debug, Clone)]
pub struct Client {
    program: PathBuf,
    data: PathBuf,
    authority: Option<PathBuf>,
}

/// A process that ends with whoever holds it.
#[derive(Debug)]
pub struct Running(pub Child);

impl Running {
    /// Ends it as a crash does.
    ///
    /// # Errors
    /// Where the system does not let it be ended.
    pub fn kill(&mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed then.
        let _ = self.kill();
    }
}

/// All sync in turn, twice: each has then what the others had.
///
/// # Errors
/// Where one is not up to date.
pub fn settle(clients: &[&Client]) -> Result<()> {
    clients.iter().chain(clients).try_for_each(|client| client.settle())
}

impl Client {
    pub(crate) fn new(data: PathBuf) -> Result<Self> {
        Ok(Self { program: program("kartei")?, data, authority: None })
    }

    /// The same, where certificates count that are signed with the authority in a PEM file.
    #[must_use]
    pub fn trusting(self, authority: &Path) -> Self {
        Self { authority: Some(authority.to_owned()), ..self }
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

    /// Starts a command with `--json` and lets it run; what it logs goes to the end of a file.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start_logging<S: AsRef<OsStr>>(&self, arguments: &[S], log: &Path) -> Result<Child> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = self.command(arguments);
        command.arg("--json").env("RUST_LOG", "warn").stdout(Stdio::null()).stderr(log);
        command.spawn().context("cannot start kartei")
    }

    /// Runs a command with `--json` and kills it after a moment; nothing where it was killed.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn run_or_kill<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        after: Duration,
    ) -> Result<Option<Answer>> {
        let mut command = self.command(arguments);
        command.arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped());
        let words = words(&command);
        let mut child = command.spawn().with_context(|| format!("cannot start `{words}`"))?;
        // An answer longer than a pipe holds would keep the program from ending by itself.
        let output = child.stdout.take().map(drained);
        let errors = child.stderr.take().map(drained);
        pass(after);
        // It may have ended; then it has an exit code.
        child.kill()?;
        let status = child.wait()?;
        let read = |reader: Option<JoinHandle<Vec<u8>>>| {
            reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
        };
        let output = Output { status, stdout: read(output), stderr: read(errors) };
        let killed = cfg!(windows) || status.code().is_none();
        Ok((!killed).then(|| Answer::new(words, output)))
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

    /// Connects to a relay. The token is in no list of processes: it goes in as a script would send it.
    ///
    /// # Errors
    /// Where it does not end with code 0.
    pub fn login(&self, url: &str, token: &str) -> Result<Value> {
        let mut command = self.command(&["login", url, "--json"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let words = words(&command);
        let mut child = command.spawn().with_context(|| format!("cannot start `{words}`"))?;
        if let Some(mut input) = child.stdin.take() {
            // A program that has ended without reading says why itself.
            let _ = writeln!(input, "{token}");
        }
        Answer::new(words, child.wait_with_output()?).done()
    }

    /// Starts a command with `--json`, of which somebody reads what it says on standard error, with variables of its
    /// own.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start_told<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        variables: &[(&str, &OsStr)],
    ) -> Result<Child> {
        let mut command = self.command(arguments);
        command.arg("--json").envs(variables.iter().copied());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().context("cannot start kartei")
    }

    /// Syncs; answers the status.
    ///
    /// # Errors
    /// Where it does not end with code 0.
    pub fn sync(&self) -> Result<Value> {
        self.run(&["sync"])?.done()
    }

    /// Syncs, and is up to date then, with nothing that waits.
    ///
    /// # Errors
    /// Where it is not.
    pub fn settle(&self) -> Result<()> {
        let status = self.sync()?;
        ensure!(status["state"] == "up_to_date" && status["pending"] == 0, "{status}");
        Ok(())
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
        // No test writes into the keychain of whoever runs it.
        command.env("KARTEI_KEYCHAIN", "off");
        // What the surrounding shell says must not reach a test.
        command.env_remove("KARTEI_DATA_DIR").stdin(Stdio::null());
        if let Some(file) = &self.authority {
            command.env("KARTEI_RELAY_CA", file);
        }
        command.arg("--data").arg(&self.data).args(arguments);
        command
    }

    fn finish(&self, command: &mut Command) -> Result<Answer> {
        let words = words(command);
        let output = command.output().with_context(|| format!("cannot start `{words}`"))?;
        Ok(Answer::new(words, output))
    }
}

fn words(command: &Command) -> String {
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    format!("kartei {}", words.collect::<Vec<_>>().join(" "))
}

fn drained(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        // A killed program's pipe just ends.
        let _ = from.read_to_end(&mut all);
        all
    })
}
