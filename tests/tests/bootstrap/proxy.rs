//! What stands between a replica and its relay: it sees which segments are asked for, holds one back,
//! or damages one on its way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result};

const ASKED: &[u8] = b"GET /sync/v1/bootstrap/segments/";

/// Hexadecimal digits of a digest.
const DIGITS: usize = 64;

/// A piece of an answer that is larger than any head ends with bytes of the body.
const HEAD_MAX: usize = 2_048;

#[derive(Debug, Default)]
struct Orders {
    asked: Vec<String>,
    hold: Option<String>,
    damage: Option<String>,
}

#[derive(Debug, Default)]
struct Desk {
    orders: Mutex<Orders>,
    changed: Condvar,
}

impl Desk {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A proxy on a port of its own. Its threads end with the connections.
#[derive(Debug)]
pub(crate) struct Proxy {
    url: String,
    desk: Arc<Desk>,
}

impl Proxy {
    /// Before the relay on this port.
    pub(crate) fn before(port: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port for the proxy")?;
        let url = format!("http://{}", listener.local_addr()?);
        let desk = Arc::new(Desk::default());
        let of_thread = Arc::clone(&desk);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(relay) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                join(&of_thread, &client, &relay);
            }
        });
        Ok(Self { url, desk })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Requests for this segment stop here until [`Proxy::release`].
    pub(crate) fn hold(&self, digest: &str) {
        self.desk.orders().hold = Some(digest.to_owned());
    }

    /// Lets go on what was held.
    pub(crate) fn release(&self) {
        self.desk.orders().hold = None;
        self.desk.changed.notify_all();
    }

    /// Changes a byte of this segment whenever it passes.
    pub(crate) fn damage(&self, digest: &str) {
        self.desk.orders().damage = Some(digest.to_owned());
    }

    /// The segments that were asked for since the last question, sorted.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut self.desk.orders().asked);
        asked.sort();
        asked
    }
}

/// Carries bytes both ways until one side ends.
fn join(desk: &Arc<Desk>, client: &TcpStream, relay: &TcpStream) {
    let damaging = Arc::new(Mutex::new(false));
    let pair = || Some((client.try_clone().ok()?, relay.try_clone().ok()?));
    let (Some((mut from, mut to)), Some((mut back_to, mut back_from))) = (pair(), pair()) else {
        return;
    };
    let (of_requests, desk) = (Arc::clone(&damaging), Arc::clone(desk));
    thread::spawn(move || {
        carry(&mut from, &mut to, |piece| {
            let Some(digest) = asked_for(piece) else { return };
            let mut orders = desk.orders();
            orders.asked.push(digest.clone());
            while orders.hold.as_ref() == Some(&digest) {
                orders = desk.changed.wait(orders).unwrap_or_else(PoisonError::into_inner);
            }
            let damaged = orders.damage.as_ref() == Some(&digest);
            *of_requests.lock().unwrap_or_else(PoisonError::into_inner) = damaged;
        });
    });
    thread::spawn(move || {
        carry(&mut back_from, &mut back_to, |piece| {
            let mut damaging = damaging.lock().unwrap_or_else(PoisonError::into_inner);
            if *damaging
                && piece.len() > HEAD_MAX
                && let Some(last) = piece.last_mut()
            {
                *last ^= 1;
                *damaging = false;
            }
        });
    });
}

fn carry(from: &mut TcpStream, to: &mut TcpStream, mut look: impl FnMut(&mut [u8])) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        look(&mut buffer[..read]);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // Either side may be gone already.
    let _ = to.shutdown(Shutdown::Write);
}

fn asked_for(piece: &[u8]) -> Option<String> {
    let rest = piece.strip_prefix(ASKED)?;
    let digest = rest.get(..DIGITS)?;
    Some(String::from_utf8_lossy(digest).into_owned())
}
