//! Signing in with a relay's provider: the system's browser is opened, and comes back to a port of this machine
//! (RFC 8252). Window and command line do it alike; the token is kept as one that was typed.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kartei_protocol::commands::Commands as _;
use kartei_protocol::desktop::{
    BeginSignIn, BegunSignIn, RelayAddress, RelayWays, SignIn, SyncStatus,
};
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_protocol::sign_in::OidcSignIn;
use kartei_relay_client::{Begun, CameBack, RelayClient, provider_name};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::app::App;
use crate::problem::of_relay;
use crate::random;
use crate::sync;

/// For so long somebody may look for their password, and a second factor.
const WITHIN: Duration = Duration::from_secs(10 * 60);

/// A browser that connects says soon what it wants; some connect ahead and say nothing.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);

/// Bytes of the head of a request at most.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Connections that are open at once at most: those of one browser.
const CONNECTIONS_MAX: usize = 32;

/// Where the browser comes back to, below the port.
const PLACE: &str = "/sign-in";

/// The sign-in of this program that is on its way, where one is.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    waiting: Mutex<Option<Waiting>>,
    /// Ends the one that is waited for when it is replaced.
    stop: Mutex<Option<watch::Sender<bool>>>,
}

#[derive(Debug)]
struct Waiting {
    relay: String,
    begun: Begun,
    listener: TcpListener,
    stopped: watch::Receiver<bool>,
}

fn failed(message: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::SignInFailed, message.into())
}

/// A port that this machine alone reaches.
fn listen() -> Result<(TcpListener, SocketAddr), Problem> {
    let four = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listener = four.or_else(|_| TcpListener::bind((Ipv6Addr::LOCALHOST, 0)));
    let listened = listener.and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    listened.map_err(|e| failed(format!("no port of this machine is free for the browser: {e}")))
}

