//! `kartei`: the use cases of a replica without a window.
//!
//! Exit codes: 0 done, 3 done in part (some lines rejected), 2 wrong usage, 1 failed.

mod args;
mod behavior;
mod edits;
mod import;
mod jobs;
mod merging;
mod output;
mod secrets;
mod show;
mod steps;
mod uploads;
mod watch;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use kartei_app::{App, AppOptions, Trust, default_data_dir};
use kartei_keychain::SystemKeychain;
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{
    BulkEdit, DeleteProfiles, EditProfile, Empty, ExportFormat, GetProfile, ImportId, ListProfiles,
    PreviewMerge, ProfileAt, ProfileId, ResolveConflict, Selection, SignIn, SortKey, SyncStatus,
};
use kartei_protocol::jobs::NewJob;
use kartei_protocol::problem::{Problem, ProblemCode};
use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Command};
use crate::output::Output;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How a command ended.
enum Done {
    /// Everything was done.
    Whole,
    /// Some lines were rejected.
    InPart,
    /// It failed after its output was printed.
    Failed,
}

fn main() -> ExitCode {
    // `Cli::parse` prints usage errors and exits with 2.
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off")),
        )
        .with_writer(std::io::stderr)
        .init();
    let output = Output::new(cli.json);
    match run(cli, &output) {
        Ok(Done::Whole) => ExitCode::SUCCESS,
        Ok(Done::InPart) => ExitCode::from(3),
        Ok(Done::Failed) => ExitCode::FAILURE,
        Err(problem) => {
            output.problem(&problem);
            let is_usage =
                matches!(problem.code, ProblemCode::InvalidRequest | ProblemCode::InvalidFilter);
            let code = if is_usage { 2 } else { 1 };
            ExitCode::from(code)
        }
    }
}

fn run(cli: Cli, output: &Output) -> Result<Done, Problem> {
    let home = cli.data.unwrap_or_else(default_data_dir);
    if let Command::Workspaces = cli.command {
        show::workspaces(output, &kartei_app::workspaces(&home)?)?;
        return Ok(Done::Whole);
    }
    if let Command::Papers(papers) = &cli.command {
        papers.write(Cli::command()).map_err(|e| cannot_write("manual and completions", &e))?;
        return Ok(Done::Whole);
    }
    let data_dir = match &cli.workspace {
        Some(name) => kartei_app::workspace_folder(&home, name)?,
        None => home,
    };
    let key_file = cli.recovery_key_file.as_deref();
    let app = App::open(AppOptions {
        data_dir,
        author: None,
        busy_timeout: cli.busy_timeout_ms.map(Duration::from_millis),
        // A terminal shows no window.
        web_engine: None,
        keychain: Some(Arc::new(SystemKeychain::of_session())),
        recovery_key: key_file.map(kartei_app::read_recovery_key).transpose()?,
        trust: Trust { authorities: cli.relay_ca, insecure_http: cli.insecure_http },
    })?;
    let done = command(&app, cli.command, output);
    app.shutdown();
    done
}

