//! Housekeeping: deletions that are forgotten, digests that are counted, checks, new histories.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use kartei_relay_store::{Checked, OperatorAct, Organisation, RelayStore, RelayStoreError};

use crate::admin::{administrator, now};
use crate::rounds::Rounds;
use crate::sealing;
use crate::serve::Relay;
use crate::storage::Storage;

/// How often a serving relay looks after its database. What it looks for becomes due by the day.
const EVERY: Duration = Duration::from_secs(60 * 60);

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How long deletions are remembered.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Keep {
    /// Days after which deleted profiles are forgotten. A replica that was away for longer reads
    /// everything again. Half a year is more than a holiday and a parental leave.
    #[arg(long, env = "KARTEI_KEEP_DELETED_DAYS", default_value_t = 180, value_name = "DAYS")]
    keep_deleted_days: u32,
    /// Days after which it is forgotten who read a file.
    #[arg(long, env = "KARTEI_KEEP_READS_DAYS", default_value_t = 365, value_name = "DAYS")]
    keep_reads_days: u32,
}

/// What a round forgot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Forgotten {
    profiles: u64,
    reads: u64,
}

impl Keep {
    /// What was deleted before this moment is forgotten.
    fn deleted_before(self, now: i64) -> i64 {
        now - i64::from(self.keep_deleted_days) * DAY_MS
    }

    /// Who read a file before this moment is.
    fn read_before(self, now: i64) -> i64 {
        now - i64::from(self.keep_reads_days) * DAY_MS
    }
}

#[derive(Debug, Args)]
pub(crate) struct Sweep {
    #[command(flatten)]
    keep: Keep,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Mends what can be mended: rows from their documents, digests from the rows.
    #[arg(long)]
    mend: bool,
    /// One organisation rather than all.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// A file with the operator's key, as `serve` has it: 64 hex digits. A relay's own folder has one where none is
    /// named. Profiles that lie sealed are read with it.
    #[arg(long, env = "KARTEI_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
pub(crate) struct NewEpoch {
    /// One organisation rather than all.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    #[command(flatten)]
    storage: Storage,
}

/// One round of a serving relay.
fn round(store: &RelayStore, keep: Keep, now: i64) -> Result<Forgotten, RelayStoreError> {
    let mut forgotten = Forgotten::default();
    for organisation in store.organisations()? {
        let org = organisation.id;
        forgotten.profiles += store.sweep(org, keep.deleted_before(now))?;
        forgotten.reads += store.forget_reads(org, keep.read_before(now))?;
        store.recount_where_stale(org)?;
    }
    Ok(forgotten)
}

/// Looks after the database for as long as the relay runs, at once and then every hour. Several relays
/// may do it at once: each organisation is swept by one of them at a time, and nothing is left for the
/// next.
pub(crate) async fn keep_house(relay: Arc<Relay>, keep: Keep) {
    let mut rounds = Rounds::every(EVERY, relay.stopping());
    while rounds.next().await {
        match relay.store(move |store| round(store, keep, now())).await {
            Ok(Forgotten { profiles: 0, reads: 0 }) => {}
            Ok(Forgotten { profiles, reads }) => {
                tracing::info!(profiles, reads, "Old deletions and reads of files are forgotten");
            }
            Err(_) => tracing::warn!("Housekeeping failed; the next round may succeed"),
        }
    }
}

/// `kartei-relay sweep`.
pub(crate) fn sweep(options: &Sweep) -> Result<()> {
    let store = options.storage.open()?;
    let Forgotten { profiles, reads } = round(&store, options.keep, now())?;
    println!("Forgot {profiles} deleted profiles, and {reads} reads of files.");
    Ok(())
}

fn chosen(store: &RelayStore, name: Option<&str>) -> Result<Vec<Organisation>> {
    Ok(match name {
        Some(name) => vec![store.organisation(name)?],
        None => store.organisations()?,
    })
}

/// `kartei-relay check`; fails where something is left that does not agree.
pub(crate) fn check(options: &Check) -> Result<()> {
    let store = sealing::unlocked(&options.storage, options.key_file.as_deref())?;
    let mut left = 0;
    for organisation in chosen(&store, options.organisation.as_deref())? {
        let checked = store.check(organisation.id, options.mend, now())?;
        print(&organisation.name, &checked);
        let mended = checked.findings.iter().filter(|finding| finding.mended);
        let mended: u64 = mended.map(|finding| finding.count).sum();
        if mended > 0 {
            let act = OperatorAct::ProfilesMended(mended);
            store.tell_of(organisation.id, &administrator(), act)?;
        }
        left += checked.findings.iter().filter(|finding| !finding.mended).count();
    }
    if left > 0 {
        let advice = if options.mend {
            "restore what cannot be mended from a backup, and run `kartei-relay new-epoch` then"
        } else {
            "`kartei-relay check --mend` mends what can be mended"
        };
        bail!("{left} sorts of things do not agree; {advice}");
    }
    Ok(())
}

fn print(name: &str, checked: &Checked) {
    println!("{name}: {} profiles", checked.profiles);
    for finding in &checked.findings {
        let mended = if finding.mended { " (mended)" } else { "" };
        let ids = finding.ids.join(", ");
        println!("  {} ({}){mended}: {ids}", finding.message, finding.count);
    }
}

/// `kartei-relay new-epoch`.
pub(crate) fn new_epoch(options: &NewEpoch) -> Result<()> {
    let store = options.storage.open()?;
    for organisation in chosen(&store, options.organisation.as_deref())? {
        let epoch = store.begin_epoch(organisation.id, &administrator())?;
        println!("{}: a new history, {epoch}", organisation.name);
    }
    println!(
        "Replicas compare what they have at their next contact, and send what is missing here."
    );
    Ok(())
}
