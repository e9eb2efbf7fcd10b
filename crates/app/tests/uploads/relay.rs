//! A relay that takes uploads as docs/uploads.md says, in memory, and fails as it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, checksum};
use serde_json::{Value, json};

const PIECE: usize = 1024 * 1024;

/// A session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Session {
    pub(crate) name: String,
    key: String,
    pub(crate) content: Vec<u8>,
    received: Vec<bool>,
    pub(crate) state: &'static str,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) sessions: BTreeMap<String, Session>,
    /// Requests by their action.
    pub(crate) asked: Vec<String>,
    /// So many chunks lose their connection in the middle.
    pub(crate) cuts: u32,
    /// So many requests are answered with this.
    pub(crate) refusals: Vec<(u16, &'static str)>,
    /// Chunks are not answered while this holds.
    pub(crate) held: bool,
    /// There is no such relay for uploads.
    pub(crate) is_old: bool,
    next: u32,
}

/// A running relay; its thread ends with the test.
#[derive(Debug, Clone)]
pub(crate) struct FakeRelay {
    pub(crate) url: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

struct Request {
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    length: usize,
}

impl FakeRelay {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("as clients say it");
        let url = format!("http://{}", listener.local_addr().expect("as clients say it"));
        let relay = Self { url, state: Arc::default() };
        let serving = relay.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let serving = serving.clone();
                // A connection that breaks is the client's matter.
                thread::spawn(move || serving.serve(stream));
            }
        });
        relay
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hold(&self, held: bool) {
        self.lock().held = held;
        self.state.1.notify_all();
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut writer = stream;
        loop {
            let request = read_head(&mut reader)?;
            let (status, answer) = self.answer(&request, &mut reader)?;
            let body = answer.to_string();
            let head = format!(
                "HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            writer.write_all(head.as_bytes()).ok()?;
            writer.write_all(body.as_bytes()).ok()?;
        }
    }

    /// Nothing where the connection is to break.
    fn answer(&self, request: &Request, body: &mut impl Read) -> Option<(u16, Value)> {
        let action = request.query.get("action").cloned().unwrap_or_default();
        if request.path == "/sync/v1/whoami" {
            let who =
                json!({"organisation": "Test", "name": "Anna", "role": "analyst", "epoch": "e"});
            return Some((200, who));
        }
        let is_chunk = action == "chunk";
        let mut content = vec![0; request.length];
        let cut = {
            let mut state = self.lock();
            state.asked.push(if action.is_empty() { request.path.clone() } else { action.clone() });
            let cut = is_chunk && state.cuts > 0;
            state.cuts -= u32::from(cut);
            cut
        };
        if cut {
            content.truncate(request.length / 2);
            body.read_exact(&mut content).ok()?;
            self.lock().store(request, &content);
            return None;
        }
        body.read_exact(&mut content).ok()?;
        if is_chunk {
            let mut state = self.lock();
            while state.held {
                state = self.state.1.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        let mut state = self.lock();
        if state.is_old || request.path != "/api/upload" {
            return Some((
                404,
                json!({"type": "about:blank", "title": "Not Found", "status": 404}),
            ));
        }
        if let Some((status, code)) = state.refusals.pop() {
            return Some((status, json!({"code": code, "detail": "as the test wants it"})));
        }
        Some(state.upload(&action, request, &content))
    }
}

impl State {
    fn store(&mut self, request: &Request, content: &[u8]) {
        let Some(id) = request.query.get("upload") else { return };
        let Some(session) = self.sessions.get_mut(id) else { return };
        let offset: usize = request.query["offset"].parse().expect("as clients say it");
        assert_eq!(offset % PIECE, 0, "a chunk begins with a piece");
        let end = session.content.len();
        for (number, piece) in content.chunks(PIECE).enumerate() {
            let from = offset + number * PIECE;
            if piece.len() == PIECE || from + piece.len() == end {
                session.content[from..from + piece.len()].copy_from_slice(piece);
                session.received[from / PIECE] = true;
            }
        }
    }

    fn upload(&mut self, action: &str, request: &Request, content: &[u8]) -> (u16, Value) {
        let refuse = |status: u16, code: &str| (status, json!({"code": code, "detail": code}));
        if let Some(said) = request.headers.get("content-digest") {
            let crc = u32::try_from(checksum(CrcAlgorithm::Crc32Iscsi, content))
                .expect("as clients say it");
            if *said != format!("crc32c=:{}:", STANDARD.encode(crc.to_be_bytes())) {
                return refuse(400, "digest_mismatch");
            }
        }
        let whole = request.query.get("complete").is_some_and(|value| value == "true");
        if action == "create" {
            let new: Value = if whole {
                json!({
                    "name": request.query["name"],
                    "key": request.query["key"],
                    "size": content.len(),
                })
            } else {
                serde_json::from_slice(content).expect("as clients say it")
            };
            let id = self.create(&new);
            if whole {
                let session = self.sessions.get_mut(&id).expect("as clients say it");
                session.content = content.to_vec();
                session.received.fill(true);
                return self.complete(&id, request.query.get("digest").map(String::as_str));
            }
            return (201, self.told(&id));
        }
        let id = request.query.get("upload").cloned().unwrap_or_default();
        let Some(session) = self.sessions.get_mut(&id) else {
            return refuse(404, "unknown_upload");
        };
        match (action, session.state) {
            ("status", _) => {}
            ("complete", "open") => {
                let said: Value = serde_json::from_slice(content).unwrap_or_default();
                return self.complete(&id, said["digest"].as_str());
            }
            ("abort", "open") => session.state = "aborted",
            (_, "aborted") => return refuse(410, "upload_gone"),
            ("chunk", "open") => self.store(request, content),
            _ => {}
        }
        (200, self.told(&id))
    }

    fn create(&mut self, new: &Value) -> String {
        let key = new["key"].as_str().unwrap_or_default().to_owned();
        if let Some((id, _)) = self.sessions.iter().find(|(_, session)| session.key == key) {
            return id.clone();
        }
        self.next += 1;
        let size = usize::try_from(new["size"].as_u64().expect("as clients say it"))
            .expect("as clients say it");
        let session = Session {
            name: new["name"].as_str().expect("as clients say it").to_owned(),
            key,
            content: vec![0; size],
            received: vec![false; size.div_ceil(PIECE)],
            state: "open",
        };
        let id = format!("s{}", self.next);
        self.sessions.insert(id.clone(), session);
        id
    }

    fn complete(&mut self, id: &str, digest: Option<&str>) -> (u16, Value) {
        let session = self.sessions.get_mut(id).expect("as clients say it");
        if session.received.contains(&false) {
            return (409, json!({"code": "upload_incomplete", "detail": "missing"}));
        }
        if digest.is_some_and(|digest| digest != blake3::hash(&session.content).to_hex().as_str()) {
            session.state = "failed";
            return (422, json!({"code": "digest_mismatch", "detail": "other content"}));
        }
        session.state = "completed";
        (200, self.told(id))
    }

    fn told(&self, id: &str) -> Value {
        let session = &self.sessions[id];
        let size = session.content.len();
        let received: Vec<(usize, usize)> = (0..session.received.len())
            .filter(|piece| session.received[*piece])
            .map(|piece| (piece * PIECE, size.min((piece + 1) * PIECE)))
            .collect();
        let bytes: usize = received.iter().map(|(from, to)| to - from).sum();
        let done = session.state == "completed";
        json!({
            "id": id, "state": session.state, "name": session.name, "size": size,
            "received": received, "received_bytes": bytes, "piece_bytes": PIECE,
            "request_bytes_max": 64 * PIECE, "streams_max": 4, "expires_at": 0,
            "file": done.then(|| format!("f-{id}")),
            "digest": done.then(|| blake3::hash(&session.content).to_hex().to_string()),
        })
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let target = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = pairs.map(|(name, value)| (name.to_owned(), value.replace('+', " "))).collect();
    Some(Request { path: path.to_owned(), query, headers, length })
}
