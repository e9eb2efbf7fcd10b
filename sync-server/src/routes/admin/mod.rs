//! What administrators of an organisation see and do: their own organisation's, and nobody else's.

pub(in crate::routes) mod audit;
pub(in crate::routes) mod queue;
pub(in crate::routes) mod retention;
pub(in crate::routes) mod webhook;

use axum::http::StatusCode;
use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::{Access, Role};

use crate::problem::Failure;

/// Only tokens of administrators come here.
fn may_administer(access: &Access) -> Result<(), Failure> {
    if access.role == Role::Admin {
        return Ok(());
    }
    let detail = "only an administrator's token may do this";
    Err(Failure::new(StatusCode::FORBIDDEN, ProblemCode::Forbidden, detail))
}
