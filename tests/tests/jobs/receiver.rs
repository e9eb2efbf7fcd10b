//! Somebody's receiver of webhooks, on this machine: it answers as it is told, and keeps what came.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What came in one request.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Came {
    pub(crate) fn id(&self) -> String {
        self.headers.get("webhook-id").cloned().unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// What the signature has to be, by the specification, without the relay's own code.
    pub(crate) fn check(&self, secret: &str) -> Result<()> {
        let key =
            STANDARD.decode(secret.strip_prefix("whsec_").context("a secret has a prefix")?)?;
        assert_eq!(key.len(), 32);
        let moment = self.headers.get("webhook-timestamp").cloned().unwrap_or_default();
        let text = format!("{}.{moment}.{}", self.id(), self.body);
        let signed = format!("v1,{}", STANDARD.encode(hmac(&key, text.as_bytes())));
        assert_eq!(self.headers.get("webhook-signature"), Some(&signed));
        moment.parse::<u64>().context("a moment in seconds")?;
        Ok(())
    }
}

/// HMAC-SHA256 as RFC 2104 says, for keys up to a block.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let padded = |with: u8| -> Vec<u8> {
        let mut block = vec![with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::digest([padded(0x36).as_slice(), text].concat());
    Sha256::digest([padded(0x5c).as_slice(), inner.as_slice()].concat()).to_vec()
}

/// How a request is answered: with a status, or not at all.
pub(crate) type Answer = Option<u16>;

#[derive(Default)]
struct State {
    came: Vec<Came>,
    /// For the next requests; 200 afterwards.
    answers: Vec<Answer>,
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    pub(crate) fn begin(answers: &[Answer]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/hook", listener.local_addr()?);
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
        Ok(Self { url, state })
    }

    pub(crate) fn came(&self) -> Vec<Came> {
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
            state.came.push(Came { headers, body: String::from_utf8_lossy(&body).into_owned() });
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
