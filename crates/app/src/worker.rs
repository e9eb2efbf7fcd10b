//! A thread that does what it is told, for as long as a window is open.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use kartei_protocol::problem::{Problem, ProblemCode};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// What such a thread is told.
pub(crate) trait Order: Send + 'static {
    /// The last one.
    const STOP: Self;

    /// Whether it is the last one.
    fn is_stop(&self) -> bool;
}

type Running<M> = Option<(UnboundedSender<M>, JoinHandle<()>)>;

/// The thread, and the way to talk to it.
#[derive(Debug)]
pub(crate) struct Worker<M> {
    running: Mutex<Running<M>>,
}

impl<M> Default for Worker<M> {
    fn default() -> Self {
        Self { running: Mutex::default() }
    }
}

impl<M: Order> Worker<M> {
    /// Starts it, after the one before has ended. `work` gets the orders, and the way to give itself some.
    pub(crate) fn start(
        &self,
        name: &str,
        work: impl FnOnce(UnboundedReceiver<M>, UnboundedSender<M>) + Send + 'static,
    ) -> Result<(), Problem> {
        self.stop();
        let (sender, receiver) = unbounded_channel();
        let own = sender.clone();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(receiver, own))
            .map_err(|e| {
                Problem::new(ProblemCode::Internal, format!("start the {name} thread: {e}"))
            })?;
        *self.lock() = Some((sender, thread));
        Ok(())
    }

    /// Stops it and waits.
    pub(crate) fn stop(&self) {
        let running = self.lock().take();
        if let Some((sender, thread)) = running {
            let _ = sender.send(M::STOP);
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }

    /// Tells it something; nobody hears it where none runs.
    pub(crate) fn send(&self, order: M) {
        if let Some((sender, _)) = self.lock().as_ref() {
            let _ = sender.send(order);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running<M>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until it is told to stop. What else comes meanwhile is passed over.
pub(crate) async fn stop_is_asked<M: Order>(orders: &mut UnboundedReceiver<M>) {
    while orders.recv().await.is_some_and(|order| !order.is_stop()) {}
}

/// Does what may wait for a person, as a keychain does that has to be unlocked, on a thread that nobody waits
/// for once this one is stopped. `None` says that it was, or that the system gives no thread.
pub(crate) async fn ask_aside<M: Order, T: Send + 'static>(
    orders: &mut UnboundedReceiver<M>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    let asking = std::thread::Builder::new().name("token".to_owned()).spawn(move || {
        // Nobody listens any more where this was stopped meanwhile.
        let _ = answer.send(work());
    });
    if let Err(error) = asking {
        tracing::error!(%error, "The system gives no thread for the keychain");
        return None;
    }
    tokio::select! {
        answer = answered => answer.ok(),
        () = stop_is_asked(orders) => None,
    }
}

/// The way to the relay, as soon as there is one: asked for anew with every order. `blocked` is told why there is none
/// yet. `None` says that nobody is signed in, or that this was stopped.
pub(crate) async fn connect<M: Order, C: Send + 'static>(
    orders: &mut UnboundedReceiver<M>,
    ask: impl Fn() -> Result<Option<C>, Problem> + Clone + Send + 'static,
    blocked: impl Fn(Problem),
) -> Option<C> {
    loop {
        match ask_aside(orders, ask.clone()).await? {
            Ok(client) => return client,
            Err(problem) => blocked(problem),
        }
        if orders.recv().await.is_none_or(|order| order.is_stop()) {
            return None;
        }
    }
}
