//! `cargo xtask bench scores`: how long a data folder of 1,000,000 people with 25 answers each takes to be calibrated,
//! and until everybody's scores are there after its activation and after an import.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::measure::{Run, measured};
use super::{fresh, generate, machine, prepared, write_report};
use crate::exec;
use crate::workspace::Workspace;

const PEOPLE: u32 = 1_000_000;
const PEOPLE_QUICK: u32 = 28_000;

/// People that come before the last look.
const MORE: u32 = 1_000;

/// A list that is in the order of a score has everybody's first.
const LIST: [&str; 6] = ["list", "--sort", "score.openness", "--descending", "--limit", "1"];

/// Runs the benchmark, prints the table and writes it to `target/bench/scores.md`.
pub(crate) fn run(workspace: &Workspace, quick: bool) -> Result<()> {
    let folder = prepared(workspace)?;
    let people = if quick { PEOPLE_QUICK } else { PEOPLE };
    let (file, data) = (generate::answers(workspace, &folder, people)?, fresh(&folder, "kartei")?);
    let more = folder.join("more.ndjson");
    fs::write(&more, newcomers())?;
    let command = |words: &[&str]| {
        let mut kartei = workspace.command(workspace.program("release", "kartei"));
        kartei.arg("--data").arg(&data).arg("--json").args(words);
        kartei
    };
    let mut text = format!(
        "| {people} people with 25 answers each | wall s | CPU s | peak MB |\n|---|---:|---:|---:|\n"
    );
    let mut step = |what: &str, words: &[&str]| -> Result<()> {
        let run: Run = measured(&mut command(words), &data)?;
        println!("  {what}: {run}");
        writeln!(text, "| {what} | {:.1} | {:.1} | {:.0} |", run.wall, run.cpu, run.peak_mb)?;
        Ok(())
    };
    let named = |path: &std::path::Path| path.to_str().map(str::to_owned).context("a name is text");
    step("import", &["import", &named(&file)?])?;
    step("a calibration of everybody", &["calibrate", "fit", "bfi"])?;
    let all: Value = serde_json::from_str(&exec::capture(&mut command(&["calibrate"]))?)?;
    let version = all["calibrations"][0]["version"].as_str().context("a calibration was made")?;
    step("its activation", &["calibrate", "activate", version])?;
    step("everybody's scores, and the first of a list in their order", &LIST)?;
    step("the same list again", &LIST)?;
    step(&format!("an import of {MORE} more"), &["import", &named(&more)?])?;
    step("their scores, and the same list", &LIST)?;
    writeln!(text, "\n{}.", machine())?;
    write_report(&folder, if quick { "scores-quick.md" } else { "scores.md" }, &text)
}

/// People with one answer.
fn newcomers() -> String {
    let line = |at: u32| {
        format!(
            concat!(
                r#"{{"schema":"user_profile.v1","id":"more-{:04}","observations":["#,
                r#"{{"id":"o","signal":"O1","value":{},"at":"2010-06-01T00:00:00Z"}}]}}"#,
                "\n"
            ),
            at,
            at % 6 + 1
        )
    };
    (0..MORE).map(line).collect()
}
