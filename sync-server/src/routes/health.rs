//! Whether the relay is alive, and whether it can do something for anybody.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use kartei_protocol::problem::ProblemCode;

use crate::problem::Failure;
use crate::serve::Relay;

pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// The database answers, and the relay does not stop. Who balances between relays leaves one that says otherwise alone.
///
/// # Errors
/// 503.
pub(crate) async fn readyz(State(relay): State<Arc<Relay>>) -> Result<&'static str, Failure> {
    let not_ready =
        |detail| Failure::new(StatusCode::SERVICE_UNAVAILABLE, ProblemCode::RelayFailed, detail);
    if relay.is_leaving() {
        return Err(not_ready("the relay stops"));
    }
    let asked = relay.store(kartei_relay_store::RelayStore::open_jobs).await;
    // Why is in the log already.
    asked.map(|_| "ok\n").map_err(|_| not_ready("the relay's database does not answer"))
}
