//! A TCP proxy that does to connections what networks do: it cuts, resets, refuses, delays, slows
//! down and swallows, at bytes that a seed decides. It can also answer as a server in trouble does.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use socket2::SockRef;

use crate::trouble::answer_500;
use crate::{Dice, pass};

/// Bytes that are carried at once. Faults are decided for each such piece, and cut within it.
const PIECE_BYTES: usize = 8 * 1024;

/// How long a connection to a target may take: all of them are on this machine.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// What happens to connections. Shares are out of a thousand: of new connections for `refuse` and `fail`, of
/// pieces of up to 8 KiB in either direction for all others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weather {
    /// Closed before the first byte.
    pub refuse: u64,
    /// Answered with 500 for the server, which hears nothing of it; closed then.
    pub fail: u64,
    /// Closed within the piece, after what came before was carried.
    pub cut: u64,
    /// The same with a reset.
    pub reset: u64,
    /// Carries nothing more until the weather changes.
    pub stall: u64,
    /// Carries nothing more at all; neither side learns of it, nor of the other's end.
    pub swallow: u64,
    /// The longest pause before a piece.
    pub delay: Duration,
    /// Bytes a second, for each connection and direction: what one stream gets over a long way.
    pub bytes_per_sec: Option<u64>,
    /// Bytes a second of all connections and both directions together: what the link carries.
    pub link_bytes_per_sec: Option<u64>,
}

impl Weather {
    /// Everything is carried at once.
    pub const CALM: Self = Self {
        refuse: 0,
        fail: 0,
        cut: 0,
        reset: 0,
        stall: 0,
        swallow: 0,
        delay: Duration::ZERO,
        bytes_per_sec: None,
        link_bytes_per_sec: None,
    };
}

/// What was done to connections so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Connections that came.
    pub connections: u64,
    /// Of these, closed before the first byte.
    pub refused: u64,
    /// Of these, answered with 500.
    pub failed: u64,
    /// Of these, without a target that answers.
    pub homeless: u64,
    /// Cut in the middle of a piece.
    pub cut: u64,
    /// Reset in the middle of a piece.
    pub reset: u64,
    /// Stood still for a while.
    pub stalled: u64,
    /// Swallowed.
    pub swallowed: u64,
    /// Bytes carried.
    pub bytes: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.connections += other.connections;
        self.refused += other.refused;
        self.failed += other.failed;
        self.homeless += other.homeless;
        self.cut += other.cut;
        self.reset += other.reset;
        self.stalled += other.stalled;
        self.swallowed += other.swallowed;
        self.bytes += other.bytes;
    }
}

/// A running proxy. Dropping it ends its connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    weather: Weather,
    /// Grows with each change of the weather.
    spell: u64,
    dice: Dice,
    tally: Tally,
    targets: Vec<SocketAddr>,
    links: Vec<Arc<Link>>,
    /// When the link has carried what it was given so far.
    link_free_at: Instant,
    over: bool,
}

/// Two sockets that belong together.
#[derive(Debug)]
struct Link {
    near: TcpStream,
    far: TcpStream,
    fate: Mutex<Fate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Swallowed,
    Closed,
}

/// What is decided about a piece.
enum Verdict {
    Carry { after: Duration },
    Break { kept: usize, reset: bool },
    Swallow,
    Over,
}

