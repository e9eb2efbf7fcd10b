//! Analyses as a terminal asks for them: at the relay, and waited for.

use kartei_protocol::calibrations::FitAt;
use kartei_protocol::jobs::{JobEvents, JobInfo, JobPage, JobResult, JobState, NewJob};
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_relay_client::RelayError;

use crate::app::App;
use crate::problem::of_relay;
use crate::random;
use crate::sync;

impl App {
    /// Submits an analysis.
    ///
    /// # Errors
    /// A [`Problem`]: no relay, or what the relay says.
    pub fn submit_analysis(&self, asked: &NewJob) -> Result<JobInfo, Problem> {
        let (client, key) = (self.relay_client()?, random::hex::<16>()?);
        sync::block_on(client.submit_job(asked, &key))?.map_err(|e| of_relay(&e))
    }

    /// Asks the relay for a calibration of the profiles that it has: a job beside the analyses.
    ///
    /// # Errors
    /// As [`App::submit_analysis`].
    pub fn submit_calibration(&self, asked: &FitAt) -> Result<JobInfo, Problem> {
        let (client, key) = (self.relay_client()?, random::hex::<16>()?);
        sync::block_on(client.fit_calibration(asked, &key))?.map_err(|e| of_relay(&e))
    }

    /// A page of analyses, the newest first; `cursor` is `next` of the page before.
    ///
    /// # Errors
    /// As [`App::submit_analysis`].
    pub fn analyses(
        &self,
        status: Option<JobState>,
        cursor: Option<&str>,
    ) -> Result<JobPage, Problem> {
        let client = self.relay_client()?;
        sync::block_on(client.jobs(status, cursor))?.map_err(|e| of_relay(&e))
    }

    /// An analysis, with what is known so far.
    ///
    /// # Errors
    /// As [`App::submit_analysis`]; [`ProblemCode::NotFound`].
    pub fn analysis(&self, id: &str) -> Result<JobInfo, Problem> {
        let client = self.relay_client()?;
        sync::block_on(client.job(id))?.map_err(|e| of_job(&e, id))
    }

    /// What happened to an analysis behind an event.
    ///
    /// # Errors
    /// As [`App::analysis`].
    pub fn analysis_events(&self, id: &str, after_seq: u64) -> Result<JobEvents, Problem> {
        let client = self.relay_client()?;
        sync::block_on(client.job_events(id, after_seq))?.map_err(|e| of_job(&e, id))
    }

    /// Asks for an analysis to end.
    ///
    /// # Errors
    /// As [`App::analysis`].
    pub fn cancel_analysis_at_relay(&self, id: &str) -> Result<JobInfo, Problem> {
        let client = self.relay_client()?;
        sync::block_on(client.cancel_job(id))?.map_err(|e| of_job(&e, id))
    }

    /// Tries an analysis again that failed or was cancelled, as a new one.
    ///
    /// # Errors
    /// As [`App::analysis`]; [`ProblemCode::Blocked`] for one that has not ended so.
    pub fn retry_analysis_at_relay(&self, id: &str) -> Result<JobInfo, Problem> {
        let (client, key) = (self.relay_client()?, random::hex::<16>()?);
        sync::block_on(client.retry_job(id, &key))?.map_err(|e| of_job(&e, id))
    }

    /// A result by its permalink, of the relay or of here.
    ///
    /// # Errors
    /// As [`App::analysis`].
    pub fn analysis_result(&self, id: &str) -> Result<JobResult, Problem> {
        self.kept_result(id).map(|(_, result)| result)
    }
}

pub(super) fn of_job(error: &RelayError, id: &str) -> Problem {
    if let RelayError::Refused { status: 404, .. } = error {
        let message = "the relay knows no such analysis, or is of an earlier version";
        return Problem::new(ProblemCode::NotFound, message).about(id);
    }
    of_relay(error)
}
