//! The servers that are measured, each started on an empty folder.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Tools;
use crate::demo::relay::{create_organisation, create_token};
use crate::exec;
use crate::processes::Background;

/// The organisation of the relay.
const ORGANISATION: &str = "Bench";

/// Bytes of a request at most, with all servers but nginx: as many as the relay takes, and what the tus
/// servers are as quick with as with less. rustus has all of them in memory.
pub(crate) const REQUEST_BYTES: u64 = 64 * 1024 * 1024;

/// A server and a way into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The relay by its interface of record.
    Record,
    /// The relay by tus.
    RelayTus,
    /// rustus as it comes.
    Rustus,
    /// rustus with `--force-fsync true`.
    RustusFlushing,
    /// @tus/server with its file store.
    TusNode,
    /// nginx with `PUT`.
    Nginx,
    /// Nothing is kept: what the load can do.
    Sink,
}

impl Kind {
    /// In the order of the tables: ours is the first.
    pub(crate) const ALL: [Self; 7] = [
        Self::Record,
        Self::RelayTus,
        Self::Rustus,
        Self::RustusFlushing,
        Self::TusNode,
        Self::Nginx,
        Self::Sink,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Record => "kartei-relay",
            Self::RelayTus => "kartei-relay, tus",
            Self::Rustus => "rustus",
            Self::RustusFlushing => "rustus, `--force-fsync`",
            Self::TusNode => "@tus/server",
            Self::Nginx => "nginx, `PUT`",
            Self::Sink => "(reads and forgets)",
        }
    }

    /// Whether what it acknowledges survives a power failure.
    pub(crate) fn durable(self) -> &'static str {
        match self {
            Self::Record | Self::RelayTus => "yes",
            Self::RustusFlushing => "contents",
            Self::Rustus | Self::TusNode | Self::Nginx => "no",
            Self::Sink => "–",
        }
    }

    /// Whether it is a server of tus, which the goal compares with.
    pub(crate) fn is_tus_peer(self) -> bool {
        matches!(self, Self::Rustus | Self::RustusFlushing | Self::TusNode)
    }
}

/// Where a server listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Its address.
    pub host: &'a str,
    /// The network namespace that has it, where that is not the machine's own.
    pub inside: Option<&'a str>,
}

/// The machine itself.
pub(crate) const LOOPBACK: Place<'_> = Place { host: "127.0.0.1", inside: None };

/// A program, in a network namespace where one is named.
pub(crate) fn command(inside: Option<&str>, program: impl AsRef<Path>) -> Command {
    let program = program.as_ref();
    let Some(namespace) = inside else { return Command::new(program) };
    let mut ip = Command::new("ip");
    ip.args(["netns", "exec", namespace]).arg(program);
    ip
}

/// A running server.
pub(crate) struct Server {
    process: Background,
    /// `HOST:PORT`.
    pub address: String,
    /// What the load is told of the way into it.
    pub door: Vec<String>,
    /// Where its files are.
    pub folder: PathBuf,
    /// A relay's token.
    pub token: Option<String>,
}

impl Server {
    /// Starts one on an empty folder.
    pub(crate) fn start(
        tools: &Tools,
        kind: Kind,
        folder: PathBuf,
        place: Place<'_>,
    ) -> Result<Self> {
        if matches!(kind, Kind::Record | Kind::RelayTus) {
            return Self::start_relay(tools, kind, folder, place);
        }
        let port = free_port()?.to_string();
        let address = format!("{}:{port}", place.host);
        let mut command = match kind {
            Kind::Rustus | Kind::RustusFlushing => {
                let mut rustus = ends_with_us(place, &tools.rustus);
                rustus.args(["--host", place.host, "--port", &port, "--log-level", "ERROR"]);
                rustus.args(["--max-body-size", &REQUEST_BYTES.to_string()]);
                for option in ["--data-dir", "--info-dir"] {
                    rustus.arg(option).arg(&folder);
                }
                // It greets.
                rustus.stderr(fs::File::create(folder.join("server.log"))?);
                if kind == Kind::RustusFlushing {
                    rustus.args(["--force-fsync", "true"]);
                }
                rustus
            }
            Kind::TusNode => {
                let mut node = ends_with_us(place, Path::new("node"));
                node.arg(&tools.tus_server).args(["--host", place.host, "--port", &port]);
                node.arg("--dir").arg(&folder);
                node
            }
            Kind::Nginx => {
                let conf = folder.join("nginx.conf");
                fs::write(&conf, nginx_conf(&folder, &address)?)?;
                let mut nginx = ends_with_us(place, &tools.nginx);
                nginx.arg("-e").arg(folder.join("error.log")).arg("-c").arg(conf);
                nginx
            }
            _ => {
                let mut sink = ends_with_us(place, &tools.load);
                sink.args(["sink", "--at", &address]);
                sink
            }
        };
        let door: &[&str] = match kind {
            Kind::Nginx => &["put", "--path", "/files/"],
            Kind::Sink => &["put", "--path", "/"],
            _ => &["tus", "--path", "/files"],
        };
        let mut door: Vec<String> = door.iter().map(|&word| word.to_owned()).collect();
        if kind.is_tus_peer() {
            door.extend(["--request-bytes".to_owned(), REQUEST_BYTES.to_string()]);
        }
        let process = Background::spawn(&mut command)?;
        Ok(Self { process, address, door, folder, token: None })
    }