fn command(app: &Arc<App>, command: Command, output: &Output) -> Result<Done, Problem> {
    match command {
        Command::Import { files, dry_run } => return import::run(app, &files, dry_run, output),
        Command::List { filter, sort, descending, limit } => {
            let filter = filter.unwrap_or_default();
            let sort = sort_key(&sort)?;
            let request =
                ListProfiles { filter, sort, descending, limit, ..ListProfiles::default() };
            list(app, request, output)?;
        }
        Command::Search { words, limit } => {
            let search = words.join(" ");
            list(app, ListProfiles { search, limit, ..ListProfiles::default() }, output)?;
        }
        Command::Show { id, history } => {
            let profile = app.get_profile(GetProfile { id: id.clone(), whole: true })?;
            let history = history.then(|| app.profile_history(ProfileId { id })).transpose()?;
            show::profile(output, &profile, history.as_ref())?;
        }
        Command::Edit { id, changes } => {
            let edits = edits::from_args(&changes)?;
            let profile = app.edit_profile(EditProfile { id, edits })?;
            show::profile(output, &profile, None)?;
        }
        Command::Resolve { id, pointer, key } => {
            let profile = app.resolve_conflict(ResolveConflict { id, pointer, key })?;
            show::profile(output, &profile, None)?;
        }
        Command::Export { selection, format, out } => {
            export(app, &selection.into(), format.into(), out.as_deref(), output)?;
        }
        Command::Bulk { selection, changes } => {
            let edits = edits::from_args(&changes)?;
            let selection = Selection::from(selection);
            let filter = selection.filter.clone();
            let done = app.bulk_edit(BulkEdit { selection, edits });
            return steps::done(output, &done.map_err(|p| output.mark(&filter, p))?);
        }
        Command::Delete { which } => {
            let selection = Selection::from(which);
            let filter = selection.filter.clone();
            let done = app.delete_profiles(DeleteProfiles { selection });
            return steps::deleted(output, &done.map_err(|p| output.mark(&filter, p))?);
        }
        Command::Merge { kept, merged, take, yes } => {
            let asked = PreviewMerge { kept, merged, choices: take };
            return merging::run(app, asked, yes, output);
        }
        Command::Erase { id } => {
            let report = app.erase(&id)?;
            if output.json() {
                output.value(&report)?;
            } else {
                output.lines(&show::erasure(&id, &report))?;
            }
        }
        Command::Undo => return steps::done(output, &app.undo(Empty {})?),
        Command::Redo => return steps::done(output, &app.redo(Empty {})?),
        Command::Steps => steps::list(app, output)?,
        Command::At { id, change } => {
            let version = app.profile_at(ProfileAt { id, change })?;
            output.value(&version.record)?;
        }
        Command::Restore { id, change } => {
            let profile = app.restore_profile(ProfileAt { id, change })?;
            show::profile(output, &profile, None)?;
        }
        Command::Imports { limit } => steps::imports(app, limit, output)?,
        Command::Report { import, csv, rejected } => {
            steps::report(app, import, csv, rejected, output)?;
        }
        Command::UndoImport { import } => {
            return steps::done(output, &app.undo_import(ImportId { import })?);
        }
        Command::Watch { folder } => watch::folders(app, folder.as_deref(), output)?,
        Command::Check { repair } => return steps::check(app, repair, output),
        Command::Backup { file } => steps::backup(app, &file, output)?,
        Command::Compact => steps::compact(app, output)?,
        Command::Encrypt { save_recovery_key, without_keychain } => {
            secrets::encrypt(app, &save_recovery_key, without_keychain, output)?;
        }
        Command::Decrypt => secrets::decrypt(app, output)?,
        // Asked of the home's list, before a workspace is opened.
        // Done before a data folder is opened.
        Command::Workspaces | Command::Papers(_) => {}
        Command::Login { url, token } => {
            let token = secrets::token(token)?;
            let status = app.sign_in(SignIn { url, token })?;
            show_status(output, &status)?;
        }
        Command::SignIn { url, no_browser } => {
            show_status(output, &secrets::sign_in(app, url, !no_browser)?)?;
        }
        Command::Logout => show_status(output, &app.sign_out(Empty {})?)?,
        Command::Sync { watch: false } => show_status(output, &app.sync_once()?)?,
        Command::Sync { watch: true } => watch::run(app, output)?,
        Command::Status => show_status(output, &app.sync_status(Empty {})?)?,
        Command::Upload { attach, files } => return uploads::upload(app, attach, &files, output),
        Command::Uploads { watch, act: Some(act) } => {
            uploads::act(app, act, output)?;
            if watch {
                return uploads::watch(app, output);
            }
        }
        Command::Uploads { watch: true, act: None } => return uploads::watch(app, output),
        Command::Uploads { watch: false, act: None } => uploads::list(app, output)?,
        Command::Score { id } => return behavior::score(app, id, output),
        Command::Calibrate { act } => return behavior::calibrate(app, act, output),
        Command::Analyze { analysis, with, dataset, here, filter, no_wait } => {
            let asked = NewJob { analysis, filter, params: jobs::params(&with, dataset)? };
            return jobs::analyze(app, &asked, here, no_wait, output);
        }
        Command::Jobs { status, act } => {
            return jobs::jobs(app, status.as_deref(), act, output);
        }
        Command::Result { id, out: Some(out), table } => {
            jobs::save_result(app, id, &out, table, output)?;
        }
        Command::Result { id, .. } => jobs::show_result(app, &id, output)?,
        Command::Download { id, out } => uploads::download(app, &id, out, output)?,
        Command::Files { name, profile } => uploads::files(app, name, profile, output)?,
    }
    Ok(Done::Whole)
}

fn sort_key(text: &str) -> Result<SortKey, Problem> {
    Ok(match text {
        "id" => SortKey::Id,
        "changed" => SortKey::Changed,
        "name" => SortKey::Name,
        "observations" => SortKey::Observations,
        "last_observation" => SortKey::LastObservation,
        other => match (other.strip_prefix("attributes."), other.strip_prefix("score.")) {
            (Some(key), _) => SortKey::Attribute(key.to_owned()),
            (_, Some(name)) => SortKey::Score(name.to_owned()),
            (None, None) => {
                let message = format!(
                    "`{other}` is no order: use id, changed, name, observations, last_observation, \
                     attributes.KEY or score.DIMENSION"
                );
                return Err(Problem::new(ProblemCode::InvalidRequest, message));
            }
        },
    })
}

fn list(app: &App, mut request: ListProfiles, output: &Output) -> Result<(), Problem> {
    let filter = request.filter.clone();
    let named = app.settle_scores(&filter, &request.sort).map_err(|p| output.mark(&filter, p))?;
    request.scores = named;
    let page = app.list_profiles(request).map_err(|p| output.mark(&filter, p))?;
    if output.json() {
        return output.value(&page);
    }
    show::page(output, &page)
}

fn show_status(output: &Output, status: &SyncStatus) -> Result<(), Problem> {
    if output.json() { output.value(status) } else { output.lines(&[show::status(status)]) }
}

fn export(
    app: &App,
    selection: &Selection,
    format: ExportFormat,
    out: Option<&Path>,
    output: &Output,
) -> Result<(), Problem> {
    let mark = |problem| output.mark(&selection.filter, problem);
    let Some(path) = out else {
        let mut stdout = BufWriter::new(std::io::stdout());
        app.export(selection, format, &mut stdout).map_err(mark)?;
        return stdout.flush().map_err(|e| cannot_write("standard output", &e));
    };
    let shown = path.display().to_string();
    // Beside the target and renamed at the end: a cut-off export is never taken for a whole one.
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let mut file = BufWriter::new(File::create(&partial).map_err(|e| cannot_write(&shown, &e))?);
    let count = app.export(selection, format, &mut file).map_err(mark)?;
    file.flush().map_err(|e| cannot_write(&shown, &e))?;
    drop(file);
    std::fs::rename(&partial, path).map_err(|e| cannot_write(&shown, &e))?;
    if output.json() {
        return output.value(&serde_json::json!({ "profiles": count, "file": shown }));
    }
    output.lines(&[format!("Exported {count} profiles to {shown}.")])
}

fn cannot_write(what: &str, error: &std::io::Error) -> Problem {
    Problem::new(ProblemCode::FileUnwritable, format!("{what} cannot be written: {error}"))
        .about(what)
}
