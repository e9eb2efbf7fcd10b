//! `kartei upload`, `uploads`, `download` and `files`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kartei_app::App;
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{
    AddUploads, DownloadFile, Empty, ListFiles, Upload, UploadId, UploadStage, Uploads,
};
use kartei_protocol::problem::Problem;
use serde_json::json;

use crate::Done;
use crate::args::UploadAct;
use crate::output::Output;
use crate::show::number;
use crate::watch::interrupted;

/// Another program may send this data folder's uploads, so the store is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Sends files and waits for their ends.
pub(crate) fn upload(
    app: &Arc<App>,
    attach: Option<String>,
    files: &[PathBuf],
    output: &Output,
) -> Result<Done, Problem> {
    let paths = files.iter().map(|file| file.display().to_string()).collect();
    let ids: BTreeSet<u64> =
        app.begin_uploads(&AddUploads { paths, attach })?.into_iter().collect();
    wait_for(app, |upload| ids.contains(&upload.id), output)
}

/// Goes on with what is open until all has ended.
pub(crate) fn watch(app: &Arc<App>, output: &Output) -> Result<Done, Problem> {
    let open: BTreeSet<u64> = app
        .list_uploads(Empty {})?
        .uploads
        .iter()
        .filter(|upload| is_open(upload.stage))
        .map(|upload| upload.id)
        .collect();
    wait_for(app, |upload| open.contains(&upload.id), output)
}

fn is_open(stage: UploadStage) -> bool {
    matches!(stage, UploadStage::Waiting | UploadStage::Running | UploadStage::Completing)
}

fn wait_for(
    app: &Arc<App>,
    ours: impl Fn(&Upload) -> bool,
    output: &Output,
) -> Result<Done, Problem> {
    let stopped = interrupted()?;
    app.start_uploads()?;
    let bar = bar(output);
    let uploads = loop {
        let all = app.list_uploads(Empty {})?.uploads;
        let uploads: Vec<Upload> = all.into_iter().filter(&ours).rev().collect();
        bar.set_length(uploads.iter().map(|upload| upload.size).sum());
        bar.set_position(uploads.iter().map(|upload| upload.sent).sum());
        bar.set_message(at_work(&uploads));
        // One that is for another relay does not go on by itself.
        let waits = |upload: &Upload| {
            let is_elsewhere = upload.stage == UploadStage::Waiting
                && upload.problem.is_some()
                && upload.retry_at.is_none();
            is_open(upload.stage) && !is_elsewhere
        };
        if !uploads.iter().any(waits) {
            break uploads;
        }
        match stopped.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => break uploads,
        }
    };
    bar.finish_and_clear();
    let done = uploads.iter().filter(|upload| upload.stage == UploadStage::Done).count();
    let failed = uploads.iter().any(|upload| upload.problem.is_some());
    let all = uploads.len();
    if output.json() {
        output.value(&Uploads { uploads })?;
    } else {
        output.lines(&uploads.iter().map(line).collect::<Vec<_>>())?;
    }
    Ok(match (done == all, failed) {
        (true, false) => Done::Whole,
        _ if done > 0 => Done::InPart,
        _ => Done::Failed,
    })
}

fn bar(output: &Output) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if !output.shows_progress() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let template = "{bar:32} {percent:>3} %  {bytes}/{total_bytes}  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// The rate of what runs, or why nothing does.
fn at_work(uploads: &[Upload]) -> String {
    let rate: f64 = uploads.iter().filter_map(|upload| upload.rate).sum();
    let streams: u32 = uploads.iter().map(|upload| upload.streams).sum();
    let waiting = uploads.iter().find(|upload| upload.retry_at.is_some());
    match waiting.and_then(|upload| upload.problem.as_ref()) {
        Some(problem) if streams == 0 => format!("waiting: {problem}"),
        _ => format!("{:.1} MB/s, {streams} parts in flight", rate / 1e6),
    }
}

fn line(upload: &Upload) -> String {
    let stage = match upload.stage {
        UploadStage::Waiting => "waiting",
        UploadStage::Running => "running",
        UploadStage::Completing => "completing",
        UploadStage::Paused => "paused",
        UploadStage::Done => "done",
        UploadStage::Failed => "failed",
        UploadStage::Changed => "changed",
    };
    let share = match upload.size {
        0 => 100,
        size => u128::from(upload.sent) * 100 / u128::from(size),
    };
    let mut line = format!(
        "{:>5}  {stage:<10} {share:>3} %  {:>15} bytes  {}",
        upload.id,
        number(upload.size),
        upload.name.replace(char::is_control, " "),
    );
    if let Some(file) = &upload.file {
        line.push_str(&format!("  file {file}"));
    }
    if let Some(problem) = &upload.problem {
        line.push_str(&format!("\n       {problem}"));
    }
    line
}

/// Lists uploads.
pub(crate) fn list(app: &App, output: &Output) -> Result<(), Problem> {
    let uploads = app.list_uploads(Empty {})?;
    if output.json() {
        return output.value(&uploads);
    }
    if uploads.uploads.is_empty() {
        return output.lines(&["No uploads.".to_owned()]);
    }
    output.lines(&uploads.uploads.iter().map(line).collect::<Vec<_>>())
}

/// Does something with an upload.
pub(crate) fn act(app: &App, act: UploadAct, output: &Output) -> Result<(), Problem> {
    match act {
        UploadAct::Pause { id } => app.pause_upload(UploadId { id }).map(drop),
        UploadAct::Resume { id } => app.resume_upload(UploadId { id }).map(drop),
        UploadAct::Retry { id } => app.retry_upload(UploadId { id }).map(drop),
        UploadAct::Cancel { id } => app.cancel_at_once(id),
        UploadAct::Forget { id } => app.forget_upload(UploadId { id }).map(drop),
    }?;
    list(app, output)
}

/// Gets a file.
pub(crate) fn download(
    app: &App,
    id: &str,
    out: Option<PathBuf>,
    output: &Output,
) -> Result<(), Problem> {
    let bar = bar(output);
    let path = out.map(|path| path.display().to_string());
    let got = app.download_now(&DownloadFile { id: id.to_owned(), path }, |bytes, size| {
        bar.set_length(size);
        bar.set_position(bytes);
    });
    bar.finish_and_clear();
    let path = got?.display().to_string();
    if output.json() {
        return output.value(&json!({ "id": id, "file": path }));
    }
    output.lines(&[format!("Saved as {path}.")])
}

/// Lists files.
pub(crate) fn files(
    app: &App,
    name: String,
    profile: Option<String>,
    output: &Output,
) -> Result<(), Problem> {
    let mut request = ListFiles { filter: name, profile, cursor: None };
    let mut all = app.list_files(request.clone())?;
    while let Some(next) = all.next.take() {
        request.cursor = Some(next);
        let page = app.list_files(request.clone())?;
        all.files.extend(page.files);
        all.next = page.next;
    }
    if output.json() {
        return output.value(&all);
    }
    if !all.supported {
        return output
            .lines(&["This relay keeps no files; it is of an earlier version.".to_owned()]);
    }
    if all.files.is_empty() {
        return output.lines(&["No files.".to_owned()]);
    }
    let lines = all.files.iter().map(|file| {
        let name = file.name.replace(char::is_control, " ");
        format!("{}  {:>15} bytes  {}  {name}", file.id, number(file.size), file.created_at)
    });
    output.lines(&lines.collect::<Vec<_>>())
}
