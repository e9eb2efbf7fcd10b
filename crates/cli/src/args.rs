//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kartei_program::Papers;
use kartei_protocol::desktop::{ExportFormat, Selection};

/// A local-first workbench for behaviour profiles, without a window.
#[derive(Parser)]
#[command(
    name = "kartei",
    version = kartei_program::VERSION,
    after_help = "Exit codes: 0 done, 3 done in part (some lines rejected), 2 wrong usage, 1 failed."
)]
pub(crate) struct Cli {
    /// Data folder.
    #[arg(long, global = true, env = "KARTEI_DATA_DIR", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A workspace of the data folder, by its name or id, rather than the folder itself.
    #[arg(long, global = true, env = "KARTEI_WORKSPACE", value_name = "NAME")]
    pub(crate) workspace: Option<String>,
    /// Opens an encrypted data folder with the recovery key in this file, rather than with the
    /// keychain's key.
    #[arg(long, global = true, env = "KARTEI_RECOVERY_KEY_FILE", value_name = "FILE")]
    pub(crate) recovery_key_file: Option<PathBuf>,
    /// PEM file with authorities that are trusted for the relay's certificate, beside the system's.
    #[arg(long, global = true, env = "KARTEI_RELAY_CA", value_name = "FILE")]
    pub(crate) relay_ca: Option<PathBuf>,
    /// Speaks http:// with a relay on another machine: everybody on the way can read the token and the profiles.
    #[arg(
        long,
        global = true,
        env = "KARTEI_INSECURE_HTTP",
        value_parser = clap::builder::FalseyValueParser::new()
    )]
    pub(crate) insecure_http: bool,
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
    /// Imports files of NDJSON, plain or compressed with gzip or zstd.
    Import {
        /// Only tells what would happen.
        #[arg(long)]
        dry_run: bool,
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Lists profiles.
    List {
        /// `tag:vip (city:Bern or age>=30) -status:conflict observed:visits>3 after:2026-01-01 "words"`.
        #[arg(long, allow_hyphen_values = true)]
        filter: Option<String>,
        /// `id`, `changed`, `name`, `observations`, `last_observation`, `attributes.KEY` or `score.DIMENSION`.
        #[arg(long, default_value = "id")]
        sort: String,
        /// Turns the order round.
        #[arg(long)]
        descending: bool,
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
    /// Writes profiles, sorted by id.
    Export {
        #[command(flatten)]
        selection: Selected,
        /// NDJSON is canonical: importing it again gives the same profiles.
        #[arg(long, value_enum, default_value_t = Format::Ndjson)]
        format: Format,
        /// A file, rather than standard output.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Edits many profiles, as one step.
    Bulk {
        #[command(flatten)]
        selection: Selected,
        #[command(flatten)]
        changes: Changes,
    },
    /// Deletes profiles, as one step; `undo` takes it back.
    Delete {
        #[command(flatten)]
        which: Doomed,
    },
    /// Merges a profile into another one, as one step; `undo` takes it back. Both ids show the one that
    /// is kept then.
    Merge {
        /// The id of the profile that is kept.
        kept: String,
        /// The id of the one that is merged into it.
        merged: String,
        /// Takes the merged profile's value of this field, such as `/attributes/city`, where both have
        /// one; any number of times.
        #[arg(long, value_name = "POINTER")]
        take: Vec<String>,
        /// Does it without asking; otherwise only a terminal is asked.
        #[arg(long)]
        yes: bool,
    },
    /// Erases a profile for good, through the relay: here, there, and on every device. For
    /// administrators; it cannot be taken back.
    Erase {
        /// Its id.
        id: String,
    },
    /// Takes the last step back.
    Undo,
    /// Does again what was taken back last.
    Redo,
    /// Lists the last steps.
    Steps,
    /// Shows a profile as it was after a change.
    At {
        /// Its id.
        id: String,
        /// The change's hash, as `show --history` prints it.
        change: String,
    },
    /// Gives a profile back the content that it had after a change.
    Restore {
        /// Its id.
        id: String,
        /// The change's hash, as `show --history` prints it.
        change: String,
    },
    /// Lists the imports of this data folder.
    Imports {
        /// How many at most.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Tells what an import of the history said, or writes one of its files.
    Report {
        /// Its number.
        import: u64,
        /// Writes the problems as CSV to this file.
        #[arg(long, value_name = "FILE")]
        csv: Option<PathBuf>,
        /// Writes the rejected lines to this file, to be mended and imported again.
        #[arg(long, value_name = "FILE")]
        rejected: Option<PathBuf>,
    },
    /// Takes an import back, as a whole.
    UndoImport {
        /// Its number.
        import: u64,
    },
    /// Imports what is put into folders, until it is interrupted.
    Watch {
        /// Adds this folder to the watched ones.
        folder: Option<PathBuf>,
    },
    /// Reads everything and says what does not agree.
    Check {
        /// Also mends what can be mended.
        #[arg(long)]
        repair: bool,
    },
    /// Writes a copy of the database, also while others use it.
    Backup {
        /// A new file.
        file: PathBuf,
    },
    /// Gives space back to the disk.
    Compact,
    /// Encrypts the data folder's database. Its key goes to the system's keychain, and as a recovery
    /// key to a file, which is to be kept apart from the computer.
    Encrypt {
        /// A new file for the recovery key.
        #[arg(long, value_name = "FILE")]
        save_recovery_key: PathBuf,
        /// Encrypts also where no keychain takes the key: every command needs --recovery-key-file
        /// then.
        #[arg(long)]
        without_keychain: bool,
    },
    /// Writes the data folder's database plain again.
    Decrypt,
    /// Lists the workspaces of the data folder. The window makes, names and removes them.
    Workspaces,
    /// Connects the data folder to a relay. The token goes to the system's keychain, or to the
    /// database where none answers or KARTEI_KEYCHAIN is `off`.
    Login {
        /// The relay's address.
        url: String,
        /// The device's token. Without it the token is asked for, or read from standard input: a
        /// command line is seen by everybody on this computer, and kept by the shell.
        #[arg(long, env = "KARTEI_TOKEN", hide_env_values = true)]
        token: Option<String>,
    },
    /// Connects the data folder to a relay by signing in with the organisation's provider, in the browser. What the relay
    /// gives then ends after hours; it is kept as `login` keeps a token.
    SignIn {
        /// The relay's address.
        url: String,
        /// Prints the address alone, to be opened in a browser of this machine.
        #[arg(long)]
        no_browser: bool,
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
    /// Sends files to the relay, and waits until they are there. Interrupted, they go on with the next
    /// `kartei uploads --watch`, or in the window.
    Upload {
        /// Attaches them to this profile.
        #[arg(long, value_name = "PROFILE")]
        attach: Option<String>,
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Lists uploads, or does something with one.
    Uploads {
        /// Goes on with what is open, and tells how far it is, until all has ended.
        #[arg(long)]
        watch: bool,
        #[command(subcommand)]
        act: Option<UploadAct>,
    },
    /// Gets a file from the relay.
    Download {
        /// Its id.
        id: String,
        /// A new file, rather than one in the folder for downloads.
        #[arg(long, short, value_name = "PATH")]
        out: Option<PathBuf>,
    },
    /// Shows where a profile stands by the active calibrations, and why.
    Score {
        /// Its id.
        id: String,
    },
    /// Lists behaviour schemas and calibrations, or does something with them.
    Calibrate {
        #[command(subcommand)]
        act: Option<CalibrateAct>,
    },
    /// Has the relay analyse profiles, and waits for what it comes to.
    Analyze {
        /// The analysis: quality (what is missing, old, mixed up or contradictory), distribution, compare, segments,
        /// map, similar, outliers, drift or duplicates.
        analysis: String,
        /// What it is told, such as `k=4`, `id=p-17`, `from=1998-01-01T00:00:00Z` or `calibration=1f3a`; any number
        /// of times.
        #[arg(long = "with", value_name = "NAME=VALUE")]
        with: Vec<String>,
        /// Of the records of an uploaded file instead of the profiles: its id, as `kartei files` tells it.
        #[arg(long, value_name = "FILE", conflicts_with = "here")]
        dataset: Option<String>,
        /// Makes it here, of the profiles of the data folder, and not at the relay.
        #[arg(long, conflicts_with = "no_wait")]
        here: bool,
        /// Which profiles; all without one.
        #[arg(long)]
        filter: Option<String>,
        /// Does not wait: `kartei jobs watch` tells what comes of it.
        #[arg(long)]
        no_wait: bool,
    },
    /// Lists analyses, the newest first, or does something with one.
    Jobs {
        /// Those in this state.
        #[arg(long, value_parser = ["queued", "running", "completed", "failed", "canceled"])]
        status: Option<String>,
        #[command(subcommand)]
        act: Option<JobAct>,
    },
    /// Shows what an analysis came to.
    Result {
        /// The result's id, as the analysis tells it.
        id: String,
        /// Writes it there: a name that ends in .json has all of it, .csv and .parquet one of its tables.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Which table; the first one by default.
        #[arg(long, requires = "out")]
        table: Option<String>,
    },
    /// Lists the relay's files, the newest first.
    Files {
        /// Those whose names contain this.
        #[arg(default_value = "")]
        name: String,
        /// Those that are attached to this profile.
        #[arg(long, value_name = "PROFILE")]
        profile: Option<String>,
    },
    /// Writes manual pages and completions for packages.
    #[command(hide = true)]
    Papers(Papers),
}

/// What is done with an analysis.
#[derive(Subcommand, Clone)]
pub(crate) enum JobAct {
    /// Follows it to its end, and shows what it came to.
    Watch {
        /// Its id.
        id: String,
    },
    /// Shows where it is, with what is known so far.
    Show {
        /// Its id.
        id: String,
    },
    /// Asks for its end; what is known so far is kept.
    Cancel {
        /// Its id.
        id: String,
    },
    /// Tries one again that failed or was cancelled, as a new one.
    Retry {
        /// Its id.
        id: String,
    },
}

/// What is done with calibrations.
#[derive(Subcommand, Clone)]
pub(crate) enum CalibrateAct {
    /// Makes a calibration, a draft, and looks whom it moves.
    Fit {
        /// The schema, such as `bfi`.
        schema: String,
        /// Its version; the newest by default.
        #[arg(long)]
        schema_version: Option<u32>,
        /// Of the profiles that match this filter; of all by default.
        #[arg(long, allow_hyphen_values = true)]
        filter: Option<String>,
        /// The moment of the scores, such as 2026-11-20T00:00:00Z; that of the newest observation by default.
        #[arg(long)]
        as_of: Option<String>,
        /// Makes it at the relay, of the profiles that it has: a draft there.
        #[arg(long)]
        relay: bool,
    },
    /// Moves the active calibration of a schema on to another moment, with the same fit: a draft.
    Roll {
        /// The schema, such as `cdnow`.
        schema: String,
        /// The moment of the scores, such as 2026-11-20T00:00:00Z; that of the newest observation by default.
        #[arg(long)]
        as_of: Option<String>,
        /// Activates it at once, where it passes its gates.
        #[arg(long)]
        activate: bool,
        /// Makes it at the relay, of the calibration that is active there and the profiles that it has.
        #[arg(long)]
        relay: bool,
    },
    /// Shows all that is known of a calibration.
    Show {
        /// Its version, or the beginning of it.
        version: String,
    },
    /// Looks anew whom a calibration moves, against the active one or another one.
    Compare {
        /// Its version, or the beginning of it.
        version: String,
        /// The version, or the beginning of it, of the one that it is compared with.
        #[arg(long)]
        with: Option<String>,
        /// Looks at the relay, of the calibrations and profiles that it has.
        #[arg(long)]
        relay: bool,
    },
    /// Makes a calibration the one that scores are by; one that retired is rolled back to.
    Activate {
        /// Its version, or the beginning of it.
        version: String,
        /// Although it does not pass its gates.
        #[arg(long)]
        accept: bool,
    },
    /// Deletes a draft, or one that retired.
    Delete {
        /// Its version, or the beginning of it.
        version: String,
    },
    /// Checks a file as a behaviour schema.
    Schema {
        /// The file, JSON.
        file: PathBuf,
        /// Keeps it in the data folder.
        #[arg(long)]
        keep: bool,
    },
}

/// What is done with an upload.
#[derive(Subcommand, Clone, Copy)]
pub(crate) enum UploadAct {
    /// Holds it.
    Pause {
        /// Its number.
        id: u64,
    },
    /// Lets it go on.
    Resume {
        /// Its number.
        id: u64,
    },
    /// Ends it, here and at the relay.
    Cancel {
        /// Its number.
        id: u64,
    },
    /// Begins it anew; of a file that changed, the new one is sent.
    Retry {
        /// Its number.
        id: u64,
    },
    /// Takes one that has ended off the list.
    Forget {
        /// Its number.
        id: u64,
    },
}

/// Some profiles; without arguments all.
#[derive(Args)]
pub(crate) struct Selected {
    /// Those that match this filter.
    #[arg(long, conflicts_with = "id", allow_hyphen_values = true)]
    pub(crate) filter: Option<String>,
    /// Those with this id; can be given more than once.
    #[arg(long)]
    pub(crate) id: Vec<String>,
}

impl From<Selected> for Selection {
    fn from(selected: Selected) -> Self {
        let Selected { filter, id } = selected;
        let ids = (!id.is_empty()).then_some(id);
        Self { ids, filter: filter.unwrap_or_default(), search: String::new() }
    }
}

/// The profiles to delete: never all of them for want of an argument.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Doomed {
    /// Those with these ids.
    pub(crate) ids: Vec<String>,
    /// Those that match this filter.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) filter: Option<String>,
}

impl From<Doomed> for Selection {
    fn from(doomed: Doomed) -> Self {
        let Doomed { ids, filter } = doomed;
        let ids = (!ids.is_empty()).then_some(ids);
        Self { ids, filter: filter.unwrap_or_default(), search: String::new() }
    }
}

/// A format of export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Ndjson,
    NdjsonGz,
    Csv,
    CsvObservations,
    Parquet,
}

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Ndjson => Self::Ndjson,
            Format::NdjsonGz => Self::NdjsonGz,
            Format::Csv => Self::Csv,
            Format::CsvObservations => Self::CsvObservations,
            Format::Parquet => Self::Parquet,
        }
    }
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
