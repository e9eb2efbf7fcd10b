//! `kartei-relay`: its folder, its tokens, its process.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::signal::signal;
use crate::{Answer, Database, pass, program};

/// How long a relay may take to listen, with recovery after a kill and a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Where a relay reads which Postgres to use: an address on the command line would show its password.
const DATABASE_URL: &str = "KARTEI_DATABASE_URL";

const READY: &str = "kartei-relay listening on ";

/// Puts a small disk at a folder that only what is run then sees, and runs it.
#[cfg(target_os = "linux")]
const WITH_DISK: &str = "mount -t tmpfs -o \"size=$1\" tmpfs \"$2\" && shift 2 && exec \"$@\"";

/// Where a relay keeps its data, whether one runs on it or not.
#[derive(Debug, Clone)]
pub struct RelayHome {
    program: PathBuf,
    data: PathBuf,
    database_url: Option<String>,
    organisation: String,
    log: Option<PathBuf>,
    settings: Vec<(String, String)>,
    /// What the relay is started by, where it is not started itself.
    starter: Vec<std::ffi::OsString>,
}

impl RelayHome {
    pub(crate) fn create(data: PathBuf, organisation: &str) -> Result<Self> {
        let home = Self {
            program: program("kartei-relay")?,
            data,
            database_url: None,
            organisation: organisation.to_owned(),
            log: None,
            settings: Vec::new(),
            starter: Vec::new(),
        };
        home.admin(&["org", "create", organisation])?.expect_code(0)?;
        Ok(home)
    }

    /// Migrates a Postgres database as its owner, with an organisation for relays to serve from it.
    pub(crate) fn on_postgres(
        data: PathBuf,
        database: &Database,
        organisation: &str,
    ) -> Result<Self> {
        let home = Self {
            program: program("kartei-relay")?,
            data,
            database_url: Some(database.relay_url.clone()),
            organisation: organisation.to_owned(),
            log: None,
            settings: Vec::new(),
            starter: Vec::new(),
        };
        let output = Command::new(&home.program)
            .args(["migrate", "--relay-role", &database.relay_role])
            .env(DATABASE_URL, &database.owner_url)
            .stdin(Stdio::null())
            .output()
            .context("cannot start kartei-relay")?;
        Answer::new("kartei-relay migrate".to_owned(), output).expect_code(0)?;
        home.admin(&["org", "create", organisation])?.expect_code(0)?;
        Ok(home)
    }

    /// The same place as another relay reaches it, such as through a proxy.
    #[must_use]
    pub fn through(&self, database_url: String) -> Self {
        Self { database_url: Some(database_url), ..self.clone() }
    }

    /// The same folder with the embedded database.
    #[must_use]
    pub fn embedded(&self) -> Self {
        Self { database_url: None, ..self.clone() }
    }

    /// The same, with what the relay logs at the end of a file.
    #[must_use]
    pub fn logging_to(self, log: PathBuf) -> Self {
        Self { log: Some(log), ..self }
    }

    /// The same, with settings in its environment.
    #[must_use]
    pub fn with(mut self, settings: &[(&str, &str)]) -> Self {
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.settings.extend(settings);
        self
    }

    /// The same, where a served relay finds a disk of so many bytes at a folder of its data folder. The disk is
    /// the running relay's own and ends with it; [`Relay::sees`] leads there. Where the system lets nobody make
    /// one, the relay does not start.
    ///
    /// # Errors
    /// Where the folder cannot be made, or the system cannot tell who runs this.
    #[cfg(target_os = "linux")]
    pub fn on_small_disk(mut self, folder: &str, bytes: u64) -> Result<Self> {
        let place = self.data.join(folder);
        std::fs::create_dir_all(&place)?;
        let id = Command::new("id").arg("-u").output().context("cannot run id")?;
        let is_root = String::from_utf8_lossy(&id.stdout).trim() == "0";
        let mut starter: Vec<std::ffi::OsString> = vec!["unshare".into(), "--mount".into()];
        if !is_root {
            // Who is nobody else may mount in a world of their own.
            starter.push("--map-root-user".into());
        }
        starter.extend(["sh", "-c", WITH_DISK, "sh"].map(Into::into));
        starter.extend([bytes.to_string().into(), place.into(), self.program.clone().into()]);
        self.starter = starter;
        Ok(self)
    }

