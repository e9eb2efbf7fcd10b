//! What is there in the end: every file once with its bytes, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use kartei_test_support::Http;
use serde_json::Value;

use crate::world::World;

/// The sweep lets an hour pass before it takes what may be just being written.
const LATER: Duration = Duration::from_secs(2 * 60 * 60);

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) bytes: u64,
    pub(crate) completed: u64,
    pub(crate) identical: u64,
    pub(crate) given_up: usize,
    /// Files that nobody uploaded, or that are there twice.
    pub(crate) surplus: Vec<String>,
    /// Uploads whose file is not there, or not as it should be.
    pub(crate) wrong: Vec<String>,
    pub(crate) contents: usize,
    pub(crate) blobs: usize,
    pub(crate) drafts: usize,
    pub(crate) orphans: usize,
    pub(crate) lost: usize,
    pub(crate) swept: String,
}

impl Checked {
    /// Reads every file back, ends the relay, and looks at what it left.
    pub(crate) fn of(world: &mut World) -> Result<Self> {
        let mut checked = Self::default();
        let http = Http::new(world.faults.relay().url(), Some(&world.token));
        checked.read_back(world, &http)?;
        checked.given_up = world.ledger.given_up().len();
        world.faults.end()?;
        checked.sweep(world)?;
        Ok(checked)
    }

    fn read_back(&mut self, world: &World, http: &Http) -> Result<()> {
        let mut there: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut path = "/api/files?limit=200".to_owned();
        loop {
            let page = http.get(&path)?.expect(200)?.json();
            for file in page["files"].as_array().context("a page has files")? {
                let name = file["name"].as_str().unwrap_or_default().to_owned();
                there.entry(name).or_default().push(file.clone());
            }
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/files?limit=200&cursor={next}");
        }
        let expected = world.ledger.expected();
        let mut digests: Vec<&str> = Vec::new();
        for (name, upload) in &expected {
            self.bytes += upload.size;
            let Some(file) = there.get(name).and_then(|files| files.first()) else {
                self.wrong.push(format!("{name} is not there"));
                continue;
            };
            self.completed += 1;
            digests.push(&upload.digest);
            let id = file["id"].as_str().unwrap_or_default();
            let body = http.get(&format!("/api/files/serve/{id}"))?.expect(200)?.body;
            let is_it = body.len() as u64 == upload.size
                && blake3::hash(&body).to_string() == upload.digest
                && file["digest"] == upload.digest.as_str();
            if is_it {
                self.identical += 1;
            } else {
                self.wrong.push(format!("{name} has other bytes: {file}"));
            }
        }
        digests.sort_unstable();
        digests.dedup();
        self.contents = digests.len();
        for (name, files) in &there {
            let surplus = if expected.contains_key(name) { files.len() - 1 } else { files.len() };
            self.surplus.extend((0..surplus).map(|_| name.clone()));
        }
        Ok(())
    }

    /// Lets two hours pass for what the relay keeps, sweeps, and compares.
    fn sweep(&mut self, world: &World) -> Result<()> {
        let data = world.home.data();
        let blobs = data.join("blobs");
        let later = i64::try_from(LATER.as_millis())?;
        let database = rusqlite::Connection::open(data.join("relay.sqlite"))?;
        // Sessions that nobody goes on with expire after a day.
        database.execute(
            "UPDATE uploads SET touched_at = touched_at - ?1, expires_at = touched_at - ?1",
            [later],
        )?;
        drop(database);
        let then = SystemTime::now() - LATER;
        for path in files_in(&blobs)? {
            fs::File::options().write(true).open(&path)?.set_modified(then)?;
        }
        self.swept = json_of(world, "clean")?.to_string();
        let found = json_of(world, "check")?;
        let count = |value: &Value| value.as_array().map_or(0, Vec::len);
        (self.orphans, self.lost) = (count(&found["orphans"]), count(&found["lost"]));
        self.blobs = files_in(&blobs.join("files"))?.len() + files_in(&blobs.join("tails"))?.len();
        self.drafts = files_in(&blobs.join(".drafts"))?.len();
        Ok(())
    }

    /// Percent of the uploads that became files by themselves.
    #[expect(clippy::cast_precision_loss, reason = "a number for people")]
    pub(crate) fn share(&self, uploads: u64) -> f64 {
        self.completed as f64 * 100.0 / uploads.max(1) as f64
    }

    /// What was carried for each byte of the files.
    #[expect(clippy::cast_precision_loss, reason = "a number for people")]
    pub(crate) fn overhead(&self, carried: u64) -> f64 {
        carried as f64 / self.bytes.max(1) as f64
    }

    /// # Errors
    /// Where a promise was broken.
    pub(crate) fn judge(&self, uploads: u64) -> Result<()> {
        let told = || self.wrong.join("\n");
        ensure!(self.identical == self.completed, "files have other bytes:\n{}", told());
        // 99.9 % without a person; of less than a thousand all.
        ensure!(uploads - self.completed <= uploads / 1_000, "uploads are missing:\n{}", told());
        ensure!(self.given_up as u64 <= uploads / 1_000, "{} needed a person", self.given_up);
        ensure!(self.surplus.is_empty(), "files that nobody wanted: {:?}", self.surplus);
        let left = (self.orphans, self.lost, self.drafts);
        ensure!(left == (0, 0, 0), "orphans, lost, drafts after the sweep: {left:?}");
        ensure!(self.blobs == self.contents, "{} blobs of {} contents", self.blobs, self.contents);
        Ok(())
    }
}

fn json_of(world: &World, command: &str) -> Result<Value> {
    let answer = world.home.run(&["files", command, "--json"])?;
    // Where something does not fit together it ends with 1; what was found is judged here.
    serde_json::from_slice(answer.stdout()).with_context(|| answer.to_string())
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => found.extend(files_in(&path)?),
            false => found.push(path),
        }
    }
    Ok(found)
}
