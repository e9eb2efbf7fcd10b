//! `kartei score` and `kartei calibrate`.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kartei_app::App;
use kartei_protocol::calibrations::FitAt;
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{
    ActivateCalibration, BehaviorVector, CalibrationDetail, CalibrationId, CalibrationInfo,
    CalibrationRun, CalibrationRunState, CalibrationStage, Calibrations, CompareCalibrations,
    DimensionScore, Empty, FitCalibration, Gate, ProfileId, RunId, SchemaText, SignalStanding,
};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::Done;
use crate::args::CalibrateAct;
use crate::jobs;
use crate::output::Output;
use crate::show::number;
use crate::watch::interrupted;

/// How often it is looked whether somebody interrupts.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Digits of a version that are shown: enough to tell them apart, and to type.
const VERSION_SHOWN: usize = 8;

/// Shows where somebody stands.
pub(crate) fn score(app: &App, id: String, output: &Output) -> Result<Done, Problem> {
    let found = app.get_behavior(ProfileId { id })?;
    if output.json() {
        output.value(&found)?;
        return Ok(Done::Whole);
    }
    if found.vectors.is_empty() {
        output.lines(&[if found.calibrated {
            "no active calibration is made of what was observed of this profile".to_owned()
        } else {
            "no calibration is active: `kartei calibrate fit SCHEMA`, then `kartei calibrate activate VERSION`"
                .to_owned()
        }])?;
        return Ok(Done::Whole);
    }
    for vector in &found.vectors {
        output.lines(&lines_of(vector))?;
    }
    Ok(Done::Whole)
}

fn lines_of(vector: &BehaviorVector) -> Vec<String> {
    let mut lines = vec![format!(
        "{} as of {}, by calibration {} of {} profiles",
        vector.schema,
        vector.as_of,
        short(&vector.calibration),
        number(vector.population)
    )];
    for dimension in &vector.dimensions {
        lines.push(line_of(dimension));
        let mut parts: Vec<_> = dimension.parts.iter().collect();
        parts.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
        for part in parts {
            let Some(signal) = vector.signals.get(part.signal as usize) else { continue };
            let said = match signal.standing {
                SignalStanding::Unobserved => "not observed".to_owned(),
                SignalStanding::Uncalibrated => "too few people to compare with".to_owned(),
                SignalStanding::DoesNotSeparate => "does not tell people apart".to_owned(),
                SignalStanding::Placed => format!(
                    "{:+.4}  value {:.4}, above {:.1} % of people, reliability {:.2}{}",
                    part.value,
                    signal.value.unwrap_or_default(),
                    signal.place.unwrap_or_default() * 100.0,
                    signal.reliability.unwrap_or_default(),
                    if signal.extrapolated { ", outside of what they have" } else { "" }
                ),
            };
            let reversed = if signal.reversed { "-" } else { " " };
            lines.push(format!("    {reversed}{:<20} {said}", signal.name));
        }
    }
    lines
}

fn line_of(dimension: &DimensionScore) -> String {
    let name = &dimension.name;
    let (Some(score), Some([low, high])) = (dimension.score, dimension.band_90) else {
        return format!("  {name:<22} nothing known");
    };
    let percentile = dimension
        .percentile
        .map_or_else(String::new, |percentile| format!(", percentile {:.1}", percentile * 100.0));
    format!(
        "  {name:<22} {score:.3}  [{low:.3}, {high:.3}]  confidence {:.2}{percentile}",
        dimension.confidence
    )
}

fn short(version: &str) -> &str {
    version.get(..VERSION_SHOWN).unwrap_or(version)
}