    /// Another organisation at the same place.
    ///
    /// # Errors
    /// Where the relay's program refuses.
    pub fn organisation(&self, name: &str) -> Result<Self> {
        let home = Self { organisation: name.to_owned(), ..self.clone() };
        home.admin(&["org", "create", name])?.expect_code(0)?;
        Ok(home)
    }

    /// The program with what tells it where its data is.
    pub(crate) fn command(&self) -> Command {
        self.command_of(&[])
    }

    /// The end of the file that logs go to, where they go to one.
    pub(crate) fn log(&self) -> Option<Result<std::fs::File>> {
        let log = self.log.as_ref()?;
        Some(OpenOptions::new().create(true).append(true).open(log).map_err(Into::into))
    }

    fn command_of(&self, starter: &[std::ffi::OsString]) -> Command {
        let mut command = match starter {
            [] => Command::new(&self.program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest);
                command
            }
        };
        command.env("KARTEI_RELAY_DATA", &self.data).env_remove(DATABASE_URL);
        // The audit tells the account, which is another one wherever tests run.
        command.env("SUDO_USER", "grace");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        if let Some(url) = &self.database_url {
            command.env(DATABASE_URL, url);
        }
        command
    }

    /// Makes a token.
    ///
    /// # Errors
    /// Where the relay's program refuses.
    pub fn token(&self, role: &str, name: &str) -> Result<String> {
        let create =
            ["token", "create", "--org", &self.organisation, "--role", role, "--name", name];
        let answer = self.admin(&create)?.expect_code(0)?;
        Ok(answer.text().trim().to_owned())
    }

    /// Runs an `admin` command to its end.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn admin(&self, arguments: &[&str]) -> Result<Answer> {
        self.run(&[&["admin"], arguments].concat())
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Result<Answer> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::null());
        let output = command.output().context("cannot start kartei-relay")?;
        Ok(Answer::new(format!("kartei-relay {}", arguments.join(" ")), output))
    }

    /// Runs a command and kills it after a moment; what it says is thrown away. Answers whether it ended
    /// well before that.
    ///
    /// # Errors
    /// Where it cannot be started or killed.
    pub fn run_or_kill(&self, arguments: &[&str], after: Duration) -> Result<bool> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().context("cannot start kartei-relay")?;
        pass(after);
        // It may have ended; then that does nothing.
        child.kill()?;
        Ok(child.wait()?.success())
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &std::path::Path {
        &self.data
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
        let mut relay = self.begin_on(port)?;
        match relay.ready().recv_timeout(READY_WITHIN) {
            Ok(url) => relay.url = url,
            Err(_) => bail!("kartei-relay did not say `{READY}…` within {READY_WITHIN:?}"),
        }
        Ok(relay)
    }

    /// Starts the relay on a port without waiting for it: its database may be away.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn begin_on(&self, port: u16) -> Result<Relay> {
        let mut command = self.command_of(&self.starter);
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}")]);
        if let Some(log) = self.log() {
            command.stderr(log?);
        }
        let mut child = command
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
        Ok(Relay { child, url: String::new(), ready: Mutex::new(ready) })
    }
}

/// A running relay. Dropping it kills it, as a crash would.
#[derive(Debug)]
pub struct Relay {
    child: Child,
    url: String,
    /// Says its address when it listens; locked only so that tests can share the relay.
    ready: Mutex<mpsc::Receiver<String>>,
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

    /// Its process id.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// A path of its world, as it is reached from here: its disks may be its own.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn sees(&self, path: &std::path::Path) -> PathBuf {
        let mut seen = PathBuf::from(format!("/proc/{}/root", self.process()));
        seen.extend(path.components().skip(1));
        seen
    }

    fn ready(&mut self) -> &mut mpsc::Receiver<String> {
        self.ready.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has said that it listens.
    pub fn is_ready(&mut self) -> bool {
        if let Ok(url) = self.ready().try_recv() {
            self.url = url;
        }
        !self.url.is_empty()
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    /// Where the system cannot tell.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Asks the relay to stop, and goes on at once.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn begin_stop(&self) -> Result<()> {
        signal(&self.child, "TERM")
    }

    /// Waits until the relay has stopped.
    ///
    /// # Errors
    /// Where it does not end well.
    pub fn stopped(mut self) -> Result<()> {
        let status = self.child.wait()?;
        if !status.success() {
            bail!("kartei-relay serve ended with {status}");
        }
        Ok(())
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
