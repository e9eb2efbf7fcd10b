//! `kartei-relay`: orders, stores and shares profiles for the replicas of organisations.

mod admin;
mod audit;
mod auth;
mod backup;
mod body;
mod cache;
mod conditions;
mod cors;
mod erasure;
mod export;
mod files;
mod gate;
mod gather;
mod halting;
mod identify;
mod import;
mod jobs;
mod limiter;
mod linger;
mod listen;
mod listener;
mod lists;
mod log;
mod metrics;
mod migrate_store;
mod openapi;
mod pages;
mod presence;
mod problem;
mod random;
mod retention;
mod rolling;
mod rounds;
mod routes;
mod sealing;
mod segments;
mod serve;
mod sign_in;
mod standing;
mod storage;
mod strangers;
mod telemetry;
mod tls;
mod upkeep;
mod uploads;
mod webhooks;
mod whole_file;
mod wire;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use kartei_program::Papers;
use storage::Migrate;

#[derive(Parser)]
#[command(
    name = "kartei-relay",
    version = kartei_program::VERSION,
    about = "The relay of Kartei: orders, stores and shares profiles"
)]
struct Cli {
    /// How the log on standard error looks.
    #[arg(long, global = true, env = "KARTEI_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: log::LogFormat,
    #[command(flatten)]
    telemetry: telemetry::TelemetryOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves replicas.
    Serve(Box<serve::ServeOptions>),
    /// Brings a Postgres database to this version's format. The embedded database does it by itself.
    Migrate(Migrate),
    /// Moves a stopped relay to another place: from the embedded database to Postgres or back, from a folder
    /// of bytes to a bucket or back. Replicas go on as before.
    MigrateStore(Box<migrate_store::MigrateStore>),
    /// Forgets profiles that were deleted long ago. A serving relay does it by itself, every hour.
    Sweep(upkeep::Sweep),
    /// Reads every profile and says what does not agree.
    Check(upkeep::Check),
    /// Begins a new history, after the database was restored from a backup and before it is served:
    /// replicas compare what they have then, and send what the backup lacks.
    NewEpoch(upkeep::NewEpoch),
    /// Makes a backup of a relay, while it serves: sealed, and only of what is not in an earlier one.
    Backup(backup::Backup),
    /// Makes a new key for backups in a file.
    BackupKey(backup::MakeKey),
    /// Lists backups.
    Backups(backup::Backups),
    /// Reads backups back and says what is damaged or missing.
    Verify(backup::Verify),
    /// Removes old backups, and what only they needed.
    Forget(backup::Forget),
    /// Brings a backup back into an empty data folder, with the embedded database and as a new history: replicas
    /// compare what they have then, and send what the backup lacks.
    Restore(backup::Restore),
    /// Looks after files: what nobody has any more, what does not fit together, keys.
    Files {
        #[command(subcommand)]
        command: files::FilesCommand,
    },
    /// Runs analyses for relays that share this database, and serves nothing.
    Work(jobs::Work),
    /// Looks after analyses: queues, what runs, what hangs.
    Jobs {
        #[command(subcommand)]
        command: jobs::JobsCommand,
    },
    /// Looks after what analyses leave: how long it is kept, what goes, what comes back.
    Retention {
        #[command(subcommand)]
        command: retention::RetentionCommand,
    },
    /// Lists what administrators and the operator did, or checks that list.
    Audit(audit::Audit),
    /// Administers organisations and tokens.
    Admin {
        #[command(subcommand)]
        command: admin::AdminCommand,
    },
    /// Writes manual pages and completions for packages.
    #[command(hide = true)]
    Papers(Papers),
}

/// Lets nobody but this account read what is written from here on: databases, bytes, backups, keys.
fn keep_private(command: &Command) {
    // Pages of the manual are for everybody.
    if matches!(command, Command::Papers(_)) {
        return;
    }
    // Elsewhere what an account's own folders allow is inherited.
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    keep_private(&cli.command);
    let _telemetry = match log::begin(cli.log_format, &cli.telemetry) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("kartei-relay: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let done = match cli.command {
        Command::Serve(options) => serve::run(*options),
        Command::Migrate(options) => storage::migrate(&options),
        Command::MigrateStore(options) => migrate_store::run(&options),
        Command::Sweep(options) => upkeep::sweep(&options),
        Command::Check(options) => upkeep::check(&options),
        Command::NewEpoch(options) => upkeep::new_epoch(&options),
        Command::Backup(options) => backup::backup(&options),
        Command::BackupKey(options) => backup::make_key(&options),
        Command::Backups(options) => backup::backups(&options),
        Command::Verify(options) => backup::verify(&options),
        Command::Forget(options) => backup::forget(&options),
        Command::Restore(options) => backup::restore(&options),
        Command::Files { command } => files::run(command),
        Command::Work(options) => jobs::run_worker(&options),
        Command::Jobs { command } => jobs::run_jobs(command),
        Command::Retention { command } => retention::run(command),
        Command::Audit(options) => audit::run(&options),
        Command::Admin { command } => admin::run(command),
        Command::Papers(papers) => papers.write(Cli::command()).map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kartei-relay: {error:#}");
            ExitCode::FAILURE
        }
    }
}