impl FaultProxy {
    /// Listens on a free port; each connection goes to one of the targets, chosen by the seed.
    ///
    /// # Errors
    /// Where no port can be had.
    pub fn start(targets: &[SocketAddr], seed: u64) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen for the proxy")?;
        let address = listener.local_addr()?;
        let state = State {
            weather: Weather::CALM,
            spell: 0,
            dice: Dice::seeded(seed),
            tally: Tally::default(),
            targets: targets.to_vec(),
            links: Vec::new(),
            link_free_at: Instant::now(),
            over: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if accepting.lock().over {
                    return;
                }
                let shared = Arc::clone(&accepting);
                thread::spawn(move || shared.serve(near));
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address for HTTP.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes the weather, also for connections that are open. What stalled goes on.
    pub fn set_weather(&self, weather: Weather) {
        let mut state = self.shared.lock();
        state.weather = weather;
        state.spell += 1;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Where new connections go from now on, such as to a server that came back on another port.
    pub fn set_targets(&self, targets: &[SocketAddr]) {
        self.shared.lock().targets = targets.to_vec();
    }

    /// Cuts all connections that are open.
    pub fn cut_all(&self) {
        let mut state = self.shared.lock();
        let mut cut = 0;
        for link in &state.links {
            cut += u64::from(link.close(false));
        }
        state.tally.cut += cut;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// What was done so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.shared.lock().tally
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.over = true;
        for link in state.links.drain(..) {
            link.end();
        }
        drop(state);
        self.shared.changed.notify_all();
        // Wakes the thread that accepts; where that fails it has ended.
        let _ = TcpStream::connect_timeout(&self.address, CONNECT_WITHIN);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(self: &Arc<Self>, near: TcpStream) {
        let target = {
            let mut state = self.lock();
            state.tally.connections += 1;
            let Weather { refuse, fail, .. } = state.weather;
            let rolled = state.dice.roll(1_000);
            if rolled < refuse {
                state.tally.refused += 1;
                return;
            }
            if rolled < refuse + fail {
                state.tally.failed += 1;
                drop(state);
                // Who goes away meanwhile needs no answer.
                let _ = answer_500(&near);
                return;
            }
            let count = state.targets.len() as u64;
            let at = usize::try_from(state.dice.roll(count)).unwrap_or(0);
            state.targets[at]
        };
        let Ok(far) = TcpStream::connect_timeout(&target, CONNECT_WITHIN) else {
            self.lock().tally.homeless += 1;
            return;
        };
        // Small pieces are what an event stream is made of.
        let _ = near.set_nodelay(true);
        let _ = far.set_nodelay(true);
        let link = Arc::new(Link { near, far, fate: Mutex::new(Fate::Open) });
        self.lock().links.push(Arc::clone(&link));
        let (shared, back) = (Arc::clone(self), Arc::clone(&link));
        let other = thread::spawn(move || shared.carry(&back, &back.far, &back.near));
        self.carry(&link, &link.near, &link.far);
        // A panic there was printed.
        let _ = other.join();
        self.lock().links.retain(|known| !Arc::ptr_eq(known, &link));
    }

    /// Carries pieces in one direction until an end.
    fn carry(&self, link: &Link, mut from: &TcpStream, mut to: &TcpStream) {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let length = match from.read(&mut piece) {
                Ok(0) | Err(_) => {
                    if self.hears_of_ends(link) {
                        // The other direction may have more to say.
                        let _ = to.shutdown(Shutdown::Write);
                    }
                    return;
                }
                Ok(length) => length,
            };
            match self.judge(link, length) {
                Verdict::Carry { after } => {
                    pass(after);
                    if to.write_all(&piece[..length]).is_err() {
                        link.close(false);
                        return;
                    }
                    self.lock().tally.bytes += length as u64;
                }
                Verdict::Break { kept, reset } => {
                    // A side that is gone already is not told more.
                    let _ = to.write_all(&piece[..kept]);
                    link.shut(reset);
                    return;
                }
                Verdict::Swallow => {
                    *link.fate() = Fate::Swallowed;
                    self.hears_of_ends(link);
                    return;
                }
                Verdict::Over => return,
            }
        }
    }

    fn judge(&self, link: &Link, length: usize) -> Verdict {
        let mut state = self.lock();
        let Weather { cut, reset, stall, swallow, delay, bytes_per_sec, .. } = state.weather;
        let link_rate = state.weather.link_bytes_per_sec;
        match *link.fate() {
            Fate::Open => {}
            Fate::Swallowed => return Verdict::Swallow,
            Fate::Closed => return Verdict::Over,
        }
        let rolled = state.dice.roll(1_000);
        if rolled < cut + reset {
            let kept = usize::try_from(state.dice.roll(length as u64)).unwrap_or(0);
            let reset = rolled >= cut;
            *(if reset { &mut state.tally.reset } else { &mut state.tally.cut }) += 1;
            // Decided here: what the other side answers to the bytes kept is nothing to break again.
            *link.fate() = Fate::Closed;
            return Verdict::Break { kept, reset };
        }
        if rolled < cut + reset + swallow {
            state.tally.swallowed += 1;
            return Verdict::Swallow;
        }
        let mut after = state.dice.moment(delay);
        if let Some(rate) = bytes_per_sec {
            after += Duration::from_micros(length as u64 * 1_000_000 / rate.max(1));
        }
        if let Some(rate) = link_rate {
            let now = Instant::now();
            let begins = state.link_free_at.max(now);
            let takes = Duration::from_micros(length as u64 * 1_000_000 / rate.max(1));
            state.link_free_at = begins + takes;
            after = after.max(state.link_free_at - now);
        }
        if rolled < cut + reset + swallow + stall {
            state.tally.stalled += 1;
            let spell = state.spell;
            let stands = |state: &mut State| {
                state.spell == spell && !state.over && *link.fate() == Fate::Open
            };
            let waited = self.changed.wait_while(state, stands);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
        Verdict::Carry { after }
    }

    /// Whether this link's sides learn of each other's end; holds a swallowed one open.
    fn hears_of_ends(&self, link: &Link) -> bool {
        let fate = *link.fate();
        if fate != Fate::Swallowed {
            // A reset must not be preceded by a proper end.
            return fate == Fate::Open;
        }
        let waited = self
            .changed
            .wait_while(self.lock(), |state| !state.over && *link.fate() == Fate::Swallowed);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        false
    }
}

impl Link {
    fn fate(&self) -> MutexGuard<'_, Fate> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends an open link; answers whether it was open. A swallowed one stays as it is.
    fn close(&self, reset: bool) -> bool {
        let mut fate = self.fate();
        if *fate != Fate::Open {
            return false;
        }
        *fate = Fate::Closed;
        drop(fate);
        self.shut(reset);
        true
    }

    fn end(&self) {
        *self.fate() = Fate::Closed;
        self.shut(false);
    }

    fn shut(&self, reset: bool) {
        for side in [&self.near, &self.far] {
            if reset {
                // Nothing is left to send, and closing becomes a reset.
                let _ = SockRef::from(side).set_linger(Some(Duration::ZERO));
            }
            // It may be closed already.
            let _ = side.shutdown(if reset { Shutdown::Read } else { Shutdown::Both });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::until;

    const WITHIN: Duration = Duration::from_secs(20);

    /// A server that sends back what it gets.
    fn echo() -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        Ok(address)
    }

    fn client(proxy: &FaultProxy) -> Result<TcpStream> {
        let stream = TcpStream::connect(proxy.address())?;
        stream.set_read_timeout(Some(WITHIN))?;
        Ok(stream)
    }

    fn said(stream: &mut TcpStream, text: &[u8]) -> Result<Vec<u8>> {
        stream.write_all(text)?;
        let mut heard = vec![0; text.len()];
        stream.read_exact(&mut heard)?;
        Ok(heard)
    }

    #[test]
    fn in_calm_weather_everything_is_carried() -> Result<()> {
        let proxy = FaultProxy::start(&[echo()?], 1)?;
        let mut stream = client(&proxy)?;
        let text = vec![7; 3 * PIECE_BYTES];
        let sender = stream.try_clone()?;
        let sent = text.clone();
        let sending = thread::spawn(move || {
            (&sender).write_all(&sent)?;
            sender.shutdown(Shutdown::Write)
        });
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard)?;
        assert!(sending.join().is_ok());
        assert_eq!(heard, text, "and the end of one side is told to the other");
        assert_eq!(proxy.tally().bytes, 2 * text.len() as u64);
        Ok(())
    }

    #[test]
    fn a_cut_connection_ends_within_the_piece() -> Result<()> {
        for (weather, is_reset) in [
            (Weather { cut: 1_000, ..Weather::CALM }, false),
            (Weather { reset: 1_000, ..Weather::CALM }, true),
        ] {
            let proxy = FaultProxy::start(&[echo()?], 2)?;
            proxy.set_weather(weather);
            let mut stream = client(&proxy)?;
            stream.write_all(b"never comes whole")?;
            let mut heard = Vec::new();
            let end = stream.read_to_end(&mut heard);
            assert!(heard.len() < 17, "{heard:?}");
            assert_eq!(end.is_err(), is_reset, "{end:?}");
            let tally = proxy.tally();
            assert_eq!((tally.cut, tally.reset), (u64::from(!is_reset), u64::from(is_reset)));
        }
        Ok(())
    }

    #[test]
    fn what_stalls_goes_on_when_the_weather_changes() -> Result<()> {
        let proxy = FaultProxy::start(&[echo()?], 3)?;
        let mut stream = client(&proxy)?;
        assert_eq!(said(&mut stream, b"before")?, b"before");
        proxy.set_weather(Weather { stall: 1_000, ..Weather::CALM });
        stream.write_all(b"after")?;
        until(WITHIN, "the piece stands still", || Ok(proxy.tally().stalled == 1))?;
        proxy.set_weather(Weather::CALM);
        let mut heard = [0; 5];
        stream.read_exact(&mut heard)?;
        assert_eq!(&heard, b"after");
        Ok(())
    }

    #[test]
    fn nobody_learns_the_end_of_a_swallowed_connection() -> Result<()> {
        let proxy = FaultProxy::start(&[echo()?], 4)?;
        let mut stream = client(&proxy)?;
        assert_eq!(said(&mut stream, b"before")?, b"before");
        proxy.set_weather(Weather { swallow: 1_000, ..Weather::CALM });
        stream.write_all(b"lost")?;
        until(WITHIN, "the piece is swallowed", || Ok(proxy.tally().swallowed == 1))?;
        proxy.set_weather(Weather::CALM);
        proxy.cut_all();
        assert_eq!(proxy.tally().cut, 0, "it stays as it is");
        let mut other = client(&proxy)?;
        assert_eq!(said(&mut other, b"another one")?, b"another one");
        proxy.cut_all();
        assert_eq!(other.read(&mut [0])?, 0);
        assert_eq!(proxy.tally().cut, 1);
        Ok(())
    }

    #[test]
    fn a_server_in_trouble_answers_500_after_the_request_has_come() -> Result<()> {
        let proxy = FaultProxy::start(&[echo()?], 6)?;
        proxy.set_weather(Weather { fail: 1_000, ..Weather::CALM });
        let mut stream = client(&proxy)?;
        stream.write_all(b"PUT /a HTTP/1.1\r\nContent-Length: 70000\r\n\r\n")?;
        stream.write_all(&vec![7; 70_000])?;
        let mut heard = String::new();
        stream.read_to_string(&mut heard)?;
        assert!(heard.starts_with("HTTP/1.1 500 ") && heard.contains("<Code>"), "{heard}");
        assert_eq!((proxy.tally().failed, proxy.tally().bytes), (1, 0));
        Ok(())
    }

    #[test]
    fn who_comes_after_the_targets_changed_meets_the_new_one() -> Result<()> {
        let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let proxy = FaultProxy::start(&[nobody], 7)?;
        assert_eq!(client(&proxy)?.read(&mut [0]).unwrap_or(0), 0);
        proxy.set_targets(&[echo()?]);
        assert_eq!(said(&mut client(&proxy)?, b"here")?, b"here");
        assert_eq!(proxy.tally().homeless, 1);
        Ok(())
    }

    #[test]
    fn a_refused_connection_says_nothing() -> Result<()> {
        let proxy = FaultProxy::start(&[echo()?], 5)?;
        proxy.set_weather(Weather { refuse: 1_000, ..Weather::CALM });
        let mut stream = client(&proxy)?;
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
        assert_eq!(proxy.tally().refused, 1);
        Ok(())
    }
}
