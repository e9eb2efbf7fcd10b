//! `cargo xtask test`: what CI runs, one step after another.
//!
//! Steps that others build on stop the run where they fail; the others are all run, so that one run
//! tells everything. The runners' own summaries are printed again at the very end ([`summary`]).

mod steps;
mod summary;

use std::time::Instant;

use anyhow::{Result, bail};
pub(crate) use steps::build_programs;
use steps::{STEPS, Step};
use summary::Summaries;

use crate::exec;
use crate::workspace::Workspace;

/// Runs all steps, or the one called `only` (`list` prints their names).
pub(crate) fn run(workspace: &Workspace, only: Option<&str>) -> Result<()> {
    if only == Some("list") {
        for step in STEPS {
            println!("{:<10} {}", step.name, step.title);
        }
        return Ok(());
    }
    let chosen: Vec<&Step> =
        STEPS.iter().filter(|step| only.is_none_or(|only| step.name == only)).collect();
    if chosen.is_empty() {
        bail!("there is no step `{}`; `--only list` names them", only.unwrap_or_default());
    }
    let mut summaries = Summaries::default();
    let mut outcomes: Vec<(&Step, f64, Option<String>)> = Vec::new();
    for step in &chosen {
        exec::heading(step.title);
        let started = Instant::now();
        let failure = (step.run)(workspace, &mut summaries).err().map(|e| format!("{e:#}"));
        if let Some(reason) = &failure {
            println!("✗ {}: {reason}", step.name);
        }
        let stops = failure.is_some() && step.others_need_it;
        outcomes.push((step, started.elapsed().as_secs_f64(), failure));
        if stops {
            println!("\nthe steps after `{}` need it and were not run", step.name);
            break;
        }
    }
    exec::heading("Steps");
    for (step, seconds, failure) in &outcomes {
        let mark = if failure.is_some() { "✗" } else { "✓" };
        println!("{mark} {:<10} {seconds:>7.1} s", step.name);
    }
    let failed: Vec<&str> =
        outcomes.iter().filter(|(_, _, f)| f.is_some()).map(|(step, _, _)| step.name).collect();
    if !failed.is_empty() {
        println!("failed: {}", failed.join(", "));
    }
    exec::heading("What the test runners counted");
    summaries.print();
    if failed.is_empty() { Ok(()) } else { bail!("{} failed", failed.join(", ")) }
}
