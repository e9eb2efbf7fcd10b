//! Scores of lists, made in the background for as long as a window is open.
//!
//! ```text
//! HostEvent::ProfilesChanged, Calibrated; a page that lacks some ─▶ thread: Store::make_scores, part after part ─▶ HostEvent::ProfilesChanged
//! ```
//! Lists read anew then, and say how many profiles still wait.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kartei_local_store::scoring_threads;
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::Problem;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;

use crate::hub::Hub;
use crate::problem::of_store;
use crate::shared::Shared;
use crate::worker::{Order, Worker};

/// How often lists are told that there are more, at most.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// What the thread is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Something changed.
    Look,
    Stop,
}

impl Order for Work {
    const STOP: Self = Self::Stop;

    fn is_stop(&self) -> bool {
        *self == Self::Stop
    }
}

/// The thread that makes them.
#[derive(Debug)]
pub(crate) struct ListScores(Arc<Worker<Work>>);

impl ListScores {
    pub(crate) fn new(hub: &Hub) -> Self {
        let worker = Arc::new(Worker::default());
        let told = Arc::clone(&worker);
        hub.subscribe(move |event| {
            if matches!(event, HostEvent::ProfilesChanged { .. } | HostEvent::Calibrated) {
                told.send(Work::Look);
            }
        });
        Self(worker)
    }

    pub(crate) fn start(&self, shared: &Arc<Shared>) -> Result<(), Problem> {
        let shared = Arc::clone(shared);
        self.0.start(
            "scores",
            move |mut orders, _| {
                while look(&shared, &mut orders) && wait(&mut orders) {}
            },
        )
    }

    /// A list lacks scores, whoever wrote what has none.
    pub(crate) fn look(&self) {
        self.0.send(Work::Look);
    }

    pub(crate) fn stop(&self) {
        self.0.stop();
    }
}

/// Waits for the next change; says whether there is one.
fn wait(orders: &mut UnboundedReceiver<Work>) -> bool {
    orders.blocking_recv().is_some_and(|order| !order.is_stop())
}

/// Takes what came meanwhile; says whether to go on.
fn goes_on(orders: &mut UnboundedReceiver<Work>) -> bool {
    loop {
        match orders.try_recv() {
            Ok(order) if order.is_stop() => return false,
            Ok(_) => {}
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
}

/// Makes what is missing; says whether to go on.
fn look(shared: &Shared, orders: &mut UnboundedReceiver<Work>) -> bool {
    let mut told_at: Option<Instant> = None;
    let mut stopped = !goes_on(orders);
    let mut untold = false;
    let made = shared.store.make_scores(scoring_threads(), |_| {
        stopped = stopped || !goes_on(orders);
        untold = told_at.is_some_and(|at| at.elapsed() < TOLD_EVERY);
        if !untold {
            told_at = Some(Instant::now());
            shared.hub.profiles_changed();
        }
        if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if let Err(error) = made {
        let problem = of_store(&error);
        tracing::warn!(code = ?problem.code, %problem, "Scores of lists are not made");
    }
    if untold {
        shared.hub.profiles_changed();
    }
    !stopped
}
