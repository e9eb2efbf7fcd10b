//! What a front end asks of analyses.

use kartei_analysis::{Table, tables};
use kartei_export::TableData;
use kartei_local_store::{NewAnalysis, StoredAnalysis};
use kartei_protocol::desktop::{
    Analyses, Analysis, AnalysisDetail, AnalysisId, AskAnalysis, Notifications, ReadNotifications,
    ResultFormat, SaveResult, SavedFile,
};
use kartei_protocol::jobs::{JobResult, JobState, NewJob, ReadNotes};
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_sync_core::Phase;
use serde_json::Value;

use super::direct::of_job;
use super::here::{HERE, is_here};
use super::{lock, shown};
use crate::app::App;
use crate::clock;
use crate::files;
use crate::problem::{of_relay, of_store};
use crate::random;
use crate::sync::block_on;

/// Bytes of the random name that the relay knows a submission by.
const KEY_BYTES: usize = 16;

/// What the ids of results begin with.
const RESULT: &str = "result-";

/// The table of a result that is asked for, the first one where none is named.
fn table_of(result: &JobResult, request: &SaveResult) -> Result<Table, Problem> {
    let report: Value = serde_json::from_str(result.result.get()).unwrap_or_default();
    let tables = tables(&report);
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let missing = match &request.table {
        Some(name) => format!("there is no table `{name}` in it; there is: {}", names.join(", ")),
        None => "there is no table in it".to_owned(),
    };
    let is_it = |table: &Table| request.table.as_ref().is_none_or(|name| *name == table.name);
    let found = tables.into_iter().find(is_it);
    found.ok_or_else(|| Problem::new(ProblemCode::NotFound, missing).about(request.id.clone()))
}

/// A result as the bytes of a file.
fn file_of(text: String, result: &JobResult, request: &SaveResult) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let written = match request.format {
        ResultFormat::Json => return Ok(text.into_bytes()),
        ResultFormat::Csv | ResultFormat::Parquet => {
            let Table { columns, rows, .. } = table_of(result, request)?;
            let table = TableData { columns: &columns, rows: &rows };
            if request.format == ResultFormat::Csv {
                table.write_csv(&mut bytes).map_err(|e| e.to_string())
            } else {
                table.write_parquet(&mut bytes).map_err(|e| e.to_string())
            }
        }
    };
    written.map_err(|reason| Problem::new(ProblemCode::Internal, reason))?;
    Ok(bytes)
}

fn unknown(id: &str) -> Problem {
    Problem::new(ProblemCode::NotFound, "there is no such analysis on the list").about(id)
}

