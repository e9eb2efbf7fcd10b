//! Everybody who takes part, and the order of the run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Result;
use kartei_test_support::{Dice, RelayHome, Stage};

use crate::check::Checked;
use crate::faults::Faults;
use crate::ledger::Ledger;
use crate::people::Person;
use crate::strangers::Stranger;

/// People with our client, and clients that are not ours.
const PEOPLE: usize = 2;
const STRANGERS: usize = 1;

/// From so many uploads on there is time for what takes a client 45 seconds to notice.
const LONG_RUN: u64 = 500;

pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) home: RelayHome,
    pub(crate) faults: Faults,
    pub(crate) ledger: Ledger,
    pub(crate) token: String,
    people: Vec<Person>,
    strangers: Vec<Stranger>,
    uploads: u64,
}

impl World {
    pub(crate) fn begin(dice: &mut Dice, uploads: u64) -> Result<Self> {
        let mut dice = || Dice::seeded(dice.roll(u64::MAX));
        let stage = Stage::new()?;
        let home = stage
            .relay_home()?
            .with(&[("KARTEI_KEEP_FREE_PERCENT", "0"), ("RUST_LOG", "warn")])
            .logging_to(stage.path("relay.log"));
        let faults = Faults::begin(dice(), home.clone(), uploads >= LONG_RUN)?;
        let token = home.token("analyst", "uploader")?;
        let mut people = Vec::new();
        for number in 0..PEOPLE {
            people.push(Person::new(&stage, &number.to_string(), &faults.url(), &token, dice())?);
        }
        let strangers =
            (0..STRANGERS).map(|_| Stranger::new(&faults.url(), &token, dice())).collect();
        let ledger = Ledger::new(uploads);
        Ok(Self { stage, home, faults, ledger, token, people, strangers, uploads })
    }

    /// Uploads everything while everything breaks, and looks at what is there.
    pub(crate) fn run(&mut self) -> Result<()> {
        let begun = Instant::now();
        self.upload_while_everything_breaks()?;
        let took = begun.elapsed();
        self.faults.calm_down();
        let checked = Checked::of(self)?;
        println!("{}", self.report(&checked));
        println!("{:.0} s until the last upload had ended", took.as_secs_f64());
        checked.judge(self.uploads)
    }

    fn upload_while_everything_breaks(&mut self) -> Result<()> {
        let over = AtomicBool::new(false);
        let Self { stage, faults, ledger, people, strangers, .. } = self;
        let (stage, ledger, over) = (&*stage, &*ledger, &over);
        let ends: Vec<Result<()>> = std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for person in people {
                threads.push(scope.spawn(move || until_over(over, || person.act(stage, ledger))));
            }
            for stranger in strangers {
                threads.push(scope.spawn(move || until_over(over, || stranger.act(ledger))));
            }
            let breaking = scope.spawn(move || until_over(over, || faults.act().map(|()| true)));
            let mut ends: Vec<Result<()>> = threads
                .into_iter()
                .map(|thread| thread.join().expect("nothing panics there"))
                .collect();
            over.store(true, Ordering::Relaxed);
            ends.push(breaking.join().expect("nothing panics there"));
            ends
        });
        ends.into_iter().collect()
    }

    fn report(&self, checked: &Checked) -> String {
        let (counts, tally) = (self.ledger.counts(), self.faults.tally());
        let by_kind: Vec<String> =
            counts.by_kind.iter().map(|(kind, count)| format!("{count} by {kind}")).collect();
        let faults: Vec<String> =
            self.faults.counts.iter().map(|(fault, count)| format!("{count} {fault}")).collect();
        format!(
            "uploads             {} ({}), {} bytes\n\
             completed           {} ({:.3} %), {} needed a person\n\
             byte-identical      {} of those\n\
             twice or unknown    {} files\n\
             faults              {}\n\
             clients             {} started, {} killed; {} parts sent twice, {} requests stumbled\n\
             way                 {} bytes carried ({:.2} of the payload); {} connections: {} refused, \
             {} answered 500, {} without a relay, {} cut, {} reset, {} stalled, {} swallowed\n\
             after the sweep     {} orphans, {} lost, {} drafts; {} blobs of {} contents; swept: {}",
            self.uploads,
            by_kind.join(", "),
            checked.bytes,
            checked.completed,
            checked.share(self.uploads),
            checked.given_up,
            checked.identical,
            checked.surplus.len(),
            faults.join(", "),
            counts.clients_started,
            counts.clients_killed,
            counts.parts_twice,
            counts.stumbles,
            tally.bytes,
            checked.overhead(tally.bytes),
            tally.connections,
            tally.refused,
            tally.failed,
            tally.homeless,
            tally.cut,
            tally.reset,
            tally.stalled,
            tally.swallowed,
            checked.orphans,
            checked.lost,
            checked.drafts,
            checked.blobs,
            checked.contents,
            checked.swept,
        )
    }
}

/// Acts until there is nothing more to do, or somebody else has failed.
fn until_over(over: &AtomicBool, mut act: impl FnMut() -> Result<bool>) -> Result<()> {
    while !over.load(Ordering::Relaxed) {
        match act() {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => {
                over.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
    }
    Ok(())
}
