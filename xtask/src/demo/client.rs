//! One analyst's `kartei`, asked for JSON.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A data folder and the program that works on it.
pub(crate) struct Client {
    /// The analyst.
    pub name: String,
    /// The data folder.
    pub data: PathBuf,
    program: PathBuf,
}

/// What came of one file.
pub(crate) struct FileReport {
    pub name: String,
    pub created: u64,
    pub rejected: u64,
}

/// The part of the sync status that the story needs.
pub(crate) struct Status {
    pub state: String,
    pub pending: u64,
    pub conflicts: u64,
    pub profiles: u64,
}

impl Status {
    /// Whether nothing is left to exchange.
    pub(crate) fn is_up_to_date(&self) -> bool {
        self.state == "up_to_date" && self.pending == 0
    }
}

impl Client {
    /// A client whose folder does not exist yet.
    pub(crate) fn new(name: &str, program: &Path, data: PathBuf) -> Self {
        Self { name: name.to_owned(), data, program: program.to_owned() }
    }

    /// Imports files; every line must be accepted.
    pub(crate) fn import(&self, files: &[PathBuf]) -> Result<Vec<FileReport>> {
        let mut arguments = vec!["import"];
        let paths: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
        arguments.extend(paths.iter().map(AsRef::as_ref));
        let answer = self.json(&arguments)?;
        let reports = answer["reports"].as_array().context("an import answers reports")?;
        let report = |report: &Value| {
            let path = Path::new(report["file"].as_str().unwrap_or_default());
            FileReport {
                name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                created: number(&report["counts"]["created"]),
                rejected: number(&report["counts"]["rejected"]),
            }
        };
        Ok(reports.iter().map(report).collect())
    }

    /// Connects to the relay.
    pub(crate) fn login(&self, url: &str, token: &str) -> Result<()> {
        self.json(&["login", url, "--token", token]).map(drop)
    }

    /// Exchanges everything.
    pub(crate) fn sync(&self) -> Result<Status> {
        Ok(status(&self.json(&["sync"])?))
    }

    /// Tries to sync and must find no relay.
    pub(crate) fn sync_expecting_offline(&self) -> Result<()> {
        let output = self.command(&["sync"]).output()?;
        let answer: Value = serde_json::from_slice(&output.stdout).context("an answer in JSON")?;
        if output.status.success() || answer["problem"]["code"] != "offline" {
            bail!("{}: a sync without a relay answered {answer}", self.name);
        }
        Ok(())
    }

    /// The sync state, without asking the relay.
    pub(crate) fn status(&self) -> Result<Status> {
        Ok(status(&self.json(&["status"])?))
    }

    /// Edits one profile.
    pub(crate) fn edit(&self, id: &str, edits: &[&str]) -> Result<()> {
        self.json(&[&["edit", id], edits].concat()).map(drop)
    }

    /// A profile's record.
    pub(crate) fn record(&self, id: &str) -> Result<Value> {
        Ok(self.json(&["show", id])?["record"].clone())
    }

    /// A profile's conflicts, as words: `/attributes/city: Bern or Zürich`.
    pub(crate) fn conflicts(&self, id: &str) -> Result<String> {
        let answer = self.json(&["show", id])?;
        let conflicts = answer["conflicts"].as_array().context("a profile has conflicts")?;
        let words = conflicts.iter().map(|conflict| {
            let values = conflict["values"].as_array().into_iter().flatten();
            let values: Vec<&str> = values.filter_map(|value| value["value"].as_str()).collect();
            format!("{}: {}", conflict["pointer"].as_str().unwrap_or_default(), values.join(" or "))
        });
        Ok(words.collect::<Vec<_>>().join("; "))
    }

    /// Has the relay analyse all profiles; answers the result with what it is of.
    pub(crate) fn analyse(&self) -> Result<Value> {
        self.json(&["analyze", "quality"])
    }

    /// A result by its id.
    pub(crate) fn result(&self, id: &str) -> Result<Value> {
        self.json(&["result", id])
    }

    /// Makes a calibration of this schema and activates it; answers what it is.
    pub(crate) fn calibrate(&self, schema: &str) -> Result<Value> {
        let mut made = self.json(&["calibrate", "fit", schema])?;
        let version = made["calibration"]["version"].as_str().unwrap_or_default().to_owned();
        self.json(&["calibrate", "activate", &version])?;
        // When it was made is the one thing that differs.
        made["calibration"]["made_at"] = Value::Null;
        Ok(made)
    }

    /// Groups of people with scores that are alike, made at the relay or here.
    pub(crate) fn segments(&self, here: bool) -> Result<Value> {
        let here = here.then_some("--here");
        let args: Vec<&str> = ["analyze", "segments"].into_iter().chain(here).collect();
        self.json(&args)
    }

    /// Where a profile stands.
    pub(crate) fn score(&self, id: &str) -> Result<Value> {
        self.json(&["score", id])
    }

    /// All records, canonical, sorted by id.
    pub(crate) fn export(&self) -> Result<Vec<u8>> {
        let file = self.data.with_extension("ndjson");
        let path = file.to_string_lossy();
        let output = self.plain(&["export", "--out", &path]).output()?;
        if !output.status.success() {
            bail!("{}: export: {}", self.name, String::from_utf8_lossy(&output.stderr));
        }
        fs::read(&file).context("the export wrote no file")
    }

    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.command(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("{}: kartei {}: {said} {errors}", self.name, arguments[0]);
        }
        serde_json::from_str(&said)
            .with_context(|| format!("{}: kartei {} wrote {said}", self.name, arguments[0]))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.plain(arguments);
        command.arg("--json");
        command
    }

    fn plain(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.stdin(Stdio::null()).arg("--data").arg(&self.data).args(arguments);
        command
    }
}

fn status(answer: &Value) -> Status {
    Status {
        state: answer["state"].as_str().unwrap_or_default().to_owned(),
        pending: number(&answer["pending"]),
        conflicts: number(&answer["conflicts"]),
        profiles: number(&answer["profiles"]),
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
