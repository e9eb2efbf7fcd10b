//! HTTP/1.1 as a load needs it: one request after another on a connection, bodies from memory with
//! two or three calls of the system each, small answers.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::content::Content;

/// How long a server may say nothing. One that writes gigabytes back before it answers is within it.
const SILENCE_MAX: Duration = Duration::from_secs(300);

/// How long a server may take to begin listening.
const BEGINS_WITHIN: Duration = Duration::from_secs(30);

/// The pause before the next look whether it does.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Bytes of an answer at most; what is longer is no answer to an upload.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The bytes of a request: a part of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) file: u64,
    pub(crate) from: u64,
    pub(crate) until: u64,
}

/// What a server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Fails where the status is none of these.
    pub(crate) fn expect(self, what: &str, statuses: &[u16]) -> Outcome<Self> {
        if statuses.contains(&self.status) {
            return Ok(self);
        }
        let said = String::from_utf8_lossy(&self.body).into_owned();
        Err(format!("{what} was answered with {}: {}", self.status, said.trim()).into())
    }
}

/// A connection that is kept for the next request as long as the server keeps it.
#[derive(Debug)]
pub(crate) struct Connection {
    server: SocketAddr,
    stream: Option<TcpStream>,
    /// Bytes that were read and belong to what comes next.
    rest: Vec<u8>,
}

impl Connection {
    /// Connects; waits for a server that has just been started.
    pub(crate) fn open(server: SocketAddr) -> Outcome<Self> {
        let deadline = Instant::now() + BEGINS_WITHIN;
        loop {
            match connect(server) {
                Ok(stream) => return Ok(Self { server, stream: Some(stream), rest: Vec::new() }),
                Err(error) if Instant::now() >= deadline => {
                    return Err(format!("{server} does not listen: {error}").into());
                }
                Err(_) => thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// Sends a request and reads its answer. `head` has the request's line and its own headers.
    pub(crate) fn ask(
        &mut self,
        head: &str,
        content: &Content,
        part: Option<Part>,
        text: &str,
    ) -> Outcome<Answer> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(connect(self.server)?),
        };
        let length = part.map_or(text.len() as u64, |part| part.until - part.from);
        let head = format!("{head}Host: {}\r\nContent-Length: {length}\r\n\r\n{text}", self.server);
        let sent = match part {
            Some(Part { file, from, until }) => {
                content.send(file, from, until, head.as_bytes(), stream)
            }
            None => io::Write::write_all(stream, head.as_bytes()),
        };
        // A server that refuses answers before the body's end, and that says more than a broken pipe.
        let answer = read_answer(stream, &mut self.rest);
        let (answer, stays) = match (answer, sent) {
            (Ok(read), _) => read,
            (Err(_), Err(error)) => return Err(format!("sending: {error}").into()),
            (Err(error), Ok(())) => return Err(error),
        };
        if !stays {
            self.stream = None;
            self.rest.clear();
        }
        Ok(answer)
    }
}

fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    Ok(stream)
}

/// Reads an answer; tells whether the connection stays.
fn read_answer(stream: &mut impl Read, rest: &mut Vec<u8>) -> Outcome<(Answer, bool)> {
    loop {
        let head = take_until(stream, rest, b"\r\n\r\n")?;
        let head = String::from_utf8(head)?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status: u16 = status.and_then(|s| s.parse().ok()).ok_or("the answer has no status")?;
        if (100..200).contains(&status) {
            continue;
        }
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        let stays = !answer.header("connection").is_some_and(|c| c.eq_ignore_ascii_case("close"));
        let is_chunked = answer
            .header("transfer-encoding")
            .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        let length = answer.header("content-length").map(str::parse::<usize>).transpose()?;
        answer.body = match length {
            _ if status == 204 => Vec::new(),
            _ if is_chunked => take_chunks(stream, rest)?,
            Some(length) => take(stream, rest, length)?,
            None => return Err("the answer does not say where it ends".into()),
        };
        return Ok((answer, stays));
    }
}

fn take_chunks(stream: &mut impl Read, rest: &mut Vec<u8>) -> Outcome<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = String::from_utf8(take_until(stream, rest, b"\r\n")?)?;
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)?;
        let mut chunk = take(stream, rest, size + 2)?;
        chunk.truncate(size);
        body.append(&mut chunk);
        if size == 0 {
            return Ok(body);
        }
    }
}

/// What comes before `mark`, which is taken as well.
fn take_until(stream: &mut impl Read, rest: &mut Vec<u8>, mark: &[u8]) -> Outcome<Vec<u8>> {
    loop {
        if let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
            let mut taken: Vec<u8> = rest.drain(..at + mark.len()).collect();
            taken.truncate(at);
            return Ok(taken);
        }
        more(stream, rest)?;
    }
}

fn take(stream: &mut impl Read, rest: &mut Vec<u8>, count: usize) -> Outcome<Vec<u8>> {
    while rest.len() < count {
        more(stream, rest)?;
    }
    Ok(rest.drain(..count).collect())
}

fn more(stream: &mut impl Read, rest: &mut Vec<u8>) -> Outcome<()> {
    if rest.len() > ANSWER_BYTES_MAX {
        return Err("the answer is too long".into());
    }
    let mut bytes = [0; 4096];
    match stream.read(&mut bytes)? {
        0 => Err("the server closed the connection".into()),
        count => {
            rest.extend_from_slice(&bytes[..count]);
            Ok(())
        }
    }
}