    /// The relay as it comes: with its own database, its files in a folder.
    fn start_relay(tools: &Tools, kind: Kind, folder: PathBuf, place: Place<'_>) -> Result<Self> {
        create_organisation(&tools.relay, &folder, ORGANISATION)?;
        let token = create_token(&tools.relay, &folder, ORGANISATION, "Load")?;
        let mut relay = ends_with_us(place, &tools.relay);
        relay.args(["serve", "--listen", &format!("{}:0", place.host), "--data"]).arg(&folder);
        if std::env::var_os("RUST_LOG").is_none() {
            relay.env("RUST_LOG", "warn");
        }
        let (process, url) = Background::start(&mut relay, "kartei-relay listening on ")?;
        let address = url.trim_start_matches("http://").to_owned();
        let door: &[&str] = match kind {
            Kind::RelayTus => &["tus", "--path", "/api/tus"],
            _ => &["record"],
        };
        let mut door: Vec<String> = door.iter().map(|&word| word.to_owned()).collect();
        door.extend(["--token".to_owned(), token.clone()]);
        door.extend(["--request-bytes".to_owned(), REQUEST_BYTES.to_string()]);
        Ok(Self { process, address, door, folder, token: Some(token) })
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends it and removes what it kept.
    pub(crate) fn stop(self) -> Result<()> {
        self.process.stop()?;
        fs::remove_dir_all(&self.folder)
            .with_context(|| format!("cannot clear {}", self.folder.display()))
    }
}

/// A program that ends when this one does, however it does.
fn ends_with_us(place: Place<'_>, program: &Path) -> Command {
    let mut setpriv = Command::new("setpriv");
    setpriv.args(["--pdeathsig", "TERM"]);
    let inner = command(place.inside, program);
    setpriv.arg(inner.get_program()).args(inner.get_args());
    setpriv
}

/// A port that nobody listens on at this moment.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Files by `PUT`, without what would only cost time: no log of accesses, buffers as large as useful,
/// connections that stay. Bodies and files are on one file system, so that a file is renamed.
fn nginx_conf(folder: &Path, address: &str) -> Result<String> {
    let path = folder.to_str().context("the target folder's name is text")?;
    if path.contains(['"', '\\', '$']) {
        bail!("nginx cannot be told of a folder with such a name: {path}");
    }
    let user = exec::capture(Command::new("id").arg("-un"))?;
    let group = exec::capture(Command::new("id").arg("-gn"))?;
    // Workers of a master that is root would be somebody else, who cannot write here; without root the
    // line means nothing.
    let (user, group) = (user.trim(), group.trim());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path \"{path}/{kind}\";\n"))
        .concat();
    Ok(format!(
        "daemon off;\n\
         user {user} {group};\n\
         worker_processes auto;\n\
         pid \"{path}/nginx.pid\";\n\
         error_log \"{path}/error.log\" error;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
         \x20 access_log off;\n\
         \x20 client_max_body_size 0;\n\
         \x20 client_body_buffer_size 1m;\n\
         \x20 keepalive_requests 10000000;\n\
         {temporary}\
         \x20 server {{\n\
         \x20   listen {address};\n\
         \x20   location /files/ {{\n\
         \x20     root \"{path}\";\n\
         \x20     dav_methods PUT;\n\
         \x20     create_full_put_path on;\n\
         \x20   }}\n\
         \x20 }}\n\
         }}\n"
    ))
}