/// Does something with calibrations; lists them where nothing is asked for.
pub(crate) fn calibrate(
    app: &App,
    act: Option<CalibrateAct>,
    output: &Output,
) -> Result<Done, Problem> {
    match act {
        None => list(&app.list_calibrations(Empty {})?, output)?,
        Some(CalibrateAct::Fit { schema, schema_version, filter, as_of, relay: true }) => {
            let schema = Some(schema);
            let asked = FitAt { schema, schema_version, filter, as_of, ..FitAt::default() };
            return jobs::calibrate(app, &asked, output);
        }
        Some(CalibrateAct::Roll { schema, as_of, activate, relay: true }) => {
            let job = app.submit_roll(&schema, as_of, activate)?;
            return jobs::waited_for(app, &job, output);
        }
        Some(CalibrateAct::Compare { version, with, relay: true }) => {
            let job = app.submit_dry_run(&version, with.as_deref())?;
            return jobs::waited_for(app, &job, output);
        }
        Some(CalibrateAct::Fit { schema, schema_version, filter, as_of, relay: false }) => {
            let filter = filter.unwrap_or_default();
            let same_fit_as = None;
            let wanted = filter.clone();
            let asked =
                FitCalibration { schema, schema_version, filter: wanted, as_of, same_fit_as };
            let run = wait(app, output, || {
                app.fit_calibration(asked).map_err(|problem| output.mark(&filter, problem))
            })?;
            return told(app, run, output);
        }
        Some(CalibrateAct::Roll { schema, as_of, activate, relay: false }) => {
            return roll(app, &schema, as_of, activate, output);
        }
        Some(CalibrateAct::Compare { version, with, relay: false }) => {
            let asked = CompareCalibrations { version, with };
            let run = wait(app, output, || app.compare_calibration(asked))?;
            return told(app, run, output);
        }
        Some(CalibrateAct::Show { version }) => {
            show(&app.get_calibration(CalibrationId { version })?, output)?;
        }
        Some(CalibrateAct::Activate { version, accept }) => {
            let all = app.activate_calibration(ActivateCalibration { version, accept })?;
            list(&all, output)?;
        }
        Some(CalibrateAct::Delete { version }) => {
            list(&app.delete_calibration(CalibrationId { version })?, output)?;
        }
        Some(CalibrateAct::Schema { file, keep }) => return schema(app, &file, keep, output),
    }
    Ok(Done::Whole)
}

/// Moves the active calibration of a schema on.
fn roll(
    app: &App,
    schema: &str,
    as_of: Option<String>,
    activate: bool,
    output: &Output,
) -> Result<Done, Problem> {
    let all = app.list_calibrations(Empty {})?.calibrations;
    let is_it =
        |one: &CalibrationInfo| one.schema == schema && one.stage == CalibrationStage::Active;
    let active = all.into_iter().find(is_it).ok_or_else(|| {
        let message = format!("no calibration of schema `{schema}` is active");
        Problem::new(ProblemCode::NotFound, message).about(schema)
    })?;
    let asked = FitCalibration {
        schema: schema.to_owned(),
        schema_version: None,
        filter: String::new(),
        as_of,
        same_fit_as: Some(active.version),
    };
    let run = wait(app, output, || app.fit_calibration(asked))?;
    let version = run.version.clone().filter(|_| activate && run.failure.is_none());
    let done = told(app, run, output)?;
    if let Some(version) = version {
        let all = app.activate_calibration(ActivateCalibration { version, accept: false })?;
        list(&all, output)?;
    }
    Ok(done)
}

fn schema(app: &App, file: &Path, keep: bool, output: &Output) -> Result<Done, Problem> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        let shown = file.display().to_string();
        Problem::new(ProblemCode::FileUnreadable, format!("{shown}: {e}")).about(shown)
    })?;
    let checked = app.check_behavior_schema(SchemaText { text, keep })?;
    let is_good = checked.schema.is_some();
    if output.json() {
        output.value(&checked)?;
    } else if let Some(schema) = &checked.schema {
        let kept = if keep { ", kept" } else { "" };
        output.lines(&[format!(
            "{} {}: {} signals, {} dimensions{kept}",
            schema.name, schema.version, schema.signals, schema.dimensions
        )])?;
    } else {
        let reason = checked.reason.unwrap_or_default();
        output.lines(&[format!("{}: {reason}", checked.pointer.unwrap_or_default())])?;
    }
    Ok(if is_good { Done::Whole } else { Done::Failed })
}

/// Starts something and waits for its end, which an interruption asks for.
fn wait(
    app: &App,
    output: &Output,
    start: impl FnOnce() -> Result<CalibrationRun, Problem>,
) -> Result<CalibrationRun, Problem> {
    let stopped = interrupted()?;
    let (sender, told) = channel();
    app.subscribe(move |event: &HostEvent| {
        if let HostEvent::Calibration { run } = event {
            // Nobody listens once it has ended.
            let _ = sender.send(run.clone());
        }
    });
    let run = start()?;
    let bar = ProgressBar::new(run.profiles_total);
    if !output.shows_progress() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos} of {len} profiles, {msg}") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    let ended = follow(app, run.run, &told, &stopped, |run| {
        bar.set_position(run.profiles);
        bar.set_message(format!("{:?}", run.step).to_lowercase());
    })?;
    bar.finish_and_clear();
    Ok(ended)
}

