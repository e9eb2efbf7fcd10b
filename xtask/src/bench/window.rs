//! `cargo xtask bench ui`: what a person waits for in the real window (WebKitGTK), among 10,000 and
//! among 1,000,000 profiles. `bench/ui/measure.mjs` presses the keys and looks at the page.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{fresh, generate, machine, write_report};
use crate::demo::relay::{Relay, create_organisation, create_token};
use crate::workspace::Workspace;
use crate::{exec, setup, ui};

/// Profiles of the data folders.
const SIZES: [u32; 2] = [10_000, 1_000_000];

/// Typed into the search letter by letter; each letter leaves fewer profiles.
const WORDS: &str = "917,426,508";

/// Edited, one after the other: profiles that the relay has, so that an edit makes them pending.
const EDITED: [u32; 20] = [
    17, 222, 431, 1_024, 1_500, 2_048, 2_718, 3_141, 3_600, 4_096, 4_711, 5_040, 5_555, 6_174,
    6_666, 7_200, 7_919, 8_128, 8_765, 9_876,
];

/// Profiles of the file that is imported while the main thread is watched.
const IMPORTED: u32 = 200_000;

/// What is measured, in the words of the table, and the seed's goal where it gives one.
const ROWS: [(&str, &str, &str); 6] = [
    ("start", "program asked for, until the driver tells of the table", "1,500"),
    ("scroll", "a page further, until its rows are painted", "100"),
    ("ends", "to the last row and back, until the rows there are painted", "100"),
    ("first", "first letter of a search, until the list's count is painted", "100"),
    ("type", "any letter of a search, until the list's count is painted", "100"),
    ("edit", "Enter on a new value, until the badge is painted", "100"),
];

/// Runs the benchmark, prints the table and writes it to `target/bench/ui.md`.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::prepare(workspace, setup::Purpose::Demo)?;
    ui::build_if_stale(workspace)?;
    let packages = ["--package=kartei-desktop", "--package=kartei-cli", "--package=kartei-relay"];
    exec::show(
        &mut workspace.cargo(&[&["build", "--quiet", "--release"], &packages[..]].concat()),
    )?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder)?;
    let mut text = String::new();
    for profiles in SIZES {
        exec::heading(&format!("the window among {profiles} profiles"));
        let data = synced(workspace, &folder, profiles)?;
        let ids = EDITED.map(|n| format!("made-{n:07}")).join(",");
        let mut measure = workspace.command("node");
        measure.arg(workspace.path("bench/ui/measure.mjs")).arg(&data).arg(WORDS).arg(ids);
        measure.arg(generate::file(&folder, IMPORTED)?);
        measure.env("KARTEI_PROGRAMS", workspace.target.join("release"));
        let said = exec::capture(&mut measure)?;
        let found: Value = serde_json::from_str(&said).context("measure.mjs answers JSON")?;
        text.push_str(&table(profiles, &found)?);
    }
    writeln!(text, "\n{}.", machine())?;
    write_report(&folder, "ui.md", &text)
}

/// A data folder whose profiles a relay has; the relay is not there any more.
fn synced(workspace: &Workspace, folder: &Path, profiles: u32) -> Result<PathBuf> {
    let source = generate::file(folder, profiles)?;
    let home = fresh(folder, "relay")?;
    let program = workspace.program("release", "kartei-relay");
    create_organisation(&program, &home, "Bench")?;
    let token = create_token(&program, &home, "Bench", "Desktop")?;
    let relay = Relay::start(&program, &home, 0)?;
    let data = fresh(folder, "window")?;
    let kartei = |words: &[&str]| -> Result<()> {
        let mut kartei = workspace.command(workspace.program("release", "kartei"));
        kartei.arg("--data").arg(&data).arg("--json").args(words);
        exec::capture(&mut kartei).map(drop)
    };
    kartei(&["import", source.to_str().context("the target folder's name is text")?])?;
    kartei(&["login", &relay.url, "--token", &token])?;
    kartei(&["sync"])?;
    relay.stop()?;
    Ok(data)
}

fn table(profiles: u32, found: &Value) -> Result<String> {
    let mut text = format!(
        "\n### {profiles} made profiles, milliseconds\n\n| what | median | worst | runs | goal |\n\
         |---|---:|---:|---:|---:|\n"
    );
    for (key, words, goal) in ROWS {
        let figure =
            |name: &str| found[key][name].as_f64().context("measure.mjs gives all figures");
        let (median, worst, runs) = (figure("median")?, figure("worst")?, figure("runs")?);
        writeln!(text, "| {words} | {median:.0} | {worst:.0} | {runs} | {goal} |")?;
    }
    let pulse =
        |name: &str| found["pulse"][name].as_f64().context("measure.mjs tells of the pulse");
    writeln!(
        text,
        "\nWhile {IMPORTED} profiles were imported the main thread took no message for at most {:.0} ms; \
         of {} looks {} waited for more than 50 ms.",
        pulse("longest")?,
        pulse("beats")?,
        pulse("over50")?
    )?;
    let memory = found["memory"].as_object().context("measure.mjs says what memory was used")?;
    let parts: Vec<String> = memory.iter().map(|(name, size)| format!("{name} {size}")).collect();
    let whole: u64 = memory.values().filter_map(Value::as_u64).sum();
    writeln!(
        text,
        "\nMemory at the end, MB, shared parts by share: {whole} ({}).",
        parts.join(", ")
    )?;
    Ok(text)
}
