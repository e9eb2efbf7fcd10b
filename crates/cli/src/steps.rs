//! Steps that can be taken back, the import history, and looking after the data folder.

use std::path::PathBuf;

use kartei_app::App;
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{
    Act, ActDone, ActKind, BackupStore, CheckStore, Empty, ImportEntry, ImportFile, ImportId,
    ImportState, ListImports, SaveImportFile,
};
use kartei_protocol::problem::Problem;

use crate::Done;
use crate::import::describe;
use crate::output::Output;
use crate::show::{field_name, number};

/// Profiles that stayed as they were and are printed.
const OBSTACLES_SHOWN: usize = 10;

/// Prints what a step did. One that left profiles out was done in part.
pub(crate) fn done(output: &Output, done: &ActDone) -> Result<Done, Problem> {
    let counts = format!(
        "{} changed, {} were so already, {} stayed as they were",
        number(done.changed),
        number(done.unchanged),
        number(done.refused)
    );
    told(output, done, counts)
}

/// As [`done`], of a deletion.
pub(crate) fn deleted(output: &Output, done: &ActDone) -> Result<Done, Problem> {
    let back = if done.changed > 0 { "; `kartei undo` takes it back" } else { "" };
    let counts = format!(
        "{} deleted, {} stayed as they were{back}",
        number(done.changed),
        number(done.refused)
    );
    told(output, done, counts)
}

fn told(output: &Output, done: &ActDone, counts: String) -> Result<Done, Problem> {
    if output.json() {
        output.value(done)?;
    } else {
        let mut lines = vec![counts];
        for obstacle in done.obstacles.iter().take(OBSTACLES_SHOWN) {
            lines.push(format!("  {}: {}", obstacle.id, obstacle.reason));
        }
        output.lines(&lines)?;
    }
    Ok(if done.refused > 0 { Done::InPart } else { Done::Whole })
}

pub(crate) fn list(app: &App, output: &Output) -> Result<(), Problem> {
    let acts = app.list_acts(Empty {})?;
    if output.json() {
        return output.value(&acts);
    }
    let mut lines: Vec<String> = acts.entries.iter().map(step).collect();
    lines.push(match &acts.undo {
        Some(act) => format!("undo takes back step {}", act.act),
        None => "there is nothing to undo".to_owned(),
    });
    if let Some(act) = &acts.redo {
        lines.push(format!("redo does step {} again", act.act));
    }
    output.lines(&lines)
}

fn step(act: &Act) -> String {
    let kind = match act.kind {
        ActKind::Edit => "edit",
        ActKind::Bulk => "bulk edit",
        ActKind::Resolve => "decision",
        ActKind::Restore => "restored",
        ActKind::Delete => "deleted",
        ActKind::Merge => "merged into",
        ActKind::TakeRelays => "the relay's taken",
        ActKind::Import => "import undone",
        ActKind::Undo => "undo",
    };
    let by = act.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    let what = match (&act.id, act.reverts) {
        (_, Some(step)) => format!("of step {step}"),
        (Some(id), None) => id.clone(),
        (None, None) => format!("{} profiles", number(act.profiles)),
    };
    let undone = if act.reverted_by.is_some() { "  (taken back)" } else { "" };
    let fields: Vec<&str> = act.fields.iter().map(|pointer| field_name(pointer)).collect();
    format!("{:>5}  {}  {kind} {what}{by}  {}{undone}", act.act, act.at, fields.join(" "))
}

pub(crate) fn imports(app: &App, limit: u32, output: &Output) -> Result<(), Problem> {
    let history = app.list_imports(ListImports { before: None, limit })?;
    if output.json() {
        return output.value(&history);
    }
    let lines: Vec<String> = history.entries.iter().map(entry).collect();
    output.lines(&lines)
}

fn entry(entry: &ImportEntry) -> String {
    let state = match (entry.state, &entry.undone_at) {
        (_, Some(_)) => "undone",
        (ImportState::Done, None) => "done",
        (ImportState::Cancelled, None) => "cancelled",
        (ImportState::Failed, None) => "failed",
        (ImportState::Queued | ImportState::Running, None) => "not ended",
    };
    let c = &entry.counts;
    format!(
        "{:>5}  {}  {state:<9}  {} new, {} changed, {} rejected  {}",
        entry.import,
        entry.started_at,
        number(c.created),
        number(c.updated),
        number(c.rejected),
        entry.file
    )
}

pub(crate) fn report(
    app: &App,
    import: u64,
    csv: Option<PathBuf>,
    rejected: Option<PathBuf>,
    output: &Output,
) -> Result<(), Problem> {
    let report = app.import_report(ImportId { import })?;
    let files = [(ImportFile::ErrorsCsv, csv), (ImportFile::Rejected, rejected)];
    for (file, to) in files {
        if let Some(to) = to {
            let to = Some(to.display().to_string());
            app.save_import_file(SaveImportFile { import, file, to })?;
        }
    }
    if output.json() { output.value(&report) } else { output.lines(&describe(&report)) }
}

pub(crate) fn check(app: &App, repair: bool, output: &Output) -> Result<Done, Problem> {
    let check = app.check_store(CheckStore { repair })?;
    if output.json() {
        output.value(&check)?;
    } else {
        let mut lines = vec![format!("{} profiles were read", number(check.profiles))];
        for finding in &check.findings {
            let repaired = if finding.repaired { "mended" } else { "not mended" };
            lines.push(format!(
                "  {} × {}: {} ({repaired})",
                number(finding.count),
                finding.code,
                finding.message
            ));
        }
        if check.findings.is_empty() {
            lines.push("Everything agrees.".to_owned());
        } else if !repair {
            lines.push("`kartei check --repair` mends what can be mended.".to_owned());
        }
        output.lines(&lines)?;
    }
    let all_mended = check.findings.iter().all(|finding| finding.repaired);
    Ok(if all_mended { Done::Whole } else { Done::Failed })
}

pub(crate) fn backup(app: &App, file: &std::path::Path, output: &Output) -> Result<(), Problem> {
    let saved = app.backup_store(BackupStore { to: Some(file.display().to_string()) })?;
    if output.json() {
        return output.value(&saved);
    }
    output.lines(&[format!("Copied to {} ({} bytes).", saved.path, number(saved.bytes))])
}

pub(crate) fn compact(app: &App, output: &Output) -> Result<(), Problem> {
    let compacted = app.compact_store(Empty {})?;
    if output.json() {
        return output.value(&compacted);
    }
    output.lines(&[format!(
        "{} bytes before, {} now.",
        number(compacted.before),
        number(compacted.after)
    )])
}
