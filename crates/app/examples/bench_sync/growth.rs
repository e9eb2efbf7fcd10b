//! What one change costs as the organisation grows.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use kartei_test_support::{Postgres, RelayHome, Stage};

use crate::Options;
use crate::desks::{Desk, copy, fill, seen_after};
use crate::figures::{millis, quantile};

pub(crate) fn run(options: &Options) -> Result<()> {
    println!("\n### A change, as the organisation grows\n");
    println!(
        "| database | profiles | first sync, profiles/s | edits | p50 ms | p99 ms | relay CPU ms an edit |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    ensure!(options.files.len() == options.profiles.len(), "a file for each number");
    for (file, profiles) in options.files.iter().zip(&options.profiles) {
        let stage = Stage::new()?;
        one("SQLite", &stage, stage.relay_home()?, file, *profiles, options.edits)?;
    }
    for (file, profiles) in options.files.iter().zip(&options.profiles) {
        let stage = Stage::new()?;
        let cluster = Postgres::start(true)?;
        let home = stage.relay_home_on(&cluster.database("growth")?)?;
        one("Postgres", &stage, home, file, *profiles, options.edits)?;
    }
    println!(
        "\nTwo desktops with everything; an edit on one until the other's store has it. The relay's CPU \
         is that of its process."
    );
    Ok(())
}

fn one(
    database: &str,
    stage: &Stage,
    home: RelayHome,
    file: &std::path::Path,
    profiles: usize,
    edits: usize,
) -> Result<()> {
    let home = home.logging_to(stage.path("relay.log"));
    let relay = home.start()?;
    let token = home.token("analyst", "Desktop")?;
    let filler = fill(stage, relay.url(), &token, file)?;
    let ben = stage.client("ben")?;
    ben.login(relay.url(), &token)?;
    let begun = Instant::now();
    ben.sync()?;
    #[expect(clippy::cast_precision_loss, reason = "a rate to be shown")]
    let rate = profiles as f64 / begun.elapsed().as_secs_f64();

    // The desktop that sent everything is as whole as the one that fetched it.
    copy(filler.data(), &stage.path("anna"))?;
    let anna = Desk::open(stage.path("anna"), relay.url(), &token)?;
    let ben = Desk::open(ben.data().to_owned(), relay.url(), &token)?;
    anna.settle(profiles)?;
    ben.settle(profiles)?;
    let step = (profiles / edits.max(1)).max(1);
    let ids: Vec<String> = (0..edits).map(|n| format!("made-{:07}", n * step % profiles)).collect();
    let before = cpu_seconds(relay.process())?;
    let times = seen_after(&anna, &ben, &ids)?;
    #[expect(clippy::cast_precision_loss, reason = "some hundred edits")]
    let cpu = (cpu_seconds(relay.process())? - before) * 1_000.0 / times.len().max(1) as f64;
    println!(
        "| {database} | {profiles} | {rate:.0} | {} | {:.1} | {:.1} | {cpu:.1} |",
        times.len(),
        millis(quantile(&times, 0.5)),
        millis(quantile(&times, 0.99)),
    );
    Ok(())
}

/// Clock ticks a second in /proc.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds of a process, in itself and in the kernel for it.
fn cpu_seconds(process: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program is in parentheses and may hold spaces; the times are the 12th and 13th
    // fields after it (proc(5)).
    let fields: Vec<&str> =
        stat.rsplit_once(") ").context("no fields")?.1.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64> { Ok(fields.get(at).context("no time")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}
