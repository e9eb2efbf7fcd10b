//! One client without a relay, killed while it changes many profiles, takes that back, imports, and
//! rewrites its database: afterwards the check finds nothing, and every step is there whole or not at
//! all.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kartei_test_support::{Client, Dice, Stage, write_lines};
use serde_json::{Value, json};

use crate::world::{Ending, kill_after};

/// Profiles that are edited.
const EDITED: u64 = 600;

/// Files to import, and the profiles of each.
const FILES: u64 = 4;
const FILE_PROFILES: u64 = 1_000;

/// What the client does when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Import,
    Bulk,
    Undo,
    Redo,
    Compact,
}

impl Deed {
    pub(crate) const ALL: [Self; 5] =
        [Self::Import, Self::Bulk, Self::Undo, Self::Redo, Self::Compact];
}

/// One client and what it was told.
pub(crate) struct Alone {
    stage: Stage,
    client: Client,
    usual: BTreeMap<Deed, Duration>,
    begun: Vec<u64>,
    tags: u32,
    pub(crate) killed: u32,
}

impl Alone {
    /// Imports the profiles that are edited, and measures every deed once.
    pub(crate) fn begin() -> Result<Self> {
        let stage = Stage::new()?;
        let client = stage.client("alone")?;
        let mut world =
            Self { stage, client, usual: BTreeMap::new(), begun: Vec::new(), tags: 0, killed: 0 };
        for number in 0..=FILES {
            let count = if number == 0 { EDITED } else { FILE_PROFILES };
            let people: Vec<Value> = (0..count).map(|n| person(number, n)).collect();
            write_lines(&world.file(number), &people)?;
        }
        world.client.import(&[world.file(0)])?;
        for deed in [Deed::Bulk, Deed::Undo, Deed::Redo, Deed::Compact] {
            let words = world.words(deed, 0);
            let begun = Instant::now();
            world.client.run(&words)?.done()?;
            world.usual.insert(deed, begun.elapsed());
        }
        let begun = Instant::now();
        world.client.import(&[world.file(1)])?;
        world.usual.insert(Deed::Import, begun.elapsed());
        world.begun.push(1);
        Ok(world)
    }

    fn words(&mut self, deed: Deed, number: u64) -> Vec<String> {
        let words: Vec<String> = match deed {
            Deed::Import => vec!["import".to_owned(), self.file(number).display().to_string()],
            Deed::Bulk => {
                self.tags += 1;
                let tag = format!("step-{}", self.tags);
                ["bulk", "--filter", "id:person-0-*", "--add-tag", &tag].map(str::to_owned).into()
            }
            Deed::Undo => vec!["undo".to_owned()],
            Deed::Redo => vec!["redo".to_owned()],
            Deed::Compact => vec!["compact".to_owned()],
        };
        words
    }

    /// Starts a deed, kills it on the way, and looks at what is left.
    pub(crate) fn kill_during(&mut self, deed: Deed, dice: &mut Dice) -> Result<()> {
        let number = 1 + dice.roll(FILES);
        if deed == Deed::Import {
            self.begun.push(number);
        }
        let before = (deed == Deed::Compact).then(|| self.client.export()).transpose()?;
        let words = self.words(deed, number);
        let child = self.client.start(&words)?;
        match kill_after(child, dice.moment(self.usual[&deed]))? {
            Ending::Killed => self.killed += 1,
            Ending::Exited(Some(0)) => {}
            // There may be nothing to undo or to do again.
            Ending::Exited(Some(1)) if matches!(deed, Deed::Undo | Deed::Redo) => {}
            Ending::Exited(code) => anyhow::bail!("{deed:?} ended with {code:?} by itself"),
        }
        self.is_sound(deed)?;
        if let Some(before) = before {
            ensure!(self.client.export()? == before, "a compaction changed records");
        }
        Ok(())
    }

    fn is_sound(&self, deed: Deed) -> Result<()> {
        let check = self.client.run(&["check"])?.done()?;
        ensure!(check["findings"] == json!([]), "after {deed:?}: {check}");
        for n in 1..=self.tags {
            let count = self.count(&format!("tag:step-{n}"))?;
            ensure!(
                count == 0 || count == EDITED,
                "step {n} is there for {count} of {EDITED} profiles after {deed:?}"
            );
        }
        Ok(())
    }

    fn count(&self, filter: &str) -> Result<u64> {
        let page = self.client.run(&["list", "--filter", filter, "--limit", "1"])?.done()?;
        Ok(page["matching"].as_u64().unwrap_or_default())
    }

    /// Lets every import finish: all of it is there then, once.
    pub(crate) fn settle(&self) -> Result<()> {
        for number in &self.begun {
            self.client.import(&[self.file(*number)])?;
            let count = self.count(&format!("id:person-{number}-*"))?;
            ensure!(count == FILE_PROFILES, "{count} of file {number} are there");
        }
        self.is_sound(Deed::Import)
    }

    fn file(&self, number: u64) -> PathBuf {
        self.stage.path(&format!("people-{number}.ndjson.gz"))
    }
}

pub(crate) fn person(number: u64, n: u64) -> Value {
    json!({
        "schema": "user_profile.v1", "id": format!("person-{number}-{n:04}"),
        "display_name": format!("Made {n}"), "tags": ["made"],
        "attributes": { "file": number, "n": n },
        "observations": [{ "signal": "s", "value": n, "at": "2026-01-01T00:00:00Z" }]
    })
}
