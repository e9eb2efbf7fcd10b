//! Uploads and files over HTTP, as programs other than ours make them.

mod away;
mod client;
mod direct;
mod doors;
mod files;
#[cfg(target_os = "linux")]
mod full;
mod ground;
mod hostile;
mod record;
mod scanner;
mod storages;
mod whole;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};
use ground::{Ground, Kind};
use kartei_test_support::{Dice, Http, Relay, RelayHome, Reply, Stage};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// How long is waited for what the relay does by itself.
const WITHIN: Duration = Duration::from_secs(30);

const MIB: usize = 1024 * 1024;

const RAW: (&str, &str) = ("content-type", "application/octet-stream");
const JSON: (&str, &str) = ("content-type", "application/json");

/// A relay with somebody who uploads.
struct Service {
    stage: Stage,
    home: RelayHome,
    relay: Relay,
    http: Http,
    token: String,
    /// The last to go: the relay writes to it.
    ground: Ground,
}

fn service() -> Result<Service> {
    service_with(&[])
}

/// With settings of the relay's environment.
fn service_with(settings: &[(&str, &str)]) -> Result<Service> {
    service_on(Kind::Folder, settings)
}

/// On one of the storages that relays stand on.
fn service_on(kind: Kind, settings: &[(&str, &str)]) -> Result<Service> {
    let stage = Stage::new()?;
    let (ground, home) = Ground::make(kind, &stage)?;
    serve(stage, ground, home, settings)
}

fn serve(
    stage: Stage,
    ground: Ground,
    home: RelayHome,
    settings: &[(&str, &str)],
) -> Result<Service> {
    // How full this machine's disk is has nothing to do with the tests.
    let home = home.with(&[("KARTEI_KEEP_FREE_PERCENT", "0")]).with(settings);
    let relay = home.start()?;
    let token = home.token("analyst", "uploader")?;
    let http = Http::new(relay.url(), Some(&token));
    Ok(Service { stage, home, relay, http, token, ground })
}

impl Service {
    /// The relay dies as in a crash, and another process takes its place, on another port.
    fn die_and_come_back(&mut self) -> Result<()> {
        self.relay.kill()?;
        self.relay = self.home.start()?;
        self.http = Http::new(self.relay.url(), Some(&self.token));
        Ok(())
    }

    fn begin(&self, new: &Value) -> Result<Reply> {
        self.http.send("POST", "/api/upload?action=create", &[JSON], new.to_string().as_bytes())
    }

    /// A session for a file of this size.
    fn session(&self, name: &str, size: usize) -> Result<Value> {
        Ok(self.begin(&json!({ "name": name, "size": size }))?.expect(201)?.json())
    }

    fn chunk(&self, id: &Value, offset: usize, body: &[u8]) -> Result<Reply> {
        let path = format!("/api/upload?action=chunk&upload={}&offset={offset}", text(id));
        self.http.send("POST", &path, &[RAW], body)
    }

    fn act(&self, action: &str, id: &Value, said: &Value) -> Result<Reply> {
        let path = format!("/api/upload?action={action}&upload={}", text(id));
        let body = if said.is_null() { String::new() } else { said.to_string() };
        self.http.send("POST", &path, &[JSON], body.as_bytes())
    }

    fn status(&self, id: &Value) -> Result<Value> {
        Ok(self.act("status", id, &Value::Null)?.expect(200)?.json())
    }

    /// Uploads a small file in one request. Answers its id.
    fn upload(&self, name: &str, body: &[u8]) -> Result<Value> {
        let path = format!("/api/upload?action=create&complete=true&name={name}");
        let reply = self.http.send("POST", &path, &[RAW], body)?.expect(201)?;
        Ok(reply.json()["file"].clone())
    }

    fn bytes(&self, file: &Value) -> Result<Vec<u8>> {
        Ok(self.http.get(&format!("/api/files/serve/{}", text(file)))?.expect(200)?.body)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn code(reply: &Reply) -> String {
    text(&reply.json()["code"]).to_owned()
}

/// Bytes that nothing compresses, always the same for a seed.
fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut dice = Dice::seeded(seed);
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        bytes.extend_from_slice(&dice.roll(u64::MAX).to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Sends bytes as they are over a connection of its own, and answers the status line and what follows.
fn raw(relay: &Relay, request: &[u8], body: &[u8]) -> Result<(TcpStream, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", relay.port()?))?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.write_all(request)?;
    stream.write_all(body)?;
    let mut answer = vec![0; 16 * 1024];
    let read = stream.read(&mut answer)?;
    answer.truncate(read);
    Ok((stream, String::from_utf8_lossy(&answer).into_owned()))
}

/// Whether bytes are in any file of a folder, as they would be without encryption.
fn lies_plain(folder: &std::path::Path, bytes: &[u8]) -> Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            lies_plain(&path, bytes)?
        } else {
            fs::read(&path)?.windows(bytes.len()).any(|window| window == bytes)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}
