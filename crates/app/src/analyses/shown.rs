//! Analyses as a front end sees them.

use kartei_local_store::StoredAnalysis;
use kartei_protocol::desktop::{
    Analysis, AnalysisEvent, AnalysisProgress, AnalysisReport, AnalysisStage, Notification,
    QualityReport,
};
use kartei_protocol::jobs::{FailReason, JobEvent, JobEventKind, JobInfo, JobState, NewJob, Note};
use kartei_protocol::problem::Problem;
use serde::Deserialize as _;
use serde_json::Value;

use super::here::is_here;
use crate::clock;

/// What the ids of analyses begin with that wait here.
const LOCAL: &str = "local-";

pub(super) fn local_id(number: u64) -> String {
    format!("{LOCAL}{number}")
}

/// The number of an analysis that waits here, where the id is of such a one.
pub(super) fn local_number(id: &str) -> Option<u64> {
    id.strip_prefix(LOCAL)?.parse().ok()
}

/// What was heard of an analysis, where it is at the relay and this version understands it.
pub(super) fn heard(stored: &StoredAnalysis) -> Option<JobInfo> {
    serde_json::from_str(stored.heard.as_deref()?).ok()
}

/// An analysis; `in_the_way` is why those that wait here do.
pub(super) fn analysis(
    stored: &StoredAnalysis,
    seconds_left: Option<f64>,
    in_the_way: Option<&Problem>,
) -> Analysis {
    match heard(stored) {
        Some(info) => of_info(info, seconds_left),
        None => waiting(stored, in_the_way),
    }
}

fn waiting(stored: &StoredAnalysis, in_the_way: Option<&Problem>) -> Analysis {
    let asked: NewJob = serde_json::from_str(&stored.asked).unwrap_or_default();
    let refused: Option<Problem> =
        stored.problem.as_deref().and_then(|text| serde_json::from_str(text).ok());
    Analysis {
        id: local_id(stored.id),
        stage: if refused.is_some() { AnalysisStage::Refused } else { AnalysisStage::Waiting },
        here: false,
        params: asked.params,
        analysis: asked.analysis,
        filter: asked.filter,
        by: None,
        created_at: clock::text(stored.created_at),
        started_at: None,
        finished_at: None,
        attempts: 0,
        ending: false,
        progress: None,
        event_seq: 0,
        retry_of: stored.retry_of.clone(),
        result: None,
        reason: None,
        detail: None,
        problem: refused.or_else(|| in_the_way.cloned()),
    }
}

fn of_info(info: JobInfo, seconds_left: Option<f64>) -> Analysis {
    let stage = match info.status {
        JobState::Queued => AnalysisStage::Queued,
        JobState::Running => AnalysisStage::Running,
        JobState::Completed => AnalysisStage::Completed,
        JobState::Failed => AnalysisStage::Failed,
        JobState::Canceled => AnalysisStage::Canceled,
    };
    let seconds_left = seconds_left.filter(|_| stage == AnalysisStage::Running);
    Analysis {
        here: is_here(&info.job_id),
        params: info.params,
        id: info.job_id,
        stage,
        analysis: info.analysis,
        filter: info.filter,
        by: Some(info.by),
        created_at: clock::text(info.created_at),
        started_at: info.started_at.map(clock::text),
        finished_at: info.finished_at.map(clock::text),
        attempts: info.attempts,
        ending: info.cancel_requested_at.is_some() && !info.status.is_terminal(),
        progress: info.progress.map(|known| AnalysisProgress {
            done: known.done.min(known.total),
            total: known.total,
            seconds_left,
        }),
        event_seq: info.event_seq,
        retry_of: info.retry_of,
        result: info.result_id,
        reason: info.reason.map(|reason: FailReason| reason.word().to_owned()),
        detail: info.detail,
        problem: None,
    }
}

/// A report, as far as this version understands it.
pub(super) fn report(told: &Value) -> AnalysisReport {
    if told.get("analysis").is_some_and(|analysis| analysis != "quality") {
        return AnalysisReport { quality: None, other: Some(told.clone()) };
    }
    match QualityReport::deserialize(told) {
        Ok(quality) => AnalysisReport { quality: Some(quality), other: None },
        Err(error) => {
            tracing::warn!(%error, "A report is not understood");
            AnalysisReport::default()
        }
    }
}

/// What happened, without what only says how far it was.
pub(super) fn events(events: Vec<JobEvent>) -> Vec<AnalysisEvent> {
    let worth_telling = |event: &JobEvent| event.kind != JobEventKind::Partial;
    events
        .into_iter()
        .filter(worth_telling)
        .map(|event| AnalysisEvent {
            seq: event.event_seq,
            kind: event.kind.word().to_owned(),
            actor: event.actor,
            at: clock::text(event.occurred_at),
        })
        .collect()
}

pub(super) fn notification(note: &Note, analysis: Option<Analysis>) -> Notification {
    Notification {
        id: note.id,
        kind: note.kind.clone(),
        analysis,
        job: note.job_id.clone(),
        created_at: clock::text(note.created_at),
        read: note.read_at.is_some(),
    }
}
