//! Everybody who takes part, and the order of the run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use kartei_test_support::{Dice, FaultProxy, Http, Postgres, Stage, Tally, pass, until};

use crate::desk::Desk;
use crate::faults::{Faults, Station};
use crate::files;
use crate::integrator::{self, Integrator};
use crate::ledger::Ledger;
use crate::reader::Reader;

/// People, each at a client.
const PEOPLE: [&str; 3] = ["Anna", "Ben", "Cleo"];

/// Relays on the database.
const RELAYS: usize = 2;

/// Name of the database.
pub(crate) const DATABASE: &str = "chaos";

/// How long an answer over HTTP may take: a connection that was swallowed costs a reader this much of
/// the run.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// How long everybody may take to agree. A client gives a swallowed connection up after 45 seconds.
const REST_WITHIN: Duration = Duration::from_secs(180);

/// The longest pause of those who read and write over HTTP, which leaves some of the machine to others.
const PAUSE: Duration = Duration::from_millis(60);

/// Everybody and everything.
pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) faults: Faults,
    pub(crate) desks: Vec<Desk>,
    pub(crate) ledger: Ledger,
    pub(crate) reader: Reader,
    /// Reads from a relay without a proxy.
    pub(crate) direct: Http,
    integrator: Integrator,
    pauses: Dice,
    acts: u64,
}

impl World {
    /// Starts everything, and lets everybody have the base profiles.
    pub(crate) fn begin(dice: &mut Dice) -> Result<Self> {
        let mut dice = || Dice::seeded(dice.roll(u64::MAX));
        let stage = Stage::new()?;
        files::write(&stage)?;
        let postgres = Postgres::start(true)?;
        let database = postgres.database(DATABASE)?;
        let home = stage.relay_home_on(&database)?;
        let (mut stations, mut behind, mut before) = (Vec::new(), Vec::new(), Vec::new());
        for number in 1..=RELAYS {
            let proxy =
                FaultProxy::start(&[([127, 0, 0, 1], postgres.port()).into()], dice().seed())?;
            let port = format!(":{}/", postgres.port());
            let url = database.relay_url.replace(&port, &format!(":{}/", proxy.address().port()));
            let log = stage.path(&format!("relay-{number}.log"));
            stations.push(Station::begin(home.through(url).logging_to(log))?);
            behind.push(proxy);
        }
        let relays: Vec<_> = stations.iter().map(Station::address).collect();
        let mut front = |seed| -> Result<String> {
            let proxy = FaultProxy::start(&relays, seed)?;
            let url = proxy.url();
            before.push(proxy);
            Ok(url)
        };
        let mut desks = Vec::new();
        for name in PEOPLE {
            let desk = Desk::new(&stage, name, dice())?;
            desk.client.login(&front(dice().seed())?, &home.token("analyst", name)?)?;
            desks.push(desk);
        }
        desks[0].client.import(&[files::path(&stage, 0)])?;
        for desk in &desks {
            desk.client.sync()?;
        }
        let token = home.token("viewer", "Reader")?;
        let http = Http::patient(&front(dice().seed())?, Some(&token), ANSWER_WITHIN);
        let reader = Reader::new(http, dice());
        let direct = Http::new(&format!("http://{}", relays[0]), Some(&token));
        let token = home.token("analyst", integrator::NAME)?;
        let http = Http::patient(&front(dice().seed())?, Some(&token), ANSWER_WITHIN);
        let integrator = Integrator::new(http, dice());
        let faults = Faults::new(dice(), postgres, stations, before, behind);
        let ledger = Ledger::default();
        Ok(Self {
            stage,
            faults,
            desks,
            ledger,
            reader,
            direct,
            integrator,
            pauses: dice(),
            acts: 0,
        })
    }

    /// Breaks everything for a while, lets it come to rest, and looks.
    pub(crate) fn run(&mut self, length: Duration) -> Result<()> {
        self.break_everything(length)?;
        self.rest()?;
        self.check()
    }

