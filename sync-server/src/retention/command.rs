//! Commands of the administrator for what analyses leave.

use std::str::FromStr;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use kartei_protocol::admin::{RetentionChange, RetentionInfo, RetentionPlan, RetentionRun};
use kartei_relay_store::{Applied, OrgId, RelayStore, Restored};
use serde_json::json;

use super::{apply, checked, purge, told_plan, told_policy, told_run};
use crate::admin::{Place, administrator, runtime};
use crate::uploads::bytes32;

/// Runs that are listed at most: what an administrator reads.
const LISTED_MAX: usize = 1_000;

/// Days, or `none` for ever.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Days(Option<u32>);

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            days => match days.parse() {
                Ok(days) => Ok(Self(Some(days))),
                Err(_) => Err("days are a number, or `none` for ever".to_owned()),
            },
        }
    }
}

#[derive(Args)]
pub(crate) struct Whose {
    /// The organisation's name.
    #[arg(long)]
    org: String,
    #[command(flatten)]
    place: Place,
}

impl Whose {
    fn open(&self) -> Result<(RelayStore, OrgId)> {
        let store = self.place.storage.open()?;
        let org = store.organisation(&self.org)?.id;
        Ok((store, org))
    }
}

#[derive(Subcommand)]
pub(crate) enum RetentionCommand {
    /// Shows how long what is kept.
    Show {
        #[command(flatten)]
        whose: Whose,
    },
    /// Sets how long what is kept.
    Set {
        /// Days from a job's end on for results, or `none` for ever.
        #[arg(long, value_name = "DAYS")]
        results_days: Option<Days>,
        /// Days from a job's end on for the whole job, or `none` for ever.
        #[arg(long, value_name = "DAYS")]
        jobs_days: Option<Days>,
        /// Days from an import's end on for its body and its rejected lines, or `none` for ever. They go without
        /// a plan, by the purge.
        #[arg(long, value_name = "DAYS")]
        imports_days: Option<Days>,
        /// Days for which what was marked can be restored.
        #[arg(long, value_name = "DAYS")]
        restore_days: Option<u32>,
        /// Whether a serving relay plans and applies by itself, once a day.
        #[arg(long, value_name = "true|false")]
        automatic: Option<bool>,
        #[command(flatten)]
        whose: Whose,
    },
    /// Says what would be taken away now. Nothing is.
    Plan {
        #[command(flatten)]
        whose: Whose,
    },
    /// Marks what a plan chose, where it would choose the same still. It can be restored for a while.
    Apply {
        /// The hash that the plan said.
        plan: String,
        /// The moment that the plan said.
        #[arg(long, value_name = "MILLISECONDS")]
        as_of: i64,
        #[command(flatten)]
        whose: Whose,
    },
    /// Lists plans that were applied.
    Runs {
        #[command(flatten)]
        whose: Whose,
    },
    /// Brings back what a run marked, as long as it is in time.
    Restore {
        /// The run's id.
        run: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// Takes away for good what can no longer be restored, and what imports left where its time is over. A serving relay does it by itself, every day.
    Purge {
        #[command(flatten)]
        whose: Whose,
    },
    /// Holds everything of an organisation, or one job: nothing held is taken away.
    Hold {
        /// The job's id; everything without.
        #[arg(long)]
        job: Option<String>,
        /// Lets it go again.
        #[arg(long)]
        release: bool,
        #[command(flatten)]
        whose: Whose,
    },
}

pub(crate) fn run(command: RetentionCommand) -> Result<()> {
    match command {
        RetentionCommand::Show { whose } => {
            let (store, org) = whose.open()?;
            show_policy(&told_policy(&store.retention_policy(org)?), &whose.place)
        }
        RetentionCommand::Set {
            results_days,
            jobs_days,
            imports_days,
            restore_days,
            automatic,
            whose,
        } => {
            let change = RetentionChange {
                results_days: results_days.map(|days| days.0),
                jobs_days: jobs_days.map(|days| days.0),
                imports_days: imports_days.map(|days| days.0),
                restore_days,
                automatic,
                hold: None,
            };
            set(change, &whose)
        }
        RetentionCommand::Plan { whose } => {
            let (store, org) = whose.open()?;
            show_plan(&told_plan(store.plan_retention(org, &administrator())?), &whose.place)
        }
        RetentionCommand::Apply { plan, as_of, whose } => {
            let (store, org) = whose.open()?;
            let Some(hash) = bytes32(&plan) else {
                bail!("a plan's hash has 64 hex digits");
            };
            match apply(&store, org, &administrator(), (hash, as_of))? {
                Applied::Run(run) => show_run(&told_run(run), &whose.place),
                Applied::Stale => bail!("the plan would be another one now: plan again"),
            }
        }
        RetentionCommand::Runs { whose } => {
            let (store, org) = whose.open()?;
            for run in store.retention_runs(org, None, LISTED_MAX)? {
                show_run(&told_run(run), &whose.place)?;
            }
            Ok(())
        }
        RetentionCommand::Restore { run, whose } => {
            let (store, org) = whose.open()?;
            match store.restore_run(org, &administrator(), &run)? {
                Restored::Run(run) => show_run(&told_run(run), &whose.place),
                Restored::Over(_) => bail!("the time to restore the run `{run}` is over"),
                Restored::Missing => bail!("the organisation has no run `{run}`"),
            }
        }
        RetentionCommand::Purge { whose } => {
            let (store, org) = whose.open()?;
            let blobs = whose.place.storage.blobs()?;
            let runtime = runtime()?;
            let _within = runtime.enter();
            let report = purge(&store, &blobs, org, &administrator())?;
            if whose.place.json {
                println!("{}", serde_json::to_string(&report)?);
            } else {
                println!(
                    "Gone for good: the results of {} jobs, {} jobs, {} blobs, {} files of imports.",
                    report.results, report.jobs, report.blobs, report.imports
                );
            }
            Ok(())
        }
        RetentionCommand::Hold { job: None, release, whose } => {
            set(RetentionChange { hold: Some(!release), ..RetentionChange::default() }, &whose)
        }
        RetentionCommand::Hold { job: Some(job), release, whose } => {
            let (store, org) = whose.open()?;
            let Some(row) = store.hold_job(org, &administrator(), &job, !release)? else {
                bail!("the organisation has no job `{job}`");
            };
            if whose.place.json {
                println!("{}", json!({"job_id": row.id, "held_at": row.held_at}));
            } else if row.held_at.is_some() {
                println!("The job `{job}` is held.");
            } else {
                println!("The job `{job}` is not held.");
            }
            Ok(())
        }
    }
}

fn set(change: RetentionChange, whose: &Whose) -> Result<()> {
    let change = checked(change).map_err(anyhow::Error::msg)?;
    let (store, org) = whose.open()?;
    let policy = store.set_retention(org, &administrator(), &change)?;
    show_policy(&told_policy(&policy), &whose.place)
}

fn show_policy(policy: &RetentionInfo, place: &Place) -> Result<()> {
    if place.json {
        println!("{}", serde_json::to_string(policy)?);
        return Ok(());
    }
    let days =
        |days: Option<u32>| days.map_or("for ever".to_owned(), |days| format!("{days} days"));
    println!("Results: {}", days(policy.results_days));
    println!("Jobs: {}", days(policy.jobs_days));
    println!("Bodies and rejected lines of imports: {}", days(policy.imports_days));
    println!("Can be restored for {} days", policy.restore_days);
    let automatic = if policy.automatic { "by the relay, once a day" } else { "by hand" };
    println!("Applied {automatic}");
    if policy.held_at.is_some() {
        println!("Held: nothing is taken away.");
    }
    Ok(())
}

fn show_plan(plan: &RetentionPlan, place: &Place) -> Result<()> {
    if place.json {
        println!("{}", serde_json::to_string(plan)?);
        return Ok(());
    }
    for share in &plan.kinds {
        println!("{}: {} jobs, {} bytes", share.kind, share.count, share.bytes);
        for id in &share.sample_ids {
            println!("  {id}");
        }
        if share.more {
            println!("  More than one plan takes are due.");
        }
    }
    println!("Nothing was done. To mark them:");
    println!("kartei-relay retention apply {} --as-of {} --org …", plan.plan_hash, plan.as_of);
    Ok(())
}

fn show_run(run: &RetentionRun, place: &Place) -> Result<()> {
    if place.json {
        println!("{}", serde_json::to_string(run)?);
        return Ok(());
    }
    let became = match (run.restored_at, run.purged_at) {
        (Some(_), _) => "restored".to_owned(),
        (None, Some(_)) => "gone for good".to_owned(),
        (None, None) => format!("can be restored until {}", run.restorable_until),
    };
    println!(
        "{}  results of {} jobs, {} jobs, {} bytes; {became}",
        run.run_id, run.results, run.jobs, run.bytes
    );
    Ok(())
}
