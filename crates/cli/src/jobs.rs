//! `kartei analyze`, `jobs` and `result`.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kartei_app::App;
use kartei_protocol::calibrations::FitAt;
use kartei_protocol::commands::Commands as _;
use kartei_protocol::desktop::{ResultFormat, SaveResult};
use kartei_protocol::jobs::{JobEvent, JobEventKind, JobInfo, JobResult, JobState, NewJob};
use kartei_protocol::problem::{Problem, ProblemCode};
use serde_json::{Map, Value};

use crate::Done;
use crate::args::JobAct;
use crate::output::Output;
use crate::show::number;
use crate::watch::interrupted;

/// How often it is looked for what happened.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Submits an analysis, and waits for what it comes to.
pub(crate) fn analyze(
    app: &App,
    asked: &NewJob,
    here: bool,
    no_wait: bool,
    output: &Output,
) -> Result<Done, Problem> {
    let filter = asked.filter.as_deref();
    if here {
        return analyse_here(app, asked, output);
    }
    let submitted = app.submit_analysis(asked);
    let job = submitted.map_err(|problem| match filter {
        Some(filter) => output.mark(filter, problem),
        None => problem,
    })?;
    if no_wait {
        show(&job, output)?;
        return Ok(Done::Whole);
    }
    waited_for(app, &job, output)
}

/// Has the relay make a calibration, and waits for what it comes to.
pub(crate) fn calibrate(app: &App, asked: &FitAt, output: &Output) -> Result<Done, Problem> {
    let job = app.submit_calibration(asked).map_err(|problem| match &asked.filter {
        Some(filter) => output.mark(filter, problem),
        None => problem,
    })?;
    waited_for(app, &job, output)
}

/// Waits for what a job of the relay comes to.
pub(crate) fn waited_for(app: &App, job: &JobInfo, output: &Output) -> Result<Done, Problem> {
    if !output.json() {
        eprintln!("{}: `kartei jobs watch {0}` goes on where this is interrupted.", job.job_id);
    }
    let ended = follow(app, &job.job_id, output, &interrupted()?)?;
    outcome(app, ended.as_ref(), output)
}

/// What an analysis is told, of `NAME=VALUE`; a value that is JSON but no text is taken as that. A dataset is told it
/// as one of these.
///
/// # Errors
/// One without `=`.
pub(crate) fn params(with: &[String], dataset: Option<String>) -> Result<Value, Problem> {
    let mut params = Map::new();
    params.extend(dataset.map(|file| ("dataset".to_owned(), Value::String(file))));
    for one in with {
        let Some((name, value)) = one.split_once('=') else {
            let message = format!("`--with {one}`: say it as NAME=VALUE");
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        };
        let value = serde_json::from_str(value).ok().filter(|value: &Value| value.is_number());
        let text = || Value::String(one[name.len() + 1..].to_owned());
        params.insert(name.to_owned(), value.unwrap_or_else(text));
    }
    Ok(if params.is_empty() { Value::Null } else { Value::Object(params) })
}

/// Makes an analysis of the profiles that are here.
fn analyse_here(app: &App, asked: &NewJob, output: &Output) -> Result<Done, Problem> {
    let (stopped, bar) = (interrupted()?, bar(output));
    let mut tell = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
        match stopped.try_recv() {
            Err(TryRecvError::Empty) => ControlFlow::Continue(()),
            Ok(()) | Err(TryRecvError::Disconnected) => ControlFlow::Break(()),
        }
    };
    let made = app.analyse_here(asked, &mut tell);
    bar.finish_and_clear();
    let made = made.map_err(|problem| match &asked.filter {
        Some(filter) => output.mark(filter, problem),
        None => problem,
    })?;
    let Some(result) = made else { return Ok(Done::InPart) };
    show_report(&result, output)?;
    Ok(Done::Whole)
}

/// Follows a job to its end, and shows what it came to.
pub(crate) fn watch(app: &App, id: &str, output: &Output) -> Result<Done, Problem> {
    let ended = follow(app, id, output, &interrupted()?)?;
    outcome(app, ended.as_ref(), output)
}

fn outcome(app: &App, job: Option<&JobInfo>, output: &Output) -> Result<Done, Problem> {
    let Some(job) = job else { return Ok(Done::InPart) };
    match &job.result_id {
        Some(result) => {
            show_result(app, result, output)?;
            Ok(Done::Whole)
        }
        None => {
            show(job, output)?;
            Ok(Done::Failed)
        }
    }
}

/// Waits for a job's end; nothing where somebody interrupts.
fn follow(
    app: &App,
    id: &str,
    output: &Output,
    stopped: &Receiver<()>,
) -> Result<Option<JobInfo>, Problem> {
    let bar = bar(output);
    let mut after_seq = 0;
    let ended = loop {
        let past = app.analysis_events(id, after_seq)?;
        for event in &past.events {
            after_seq = event.event_seq;
            tell(event, &bar, output)?;
        }
        if past.ended {
            break true;
        }
        match stopped.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => break false,
        }
    };
    bar.finish_and_clear();
    if ended { app.analysis(id).map(Some) } else { Ok(None) }
}

fn tell(event: &JobEvent, bar: &ProgressBar, output: &Output) -> Result<(), Problem> {
    let count = |name: &str| event.data.get(name).and_then(Value::as_u64);
    if let (Some(done), Some(total)) = (count("done"), count("total")) {
        bar.set_length(total);
        bar.set_position(done);
    }
    if output.json() {
        // The result follows as one value; what happens meanwhile is a line each on the other output.
        eprintln!("{}", serde_json::to_string(event).unwrap_or_default());
        return Ok(());
    }
    if event.kind != JobEventKind::Partial {
        bar.println(format!("{:>4}  {}", event.event_seq, event.kind.word().replace('_', " ")));
    }
    Ok(())
}

