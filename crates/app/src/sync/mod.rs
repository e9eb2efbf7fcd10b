//! Syncing: once for the command line, all the time for a window.

mod background;
mod bootstrap;
mod calibrations;
mod compare;
mod exchange;
mod presence;
mod status;

pub(crate) use background::Background;
pub(crate) use calibrations::publish;
pub(crate) use presence::Desk;
pub(crate) use status::{emit_status, status};

use std::sync::Arc;

use kartei_local_store::Session;
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_sync_core::{Effect, Engine, Event};

use self::exchange::Exchange;
use crate::clock;
use crate::shared::Shared;

/// Random bits that spread retries; without any, retries are merely not spread.
fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}

fn engine_now() -> u64 {
    u64::try_from(clock::now()).unwrap_or_default()
}

/// Runs `work` on a small runtime of its own, on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Problem::new(ProblemCode::Internal, format!("start the runtime: {e}")))?;
    Ok(runtime.block_on(work))
}

/// Exchanges everything once.
pub(crate) fn once(shared: &Arc<Shared>, session: &Session) -> Result<(), Problem> {
    let exchange = Exchange::new(Arc::clone(shared), session.clone())?.ok_or_else(|| {
        Problem::new(ProblemCode::NotSignedIn, "no relay: sign in with `kartei login URL`")
    })?;
    block_on(async {
        let mut engine = Engine::new();
        let mut effect = engine.handle(engine_now(), random(), Event::SyncNow);
        loop {
            let step = match effect {
                Some(Effect::Pull) => exchange.pull().await,
                Some(Effect::Push) => exchange.push().await,
                Some(Effect::WakeAt(_)) | None => break,
            };
            match step {
                Ok(event) => effect = engine.handle(engine_now(), random(), event),
                Err(failed) => {
                    exchange.note(&failed)?;
                    return Err(failed.problem);
                }
            }
        }
        exchange.calibrations().await;
        exchange.note_phase(engine.phase())
    })?
}
