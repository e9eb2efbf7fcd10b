//! One client, killed while it encrypts its database or writes it plain again: afterwards the database is the old one
//! or the new one, whole, and the key that was saved before opens it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kartei_test_support::{Client, Dice, Stage, write_lines};
use serde_json::json;

use crate::alone::person;
use crate::world::{Ending, kill_after};

const PEOPLE: u64 = 3_000;

/// How a database that is not encrypted begins.
const PLAIN: &[u8] = b"SQLite format 3\0";

/// One client, what it holds, and the keys that it saved.
pub(crate) struct Sealed {
    stage: Stage,
    client: Client,
    records: Vec<u8>,
    /// How long it takes to encrypt, and to write plain.
    usual: BTreeMap<bool, Duration>,
    attempts: u32,
    /// The one that opens the database, while it is encrypted.
    key: Option<PathBuf>,
    pub(crate) killed: u32,
    /// Databases that were found plain, and encrypted, after a kill.
    pub(crate) found: (u32, u32),
}

impl Sealed {
    pub(crate) fn begin() -> Result<Self> {
        let stage = Stage::new()?;
        let client = stage.client("sealed")?;
        let people: Vec<_> = (0..PEOPLE).map(|n| person(0, n)).collect();
        write_lines(&stage.path("people.ndjson.gz"), &people)?;
        client.import(&[stage.path("people.ndjson.gz")])?;
        let records = client.export()?;
        let mut sealed = Self {
            stage,
            client,
            records,
            usual: BTreeMap::new(),
            attempts: 0,
            key: None,
            killed: 0,
            found: (0, 0),
        };
        for _ in 0..2 {
            let encrypts = sealed.key.is_none();
            let (words, _) = sealed.words();
            let begun = Instant::now();
            sealed.client.run(&words)?.done()?;
            sealed.usual.insert(encrypts, begun.elapsed());
            sealed.is_sound()?;
            ensure!(sealed.key.is_some() == encrypts, "{words:?} did nothing");
        }
        Ok(sealed)
    }

    /// Writes the database anew, the other way than it is, and kills that.
    pub(crate) fn kill_during(&mut self, dice: &mut Dice) -> Result<()> {
        let encrypts = self.key.is_none();
        let (words, saved) = self.words();
        let child = self.client.start(&words)?;
        match kill_after(child, dice.moment(self.usual[&encrypts]))? {
            Ending::Killed => {
                self.killed += 1;
                self.is_sound()?;
                match self.key {
                    None => self.found.0 += 1,
                    Some(_) => self.found.1 += 1,
                }
            }
            Ending::Exited(Some(0)) => self.is_sound()?,
            Ending::Exited(code) => anyhow::bail!("{words:?} ended with {code:?} by itself"),
        }
        ensure!(self.key.as_ref().is_none_or(|key| key.exists()), "{saved:?} is not there");
        Ok(())
    }

    /// What is to be done next, and where a new key is saved by that.
    fn words(&mut self) -> (Vec<String>, PathBuf) {
        self.attempts += 1;
        let saved = self.stage.path(&format!("recovery-{}.txt", self.attempts));
        let words = match self.with_key(&["decrypt"]) {
            words if self.key.is_some() => words,
            _ => {
                let file = saved.display().to_string();
                ["encrypt", "--without-keychain", "--save-recovery-key", &file]
                    .map(str::to_owned)
                    .into()
            }
        };
        (words, saved)
    }

    fn with_key(&self, words: &[&str]) -> Vec<String> {
        let key = self.key.as_ref().map(|key| key.display().to_string());
        let before = key.into_iter().flat_map(|key| ["--recovery-key-file".to_owned(), key]);
        before.chain(words.iter().map(|word| (*word).to_owned())).collect()
    }

    /// Looks what the database is, and that it is whole.
    fn is_sound(&mut self) -> Result<()> {
        let database = self.client.data().join("kartei.sqlite");
        let begins = fs::read(&database)?;
        let is_plain = begins.starts_with(PLAIN);
        if is_plain {
            self.key = None;
        } else if self.key.is_none() {
            // What was saved last, before anything was encrypted.
            self.key = Some(self.stage.path(&format!("recovery-{}.txt", self.attempts)));
        }
        let check = self.client.run(&self.with_key(&["check"]))?.done()?;
        ensure!(check["findings"] == json!([]), "{check}");
        let export = self.client.run_plain(&self.with_key(&["export"]))?.expect_code(0)?;
        ensure!(export.stdout() == self.records, "the records are others");
        let name = database.file_name().context("it has a name")?.to_string_lossy().into_owned();
        for entry in fs::read_dir(self.client.data())? {
            let found = entry?.file_name().to_string_lossy().into_owned();
            ensure!(found != format!("{name}.rewritten"), "a half of a database is left");
        }
        if !is_plain {
            let closed = self.client.run(&["status"])?;
            closed.expect_code(1).context("it opens without a key")?;
        }
        Ok(())
    }
}
