//! `cargo xtask night`: the proofs that CI runs small, run large.
//!
//! What takes hours belongs in no test command, and what nobody runs proves nothing: so it has a
//! command of its own, with the numbers in one place. Each part can be run alone.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use crate::{exec, setup, test};

/// A proof, and how large it is run.
struct Proof {
    name: &'static str,
    title: &'static str,
    /// What nextest is to run.
    filter: &'static str,
    /// The size, as the test's own variable.
    size: (&'static str, &'static str),
}

const PROOFS: &[Proof] = &[
    Proof {
        name: "seeds",
        title: "Simulation: 10,000 seeds",
        filter: "binary(simulation) and test(replicas_and_relays_agree_whatever_breaks)",
        size: ("KARTEI_SEEDS", "10000"),
    },
    Proof {
        name: "crowd",
        title: "Simulation: 1,000 replicas",
        filter: "binary(simulation) and test(a_crowd_of_replicas_agrees)",
        size: ("KARTEI_REPLICAS", "1000"),
    },
    Proof {
        name: "kill",
        title: "Real programs, killed 200 times",
        filter: "binary(kill)",
        size: ("KARTEI_KILLS", "200"),
    },
    Proof {
        name: "chaos",
        title: "Real programs behind a network that fails, for 30 minutes",
        filter: "binary(chaos)",
        size: ("KARTEI_CHAOS_SECONDS", "1800"),
    },
    Proof {
        name: "uploads",
        title: "3,000 uploads while everything breaks",
        filter: "binary(upload_faults)",
        size: ("KARTEI_UPLOADS", "3000"),
    },
    Proof {
        name: "jobs",
        title: "Jobs while workers, relays and Postgres break, for 20 minutes",
        filter: "binary(job_storm)",
        size: ("KARTEI_JOBS_SECONDS", "1200"),
    },
];

/// Runs all proofs, or the one called `only` (`list` prints their names).
pub(crate) fn run(workspace: &Workspace, only: Option<&str>) -> Result<()> {
    if only == Some("list") {
        for proof in PROOFS {
            println!("{:<10} {}", proof.name, proof.title);
        }
        return Ok(());
    }
    let chosen: Vec<&Proof> =
        PROOFS.iter().filter(|proof| only.is_none_or(|only| proof.name == only)).collect();
    if chosen.is_empty() {
        bail!("there is no proof `{}`; `--only list` names them", only.unwrap_or_default());
    }
    setup::prepare(workspace, setup::Purpose::Tests)?;
    test::build_programs(workspace, &["kartei-cli", "kartei-relay"])?;
    let mut failed = Vec::new();
    for proof in chosen {
        exec::heading(proof.title);
        let started = Instant::now();
        let (variable, value) = proof.size;
        let mut cargo = workspace.cargo(&[
            "nextest",
            "run",
            "--package=kartei-tests",
            "--profile=night",
            "--no-capture",
            "-E",
            proof.filter,
        ]);
        // A size that was given by hand counts.
        if std::env::var_os(variable).is_none() {
            cargo.env(variable, value);
        }
        let outcome = exec::show(&mut cargo);
        println!("{}: {:.0} s", proof.name, started.elapsed().as_secs_f64());
        if let Err(error) = outcome {
            println!("✗ {error:#}");
            failed.push(proof.name);
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("{} failed", failed.join(", ")) }
}
