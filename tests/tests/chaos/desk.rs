//! A person at a client, whose programs are killed now and then.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kartei_test_support::{Client, Dice, Stage};
use serde_json::Value;

use crate::files;
use crate::ledger::Ledger;

/// One command in so many is killed.
const KILLED: u64 = 6;

/// A killed command gets at most this long: most are done by then on a quiet machine.
const LONGEST: Duration = Duration::from_millis(400);

/// One client with a program that syncs in the background.
pub(crate) struct Desk {
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    dice: Dice,
    log: PathBuf,
    watch: Option<Child>,
    /// States that profiles had: id and change.
    states: Vec<(String, String)>,
    /// The attribute that this person set last, by profile or group.
    keys: BTreeMap<String, String>,
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Desk {
    pub(crate) fn new(stage: &Stage, name: &'static str, dice: Dice) -> Result<Self> {
        Ok(Self {
            name,
            client: stage.client(name)?,
            dice,
            log: stage.path(&format!("{name}.log")),
            watch: None,
            states: Vec::new(),
            keys: BTreeMap::new(),
            counts: BTreeMap::new(),
        })
    }

    /// Does something.
    pub(crate) fn act(&mut self, stage: &Stage, ledger: &Ledger) -> Result<()> {
        self.look_after_watch()?;
        match self.dice.roll(100) {
            0..=29 => self.edit(ledger),
            30..=41 => self.observe(ledger),
            42..=49 => self.import(stage, ledger),
            50..=55 => self.edit_many(ledger),
            56..=64 => self.delete(ledger),
            65..=73 => self.restore(ledger),
            74..=81 => self.decide(),
            82..=91 => self.sync(),
            _ => self.kill_watch(),
        }
    }

    fn edit(&mut self, ledger: &Ledger) -> Result<()> {
        let is_shared = self.dice.roll(5) == 0;
        let id = match is_shared {
            true => files::some_shared(&mut self.dice),
            false => files::some_base(&mut self.dice),
        };
        let number = ledger.number();
        let key = format!("e-{number}");
        let own = format!("attributes.{key}={}", self.name);
        let city = format!("attributes.city={}-{number}", self.name);
        // What came from two files may be replayed as one edit, which would not tell of the key before.
        let before = if is_shared { None } else { self.follows(&id, &key) };
        let mut words = vec!["edit", &id, "--set", &own];
        if let Some(before) = &before {
            words.extend(["--unset", before]);
        }
        if self.dice.roll(3) == 0 {
            // What others set too.
            words.extend(["--set", &city]);
        }
        if self.run(&words, &["not_found"])?.is_some() {
            ledger.edited(&id, format!("/attributes/{key}"), self.name);
        }
        Ok(())
    }

    /// The attribute of this person's last act of the kind, which the next one takes away: a record holds
    /// 256 at most. The history keeps them all.
    fn follows(&mut self, whom: &str, key: &str) -> Option<String> {
        let before = self.keys.insert(whom.to_owned(), key.to_owned());
        before.map(|key| format!("attributes.{key}"))
    }

    fn observe(&mut self, ledger: &Ledger) -> Result<()> {
        let id = files::some_base(&mut self.dice);
        let number = ledger.number();
        let signal = format!("seen-{number}");
        let observation = serde_json::json!({
            "signal": signal, "value": number, "at": "2026-02-01T00:00:00Z"
        });
        ledger.observing(&id, &signal);
        let words = ["edit", &id, "--add-observation", &observation.to_string()];
        if self.run(&words, &["not_found"])?.is_some() {
            ledger.observed(&id, &signal);
        }
        Ok(())
    }

    fn import(&mut self, stage: &Stage, ledger: &Ledger) -> Result<()> {
        let number = 1 + self.dice.roll(files::FILES);
        let file = files::path(stage, number).display().to_string();
        ledger.importing(number);
        if self.run(&["import", &file], &[])?.is_some() {
            ledger.imported(number);
        }
        Ok(())
    }

    fn edit_many(&mut self, ledger: &Ledger) -> Result<()> {
        let group = files::some_group(&mut self.dice);
        let key = format!("b-{}", ledger.number());
        let set = format!("attributes.{key}={}", self.name);
        let before = self.follows(&group, &key);
        let mut words = vec!["bulk", "--filter", &group, "--set", &set];
        if let Some(before) = &before {
            words.extend(["--unset", before]);
        }
        if let Some(done) = self.run(&words, &[])? {
            let changed = done["changed"].as_u64().context("a step says what it changed")?;
            ledger.promises().bulk.push((format!("/attributes/{key}"), changed));
        }
        Ok(())
    }

    fn delete(&mut self, ledger: &Ledger) -> Result<()> {
        let ids: Vec<String> =
            (0..=self.dice.roll(3)).map(|_| files::some_base(&mut self.dice)).collect();
        let mut words = vec!["delete"];
        words.extend(ids.iter().map(String::as_str));
        let Some(done) = self.run(&words, &["not_found"])? else { return Ok(()) };
        if done["refused"] == 0 {
            ledger.promises().deleted.extend(ids);
        }
        if done["changed"].as_u64() > Some(0) && self.dice.roll(3) > 0 {
            self.run(&["undo"], &[])?;
        }
        Ok(())
    }

    fn restore(&mut self, ledger: &Ledger) -> Result<()> {
        let id = files::some_restored(&mut self.dice);
        if let Some(shown) = self.run(&["show", &id, "--history"], &["not_found"])? {
            let entries = shown["history"]["entries"].as_array().cloned().unwrap_or_default();
            let count = entries.len() as u64;
            ensure!(count > 0, "{id} has no history");
            let entry = &entries[usize::try_from(self.dice.roll(count))?];
            let change = entry["change"].as_str().context("a change has a hash")?;
            self.states.push((id, change.to_owned()));
        }
        if self.states.is_empty() {
            return Ok(());
        }
        let at = usize::try_from(self.dice.roll(self.states.len() as u64))?;
        let (id, change) = self.states[at].clone();
        self.run(&["restore", &id, &change], &[])?;
        // Also where it was killed: it may have been done.
        ledger.restored(&id);
        Ok(())
    }

    fn decide(&mut self) -> Result<()> {
        let words = ["list", "--filter", "status:conflict", "--limit", "30"];
        let Some(page) = self.run(&words, &[])? else { return Ok(()) };
        let rows = page["rows"].as_array().cloned().unwrap_or_default();
        if rows.is_empty() {
            return Ok(());
        }
        let row = &rows[usize::try_from(self.dice.roll(rows.len() as u64))?];
        let id = row["id"].as_str().context("a row has an id")?.to_owned();
        let Some(shown) = self.run(&["show", &id], &["not_found"])? else { return Ok(()) };
        let conflict = &shown["conflicts"][0];
        let values = conflict["values"].as_array().cloned().unwrap_or_default();
        if values.is_empty() {
            // Somebody else decided it meanwhile.
            return Ok(());
        }
        let value = &values[usize::try_from(self.dice.roll(values.len() as u64))?];
        let pointer = conflict["pointer"].as_str().context("a conflict has a place")?;
        let key = value["key"].as_str().context("a value has a key")?;
        // Somebody else may decide it at any time.
        self.run(&["resolve", &id, pointer, key], &["not_found", "invalid_request", "blocked"])?;
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.run(&["sync"], &["offline", "relay_failed"])?;
        Ok(())
    }

    /// Runs a command; answers what it printed where it was done, and nothing where it was killed or
    /// refused for one of the reasons that are expected.
    fn run(&mut self, words: &[&str], expected: &[&str]) -> Result<Option<Value>> {
        let answer = if self.dice.roll(KILLED) == 0 {
            self.client.run_or_kill(words, self.dice.moment(LONGEST))?
        } else {
            Some(self.client.run(words)?)
        };
        let Some(answer) = answer else {
            self.count("killed", words[0]);
            return Ok(None);
        };
        match answer.code() {
            Some(0 | 3) => {
                self.count("done", words[0]);
                Ok(Some(answer.json()?))
            }
            Some(1 | 2) => {
                let said = answer.json().with_context(|| format!("at {}", self.name))?;
                let code = said["problem"]["code"].as_str().unwrap_or_default().to_owned();
                if !expected.contains(&code.as_str()) {
                    bail!("at {}: nobody expected {answer}", self.name);
                }
                self.count(&code, words[0]);
                Ok(None)
            }
            _ => bail!("at {}: {answer}", self.name),
        }
    }

    fn count(&mut self, how: &str, what: &str) {
        *self.counts.entry(format!("{what} {how}")).or_default() += 1;
    }

    /// Syncs in the background from now on.
    pub(crate) fn watch(&mut self) -> Result<()> {
        self.watch = Some(self.client.start_logging(&["sync", "--watch"], &self.log)?);
        Ok(())
    }

    fn look_after_watch(&mut self) -> Result<()> {
        match &mut self.watch {
            None => self.watch()?,
            Some(child) => {
                let ended = child.try_wait()?;
                ensure!(
                    ended.is_none(),
                    "{}: `sync --watch` ended by itself: {ended:?}",
                    self.name
                );
            }
        }
        Ok(())
    }

    fn kill_watch(&mut self) -> Result<()> {
        self.stop_watch()?;
        self.count("killed", "sync --watch");
        self.watch()
    }

    /// Ends the program that syncs in the background.
    pub(crate) fn stop_watch(&mut self) -> Result<()> {
        if let Some(mut child) = self.watch.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // It fails only where the program is gone already.
        let _ = self.stop_watch();
    }
}
