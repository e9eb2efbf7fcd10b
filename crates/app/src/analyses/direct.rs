//! Analyses as a terminal asks for them: at the relay, and waited for.

use kartei_protocol::calibrations::{CalibrationEntry, CalibrationStage, DryRunAt, FitAt};
use kartei_protocol::jobs::{JobEvents, JobInfo, JobPage, JobResult, JobState, NewJob};
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_relay_client::RelayError;

use crate::app::App;
use crate::behavior::the_one;
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

    /// Asks the relay to move its active calibration of a schema on to another moment, with the same fit: a job. It is
    /// activated then where that is wanted and it does not move too many.
    ///
    /// # Errors
    /// As [`App::submit_analysis`]; [`ProblemCode::NotFound`] where none of the schema is active there.
    pub fn submit_roll(
        &self,
        schema: &str,
        as_of: Option<String>,
        activate: bool,
    ) -> Result<JobInfo, Problem> {
        let is_it =
            |one: &CalibrationEntry| one.schema == schema && one.stage == CalibrationStage::Active;
        let active = self.calibrations_at_relay()?.into_iter().find(is_it).ok_or_else(|| {
            let message = format!("no calibration of schema `{schema}` is active at the relay");
            Problem::new(ProblemCode::NotFound, message).about(schema)
        })?;
        let same_fit_as = Some(active.version);
        self.submit_calibration(&FitAt { same_fit_as, as_of, activate, ..FitAt::default() })
    }

    /// Asks the relay to look whom a calibration moves, against the one that is active there or another one: a job.
    /// Versions may be beginnings of them.
    ///
    /// # Errors
    /// As [`App::submit_analysis`]; [`ProblemCode::NotFound`].
    pub fn submit_dry_run(&self, version: &str, with: Option<&str>) -> Result<JobInfo, Problem> {
        let all = self.calibrations_at_relay()?;
        let whole = |beginning: &str| {
            let found = the_one(all.clone(), |one| &one.version, beginning, "at the relay");
            found.map(|one| one.version)
        };
        let (version, with) = (whole(version)?, with.map(whole).transpose()?);
        let asked = DryRunAt { with };
        let (client, key) = (self.relay_client()?, random::hex::<16>()?);
        let submitted = client.compare_calibration(&version, &asked, &key);
        sync::block_on(submitted)?.map_err(|e| of_relay(&e))
    }

    fn calibrations_at_relay(&self) -> Result<Vec<CalibrationEntry>, Problem> {
        let client = self.relay_client()?;
        let list = sync::block_on(client.calibrations(None))?.map_err(|e| of_relay(&e))?;
        Ok(list.map(|(list, _)| list.calibrations).unwrap_or_default())
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
