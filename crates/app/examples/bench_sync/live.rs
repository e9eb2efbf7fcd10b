//! An edit on one desktop, seen on another, with many connected.

use anyhow::Result;
use kartei_test_support::Stage;

use crate::Options;
use crate::desks::{Desk, Listeners, fill, seen_after};
use crate::figures::{millis, quantile};

pub(crate) fn run(options: &Options) -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?.logging_to(stage.path("relay.log"));
    let relay = home.start()?;
    let token = home.token("analyst", "Desktop")?;
    fill(&stage, relay.url(), &token, options.file()?)?;
    let profiles = options.profiles.first().copied().unwrap_or(1_000);

    let open = |name: &str| Desk::open(stage.path(name), relay.url(), &token);
    let (anna, ben) = (open("anna")?, open("ben")?);
    anna.settle(profiles)?;
    ben.settle(profiles)?;
    let others = options.desktops.saturating_sub(2);
    let listeners = Listeners::listen(relay.url(), &token, others)?;

    let ids: Vec<String> =
        (0..options.edits).map(|n| format!("made-{:07}", n % profiles)).collect();
    let times = seen_after(&anna, &ben, &ids)?;
    println!("\n### An edit on one desktop, seen on another\n");
    println!("| connected desktops | edits | p50 ms | p99 ms | slowest ms | pulls of the others |");
    println!("|---:|---:|---:|---:|---:|---:|");
    println!(
        "| {} | {} | {:.1} | {:.1} | {:.1} | {} |",
        options.desktops,
        times.len(),
        millis(quantile(&times, 0.5)),
        millis(quantile(&times, 0.99)),
        millis(quantile(&times, 1.0)),
        listeners.pulls()
    );
    println!(
        "\nFrom the call that makes the edit to the other desktop's store having it, one after the \
         other (goals: 50 ms, 200 ms). Both are whole desktops; the others hold an event stream and \
         fetch every change, on the same machine, but do not store it."
    );
    Ok(())
}
