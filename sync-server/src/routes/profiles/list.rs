//! Lists of profiles.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use kartei_filter::Expr;
use kartei_live_list::{Order, OrderKey};
use kartei_protocol::problem::ProblemCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use crate::auth::Caller;
use crate::lists::{ListError, Question, page};
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::serve::Relay;
use crate::wire::ProfileList;

/// Profiles of a page, unless another number is asked for, and at most.
const ROWS: usize = 100;
pub(crate) const ROWS_MAX: usize = 1_000;

/// Which profiles, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// A filter, such as `tag:vip age>=30 city:"Bern"`; the same language as on the desktop.
    filter: Option<String>,
    /// `id`, `display_name`, `changed`, `observations`, `last_observation` or `attributes.KEY`; with
    /// a minus in front the greatest first.
    sort: Option<String>,
    /// Where to go on: the `next` of the page before.
    cursor: Option<String>,
    /// Profiles at most. Less than 1 counts as 1, and more than 1,000 as 1,000.
    limit: Option<usize>,
}

/// Profiles that fit a filter
///
/// Page by page, by the place of the last profile and never by counting rows: what changes meanwhile
/// neither repeats a profile nor hides one that stayed where it was.
#[utoipa::path(
    get,
    path = "/profiles",
    tag = "profiles",
    params(Asked),
    responses(
        (status = 200, description = "A page", body = ProfileList),
        (status = 400, description = "A filter that cannot be read, with `range` in bytes; a wrong parameter or cursor", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn list(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<ProfileList>, Failure> {
    let Query(asked) = asked?;
    let question = Question {
        filter: filter_of(asked.filter.as_deref())?,
        order: order_of(asked.sort.as_deref().unwrap_or("id"))?,
        after: asked.cursor,
        limit: asked.limit.unwrap_or(ROWS).clamp(1, ROWS_MAX),
    };
    let worker = Arc::clone(&relay);
    let listed =
        relay.store(move |store| page(worker.lists(), store, access.org, &question)).await?;
    Ok(Json(ProfileList {
        profiles: listed.rows.into_iter().map(Into::into).collect(),
        total: listed.total,
        next: listed.next,
        revision: listed.rev,
    }))
}

/// A filter as it is asked for; 400 with the place of a mistake.
pub(in crate::routes) fn filter_of(text: Option<&str>) -> Result<Option<Expr>, Failure> {
    let expr = text.map(kartei_filter::parse).transpose().map_err(|wrong| {
        Failure::new(StatusCode::BAD_REQUEST, ProblemCode::InvalidFilter, wrong.message.clone())
            .with("range", json!([wrong.range.start, wrong.range.end]))
            .with("suggestion", json!(wrong.suggestion))
    })?;
    if let Some(score) = expr.as_ref().and_then(Expr::score) {
        let message = format!(
            "the relay's lists know no scores, so not `score.{score}`; the desktop's do, and \
             GET /profiles/ID/behavior tells those of one profile"
        );
        return Err(Failure::new(StatusCode::BAD_REQUEST, ProblemCode::InvalidFilter, message));
    }
    Ok(expr)
}

fn order_of(text: &str) -> Result<Order, Failure> {
    let (by, descending) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let by = match by {
        "id" => OrderKey::Id,
        "display_name" => OrderKey::Name,
        "changed" => OrderKey::Changed,
        "observations" => OrderKey::Observations,
        "last_observation" => OrderKey::LastObservation,
        other => match other.strip_prefix("attributes.") {
            Some(key) if !key.is_empty() => OrderKey::Attribute(key.to_owned()),
            _ => {
                return Err(Failure::invalid(format!(
                    "`sort` is id, display_name, changed, observations, last_observation or \
                     attributes.KEY, and not `{other}`"
                )));
            }
        },
    };
    Ok(Order { by, descending })
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Cursor => Self::invalid("the cursor is none of this list"),
            ListError::Store(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}
