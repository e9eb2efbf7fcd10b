//! Keeps jobs that were asked for.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use kartei_job_core::ATTEMPTS_MAX;
use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::{Access, JobRow, NewJobRow, Submitted};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::find;
use crate::gate::ASK_AGAIN_SECONDS;
use crate::jobs::DEADLINE_MS;
use crate::problem::{ApiCode, Failure};
use crate::random::random_id;
use crate::serve::Relay;

/// A job that is asked for, checked, with all that is chosen when it is.
pub(in crate::routes) struct Submission {
    /// Which analysis, or what else is a job.
    pub(in crate::routes) analysis: String,
    /// Which profiles.
    pub(in crate::routes) filter: Option<String>,
    /// What it is told: JSON.
    pub(in crate::routes) params: String,
    /// What was asked for, word for word: the same key must come with the same.
    pub(in crate::routes) request: Value,
    /// The client's own name for the request.
    pub(in crate::routes) key: Option<String>,
    /// The job that it tries again.
    pub(in crate::routes) retry_of: Option<String>,
}

impl Submission {
    /// A job once more, as it was.
    pub(super) fn again(row: JobRow, key: Option<String>) -> Self {
        let JobRow { id, analysis, filter, params, .. } = row;
        let request = json!({"retry_of": id});
        Self { analysis, filter, params, request, key, retry_of: Some(id) }
    }
}

/// Keeps a job that is to be done; whether it is a new one.
pub(in crate::routes) async fn keep(
    relay: &Arc<Relay>,
    access: &Access,
    asked: Submission,
) -> Result<(JobRow, bool), Failure> {
    let request = serde_json::to_vec(&asked.request);
    let request = Sha256::digest(request.map_err(|e| Failure::internal(&e))?).into();
    let id = random_id("job-").map_err(|e| Failure::internal(&e))?;
    let (shop, access, org) = (Arc::clone(relay.workshop()), access.clone(), access.org);
    let waiting_max = relay.limiter().waiting_jobs();
    let submitted = relay
        .store(move |_| {
            shop.submit(
                access.org,
                &NewJobRow {
                    id: &id,
                    token: access.token,
                    by: &access.name,
                    key: asked.key.as_deref(),
                    request,
                    analysis: &asked.analysis,
                    filter: asked.filter.as_deref(),
                    params: &asked.params,
                    retry_of: asked.retry_of.as_deref(),
                    attempts_max: ATTEMPTS_MAX,
                    deadline_ms: DEADLINE_MS,
                    waiting_max,
                },
            )
        })
        .await?;
    match submitted {
        Submitted::New(row) => Ok((row, true)),
        Submitted::Same(row) if row.deleted_at.is_some() => {
            Ok((find(relay, org, &row.id).await?, false))
        }
        Submitted::Same(row) => Ok((row, false)),
        Submitted::Full => {
            let detail = format!(
                "{waiting_max} analyses of the organisation wait already; ask again when some have \
                 ended, or cancel some"
            );
            let failure =
                Failure::new(StatusCode::TOO_MANY_REQUESTS, ProblemCode::QueueFull, detail);
            Err(failure.header(header::RETRY_AFTER, HeaderValue::from(ASK_AGAIN_SECONDS)))
        }
        Submitted::KeyReused => Err(Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            ApiCode::KeyReused,
            "this `Idempotency-Key` was used for another analysis",
        )),
    }
}
