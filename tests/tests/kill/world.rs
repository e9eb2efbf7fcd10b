//! What the kill test does to its processes, and what it holds them to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kartei_test_support::{
    Client, Dice, Relay, RelayHome, Stage, lines_of, pass, repository, until_some, write_lines,
};
use serde_json::{Value, json};

/// Files to import, each of profiles of its own, but for a few that two files both describe.
const FILES: u64 = 8;
const FILE_PROFILES: u64 = 1_500;
const SHARED_PROFILES: u64 = 50;

/// Profiles of the first file, which both desks have from the beginning: these are edited.
const BFI_PROFILES: usize = 300;

/// No operation here takes longer, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// One of the two clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Desk {
    Anna,
    Ben,
}

/// What a client does when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Import,
    Edit,
    Sync,
}

/// How a process ended.
pub(crate) enum Ending {
    Killed,
    Exited(Option<i32>),
}

/// Two desks, a relay, and everything that they have promised so far.
pub(crate) struct World {
    stage: Stage,
    home: RelayHome,
    relay: Relay,
    clients: BTreeMap<Desk, Client>,
    /// How long each deed takes when nobody disturbs it.
    usual: BTreeMap<Deed, Duration>,
    /// Files that a client was told to import, and may not have finished.
    begun: BTreeSet<(Desk, u64)>,
    /// Edits whose process exited with 0: profile, attribute, value.
    acknowledged: Vec<(String, String, String)>,
    /// Ids of the profiles that are edited.
    editable: Vec<String>,
    clients_killed: u32,
    relays_killed: u32,
    edits: u32,
}

impl World {
    /// Imports the first file at Anna's, syncs it to Ben's, and measures the deeds on the way.
    pub(crate) fn begin() -> Result<Self> {
        let stage = Stage::new()?;
        let home = stage.relay_home()?;
        let relay = home.start()?;
        let mut clients = BTreeMap::new();
        for (desk, name) in [(Desk::Anna, "Anna"), (Desk::Ben, "Ben")] {
            let client = stage.client(name)?;
            client.login(relay.url(), &home.token("analyst", name)?)?;
            clients.insert(desk, client);
        }
        let mut world = Self {
            stage,
            home,
            relay,
            clients,
            usual: BTreeMap::new(),
            begun: BTreeSet::new(),
            acknowledged: Vec::new(),
            editable: Vec::new(),
            clients_killed: 0,
            relays_killed: 0,
            edits: 0,
        };
        world.write_files()?;
        let anna = &world.clients[&Desk::Anna];
        world.usual.insert(Deed::Import, timed(|| anna.import(&[world.file(0)]).map(drop))?);
        world.usual.insert(Deed::Sync, timed(|| anna.sync().map(drop))?);
        world.clients[&Desk::Ben].sync()?;
        let edit = ["--set", "attributes.first=edit"];
        let id = &world.editable[0];
        world.usual.insert(Deed::Edit, timed(|| anna.edit(id, &edit).map(drop))?);
        world.acknowledged.push((id.clone(), "first".to_owned(), "edit".to_owned()));
        Ok(world)
    }

    /// How many processes were killed while they ran.
    pub(crate) fn killed(&self) -> u32 {
        self.clients_killed + self.relays_killed
    }

    /// What was done, for the log.
    pub(crate) fn summary(&self, rounds: u32) -> String {
        format!(
            "{rounds} rounds: {} clients and {} relays killed; {} edits begun, {} acknowledged and \
             all there; {} imports",
            self.clients_killed,
            self.relays_killed,
            self.edits,
            self.acknowledged.len(),
            self.begun.len()
        )
    }

