//! `kartei import`: a bar while it runs, the truth at its end.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kartei_app::App;
use kartei_protocol::desktop::ImportReport;
use kartei_protocol::problem::Problem;

use crate::Done;
use crate::output::Output;
use crate::show::number;

/// Problems that are printed one by one; the rest is counted by kind.
const PROBLEMS_SHOWN: usize = 10;

pub(crate) fn run(
    app: &App,
    files: &[PathBuf],
    dry_run: bool,
    output: &Output,
) -> Result<Done, Problem> {
    let mut reports = Vec::with_capacity(files.len());
    for file in files {
        let bar = bar(output);
        let report = app.import_now(file, dry_run, |progress| {
            bar.set_length(progress.bytes_total);
            bar.set_position(progress.bytes);
            bar.set_message(format!("{} lines", number(progress.lines)));
        });
        bar.finish_and_clear();
        if !output.json() {
            output.lines(&describe(&report))?;
        }
        reports.push(report);
    }
    if output.json() {
        output.value(&serde_json::json!({ "reports": reports }))?;
    }
    let failed = reports.iter().any(|report| report.failure.is_some());
    let rejected = reports.iter().any(|report| report.counts.rejected > 0);
    Ok(match (failed, rejected) {
        (true, _) => Done::Failed,
        (false, true) => Done::InPart,
        (false, false) => Done::Whole,
    })
}

fn bar(output: &Output) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if !output.shows_progress() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let template = "{bar:32} {percent:>3} %  {msg}  {bytes_per_sec}  {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

pub(crate) fn describe(report: &ImportReport) -> Vec<String> {
    let c = &report.counts;
    let mut lines = Vec::new();
    if let (Some(failure), 0) = (&report.failure, c.lines) {
        return vec![format!("{failure}")];
    }
    let mut parts = vec![format!("{} new", number(c.created))];
    for (count, word) in [
        (c.updated, "changed"),
        (c.unchanged, "unchanged"),
        (c.duplicates, "replaced by a later line"),
        (c.rejected, "rejected"),
        (c.warned, "with a warning"),
        (c.conflicts, "in conflict with an edit"),
    ] {
        if count > 0 {
            parts.push(format!("{} {word}", number(count)));
        }
    }
    lines.push(format!(
        "{}: {} lines in {:.2} s — {}",
        report.file,
        number(c.lines),
        report.seconds,
        parts.join(", ")
    ));
    for problem in report.problems.iter().take(PROBLEMS_SHOWN) {
        let sort = if problem.warning { "warning" } else { "rejected" };
        let id = problem.id.as_deref().filter(|id| !id.is_empty());
        let id = id.map(|id| format!(" ({id})")).unwrap_or_default();
        let place = if problem.pointer.is_empty() {
            String::new()
        } else {
            format!(" {}", problem.pointer)
        };
        lines.push(format!("  line {}{id}{place}: {} [{sort}]", problem.line, problem.reason));
        lines.push(format!("      {}", problem.mend));
    }
    let total = c.rejected + c.warned;
    if total > PROBLEMS_SHOWN as u64 {
        lines.push(format!("  … {} more; by kind:", number(total - PROBLEMS_SHOWN as u64)));
        for kind in report.kinds.iter().take(PROBLEMS_SHOWN) {
            lines.push(format!(
                "  {:>9} × {} {} (first in line {})",
                number(kind.count),
                kind.rule,
                kind.place,
                kind.first_line
            ));
        }
    }
    if let (true, Some(import)) = (report.has_files, report.import) {
        lines.push(format!(
            "  `kartei report {import} --csv FILE --rejected FILE` writes all problems, and the \
             rejected lines to mend"
        ));
    }
    if let Some(failure) = &report.failure {
        lines.push(format!("  stopped: {failure}"));
        lines.push("  What was imported before stays; importing again skips it.".to_owned());
    }
    lines
}