impl App {
    /// Follows analyses from now on, and after every sign-in.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start_analyses(&self) -> Result<(), Problem> {
        self.analyses.start(&self.shared)
    }

    pub(crate) fn all_analyses(&self) -> Result<Analyses, Problem> {
        self.analyses.look();
        self.analyses.board.all()
    }

    pub(crate) fn begin_analysis(&self, request: AskAnalysis) -> Result<Analysis, Problem> {
        let filter = request.filter.map(|filter| filter.trim().to_owned());
        let filter = filter.filter(|filter| !filter.is_empty());
        if let Some(filter) = &filter {
            // What cannot be read is told now, with its place, and not by the relay later.
            crate::problem::check_without_scores(filter)?;
        }
        let asked = NewJob { analysis: request.analysis, filter, params: request.params };
        if request.here {
            return self.begin_here(&asked);
        }
        self.queue_analysis(&asked, None)
    }

    fn begin_here(&self, asked: &NewJob) -> Result<Analysis, Problem> {
        let info = self.queue_here(asked)?;
        self.run_queued(&info);
        let stored = self.stored_analysis(&info.job_id)?;
        stored.map(|stored| self.analyses.board.shown(&stored)).ok_or_else(|| unknown(&info.job_id))
    }

    fn queue_analysis(
        &self,
        asked: &NewJob,
        retry_of: Option<String>,
    ) -> Result<Analysis, Problem> {
        let new = NewAnalysis {
            relay: self.analyses.board.relay()?,
            key: random::hex::<KEY_BYTES>()?,
            asked: serde_json::to_string(asked).unwrap_or_default(),
            retry_of,
        };
        let store = &self.shared.store;
        let id = store.add_analysis(&new, clock::now()).map_err(|e| of_store(&e))?;
        let stored = store.find_analysis(id).map_err(|e| of_store(&e))?;
        let told = stored.map(|stored| self.analyses.board.tell(&stored));
        self.analyses.look();
        told.ok_or_else(|| unknown(&shown::local_id(id)))
    }

    fn stored_analysis(&self, id: &str) -> Result<Option<StoredAnalysis>, Problem> {
        let store = &self.shared.store;
        let found = match shown::local_number(id) {
            // A window may still know it by this, for a moment after the relay has it.
            Some(number) => store.find_analysis(number),
            None if is_here(id) => store.find_analysis_of_job(HERE, id),
            None => store.find_analysis_of_job(&self.analyses.board.relay()?, id),
        };
        found.map_err(|e| of_store(&e))
    }

    /// An analysis as it is stored; one that was never heard of is asked for.
    fn known_analysis(&self, id: &str) -> Result<StoredAnalysis, Problem> {
        if let Some(stored) = self.stored_analysis(id)? {
            return Ok(stored);
        }
        if shown::local_number(id).is_some() || is_here(id) {
            return Err(unknown(id));
        }
        let info = self.analysis(id)?;
        self.analyses.board.hear(&self.analyses.board.relay()?, None, info, None)?;
        self.stored_analysis(id)?.ok_or_else(|| unknown(id))
    }

    pub(crate) fn one_analysis(&self, request: &AnalysisId) -> Result<AnalysisDetail, Problem> {
        let board = &self.analyses.board;
        let of_result = match request.id.starts_with(RESULT) {
            true => Some(self.kept_result(&request.id)?.1),
            false => None,
        };
        let id = of_result.as_ref().map_or(request.id.as_str(), |result| result.job_id.as_str());
        let stored = self.known_analysis(id)?;
        let analysis = board.shown(&stored);
        let info = shown::heard(&stored);
        let told: Option<Value> = match (&of_result, &analysis.result) {
            (Some(result), _) => serde_json::from_str(result.result.get()).ok(),
            (None, Some(result)) => {
                let (_, kept) = self.kept_result(result)?;
                serde_json::from_str(kept.result.get()).ok()
            }
            (None, None) => {
                let live = lock(&board.live).get(id).and_then(|live| live.report.clone());
                match live {
                    Some(report) => Some(report),
                    None => info.as_ref().and_then(|info| info.partial.clone()),
                }
            }
        };
        let is_reachable = !matches!(self.shared.view().phase, Some(Phase::Offline { .. }));
        let events = match info {
            // What happened is good to know; without it the rest is shown all the same.
            Some(info) if is_reachable && !is_here(&info.job_id) => {
                self.analysis_events(&info.job_id, 0).map(|past| past.events).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let report = told.as_ref().map(shown::report);
        Ok(AnalysisDetail { analysis, report, events: shown::events(events) })
    }

    /// A result as the relay answered it: from here where it was looked at before, for it never changes.
    pub(super) fn kept_result(&self, id: &str) -> Result<(String, JobResult), Problem> {
        let board = &self.analyses.board;
        let relay = if is_here(id) { HERE.to_owned() } else { board.relay()? };
        let store = &self.shared.store;
        let understood = |text: &str| serde_json::from_str::<JobResult>(text).ok();
        if let Some(text) = store.find_analysis_result(&relay, id).map_err(|e| of_store(&e))?
            && let Some(result) = understood(&text)
        {
            return Ok((text, result));
        }
        if is_here(id) {
            let message = "what this analysis came to is no more kept here; make it again";
            return Err(Problem::new(ProblemCode::NotFound, message).about(id));
        }
        let client = self.relay_client()?;
        let result = block_on(client.job_result(id))?.map_err(|e| of_job(&e, id))?;
        if blake3::hash(result.result.get().as_bytes()).to_string() != result.digest {
            let message = "the relay's result does not have the digest that it says; ask again, and \
                           tell your administrator if that does not help";
            return Err(Problem::new(ProblemCode::RelayIncompatible, message).about(id));
        }
        let text = serde_json::to_string(&result).unwrap_or_default();
        let kept = store.keep_analysis_result(&relay, id, &text, clock::now());
        kept.map_err(|e| of_store(&e))?;
        Ok((text, result))
    }

    pub(crate) fn end_analysis(&self, request: &AnalysisId) -> Result<Analyses, Problem> {
        let board = &self.analyses.board;
        let stored = self.known_analysis(&request.id)?;
        let Some(job) = &stored.job else {
            if self.shared.store.forget_analysis(stored.id).map_err(|e| of_store(&e))? {
                board.tell_gone(request.id.clone(), None);
            }
            return board.all();
        };
        if let Some(info) = shown::heard(&stored).filter(|_| is_here(job)) {
            self.end_here(&info)?;
            return board.all();
        }
        let info = self.cancel_analysis_at_relay(job)?;
        board.hear(&board.relay()?, None, info, None)?;
        self.analyses.look();
        board.all()
    }

    pub(crate) fn begin_analysis_again(&self, request: &AnalysisId) -> Result<Analysis, Problem> {
        let stored = self.known_analysis(&request.id)?;
        let store = &self.shared.store;
        let Some(info) = shown::heard(&stored) else {
            store.refuse_analysis(stored.id, None).map_err(|e| of_store(&e))?;
            self.analyses.look();
            let now = store.find_analysis(stored.id).map_err(|e| of_store(&e))?;
            return now
                .map(|now| self.analyses.board.tell(&now))
                .ok_or_else(|| unknown(&request.id));
        };
        if !matches!(info.status, JobState::Failed | JobState::Canceled) {
            let message = "only an analysis that failed or was cancelled is tried again";
            return Err(Problem::new(ProblemCode::Blocked, message).about(info.job_id));
        }
        let asked = NewJob { analysis: info.analysis, filter: info.filter, params: info.params };
        if is_here(&info.job_id) {
            return self.begin_here(&asked);
        }
        self.queue_analysis(&asked, Some(info.job_id))
    }

    pub(crate) fn write_result(&self, request: &SaveResult) -> Result<SavedFile, Problem> {
        let (text, result) = self.kept_result(&request.id)?;
        let ending = match request.format {
            ResultFormat::Json => "json",
            ResultFormat::Csv => "csv",
            ResultFormat::Parquet => "parquet",
        };
        let bytes = file_of(text, &result, request)?;
        files::save(request.to.as_deref(), &format!("{}.{ending}", request.id), &bytes)
    }

    pub(crate) fn what_was_told(&self) -> Result<Notifications, Problem> {
        self.analyses.look();
        self.analyses.board.notes()
    }

    pub(crate) fn note_as_read(
        &self,
        request: ReadNotifications,
    ) -> Result<Notifications, Problem> {
        let (client, board) = (self.relay_client()?, &self.analyses.board);
        let which = ReadNotes { id: request.id };
        block_on(client.read_notifications(which))?.map_err(|e| of_relay(&e))?;
        let limit = super::work::NOTES_KEPT;
        let page = block_on(client.notifications(limit))?.map_err(|e| of_relay(&e))?;
        board.hear_notes(&board.relay()?, &page);
        board.notes()
    }
}