/// Opens an address in the system's browser; answers whether there was one to ask.
fn open(address: &str) -> bool {
    let mut browser = if cfg!(target_os = "windows") {
        let mut command = Command::new("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else if cfg!(target_os = "macos") {
        Command::new("open")
    } else {
        Command::new("xdg-open")
    };
    browser.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match browser.spawn() {
        Ok(mut opened) => {
            // Some answer only when the browser is closed; somebody has to wait for them.
            std::thread::spawn(move || opened.wait());
            true
        }
        Err(error) => {
            tracing::info!(%error, "The browser could not be opened");
            false
        }
    }
}

impl App {
    fn stranger(&self, url: &str) -> Result<RelayClient, Problem> {
        RelayClient::new(url, "", &self.shared.trust).map_err(|e| of_relay(&e))
    }

    pub(crate) fn ways_of(&self, asked: &RelayAddress) -> Result<RelayWays, Problem> {
        let client = self.stranger(asked.url.trim())?;
        let ways = sync::block_on(client.sign_in_ways())?.map_err(|e| of_relay(&e))?;
        Ok(RelayWays { provider: ways.oidc.as_ref().map(provider_name) })
    }

    pub(crate) fn begin_with_provider(&self, asked: &BeginSignIn) -> Result<BegunSignIn, Problem> {
        let relay = asked.url.trim().to_owned();
        let ways = sync::block_on(self.stranger(&relay)?.sign_in_ways())?;
        let way = ways.map_err(|e| of_relay(&e))?.oidc.ok_or_else(|| {
            failed("this relay has no provider to sign in with; ask your administrator for a token")
        })?;
        let (listener, address) = listen()?;
        let secrets = [random::bytes()?, random::bytes()?, random::bytes()?];
        let begun = Begun::new(&way, &format!("http://{address}{PLACE}"), secrets);
        let begun = begun.map_err(|e| of_relay(&e))?;
        let told = BegunSignIn {
            address: begun.address().to_owned(),
            provider: begun.provider().to_owned(),
            opened: asked.open_browser && open(begun.address()),
        };
        let (stop, stopped) = watch::channel(false);
        *lock(&self.sign_in.waiting) = Some(Waiting { relay, begun, listener, stopped });
        *lock(&self.sign_in.stop) = Some(stop);
        Ok(told)
    }

    pub(crate) fn end_with_provider(&self) -> Result<SyncStatus, Problem> {
        let waiting = lock(&self.sign_in.waiting).take();
        let waiting = waiting.ok_or_else(|| failed("no sign-in was begun"))?;
        let client = self.stranger(&waiting.relay)?;
        let url = waiting.relay.clone();
        let token = sync::block_on(async move {
            let wish = waiting.come_back().await?;
            let signed_in = client.end_sign_in(&wish).await.map_err(|e| of_relay(&e))?;
            Ok::<_, Problem>(signed_in.token)
        })??;
        self.sign_in(SignIn { url, token })
    }

    pub(crate) fn cancel_with_provider(&self) {
        *lock(&self.sign_in.waiting) = None;
        *lock(&self.sign_in.stop) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Waiting {
    /// Waits until the browser comes back.
    async fn come_back(mut self) -> Result<OidcSignIn, Problem> {
        let listener = tokio::net::TcpListener::from_std(self.listener)
            .map_err(|e| failed(format!("listen for the browser: {e}")))?;
        let begun = std::sync::Arc::new(self.begun);
        let mut open = JoinSet::new();
        let coming = async {
            loop {
                tokio::select! {
                    accepted = listener.accept(), if open.len() < CONNECTIONS_MAX => {
                        // One that goes away at once is none.
                        let Ok((stream, _)) = accepted else { continue };
                        let begun = std::sync::Arc::clone(&begun);
                        open.spawn(async move {
                            timeout(REQUEST_WITHIN, answer(stream, &begun)).await.unwrap_or(CameBack::Other)
                        });
                    }
                    Some(answered) = open.join_next() => match answered {
                        Ok(CameBack::With(wish)) => return Ok(wish),
                        Ok(CameBack::Without(said)) => return Err(failed(said)),
                        Ok(CameBack::Other) | Err(_) => {}
                    },
                }
            }
        };
        tokio::select! {
            back = timeout(WITHIN, coming) => back.unwrap_or_else(|_| {
                let minutes = WITHIN.as_secs() / 60;
                Err(failed(format!("nobody came back from the browser for {minutes} minutes")))
            }),
            // Its other end is gone, or says so.
            _ = self.stopped.changed() => Err(failed("signing in was cancelled")),
        }
    }
}

/// Answers one request of a browser, and says what it means.
async fn answer(mut stream: TcpStream, begun: &Begun) -> CameBack {
    let Some(target) = target(&mut stream).await else { return CameBack::Other };
    let back = begun.read(&target);
    let (status, words) = match &back {
        CameBack::With(_) => (
            "200 OK",
            [
                "You can close this tab. Kartei goes on by itself.",
                "Sie können diesen Tab schließen. Kartei macht von selbst weiter.",
            ],
        ),
        CameBack::Without(_) => (
            "200 OK",
            [
                "You are not signed in. Kartei says why; you can close this tab.",
                "Sie sind nicht angemeldet. Kartei sagt, warum; Sie können diesen Tab schließen.",
            ],
        ),
        CameBack::Other => {
            ("404 Not Found", ["Kartei does not wait for this.", "Darauf wartet Kartei nicht."])
        }
    };
    let [english, german] = words;
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><title>Kartei</title><p>{english}</p><p lang=\"de\">{german}</p>"
    );
    let length = page.len();
    let whole = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {length}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nx-content-type-options: nosniff\r\n\
         content-security-policy: default-src 'none'; frame-ancestors 'none'\r\nconnection: close\r\n\r\n{page}"
    );
    // What it means holds, also for a browser that does not read on.
    let _ = stream.write_all(whole.as_bytes()).await;
    let _ = stream.shutdown().await;
    back
}

/// What a browser gets, once the head of its request is there.
async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    loop {
        let read = stream.read_buf(&mut head).await.ok()?;
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
        if read == 0 || head.len() > HEAD_BYTES_MAX {
            return None;
        }
    }
    let line = String::from_utf8_lossy(&head);
    let mut words = line.lines().next()?.split(' ');
    (words.next() == Some("GET")).then_some(())?;
    words.next().map(str::to_owned)
}