fn follow(
    app: &App,
    number: u64,
    told: &Receiver<CalibrationRun>,
    stopped: &Receiver<()>,
    each: impl Fn(&CalibrationRun),
) -> Result<CalibrationRun, Problem> {
    loop {
        match told.recv_timeout(LOOK_EVERY) {
            Ok(run) if run.run == number && run.state != CalibrationRunState::Running => {
                return Ok(run);
            }
            Ok(run) => each(&run),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let message = "the calibration ended without a word";
                return Err(Problem::new(ProblemCode::Internal, message));
            }
        }
        if stopped.try_recv().is_ok() {
            app.cancel_calibration(RunId { run: number })?;
        }
    }
}

fn told(app: &App, run: CalibrationRun, output: &Output) -> Result<Done, Problem> {
    if let Some(problem) = run.failure {
        return Err(problem);
    }
    let Some(version) = run.version else { return Ok(Done::InPart) };
    show(&app.get_calibration(CalibrationId { version })?, output)?;
    Ok(Done::Whole)
}

fn list(all: &Calibrations, output: &Output) -> Result<(), Problem> {
    if output.json() {
        return output.value(all);
    }
    let mut lines: Vec<String> = all
        .schemas
        .iter()
        .map(|schema| {
            let from = if schema.ready { "comes with the program" } else { "of this data folder" };
            format!(
                "schema {} {}: {} signals, {} dimensions, {from}",
                schema.name, schema.version, schema.signals, schema.dimensions
            )
        })
        .collect();
    lines.extend(all.calibrations.iter().map(line));
    output.lines(&lines)
}

fn line(one: &CalibrationInfo) -> String {
    let filter =
        if one.filter.is_empty() { String::new() } else { format!(", filter {}", one.filter) };
    format!(
        "{}  {:<8} {} {} as of {}, {} profiles{filter}",
        short(&one.version),
        format!("{:?}", one.stage).to_lowercase(),
        one.schema,
        one.schema_version,
        one.as_of,
        number(one.profiles)
    )
}

fn show(detail: &CalibrationDetail, output: &Output) -> Result<(), Problem> {
    if output.json() {
        return output.value(detail);
    }
    let mut lines = vec![line(&detail.calibration)];
    for dimension in &detail.dimensions {
        let alpha = dimension.alpha.map_or_else(|| "-".to_owned(), |alpha| format!("{alpha:.2}"));
        let moves = dimension.change_band.map_or_else(String::new, |[moved, all]| {
            format!(", {} of {} change band", number(moved), number(all))
        });
        lines.push(format!(
            "  {:<22} {} people, alpha {alpha}{moves}",
            dimension.name,
            number(dimension.people)
        ));
        for one in &dimension.farthest {
            lines.push(format!(
                "    {:<20} {:>5.1} → {:>5.1}",
                one.id,
                one.from * 100.0,
                one.to * 100.0
            ));
        }
    }
    for signal in &detail.signals {
        let from = if signal.measured { "measured" } else { "stated" };
        let stability = signal
            .stability
            .map_or_else(String::new, |index| format!(", stability index {index:.3}"));
        lines.push(format!(
            "  {:<22} {} people, {} observations, {} out of range, reliability {:.3} {from}{stability}",
            signal.name,
            number(signal.people),
            number(signal.observations),
            number(signal.out_of_range),
            signal.reliability
        ));
    }
    lines.extend(detail.gates.iter().map(gate));
    output.lines(&lines)
}

fn gate(gate: &Gate) -> String {
    let kind = format!("{:?}", gate.kind).to_lowercase();
    let worst = gate.worst.map_or_else(|| "-".to_owned(), |worst| format!("{worst:.3}"));
    let said = if gate.passes { "passes" } else { "DOES NOT PASS" };
    let failing = if gate.failing.is_empty() {
        String::new()
    } else {
        format!(": {}", gate.failing.join(", "))
    };
    format!("  gate {kind:<11} {said}, worst {worst}, limit {}{failing}", gate.limit)
}
