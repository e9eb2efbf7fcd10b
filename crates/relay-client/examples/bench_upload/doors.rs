//! The ways into the servers: the documented requests that bring a file at the least cost.

use std::fs::File;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Outcome;
use crate::content::Content;
use crate::http::{Answer, Connection, Part};

/// A way into a server.
#[derive(Debug, Clone)]
pub(crate) enum Door {
    /// Kartei's interface of record.
    Record,
    /// tus 1.0, with the path where uploads are created.
    Tus(String),
    /// `PUT`, with the path of a folder.
    Put(String),
    /// No server: files in a folder, each flushed.
    Disk(PathBuf),
}

/// What all requests of a run have in common.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) door: Door,
    /// Sent with every request, where the server asks for one.
    pub(crate) token: Option<String>,
    /// Bytes of a request at most.
    pub(crate) request_bytes: u64,
}

impl Way {
    /// Brings one file.
    pub(crate) fn bring(
        &self,
        connection: &mut Option<Connection>,
        content: &Content,
        file: u64,
        size: u64,
    ) -> Outcome<()> {
        let whole = Part { file, from: 0, until: size };
        if let Door::Disk(folder) = &self.door {
            let mut written = File::create(folder.join(name(file)))?;
            content.send(file, 0, size, &[], &mut written)?;
            return Ok(written.sync_data()?);
        }
        let connection = connection.as_mut().ok_or("a server needs an address")?;
        let ask = Ask { way: self, connection, content };
        match &self.door {
            Door::Record if size <= self.request_bytes => ask.record_at_once(whole),
            Door::Record => ask.record(whole),
            Door::Tus(path) if size <= self.request_bytes => ask.tus_at_once(path, whole),
            Door::Tus(path) => ask.tus(path, whole),
            Door::Put(path) => {
                let line = format!("PUT {path}{} HTTP/1.1\r\n", name(file));
                ask.bytes("PUT", &line, whole, &[200, 201, 204]).map(drop)
            }
            Door::Disk(_) => Ok(()),
        }
    }

    fn parts(&self, Part { file, from, until }: Part) -> impl Iterator<Item = Part> {
        let step = self.request_bytes;
        (from..until).step_by(usize::try_from(step).unwrap_or(usize::MAX)).map(move |from| Part {
            file,
            from,
            until: until.min(from + step),
        })
    }
}

/// Requests of one upload.
struct Ask<'a> {
    way: &'a Way,
    connection: &'a mut Connection,
    content: &'a Content,
}

impl Ask<'_> {
    /// `create` with the file's bytes and `complete`: one request.
    fn record_at_once(mut self, whole: Part) -> Outcome<()> {
        let line = format!(
            "POST /api/upload?action=create&complete=true&name={}&content_type={OCTETS} HTTP/1.1\r\n\
             Content-Type: {OCTETS}\r\n",
            name(whole.file)
        );
        let answer = self.send("create", &line, Some(whole), "", &[201])?;
        completed(&answer, whole.until).map(drop)
    }

    /// `create`, chunks, and `complete` with the last one.
    fn record(mut self, whole: Part) -> Outcome<()> {
        let new = json!({ "name": name(whole.file), "size": whole.until, "content_type": OCTETS });
        let line = "POST /api/upload?action=create HTTP/1.1\r\nContent-Type: application/json\r\n";
        let answer = self.send("create", line, None, &new.to_string(), &[201])?;
        let state: Value = serde_json::from_slice(&answer.body)?;
        let id = state["id"].as_str().ok_or("create answered no id")?.to_owned();
        let mut last = None;
        for part in self.way.parts(whole) {
            let complete = part.until == whole.until;
            let line = format!(
                "POST /api/upload?action=chunk&upload={id}&offset={}&complete={complete} HTTP/1.1\r\n\
                 Content-Type: {OCTETS}\r\n",
                part.from
            );
            last = Some(self.send("chunk", &line, Some(part), "", &[200])?);
        }
        completed(&last.ok_or("an empty file has no chunks")?, whole.until).map(drop)
    }

    /// Creation with upload: one request.
    fn tus_at_once(mut self, path: &str, whole: Part) -> Outcome<()> {
        let line = format!(
            "POST {path} HTTP/1.1\r\nTus-Resumable: 1.0.0\r\nUpload-Length: {}\r\n\
             Upload-Metadata: {}\r\nContent-Type: {TUS_BYTES}\r\n",
            whole.until,
            metadata(whole.file)
        );
        let answer = self.send("creation with upload", &line, Some(whole), "", &[201])?;
        offset(&answer, whole.until)
    }

    /// Creation, and the bytes by `PATCH`.
    fn tus(mut self, path: &str, whole: Part) -> Outcome<()> {
        let line = format!(
            "POST {path} HTTP/1.1\r\nTus-Resumable: 1.0.0\r\nUpload-Length: {}\r\n\
             Upload-Metadata: {}\r\n",
            whole.until,
            metadata(whole.file)
        );
        let answer = self.send("creation", &line, None, "", &[201])?;
        let place = answer.header("location").ok_or("creation answered no place")?;
        // The whole address or only its path, as the server likes.
        let place = match place.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => place,
        };
        let place = place.to_owned();
        for part in self.way.parts(whole) {
            let line = format!(
                "PATCH {place} HTTP/1.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {}\r\n\
                 Content-Type: {TUS_BYTES}\r\n",
                part.from
            );
            let answer = self.send("PATCH", &line, Some(part), "", &[204])?;
            offset(&answer, part.until)?;
        }
        Ok(())
    }

    fn bytes(mut self, what: &str, line: &str, part: Part, good: &[u16]) -> Outcome<Answer> {
        self.send(what, line, Some(part), "", good)
    }

    fn send(
        &mut self,
        what: &str,
        line: &str,
        part: Option<Part>,
        text: &str,
        good: &[u16],
    ) -> Outcome<Answer> {
        let head = match &self.way.token {
            Some(token) => format!("{line}Authorization: Bearer {token}\r\n"),
            None => line.to_owned(),
        };
        self.connection.ask(&head, self.content, part, text)?.expect(what, good)
    }
}

const OCTETS: &str = "application/octet-stream";
const TUS_BYTES: &str = "application/offset+octet-stream";

fn name(file: u64) -> String {
    format!("bench-{file}.bin")
}

fn metadata(file: u64) -> String {
    format!("filename {},filetype {}", STANDARD.encode(name(file)), STANDARD.encode(OCTETS))
}

/// The file is made, and has all of the bytes.
fn completed(answer: &Answer, size: u64) -> Outcome<Value> {
    let state: Value = serde_json::from_slice(&answer.body)?;
    if state["state"] == "completed" && state["received_bytes"] == size {
        return Ok(state);
    }
    Err(format!("an upload of {size} bytes was answered with {state}").into())
}

/// The server has the bytes up to here.
fn offset(answer: &Answer, expected: u64) -> Outcome<()> {
    match answer.header("upload-offset") {
        Some(found) if found == expected.to_string() => Ok(()),
        found => Err(format!("the server is at {found:?} instead of {expected}").into()),
    }
}
