//! A Postgres of the test's own: a cluster in a temporary folder, on a free port, gone with the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::until;

/// How long a cluster may take to answer, with recovery after a crash and a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A port that was free a moment ago may be taken: so many are tried.
const PORTS_TRIED: usize = 5;

/// Connections: a few relays with a pool each.
const CONNECTIONS_MAX: &str = "120";

/// The superuser of the cluster.
const SUPERUSER: &str = "cluster";

/// Where the log goes that is kept.
const ARCHIVE: &str = "archive";

/// Where a backup of the cluster's files lies.
const BACKUP: &str = "backup";

/// A running cluster. Dropping it ends it at once.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    durable: bool,
    port: u16,
    server: Child,
}

/// A database with an owner, who migrates, and a role for relays.
#[derive(Debug, Clone)]
pub struct Database {
    /// Address for the owner.
    pub owner_url: String,
    /// Address for a relay.
    pub relay_url: String,
    /// Name of the relay's role.
    pub relay_role: String,
}

impl Postgres {
    /// Makes a cluster and starts it. One that is not `durable` does not wait for the disk, which
    /// only matters where the whole machine stops.
    ///
    /// # Errors
    /// Where Postgres is not installed, or does not start.
    pub fn start(durable: bool) -> Result<Self> {
        let programs = programs()?;
        let user = user()?;
        let folder = tempfile::Builder::new().prefix("kartei-postgres-").tempdir()?;
        give(folder.path(), user)?;
        let data = folder.path().join("data");
        let made = as_user(&programs.join("initdb"), user)
            .args(["--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8"])
            .args(["--locale", "C", "--no-sync", "--pgdata"])
            .arg(&data)
            .current_dir(folder.path())
            .output()
            .context("cannot run initdb")?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        for _ in 0..PORTS_TRIED {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let mut server = serve(&programs, user, folder.path(), port, durable)?;
            if answers(&programs, &mut server, port)? {
                return Ok(Self { folder, programs, user, durable, port, server });
            }
        }
        bail!("Postgres does not start; the end of its log: {}", log_of(folder.path()))
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes a database with an owner and a relay's role of its own.
    ///
    /// # Errors
    /// Where Postgres refuses.
    pub fn database(&self, name: &str) -> Result<Database> {
        self.sql(
            "postgres",
            &format!(
                "CREATE ROLE {name}_owner LOGIN NOSUPERUSER NOBYPASSRLS; \
                 CREATE ROLE {name}_relay LOGIN NOSUPERUSER NOBYPASSRLS"
            ),
        )?;
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER {name}_owner"))?;
        let url = |role: &str| format!("postgres://{role}@127.0.0.1:{}/{name}", self.port);
        Ok(Database {
            owner_url: url(&format!("{name}_owner")),
            relay_url: url(&format!("{name}_relay")),
            relay_role: format!("{name}_relay"),
        })
    }

    /// Runs SQL as the superuser; answers what it printed, without headings.
    ///
    /// # Errors
    /// Where it fails.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String> {
        let done = Command::new(self.programs.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--host", "127.0.0.1", "--username", SUPERUSER])
            .args(["--port", &self.port.to_string(), "--dbname", database, "--command", sql])
            .stdin(Stdio::null())
            .output()
            .context("cannot run psql")?;
        if !done.status.success() {
            bail!("psql failed: {}", String::from_utf8_lossy(&done.stderr));
        }
        Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
    }

    /// Runs SQL as the superuser in a transaction that stays open, with its locks, until what is answered is
    /// dropped.
    ///
    /// # Errors
    /// Where it fails.
    pub fn hold(&self, database: &str, sql: &str) -> Result<Held> {
        let mut session = Command::new(self.programs.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--host", "127.0.0.1", "--username", SUPERUSER])
            .args(["--port", &self.port.to_string(), "--dbname", database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run psql")?;
        let mut asked = session.stdin.take().context("psql takes no words")?;
        writeln!(asked, "BEGIN; {sql};\n\\echo held")?;
        asked.flush()?;
        let answers = BufReader::new(session.stdout.take().context("psql says nothing")?);
        let held = Held { session, _asked: asked };
        match answers.lines().find(|line| line.as_ref().map_or(true, |line| line == "held")) {
            Some(Ok(_)) => Ok(held),
            Some(Err(error)) => Err(error).context("psql does not answer"),
            None => bail!("psql did not take `{sql}`"),
        }
    }

    /// The cluster's folder, in which the server may write too.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps the folder, with data and log, for somebody to look at, and answers where it is.
    pub fn keep(&mut self) -> &Path {
        self.folder.disable_cleanup(true);
        self.folder.path()
    }

    /// Ends the cluster as a crash would, and starts it on the same port.
    ///
    /// # Errors
    /// Where it does not come back.
    pub fn crash_and_restart(&mut self) -> Result<()> {
        self.stop_immediately()?;
        self.start_again()
    }

    fn start_again(&mut self) -> Result<()> {
        self.server =
            serve(&self.programs, self.user, self.folder.path(), self.port, self.durable)?;
        if !answers(&self.programs, &mut self.server, self.port)? {
            bail!("Postgres does not come back: {}", log_of(self.folder.path()));
        }
        Ok(())
    }

    /// Keeps the log of what is written from here on, as one does for [`recover`](Self::recover).
    ///
    /// # Errors
    /// Where the cluster does not come back with that.
    pub fn archive(&mut self) -> Result<()> {
        let archive = self.folder.path().join(ARCHIVE);
        std::fs::create_dir(&archive)?;
        give(&archive, self.user)?;
        self.sql("postgres", "ALTER SYSTEM SET archive_mode = on")?;
        let command = format!("cp %p {}/%f", archive.display());
        self.sql("postgres", &format!("ALTER SYSTEM SET archive_command = '{command}'"))?;
        self.crash_and_restart()
    }

    /// Backs the cluster's files up while it serves, with its own program.
    ///
    /// # Errors
    /// Where that fails.
    pub fn back_up(&self) -> Result<()> {
        let done = as_user(&self.programs.join("pg_basebackup"), self.user)
            .args(["--host", "127.0.0.1", "--username", SUPERUSER])
            .args(["--port", &self.port.to_string(), "--checkpoint", "fast", "--no-sync"])
            .arg("--pgdata")
            .arg(self.folder.path().join(BACKUP))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .context("cannot run pg_basebackup")?;
        if !done.status.success() {
            bail!("pg_basebackup failed: {}", String::from_utf8_lossy(&done.stderr));
        }
        Ok(())
    }

    /// Throws the cluster's data away and makes them again of the backup and the archived log, up to a named
    /// point (`pg_create_restore_point`); it serves on the same port then.
    ///
    /// # Errors
    /// Where there is no backup or archive, and where the cluster does not come back.
    pub fn recover(&mut self, point: &str) -> Result<()> {
        let last = self.sql("postgres", "SELECT pg_walfile_name(pg_switch_wal())")?;
        until(READY_WITHIN, "the log is archived", || {
            let asked = "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver";
            Ok(self.sql("postgres", asked)? >= last)
        })?;
        self.stop_immediately()?;
        let data = self.folder.path().join("data");
        std::fs::remove_dir_all(&data)?;
        std::fs::rename(self.folder.path().join(BACKUP), &data)?;
        let signal = data.join("recovery.signal");
        std::fs::write(&signal, "")?;
        give(&signal, self.user)?;
        let archive = self.folder.path().join(ARCHIVE);
        let mut settings =
            std::fs::OpenOptions::new().append(true).open(data.join("postgresql.auto.conf"))?;
        writeln!(settings, "restore_command = 'cp {}/%f %p'", archive.display())?;
        writeln!(settings, "recovery_target_name = '{point}'")?;
        writeln!(settings, "recovery_target_action = 'promote'")?;
        self.start_again()?;
        until(READY_WITHIN, "Postgres has recovered", || {
            Ok(self.sql("postgres", "SELECT pg_is_in_recovery()")? == "f")
        })
    }

    fn stop_immediately(&mut self) -> Result<()> {
        // Ends the children too, which killing the first process alone would leave.
        as_user(&self.programs.join("pg_ctl"), self.user)
            .args(["stop", "--mode", "immediate", "--silent", "--pgdata"])
            .arg(self.folder.path().join("data"))
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("cannot run pg_ctl")?;
        self.server.wait()?;
        Ok(())
    }
}

/// A transaction that is open; dropping it gives its locks back.
#[derive(Debug)]
pub struct Held {
    session: Child,
    _asked: ChildStdin,
}

impl Drop for Held {
    fn drop(&mut self) {
        // It may have ended by itself, with the server.
        let _ = self.session.kill();
        let _ = self.session.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It may have ended already.
        if self.stop_immediately().is_err() {
            let _ = self.server.kill();
            let _ = self.server.wait();
        }
    }
}

/// Where Debian, or the path, has the newest Postgres.
fn programs() -> Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            Some((version, path.join("bin")))
        })
        .filter(|(_, bin)| bin.join("postgres").is_file() && bin.join("psql").is_file())
        .collect();
    versions.sort();
    if let Some((_, bin)) = versions.pop() {
        return Ok(bin);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .find(|folder| folder.join(format!("postgres{}", std::env::consts::EXE_SUFFIX)).is_file())
        .context(
            "Postgres is not installed: `cargo xtask setup` installs it (package `postgresql`)",
        )
}

/// User and group to run as: Postgres refuses to run as root.
#[cfg(unix)]
fn user() -> Result<Option<(u32, u32)>> {
    let id = Command::new("id").arg("-u").output().context("cannot run id")?;
    if String::from_utf8_lossy(&id.stdout).trim() != "0" {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let found = find("postgres").or_else(|| find("nobody"));
    Ok(Some(found.context("there is neither a user `postgres` nor a user `nobody`")?))
}

#[cfg(not(unix))]
fn user() -> Result<Option<(u32, u32)>> {
    Ok(None)
}

#[cfg(unix)]
fn as_user(program: &Path, user: Option<(u32, u32)>) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

#[cfg(not(unix))]
fn as_user(program: &Path, _: Option<(u32, u32)>) -> Command {
    Command::new(program)
}

#[cfg(unix)]
fn give(folder: &Path, user: Option<(u32, u32)>) -> Result<()> {
    if let Some((uid, gid)) = user {
        std::os::unix::fs::chown(folder, Some(uid), Some(gid))
            .context("cannot give the folder away")?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn give(_: &Path, _: Option<(u32, u32)>) -> Result<()> {
    Ok(())
}

fn serve(
    programs: &Path,
    user: Option<(u32, u32)>,
    folder: &Path,
    port: u16,
    durable: bool,
) -> Result<Child> {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
    let mut command = as_user(&programs.join("postgres"), user);
    command.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string()]);
    let mut set = |setting: &str| {
        command.args(["-c", setting]);
    };
    set("listen_addresses=127.0.0.1");
    set("unix_socket_directories=");
    set(&format!("max_connections={CONNECTIONS_MAX}"));
    if !durable {
        set("fsync=off");
        set("full_page_writes=off");
    }
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("cannot start Postgres")
}

/// Whether a server answers; no where it ended, as it does where its port is taken.
fn answers(programs: &Path, server: &mut Child, port: u16) -> Result<bool> {
    let mut ended = false;
    until(READY_WITHIN, "Postgres answers", || {
        ended = server.try_wait()?.is_some();
        if ended {
            return Ok(true);
        }
        let asked = Command::new(programs.join("pg_isready"))
            .args(["--quiet", "--host", "127.0.0.1", "--port", &port.to_string()])
            .status()
            .context("cannot run pg_isready")?;
        Ok(asked.success())
    })?;
    Ok(!ended)
}

fn log_of(folder: &Path) -> String {
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
}
