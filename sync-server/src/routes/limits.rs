//! What the relay takes: the constants that it enforces, and no copies of them.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::profiles::RECORD_BYTES_MAX;
use super::profiles::imports::BODY_BYTES_MAX;
use super::profiles::list::ROWS_MAX;
use crate::export::EXPORTS;
use crate::gate::{ASK_AGAIN_SECONDS, Limit};
use crate::import::{IMPORTS, VALIDATE_BYTES_MAX, VALIDATE_LINES_MAX};

/// How many of something run at once; beyond that 429.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AtOnce {
    /// Of one organisation, on one relay.
    organisation: usize,
    /// Of all organisations, on one relay.
    relay: usize,
    /// The `Retry-After` of an answer beyond it.
    retry_after_seconds: u64,
}

/// Limits of the interface. Beyond sizes the answer is 413, beyond numbers at once 429.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Limits {
    /// Bytes of one record, and of one line.
    record_bytes: usize,
    /// Bytes of the body of an import, as it comes.
    import_bytes: u64,
    /// Bytes of it, inflated.
    import_inflated_bytes: u64,
    /// Lines of an import.
    import_lines: u64,
    /// Lines of `POST /profiles/validate`.
    validate_lines: u64,
    /// Bytes of it, as they come and inflated.
    validate_bytes: usize,
    /// Profiles of a page.
    page_profiles: usize,
    /// Imports at once.
    imports: AtOnce,
    /// Exports at once.
    exports: AtOnce,
}

/// Limits
#[utoipa::path(
    get,
    path = "/limits",
    tag = "limits",
    responses((status = 200, description = "What this relay takes", body = Limits)),
)]
pub(crate) async fn limits() -> Json<Limits> {
    let at_once = |limit: Limit| AtOnce {
        organisation: limit.of_one,
        relay: limit.of_all,
        retry_after_seconds: ASK_AGAIN_SECONDS,
    };
    let files = kartei_ndjson::Limits::default();
    Json(Limits {
        record_bytes: RECORD_BYTES_MAX,
        import_bytes: BODY_BYTES_MAX,
        import_inflated_bytes: files.inflated_bytes,
        import_lines: files.lines,
        validate_lines: VALIDATE_LINES_MAX,
        validate_bytes: VALIDATE_BYTES_MAX,
        page_profiles: ROWS_MAX,
        imports: at_once(IMPORTS),
        exports: at_once(EXPORTS),
    })
}
