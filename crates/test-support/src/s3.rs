//! S3 servers as processes of their own: Garage and s3s-fs, each on free ports and in a temporary
//! folder, with one bucket and one pair of credentials.
//!
//! Two, because they differ where it matters: Garage is a real store and strict about signatures
//! and checksums; s3s-fs honours conditions on writes, which Garage ignores.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::until;

/// How long a server may take to answer, on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How long one look at a server may take.
const LOOK_WITHIN: Duration = Duration::from_secs(5);

/// Attempts to start on free ports: between the look for a free one and the start, another process
/// can take it.
const STARTS_MAX: u32 = 3;

const BUCKET: &str = "kartei";
/// Garage demands `GK` and 24 hexadecimal digits.
const ACCESS_KEY: &str = "GK0123456789abcdef01234567";
/// Garage demands 64 hexadecimal digits.
const SECRET_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3Kind {
    /// Garage: does not know conditions on writes.
    Garage,
    /// s3s-fs: knows them; is no multi-user store.
    S3sFs,
}

impl S3Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Garage => "garage",
            Self::S3sFs => "s3s-fs",
        }
    }

    fn region(self) -> &'static str {
        match self {
            Self::Garage => "garage",
            Self::S3sFs => "us-east-1",
        }
    }
}

/// A running S3 server with an empty bucket. Dropping it kills it and removes its folder.
#[derive(Debug)]
pub struct S3Server {
    child: Child,
    kind: S3Kind,
    port: u16,
    folder: TempDir,
}

