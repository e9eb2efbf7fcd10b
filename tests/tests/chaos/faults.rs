//! What breaks: the network, the relays, the database.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use kartei_test_support::{Dice, FaultProxy, Postgres, Relay, RelayHome, Weather, pass, until};

/// The longest time between two faults.
const BETWEEN: Duration = Duration::from_millis(700);

/// How long connections to the database are swallowed at most: some requests begin meanwhile.
const SWALLOWS: Duration = Duration::from_millis(300);

/// How long a relay may take to serve, when its database is there.
const SERVES_WITHIN: Duration = Duration::from_secs(60);

/// A relay on its port, started again whenever it is gone, as a service manager would.
pub(crate) struct Station {
    home: RelayHome,
    port: u16,
    relay: Option<Relay>,
}

impl Station {
    /// Starts the relay and waits until it serves.
    pub(crate) fn begin(home: RelayHome) -> Result<Self> {
        let relay = home.start()?;
        Ok(Self { home, port: relay.port()?, relay: Some(relay) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    fn kill(&mut self) -> Result<bool> {
        let Some(mut relay) = self.relay.take() else { return Ok(false) };
        relay.kill()?;
        Ok(true)
    }

    /// Starts the relay where it does not run. One that never served may have ended by itself.
    fn look_after(&mut self) -> Result<bool> {
        if let Some(relay) = &mut self.relay {
            let served = relay.is_ready();
            if !relay.has_ended()? {
                return Ok(false);
            }
            if served {
                bail!("the relay on port {} ended by itself while it served", self.port);
            }
        }
        self.relay = Some(self.home.begin_on(self.port)?);
        Ok(true)
    }

    fn serves(&mut self) -> bool {
        self.relay.as_mut().is_some_and(Relay::is_ready)
    }
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    KillRelay,
    KillBothRelays,
    CrashPostgres,
    /// Bad weather between the relays and everybody before them.
    StormBefore,
    /// Bad weather between the relays and their database.
    StormBehind,
    CutBefore,
    CutBehind,
    /// One of those before the relays reaches none.
    Outage,
    /// What a relay says to the database while this lasts is lost, as where a cable is pulled: neither
    /// side ever hears of those connections again.
    SwallowBehind,
    Calm,
}

/// Each is drawn once before any is drawn again, so that all of them come.
const DECK: [Fault; 13] = [
    Fault::KillRelay,
    Fault::KillRelay,
    Fault::KillBothRelays,
    Fault::CrashPostgres,
    Fault::StormBefore,
    Fault::StormBefore,
    Fault::StormBehind,
    Fault::CutBefore,
    Fault::CutBehind,
    Fault::Outage,
    Fault::SwallowBehind,
    Fault::Calm,
    Fault::Calm,
];

/// Whoever breaks everything.
pub(crate) struct Faults {
    dice: Dice,
    pub(crate) postgres: Postgres,
    pub(crate) stations: Vec<Station>,
    /// Between the relays and each of those before them.
    pub(crate) before: Vec<FaultProxy>,
    /// Between each relay and the database.
    pub(crate) behind: Vec<FaultProxy>,
    deck: Vec<Fault>,
    /// Whether every fault was drawn.
    pub(crate) whole: bool,
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Faults {
    pub(crate) fn new(
        dice: Dice,
        postgres: Postgres,
        stations: Vec<Station>,
        before: Vec<FaultProxy>,
        behind: Vec<FaultProxy>,
    ) -> Self {
        let (deck, counts) = (DECK.to_vec(), BTreeMap::new());
        Self { dice, postgres, stations, before, behind, deck, whole: false, counts }
    }

    /// Breaks something, and lets it be broken for a moment.
    pub(crate) fn act(&mut self) -> Result<()> {
        if self.deck.is_empty() {
            self.deck = DECK.to_vec();
        }
        let at = self.pick(self.deck.len());
        let fault = self.deck.swap_remove(at);
        self.whole |= self.deck.is_empty();
        self.breaks(fault)?;
        *self.counts.entry(format!("{fault:?}")).or_default() += 1;
        pass(self.dice.moment(BETWEEN));
        for station in &mut self.stations {
            // A relay that was killed may stay away for some faults.
            if self.dice.roll(3) > 0 && station.look_after()? {
                *self.counts.entry("relay started".to_owned()).or_default() += 1;
            }
        }
        Ok(())
    }

    fn breaks(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::KillRelay => {
                let at = self.pick(self.stations.len());
                self.kill(at)?;
            }
            Fault::KillBothRelays => {
                for at in 0..self.stations.len() {
                    self.kill(at)?;
                }
            }
            Fault::CrashPostgres => self.postgres.crash_and_restart()?,
            Fault::StormBefore => {
                for proxy in &self.before {
                    proxy.set_weather(storm(&mut self.dice, 1));
                }
            }
            Fault::StormBehind => {
                for proxy in &self.behind {
                    proxy.set_weather(storm(&mut self.dice, 4));
                }
            }
            Fault::CutBefore => {
                let at = self.pick(self.before.len());
                self.before[at].cut_all();
            }
            Fault::CutBehind => {
                let at = self.pick(self.behind.len());
                self.behind[at].cut_all();
            }
            Fault::Outage => {
                let at = self.pick(self.before.len());
                let proxy = &self.before[at];
                proxy.set_weather(Weather { refuse: 1_000, ..Weather::CALM });
                proxy.cut_all();
            }
            Fault::SwallowBehind => {
                let at = self.pick(self.behind.len());
                let swallowing = Weather { swallow: 1_000, ..Weather::CALM };
                self.behind[at].set_weather(swallowing);
                pass(self.dice.moment(SWALLOWS));
                self.behind[at].set_weather(Weather::CALM);
            }
            Fault::Calm => self.calm(),
        }
        Ok(())
    }

    fn kill(&mut self, at: usize) -> Result<()> {
        if self.stations[at].kill()? {
            *self.counts.entry("relay killed".to_owned()).or_default() += 1;
        }
        Ok(())
    }

    fn calm(&self) {
        for proxy in self.before.iter().chain(&self.behind) {
            proxy.set_weather(Weather::CALM);
        }
    }

    /// Ends all faults but for what was swallowed: nobody tells either side of those connections.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.calm();
        until(SERVES_WITHIN, "both relays serve", || {
            let mut all = true;
            for station in &mut self.stations {
                station.look_after()?;
                all &= station.serves();
            }
            Ok(all)
        })
    }

    fn pick(&mut self, of: usize) -> usize {
        usize::try_from(self.dice.roll(of as u64)).unwrap_or(0)
    }
}

/// Some weather in which a request gets through now and then. Most requests are a few pieces; what
/// relays say to their database is many, so that `rarely` divides what happens to each.
fn storm(dice: &mut Dice, rarely: u64) -> Weather {
    let slow = dice.roll(3) == 0;
    Weather {
        refuse: dice.roll(250),
        cut: dice.roll(100) / rarely,
        reset: dice.roll(80) / rarely,
        stall: dice.roll(50) / rarely,
        swallow: dice.roll(20) / rarely,
        delay: dice.moment(Duration::from_millis(40)),
        bytes_per_sec: slow.then(|| 40_000 + dice.roll(400_000)),
        ..Weather::CALM
    }
}
