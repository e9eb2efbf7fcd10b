//! Calibrations at the relay.

use kartei_protocol::calibrations::{
    ActivateAt, CalibrationAnswer, CalibrationEntry, CalibrationList, DryRunAt, FitAt,
    NewCalibration,
};
use kartei_protocol::jobs::JobInfo;
use reqwest::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use reqwest::{RequestBuilder, StatusCode, Url};
use serde::Serialize;

use crate::{RelayClient, RelayError, read};

/// What the answers are of.
const WHAT: &str = "calibration";

impl RelayClient {
    fn calibrations_url(&self, segments: &[&str]) -> Result<Url, RelayError> {
        let mut url = self.url("calibrations")?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        Ok(url)
    }

    fn posted<T: Serialize>(&self, url: Url, body: &T) -> Result<RequestBuilder, RelayError> {
        let body = serde_json::to_vec(body)
            .map_err(|e| RelayError::Incompatible(format!("{WHAT}: {e}")))?;
        Ok(self.http.post(url).body(body).header(CONTENT_TYPE, "application/json"))
    }

    /// All calibrations, with the tag of this answer; nothing where they are as they were in the answer with the tag
    /// `known`.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn calibrations(
        &self,
        known: Option<&str>,
    ) -> Result<Option<(CalibrationList, Option<String>)>, RelayError> {
        let mut request = self.http.get(self.calibrations_url(&[])?);
        if let Some(known) = known {
            request = request.header(IF_NONE_MATCH, known);
        }
        let sent = request.bearer_auth(&self.token).send().await;
        let response = sent.map_err(|e| RelayError::from_http(&e))?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        if !response.status().is_success() {
            return Err(RelayError::from_answer(response).await);
        }
        let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let list = read(response, WHAT).await?;
        Ok(Some((list, tag)))
    }

    /// A calibration with all that it says.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn calibration(&self, version: &str) -> Result<CalibrationAnswer, RelayError> {
        self.answered(self.http.get(self.calibrations_url(&[version])?), WHAT).await
    }

    /// Brings a calibration. The same again changes nothing.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn add_calibration(
        &self,
        brought: &NewCalibration,
    ) -> Result<CalibrationEntry, RelayError> {
        self.answered(self.posted(self.calibrations_url(&[])?, brought)?, WHAT).await
    }

    /// Makes a calibration the one that scores of its schema are by.
    ///
    /// # Errors
    /// [`RelayError`]; refused with 409 where another one is active than the request says.
    pub async fn activate_calibration(
        &self,
        version: &str,
        asked: &ActivateAt,
    ) -> Result<CalibrationEntry, RelayError> {
        let url = self.calibrations_url(&[version, "activate"])?;
        self.answered(self.posted(url, asked)?, WHAT).await
    }

    /// Asks the relay for a calibration of its profiles: a job. `key` names this request: sending it again with the
    /// same one is harmless.
    ///
    /// # Errors
    /// [`RelayError`]; refused with 404 where there is no such schema.
    pub async fn fit_calibration(&self, asked: &FitAt, key: &str) -> Result<JobInfo, RelayError> {
        let request = self.posted(self.calibrations_url(&["fit"])?, asked)?;
        self.answered(request.header("Idempotency-Key", key), WHAT).await
    }

    /// Asks the relay to look whom a calibration moves: a job, named as in
    /// [`fit_calibration`](Self::fit_calibration).
    ///
    /// # Errors
    /// [`RelayError`]; refused with 404 where there is no such calibration.
    pub async fn compare_calibration(
        &self,
        version: &str,
        asked: &DryRunAt,
        key: &str,
    ) -> Result<JobInfo, RelayError> {
        let request = self.posted(self.calibrations_url(&[version, "compare"])?, asked)?;
        self.answered(request.header("Idempotency-Key", key), WHAT).await
    }
}