    /// Everybody acts until the time is over and every fault has come.
    fn break_everything(&mut self, length: Duration) -> Result<()> {
        let over = AtomicBool::new(false);
        let end = Instant::now() + length;
        let Self { stage, faults, desks, ledger, reader, integrator, pauses, .. } = self;
        let (over, stage, ledger) = (&over, &*stage, &*ledger);
        let mut pauses_of_reader = pauses.clone();
        let acts = std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for desk in desks {
                threads.push(scope.spawn(move || until_over(over, || desk.act(stage, ledger))));
            }
            threads.push(scope.spawn(move || {
                until_over(over, || {
                    pass(pauses_of_reader.moment(PAUSE));
                    reader.act()
                })
            }));
            threads.push(scope.spawn(move || {
                until_over(over, || {
                    pass(pauses.moment(PAUSE));
                    integrator.act(ledger)
                })
            }));
            threads.push(scope.spawn(move || {
                until_over(over, || {
                    faults.act()?;
                    if faults.whole && Instant::now() >= end {
                        over.store(true, Ordering::Relaxed);
                        faults.end()?;
                    }
                    Ok(())
                })
            }));
            threads.into_iter().map(joined).collect::<Vec<Result<u64>>>()
        });
        // The first that failed made the others stop.
        for acts in acts {
            self.acts += acts?;
        }
        Ok(())
    }

    /// Everybody syncs until all agree.
    fn rest(&mut self) -> Result<()> {
        for desk in &mut self.desks {
            desk.stop_watch()?;
        }
        let desks = &self.desks;
        let mut last = String::new();
        let rested = until(REST_WITHIN, "everybody has come to rest", || {
            let mut exports = Vec::new();
            for desk in desks {
                let answer = desk.client.run(&["sync"])?;
                last = format!("{}: {answer}", desk.name);
                let status = answer.json()?;
                if answer.code() != Some(0)
                    || status["state"] != "up_to_date"
                    || status["pending"] != 0
                {
                    return Ok(false);
                }
                exports.push(desk.client.export()?);
            }
            last = "their exports differ".to_owned();
            Ok(exports.windows(2).all(|pair| pair[0] == pair[1]))
        });
        rested.map_err(|error| error.context(last))?;
        let reader = &mut self.reader;
        until(REST_WITHIN, "the reader has read everything", || reader.finish())
    }

    /// What was done, for the log.
    pub(crate) fn summary(&self) -> String {
        let total = |proxies: &[FaultProxy]| {
            proxies.iter().fold(Tally::default(), |mut sum, proxy| {
                sum += proxy.tally();
                sum
            })
        };
        let mut acts: BTreeMap<&str, u64> = BTreeMap::new();
        for (what, count) in self.desks.iter().flat_map(|desk| &desk.counts) {
            *acts.entry(what).or_default() += count;
        }
        let promises = self.ledger.promises();
        let observations: usize = promises.observations.values().map(BTreeMap::len).sum();
        format!(
            "{} acts\nof people: {acts:?}\nof the integrator: {:?}\nfaults: {:?}\nbefore the relays: \
             {:?}\nbehind them: {:?}\npromised: {} edits, {} steps on many, {observations} \
             observations, {} deletions, {} imports; the reader took {} rows up to {}",
            self.acts,
            self.integrator.counts,
            self.faults.counts,
            total(&self.faults.before),
            total(&self.faults.behind),
            promises.edits.len(),
            promises.bulk.len(),
            promises.deleted.len(),
            promises.imported.len(),
            self.reader.rows,
            self.reader.at,
        )
    }

    /// Keeps what is on the disk, and says where.
    pub(crate) fn keep(&mut self) -> String {
        let stage = self.stage.keep().display().to_string();
        let postgres = self.faults.postgres.keep().display();
        format!(
            "clients (`kartei --data {stage}/client-Anna check`) and logs are kept in {stage}, the \
             database with its log in {postgres}; KARTEI_SEED repeats the choices"
        )
    }

    /// Fails where the chaos was none.
    pub(crate) fn ensure_broken(&self) -> Result<()> {
        let killed = self.faults.counts.get("relay killed").copied().unwrap_or_default();
        ensure!(killed > 0, "no relay was killed");
        let sum = |proxies: &[FaultProxy]| -> u64 {
            proxies.iter().map(FaultProxy::tally).map(|tally| tally.cut + tally.reset).sum()
        };
        ensure!(sum(&self.faults.before) > 0, "no connection to a relay was cut");
        ensure!(sum(&self.faults.behind) > 0, "no connection to the database was cut");
        let is_killed = |(what, count): (&String, &u64)| what.ends_with("killed") && *count > 0;
        ensure!(
            self.desks.iter().all(|desk| desk.counts.iter().any(is_killed)),
            "somebody's programs were never killed"
        );
        Ok(())
    }
}

/// Acts until it is over; a failure ends it for everybody.
fn until_over(over: &AtomicBool, mut act: impl FnMut() -> Result<()>) -> Result<u64> {
    let mut acts = 0;
    while !over.load(Ordering::Relaxed) {
        if let Err(error) = act() {
            over.store(true, Ordering::Relaxed);
            return Err(error);
        }
        acts += 1;
    }
    Ok(acts)
}

fn joined(thread: ScopedJoinHandle<'_, Result<u64>>) -> Result<u64> {
    thread.join().unwrap_or_else(|_| bail!("a thread of the test panicked"))
}