    /// Starts a deed, kills the client somewhere on the way, and starts the client again.
    pub(crate) fn kill_client_during(
        &mut self,
        deed: Deed,
        desk: Desk,
        dice: &mut Dice,
    ) -> Result<()> {
        let client = self.clients[&desk].clone();
        let mut edit = None;
        let child = match deed {
            Deed::Import => {
                let number = 1 + dice.roll(FILES);
                self.begun.insert((desk, number));
                let file = self.file(number);
                client.start(&["import".as_ref(), file.as_os_str()])?
            }
            Deed::Edit => {
                // Each edit sets an attribute that no other edit touches, so that every
                // acknowledged one must be there in the end.
                self.edits += 1;
                let position = dice.roll(self.editable.len() as u64);
                let id = self.editable[usize::try_from(position)?].clone();
                let (key, value) = (format!("edit-{}", self.edits), format!("{desk:?}"));
                let set = format!("attributes.{key}={value}");
                let child = client.start(&["edit", &id, "--set", &set])?;
                edit = Some((id, key, value));
                child
            }
            Deed::Sync => client.start(&["sync"])?,
        };
        match kill_after(child, dice.moment(self.usual[&deed]))? {
            Ending::Killed => self.clients_killed += 1,
            Ending::Exited(Some(0)) => self.acknowledged.extend(edit),
            Ending::Exited(code) => {
                // The relay is up, the files are good: nothing else may end these deeds.
                anyhow::bail!("{deed:?} at {desk:?} ended with {code:?} without being killed");
            }
        }
        client.status().with_context(|| format!("after {desk:?} was killed in {deed:?}"))?;
        Ok(())
    }

    /// Kills the relay while both clients sync, and starts it again on its port.
    pub(crate) fn kill_relay_while_both_sync(&mut self, dice: &mut Dice) -> Result<()> {
        // Something to push, so that the relay is killed while it writes.
        for desk in [Desk::Anna, Desk::Ben] {
            self.edits += 1;
            let position = dice.roll(self.editable.len() as u64);
            let id = self.editable[usize::try_from(position)?].clone();
            let (key, value) = (format!("edit-{}", self.edits), format!("{desk:?}"));
            self.clients[&desk].edit(&id, &["--set", &format!("attributes.{key}={value}")])?;
            self.acknowledged.push((id, key, value));
        }
        let syncs: Vec<Child> =
            self.clients.values().map(|client| client.start(&["sync"])).collect::<Result<_>>()?;
        pass(dice.moment(self.usual[&Deed::Sync]));
        let port = self.relay.port()?;
        self.relay.kill()?;
        self.relays_killed += 1;
        for sync in syncs {
            // 0 where it was quicker than the kill, 1 where it found the relay gone.
            let code = ended(sync)?;
            ensure!(matches!(code, Some(0 | 1)), "a sync without its relay ended with {code:?}");
        }
        self.relay = self.home.start_on(port)?;
        Ok(())
    }

    /// Lets everything finish and holds the desks to every promise.
    pub(crate) fn settle(&mut self) -> Result<()> {
        for (desk, number) in &self.begun {
            self.clients[desk].import(&[self.file(*number)])?;
        }
        for desk in [Desk::Anna, Desk::Ben, Desk::Anna, Desk::Ben] {
            let status = self.clients[&desk].sync()?;
            ensure!(status["state"] == "up_to_date", "{desk:?} does not come to rest: {status}");
            ensure!(status["pending"] == 0, "{desk:?} keeps something back: {status}");
            ensure!(status["rejected"] == 0, "the relay refused something of {desk:?}: {status}");
        }
        let exports = [Desk::Anna, Desk::Ben].map(|desk| self.clients[&desk].export());
        let [anna, ben] = exports;
        let anna = anna?;
        ensure!(anna == ben?, "the replicas differ after {} kills", self.killed());
        self.compare(&String::from_utf8(anna)?)
    }

