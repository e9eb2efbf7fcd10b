//! Somebody's receiver on this machine: it answers as it is told, and keeps what came.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

/// What came in one request.
#[derive(Debug, Clone)]
pub struct Came {
    /// Where it was sent to.
    pub path: String,
    /// Their names in small letters.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Came {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// How a request is answered: with a status, or not at all.
pub type Answered = Option<u16>;

#[derive(Default)]
struct State {
    came: Vec<Came>,
    /// For the next requests; 200 afterwards.
    answers: Vec<Answered>,
}

/// A receiver; it goes with the test.
pub struct Receiver {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    /// Begins one whose first requests are answered so; all others with 200.
    ///
    /// # Errors
    /// Where there is no free port.
    pub fn begin(answers: &[Answered]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let state = Arc::new(Mutex::new(State { came: Vec::new(), answers: answers.to_vec() }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                thread::spawn(move || {
                    // A relay that is killed leaves its request half done.
                    let _ = take(stream, &state);
                });
            }
        });
        Ok(Self { address, state })
    }

    /// Its host and port.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address of something there.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// What came so far.
    #[must_use]
    pub fn came(&self) -> Vec<Came> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).came.clone()
    }
}

fn take(stream: TcpStream, state: &Mutex<State>) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).context("a request has a path")?.to_owned();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let answer = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.came.push(Came { path, headers, body });
            if state.answers.is_empty() { Some(200) } else { state.answers.remove(0) }
        };
        match answer {
            Some(status) => {
                let location = if status == 302 { "location: /elsewhere\r\n" } else { "" };
                write!(stream, "HTTP/1.1 {status} X\r\n{location}content-length: 0\r\n\r\n")?;
            }
            // Until who asked goes away.
            None => {
                let _ = reader.read_line(&mut String::new());
                return Ok(());
            }
        }
    }
}
