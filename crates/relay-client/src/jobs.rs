//! Analyses at the relay.

use kartei_protocol::jobs::{
    JobEvents, JobInfo, JobPage, JobResult, JobState, NewJob, NotePage, NotesRead, ReadNotes,
};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{RequestBuilder, Url};
use serde::de::DeserializeOwned;

use crate::{JobNotices, RelayClient, RelayError};

impl RelayClient {
    fn jobs_url(&self, segments: &[&str]) -> Result<Url, RelayError> {
        let mut url = self.url("analyze")?;
        if let Ok(mut path) = url.path_segments_mut() {
            // Ids are data: they are encoded, and lead nowhere else.
            path.extend(segments);
        }
        Ok(url)
    }

    async fn told<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, RelayError> {
        self.answered(request, "analysis").await
    }

    /// Submits an analysis. `key` names this request: sending it again with the same one is harmless.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn submit_job(&self, asked: &NewJob, key: &str) -> Result<JobInfo, RelayError> {
        let body = serde_json::to_vec(asked)
            .map_err(|e| RelayError::Incompatible(format!("analysis: {e}")))?;
        let request = self.http.post(self.jobs_url(&["jobs"])?).body(body);
        let request = request.header(CONTENT_TYPE, "application/json");
        self.told(request.header("Idempotency-Key", key)).await
    }

    /// A page of analyses, the newest first.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn jobs(
        &self,
        status: Option<JobState>,
        cursor: Option<&str>,
    ) -> Result<JobPage, RelayError> {
        let mut url = self.jobs_url(&["jobs"])?;
        if let Some(status) = status {
            url.query_pairs_mut().append_pair("status", status.word());
        }
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        self.told(self.http.get(url)).await
    }

    /// An analysis, with what is known so far.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn job(&self, id: &str) -> Result<JobInfo, RelayError> {
        self.told(self.http.get(self.jobs_url(&["jobs", id])?)).await
    }

    /// What happened to an analysis behind an event.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn job_events(&self, id: &str, after_seq: u64) -> Result<JobEvents, RelayError> {
        let mut url = self.jobs_url(&["jobs", id, "events"])?;
        url.query_pairs_mut().append_pair("after_seq", &after_seq.to_string());
        self.told(self.http.get(url)).await
    }

    /// Asks for an analysis to end. The same again changes nothing.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn cancel_job(&self, id: &str) -> Result<JobInfo, RelayError> {
        self.told(self.http.post(self.jobs_url(&["jobs", id, "cancel"])?)).await
    }

    /// Tries an analysis again that failed or was cancelled, as a new one.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn retry_job(&self, id: &str, key: &str) -> Result<JobInfo, RelayError> {
        let request = self.http.post(self.jobs_url(&["jobs", id, "retry"])?);
        self.told(request.header("Idempotency-Key", key)).await
    }

    /// A result by its permalink.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn job_result(&self, id: &str) -> Result<JobResult, RelayError> {
        self.told(self.http.get(self.jobs_url(&["results", id])?)).await
    }

    /// Follows an analysis from behind an event.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn follow_job(&self, id: &str, after_seq: u64) -> Result<JobNotices, RelayError> {
        let mut url = self.jobs_url(&["jobs", id, "events"])?;
        url.query_pairs_mut().append_pair("after_seq", &after_seq.to_string());
        let request = self.http.get(url).header(ACCEPT, "text/event-stream");
        Ok(JobNotices::new(self.send(request).await?))
    }

    /// What the person of the token was told, the newest first.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn notifications(&self, limit: usize) -> Result<NotePage, RelayError> {
        let mut url = self.url("notifications")?;
        url.query_pairs_mut().append_pair("limit", &limit.to_string());
        self.told(self.http.get(url)).await
    }

    /// Marks one of them as read, or all.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn read_notifications(&self, which: ReadNotes) -> Result<NotesRead, RelayError> {
        let body = serde_json::to_vec(&which)
            .map_err(|e| RelayError::Incompatible(format!("notifications: {e}")))?;
        let request = self.http.post(self.url("notifications/read")?).body(body);
        self.told(request.header(CONTENT_TYPE, "application/json")).await
    }
}