    /// Compares an export with every file that was imported and every edit that was acknowledged.
    fn compare(&self, export: &str) -> Result<()> {
        let mut found: BTreeMap<String, Value> = BTreeMap::new();
        for line in export.lines() {
            let record: Value = serde_json::from_str(line)?;
            let id = record["id"].as_str().context("a record has an id")?.to_owned();
            ensure!(found.insert(id.clone(), record).is_none(), "{id} is there twice");
        }
        let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let numbers: BTreeSet<u64> =
            self.begun.iter().map(|(_, number)| *number).chain([0]).collect();
        for number in numbers {
            for line in lines_of(&self.file(number))? {
                let record: Value = serde_json::from_str(&line)?;
                let id = record["id"].as_str().context("a record has an id")?.to_owned();
                expected.entry(id).or_default().extend(facts(&record));
            }
        }
        let ids =
            |of: &BTreeSet<&String>| of.iter().take(5).map(|id| (*id).clone()).collect::<Vec<_>>();
        let have: BTreeSet<&String> = found.keys().collect();
        let want: BTreeSet<&String> = expected.keys().collect();
        let (lost, made): (BTreeSet<_>, BTreeSet<_>) = (&want - &have, &have - &want);
        ensure!(lost.is_empty(), "{} profiles were lost: {:?}", lost.len(), ids(&lost));
        ensure!(made.is_empty(), "{} profiles came from nowhere: {:?}", made.len(), ids(&made));
        for (id, wanted) in &expected {
            let listed: Vec<String> = facts(&found[id]).collect();
            let distinct: BTreeSet<String> = listed.iter().cloned().collect();
            ensure!(listed.len() == distinct.len(), "{id} has an observation twice");
            ensure!(distinct == *wanted, "{id} has other observations than were imported");
        }
        for (id, key, value) in &self.acknowledged {
            let there = found[id]["attributes"][key] == json!(value);
            ensure!(there, "the acknowledged edit {key} of {id} was lost");
        }
        Ok(())
    }

    fn file(&self, number: u64) -> PathBuf {
        self.stage.path(&format!("file-{number}.ndjson.gz"))
    }

    fn write_files(&mut self) -> Result<()> {
        let bfi = lines_of(&repository("tests/fixtures/data/bfi.ndjson.gz"))?;
        let first: Vec<Value> = bfi
            .iter()
            .take(BFI_PROFILES)
            .map(|line| serde_json::from_str(line))
            .collect::<Result<_, _>>()?;
        for record in &first {
            self.editable.push(record["id"].as_str().context("a record has an id")?.to_owned());
        }
        write_lines(&self.file(0), &first)?;
        for number in 1..=FILES {
            let own = (0..FILE_PROFILES).map(|n| made(&format!("made-{number}-{n:04}"), number));
            // The same people described by two files: two desks may begin them differently.
            let pair = number.div_ceil(2);
            let shared =
                (0..SHARED_PROFILES).map(|n| made(&format!("shared-{pair}-{n:03}"), number));
            let records: Vec<Value> = own.chain(shared).collect();
            write_lines(&self.file(number), &records)?;
        }
        Ok(())
    }
}

fn made(id: &str, number: u64) -> Value {
    let observations: Vec<Value> = (0..4)
        .map(|n| {
            let at = format!("2025-{number:02}-{:02}T00:00:00Z", n + 1);
            json!({ "signal": "order_value", "value": n * 10 + 1, "at": at, "source": "made" })
        })
        .collect();
    json!({
        "schema": "user_profile.v1", "id": id, "attributes": { "file": number, "city": "Bern" },
        "tags": ["made"], "notes": "made for the kill test", "observations": observations
    })
}

/// The observations of a record, without the ids that the program derives.
fn facts(record: &Value) -> impl Iterator<Item = String> {
    record["observations"].as_array().into_iter().flatten().map(|observation| {
        let part = |name: &str| observation[name].to_string();
        format!("{} {} {} {}", part("at"), part("signal"), part("value"), part("n"))
    })
}

fn timed(act: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let started = Instant::now();
    act()?;
    Ok(started.elapsed())
}

/// Lets the process run for a moment and kills it, unless it was quicker.
pub(crate) fn kill_after(mut child: Child, moment: Duration) -> Result<Ending> {
    pass(moment);
    if let Some(status) = child.try_wait()? {
        return Ok(Ending::Exited(status.code()));
    }
    child.kill()?;
    let status = child.wait()?;
    // It may have ended between the look and the kill: then it has an exit code.
    Ok(status
        .code()
        .filter(|_| cfg!(unix))
        .map_or(Ending::Killed, |code| Ending::Exited(Some(code))))
}

/// Waits for a process to end by itself.
fn ended(mut child: Child) -> Result<Option<i32>> {
    let exited = until_some(DEADLINE, "the process has ended", || Ok(child.try_wait()?));
    if exited.is_err() {
        child.kill()?;
        child.wait()?;
    }
    Ok(exited?.code())
}
