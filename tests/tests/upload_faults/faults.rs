//! What breaks: the way to the relay, and the relay itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use kartei_test_support::{Dice, FaultProxy, Relay, RelayHome, Tally, Weather, pass};

/// The longest time between two faults.
const BETWEEN: Duration = Duration::from_millis(900);

/// How long a relay is away at most, before somebody starts it again.
const AWAY: Duration = Duration::from_millis(500);

const MIB: u64 = 1024 * 1024;

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Killed at any moment, and started again on the same port.
    KillRelay,
    /// Killed, and another process takes its data folder over on another port.
    MoveRelay,
    /// Connections are refused, cut and reset.
    Storm,
    /// What is on its way stands still.
    Stall,
    Cut,
    Outage,
    /// A proxy on the way answers 500 for the relay.
    Trouble,
    /// A thin link for all of them.
    Trickle,
    Calm,
    /// What is given to some connections is lost, and neither side ever hears of it.
    Swallow,
}

/// Each is drawn once before any is drawn again, so that all of them come.
const DECK: [Fault; 13] = [
    Fault::KillRelay,
    Fault::KillRelay,
    Fault::MoveRelay,
    Fault::Storm,
    Fault::Storm,
    Fault::Stall,
    Fault::Cut,
    Fault::Outage,
    Fault::Trouble,
    Fault::Trickle,
    Fault::Calm,
    Fault::Calm,
    Fault::Swallow,
];

/// Whoever breaks everything.
pub(crate) struct Faults {
    dice: Dice,
    home: RelayHome,
    relay: Relay,
    proxy: FaultProxy,
    /// A client gives a swallowed connection up after 45 seconds, which a short run has no time for.
    swallows: bool,
    deck: Vec<Fault>,
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Faults {
    pub(crate) fn begin(mut dice: Dice, home: RelayHome, swallows: bool) -> Result<Self> {
        let relay = home.start()?;
        let target = SocketAddr::from(([127, 0, 0, 1], relay.port()?));
        let proxy = FaultProxy::start(&[target], dice.roll(u64::MAX))?;
        let counts = BTreeMap::new();
        Ok(Self { dice, home, relay, proxy, swallows, deck: Vec::new(), counts })
    }

    /// The way to the relay, wherever it is.
    pub(crate) fn url(&self) -> String {
        self.proxy.url()
    }

    /// The relay itself.
    pub(crate) fn relay(&self) -> &Relay {
        &self.relay
    }

    pub(crate) fn tally(&self) -> Tally {
        self.proxy.tally()
    }

    fn draw(&mut self) -> Fault {
        if self.deck.is_empty() {
            self.deck.extend(
                DECK.iter().filter(|fault| self.swallows || !matches!(fault, Fault::Swallow)),
            );
        }
        let at = usize::try_from(self.dice.roll(self.deck.len() as u64)).unwrap_or(0);
        self.deck.swap_remove(at)
    }

    /// Breaks something, or lets it be.
    pub(crate) fn act(&mut self) -> Result<()> {
        pass(self.dice.moment(BETWEEN));
        if self.relay.has_ended()? {
            bail!("the relay ended by itself");
        }
        let fault = self.draw();
        *self.counts.entry(format!("{fault:?}")).or_default() += 1;
        let share = |dice: &mut Dice, most| 1 + dice.roll(most);
        let weather = match fault {
            Fault::KillRelay => return self.kill(false),
            Fault::MoveRelay => return self.kill(true),
            Fault::Cut => {
                self.proxy.cut_all();
                return Ok(());
            }
            Fault::Storm => Weather {
                refuse: share(&mut self.dice, 300),
                cut: share(&mut self.dice, 15),
                reset: share(&mut self.dice, 15),
                ..Weather::CALM
            },
            Fault::Stall => Weather { stall: share(&mut self.dice, 300), ..Weather::CALM },
            Fault::Outage => Weather { refuse: 1_000, cut: 500, ..Weather::CALM },
            Fault::Trouble => Weather { fail: share(&mut self.dice, 800), cut: 5, ..Weather::CALM },
            Fault::Trickle => {
                Weather { link_bytes_per_sec: Some(MIB + self.dice.roll(4 * MIB)), ..Weather::CALM }
            }
            Fault::Swallow => Weather { swallow: share(&mut self.dice, 3), ..Weather::CALM },
            Fault::Calm => Weather::CALM,
        };
        self.proxy.set_weather(weather);
        Ok(())
    }

    fn kill(&mut self, moves: bool) -> Result<()> {
        let port = if moves { 0 } else { self.relay.port()? };
        self.relay.kill()?;
        pass(self.dice.moment(AWAY));
        self.relay = self.home.start_on(port)?;
        self.proxy.set_targets(&[SocketAddr::from(([127, 0, 0, 1], self.relay.port()?))]);
        Ok(())
    }

    /// Nothing breaks any more.
    pub(crate) fn calm_down(&self) {
        self.proxy.set_weather(Weather::CALM);
    }

    /// Ends the relay as a crash would, for good.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.relay.kill()
    }
}
