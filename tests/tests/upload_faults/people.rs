//! A person with `kartei upload`, whose program is killed now and then. They do what anybody does: start it
//! again. What it says that it failed with is what a person would have to look at.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use kartei_test_support::{Client, Dice, Stage};
use serde_json::Value;

use crate::ledger::{Ledger, Order};

/// Files that are sent by one command at most.
const FILES_MAX: u64 = 6;

/// Of so many runs of the program one is killed, some time before this has passed.
const KILLED_OF: u64 = 3;
const LIVES: Duration = Duration::from_millis(1_200);

pub(crate) struct Person {
    client: Client,
    dice: Dice,
}

impl Person {
    pub(crate) fn new(
        stage: &Stage,
        name: &str,
        url: &str,
        token: &str,
        dice: Dice,
    ) -> Result<Self> {
        let client = stage.client(name)?;
        client.login(url, token)?;
        Ok(Self { client, dice })
    }

    /// Sends some files, and comes back when they are there; `false` when none are left.
    pub(crate) fn act(&mut self, stage: &Stage, ledger: &Ledger) -> Result<bool> {
        let many = 1 + self.dice.roll(FILES_MAX);
        let orders = ledger.take("kartei", many, &mut self.dice);
        if orders.is_empty() {
            return Ok(false);
        }
        let mut paths = BTreeMap::new();
        for Order { name, bytes } in orders {
            let path = stage.path(&name);
            fs::write(&path, bytes)?;
            paths.insert(name, path);
        }
        let mut words = vec!["upload".to_owned()];
        words.extend(paths.values().map(|path| path.display().to_string()));
        loop {
            ledger.count(|counts| counts.clients_started += 1);
            if self.dice.roll(KILLED_OF) == 0 {
                if self.client.run_or_kill(&words, self.dice.moment(LIVES))?.is_none() {
                    ledger.count(|counts| counts.clients_killed += 1);
                }
            } else {
                self.client.run(&words)?;
            }
            let listed = self.client.run(&["uploads"])?.done()?;
            let uploads = listed["uploads"].as_array().context("a list of uploads")?;
            let stages: BTreeMap<&str, &Value> = uploads
                .iter()
                .filter_map(|upload| Some((upload["name"].as_str()?, upload)))
                .collect();
            // It died before it had noted all of them.
            let unknown: Vec<String> = paths
                .iter()
                .filter(|(name, _)| !stages.contains_key(name.as_str()))
                .map(|(_, path)| path.display().to_string())
                .collect();
            if !unknown.is_empty() {
                words = [vec!["upload".to_owned()], unknown].concat();
                continue;
            }
            let stage = |name: &String| stages[name.as_str()]["stage"].as_str().unwrap_or_default();
            if paths.keys().all(|name| matches!(stage(name), "done" | "failed" | "changed")) {
                for name in paths.keys().filter(|name| stage(name) != "done") {
                    ledger.give_up(format!("{name}: {}", stages[name.as_str()]));
                }
                break;
            }
            words = vec!["uploads".to_owned(), "--watch".to_owned()];
        }
        for path in paths.values() {
            fs::remove_file(path)?;
        }
        Ok(true)
    }
}