fn bar(output: &Output) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if !output.shows_progress() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) =
        ProgressStyle::with_template("{bar:32} {percent:>3} %  {pos} of {len} profiles")
    {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// Lists analyses, or does something with one.
pub(crate) fn jobs(
    app: &App,
    status: Option<&str>,
    act: Option<JobAct>,
    output: &Output,
) -> Result<Done, Problem> {
    let done = match act {
        Some(JobAct::Watch { id }) => return watch(app, &id, output),
        Some(JobAct::Show { id }) => app.analysis(&id)?,
        Some(JobAct::Cancel { id }) => app.cancel_analysis_at_relay(&id)?,
        Some(JobAct::Retry { id }) => app.retry_analysis_at_relay(&id)?,
        None => {
            list(app, status.and_then(JobState::of), output)?;
            return Ok(Done::Whole);
        }
    };
    show(&done, output)?;
    Ok(Done::Whole)
}

fn list(app: &App, status: Option<JobState>, output: &Output) -> Result<(), Problem> {
    let mut page = app.analyses(status, None)?;
    let mut all = std::mem::take(&mut page.jobs);
    while let Some(next) = page.next.take() {
        page = app.analyses(status, Some(&next))?;
        all.append(&mut page.jobs);
    }
    if output.json() {
        return output.value(&all);
    }
    if all.is_empty() {
        return output.lines(&["No analyses.".to_owned()]);
    }
    output.lines(&all.iter().map(line).collect::<Vec<_>>())
}

fn line(job: &JobInfo) -> String {
    let progress = match (&job.progress, job.status) {
        (Some(known), JobState::Running | JobState::Queued) if known.total > 0 => {
            format!("{:>3} %", u128::from(known.done) * 100 / u128::from(known.total))
        }
        _ => "     ".to_owned(),
    };
    let about = job.filter.as_deref().map(|filter| filter.replace(char::is_control, " "));
    let about = about.unwrap_or_else(|| "all profiles".to_owned());
    format!("{}  {:<9} {progress}  {}  {about}", job.job_id, job.status.word(), job.analysis)
}

fn show(job: &JobInfo, output: &Output) -> Result<(), Problem> {
    if output.json() {
        return output.value(job);
    }
    let mut lines = vec![line(job)];
    if let Some(reason) = job.reason {
        let detail = job.detail.as_deref().unwrap_or("no more is known");
        lines.push(format!("  {}: {detail}", reason.word().replace('_', " ")));
    }
    if let Some(result) = &job.result_id {
        lines.push(format!("  `kartei result {result}` shows what it came to."));
    }
    if let Some(partial) = &job.partial {
        lines.push(known(partial));
        lines.extend(findings(partial));
    }
    output.lines(&lines)
}

/// Shows a result by its permalink.
pub(crate) fn show_result(app: &App, id: &str, output: &Output) -> Result<(), Problem> {
    show_report(&app.analysis_result(id)?, output)
}

/// Writes a result, or a table of it, into a file.
pub(crate) fn save_result(
    app: &App,
    id: String,
    out: &Path,
    table: Option<String>,
    output: &Output,
) -> Result<(), Problem> {
    let format = match out.extension().and_then(OsStr::to_str) {
        Some("json") => ResultFormat::Json,
        Some("csv") => ResultFormat::Csv,
        Some("parquet") => ResultFormat::Parquet,
        _ => {
            let message = "a result is written as .json, .csv or .parquet";
            return Err(
                Problem::new(ProblemCode::InvalidRequest, message).about(out.display().to_string())
            );
        }
    };
    let to = std::path::absolute(out).unwrap_or_else(|_| out.to_owned()).display().to_string();
    let saved = app.save_result(SaveResult { id, format, table, to: Some(to) })?;
    if output.json() {
        return output.value(&saved);
    }
    output.lines(&[format!("{}: {} bytes", saved.path, number(saved.bytes))])
}

fn show_report(result: &JobResult, output: &Output) -> Result<(), Problem> {
    if output.json() {
        return output.value(result);
    }
    let report = serde_json::from_str(result.result.get()).unwrap_or_default();
    let mut lines = vec![format!("{}  of {}", result.result_id, result.job_id)];
    lines.push(known(&report));
    lines.extend(findings(&report));
    output.lines(&lines)
}

fn known(report: &Value) -> String {
    let count = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or_default();
    let revision = report.pointer("/input/revision").and_then(Value::as_u64).unwrap_or_default();
    let (done, total) = (number(count("done")), number(count("total")));
    if let Some(dataset) = report.pointer("/input/dataset") {
        let count = |name: &str| dataset.get(name).and_then(Value::as_u64).unwrap_or_default();
        let name = dataset.get("name").and_then(Value::as_str).unwrap_or_default();
        let name = name.replace(char::is_control, " ");
        let left_out = match count("rejected") + count("erased") {
            0 => String::new(),
            left_out => format!("; {} lines were left out", number(left_out)),
        };
        return format!("  {done} of {total} records of the file `{name}`{left_out}");
    }
    // What was made without a relay is of no revision.
    let of =
        if revision > 0 { format!(", as of revision {}", number(revision)) } else { String::new() };
    format!("  {done} of {total} profiles{of}")
}

fn findings(report: &Value) -> Vec<String> {
    let all = report.get("findings").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|one| one.get("en")?.as_str())
        .map(|text| format!("  - {}", text.replace(char::is_control, " ")))
        .collect()
}
