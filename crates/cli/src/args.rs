//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A local-first workbench for behaviour profiles, without a window.
#[derive(Parser)]
#[command(
    name = "kartei",
    version,
    after_help = "Exit codes: 0 done, 3 done in part (some lines rejected), 2 wrong usage, 1 failed."
)]
pub(crate) struct Cli {
    /// Data folder.
    #[arg(long, global = true, env = "KARTEI_DATA_DIR", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Prints one JSON object instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Waits this long for another program's write.
    #[arg(long, global = true, env = "KARTEI_BUSY_TIMEOUT_MS", value_name = "MS", hide = true)]
    pub(crate) busy_timeout_ms: Option<u64>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Imports files of NDJSON, plain or gzipped.
    Import {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Lists profiles.
    List {
        /// Terms that all must hold: `tag:vip -tag:old status:conflict city=Bern orders>=10 id:cdnow-*`.
        #[arg(long)]
        filter: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Finds words in ids, names, tags, attributes and notes.
    Search {
        /// The words; the last may be the beginning of one.
        #[arg(required = true)]
        words: Vec<String>,
        /// How many at most.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Shows a profile with its conflicts.
    Show {
        /// Its id.
        id: String,
        /// Also who changed what and when.
        #[arg(long)]
        history: bool,
    },
    /// Edits a profile, as one change.
    Edit {
        /// Its id.
        id: String,
        #[command(flatten)]
        changes: Changes,
    },
    /// Decides a conflict for one of its values.
    Resolve {
        /// The profile's id.
        id: String,
        /// JSON pointer of the field.
        pointer: String,
        /// The value's key, as `show` prints it.
        key: String,
    },
    /// Writes all profiles as NDJSON, canonical, sorted by id.
    Export {
        /// A file, rather than standard output.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Connects the data folder to a relay.
    Login {
        /// The relay's address.
        url: String,
        /// The device's token.
        #[arg(long, env = "KARTEI_TOKEN", hide_env_values = true)]
        token: String,
    },
    /// Forgets the relay's token. Profiles and pending changes stay.
    Logout,
    /// Exchanges changes with the relay.
    Sync {
        /// Goes on until it is interrupted.
        #[arg(long)]
        watch: bool,
    },
    /// Tells what is pending, in conflict, and when the last sync was.
    Status,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Changes {
    /// Sets a field: `attributes.city=Bern`, `display_name=Anna`. A value that is a JSON number,
    /// true, false or null is taken as such; quote it for text: `attributes.zip='"0800"'`.
    #[arg(long, value_name = "FIELD=VALUE")]
    pub(crate) set: Vec<String>,
    /// Removes a field.
    #[arg(long, value_name = "FIELD")]
    pub(crate) unset: Vec<String>,
    /// Adds a tag.
    #[arg(long, value_name = "TAG")]
    pub(crate) add_tag: Vec<String>,
    /// Removes a tag.
    #[arg(long, value_name = "TAG")]
    pub(crate) remove_tag: Vec<String>,
    /// Adds an observation, as JSON.
    #[arg(long, value_name = "JSON")]
    pub(crate) add_observation: Vec<String>,
}