impl S3Server {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// With what to run, where the program is not installed; with the server's last words, where it
    /// does not answer.
    pub fn start(kind: S3Kind) -> Result<Self> {
        let program = installed(kind.program())?;
        let mut last = None;
        for _ in 0..STARTS_MAX {
            match Self::start_once(kind, &program) {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        last.map_or_else(|| bail!("{STARTS_MAX} starts were none"), Err)
    }

    fn start_once(kind: S3Kind, program: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("kartei-s3-").tempdir()?;
        let log = fs::File::create(folder.path().join("log"))?;
        let mut command = Command::new(program);
        let port = match kind {
            S3Kind::Garage => garage(&mut command, folder.path())?,
            S3Kind::S3sFs => s3s_fs(&mut command, folder.path())?,
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut server = Self { child, kind, port, folder };
        let ready = server.wait();
        ready.with_context(|| format!("{} said: {}", kind.program(), server.last_words()))?;
        Ok(server)
    }

    fn wait(&mut self) -> Result<()> {
        let what = format!("{} answers", self.kind.program());
        let address = self.address();
        let child = &mut self.child;
        until(READY_WITHIN, &what, || {
            if let Some(status) = child.try_wait()? {
                bail!("it ended with {status}");
            }
            Ok(is_ready(address))
        })
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The address of a blob store in its bucket, below a prefix, which may be empty.
    #[must_use]
    pub fn url(&self, prefix: &str) -> String {
        self.url_of_bucket(BUCKET, prefix)
    }

    /// The address of a blob store in a bucket that need not exist.
    #[must_use]
    pub fn url_of_bucket(&self, bucket: &str, prefix: &str) -> String {
        let (address, region) = (self.address(), self.kind.region());
        format!("s3://{bucket}/{prefix}?endpoint=http://{address}&region={region}")
    }

    /// What the environment of a process that uses it would say: the credentials.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        match name {
            "AWS_ACCESS_KEY_ID" => Some(ACCESS_KEY.to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some(SECRET_KEY.to_owned()),
            _ => None,
        }
    }

    /// How many objects Garage's bucket has, and how many uploads in parts that have not ended. Garage counts
    /// them a moment later.
    ///
    /// # Errors
    /// Where Garage does not tell, and of s3s-fs, which knows no such question.
    pub fn contents(&self) -> Result<(u64, u64)> {
        if self.kind != S3Kind::Garage {
            bail!("only Garage tells what its bucket has");
        }
        let told = Command::new(installed(self.kind.program())?)
            .arg("-c")
            .arg(self.folder.path().join("garage.toml"))
            .args(["bucket", "info", BUCKET])
            .stdin(Stdio::null())
            .output()
            .context("cannot start garage")?;
        if !told.status.success() {
            bail!("garage bucket info: {}", String::from_utf8_lossy(&told.stderr));
        }
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        let number = |label: &str| {
            let line = text.lines().find(|line| line.starts_with(label));
            line.and_then(|line| line.split_whitespace().last()?.parse::<u64>().ok())
        };
        // The second line is there only where there are some.
        let objects =
            number("Objects:").with_context(|| format!("no number of objects: {text}"))?;
        Ok((objects, number("Unfinished").unwrap_or(0)))
    }

    /// The server's region.
    #[must_use]
    pub fn region(&self) -> &'static str {
        self.kind.region()
    }

    /// The server's bucket.
    #[must_use]
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nothing listens on.
///
/// # Errors
/// Where the system has none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A port that nobody listens on, and that nobody else can take as long as it is held.
#[derive(Debug)]
pub struct SilentPort {
    _held: Socket,
    port: u16,
}

impl SilentPort {
    /// Takes a free one.
    ///
    /// # Errors
    /// Where the system has none.
    pub fn take() -> Result<Self> {
        let held = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        held.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        let address = held.local_addr()?.as_socket().context("an address of IPv4")?;
        Ok(Self { _held: held, port: address.port() })
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.port
    }
}

/// The answer of a server of this machine to `GET` of a path, headers and all.
///
/// # Errors
/// Where it does not answer.
pub fn http_get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, LOOK_WITHIN)?;
    stream.set_read_timeout(Some(LOOK_WITHIN))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Whether the server answers: that nobody may read its bucket without a signature. Both make the
/// bucket before they listen.
fn is_ready(address: SocketAddr) -> bool {
    http_get(address, &format!("/{BUCKET}")).is_ok_and(|answer| answer.starts_with("HTTP/1.1 403"))
}

fn garage(command: &mut Command, folder: &Path) -> Result<u16> {
    let (port, rpc) = (free_port()?, free_port()?);
    let quoted = |name: &str| format!("{:?}", folder.join(name).to_string_lossy());
    let settings = format!(
        "metadata_dir = {meta}\ndata_dir = {data}\ndb_engine = \"sqlite\"\nreplication_factor = 1\n\
         rpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\n\
         rpc_secret = \"{SECRET_KEY}\"\n\
         [s3_api]\ns3_region = \"{region}\"\napi_bind_addr = \"127.0.0.1:{port}\"\n",
        meta = quoted("meta"),
        data = quoted("data"),
        region = S3Kind::Garage.region(),
    );
    let file = folder.join("garage.toml");
    fs::write(&file, settings)?;
    command
        .arg("-c")
        .arg(&file)
        .args(["server", "--single-node", "--default-bucket"])
        .env("GARAGE_DEFAULT_ACCESS_KEY", ACCESS_KEY)
        .env("GARAGE_DEFAULT_SECRET_KEY", SECRET_KEY)
        .env("GARAGE_DEFAULT_BUCKET", BUCKET);
    Ok(port)
}

fn s3s_fs(command: &mut Command, folder: &Path) -> Result<u16> {
    let (port, root) = (free_port()?, folder.join("root"));
    // Here a bucket is a folder.
    fs::create_dir_all(root.join(BUCKET))?;
    command
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY])
        .arg(root);
    Ok(port)
}

/// Where the Python packages of the tests are, for `PYTHONPATH`.
///
/// # Errors
/// With what to run, where they are not installed.
pub fn python_packages() -> Result<PathBuf> {
    let test = std::env::current_exe().context("the test knows its own path")?;
    let folder = tools(&test)?.join("python");
    if folder.is_dir() {
        return Ok(folder);
    }
    bail!("the tests' Python packages are not installed; `cargo xtask setup` installs them")
}

/// The tools beside the test's own target folder. A test lies in `<target>/<profile>/deps`.
fn tools(test: &Path) -> Result<PathBuf> {
    let target = test.ancestors().nth(3).context("a test lies in a target folder")?;
    Ok(target.join("tools"))
}

/// The path of an installed program: from `PATH`, or from the tools beside the test's own target
/// folder (`<target>/tools/bin`).
fn installed(name: &str) -> Result<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let test = std::env::current_exe().context("the test knows its own path")?;
    folders.push(tools(&test)?.join("bin"));
    let found = folders.into_iter().map(|folder| folder.join(&file)).find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "the S3 server `{name}` is not installed, neither on PATH nor in <target>/tools/bin. \
             `cargo xtask setup` installs it"
        )
    })
}
