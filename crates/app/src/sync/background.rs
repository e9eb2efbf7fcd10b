//! Sync for as long as a window is open: one thread, one small runtime, one engine.

use std::sync::Arc;
use std::time::Duration;

use kartei_local_store::Session;
use kartei_protocol::problem::Problem;
use kartei_relay_client::RelayClient;
use kartei_sync_core::{Effect, Engine, Event, Phase};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;

use crate::problem;
use crate::shared::Shared;
use crate::sync::exchange::Exchange;
use crate::sync::{emit_status, engine_now, presence, random};
use crate::worker::{Order, Worker, ask_aside};

/// Pause before the event stream is opened again. The engine's own poll covers the gap.
const EVENTS_RETRY: Duration = Duration::from_secs(3);

#[derive(Debug)]
enum Message {
    LocalChange,
    SyncNow,
    Head(u64),
    /// The event stream broke: look whether the relay is still there.
    StreamLost,
    Stop,
}

impl Order for Message {
    const STOP: Self = Self::Stop;

    fn is_stop(&self) -> bool {
        matches!(self, Self::Stop)
    }
}

/// The thread and the way to talk to it.
#[derive(Debug, Default)]
pub(crate) struct Background {
    thread: Worker<Message>,
}

impl Background {
    /// Starts, or starts anew after the relay changed. Does nothing without a relay.
    pub(crate) fn start(&self, shared: &Arc<Shared>, session: Session) -> Result<(), Problem> {
        self.stop();
        let settings = shared.store.sync_settings().map_err(|e| problem::of_store(&e))?;
        if !settings.is_signed_in() {
            return Ok(());
        }
        let shared = Arc::clone(shared);
        self.thread.start("sync", move |mut messages, wake| {
            let done = super::block_on(async {
                if let Some(exchange) = connect(&shared, session, &mut messages).await {
                    run(&shared, &exchange, messages, wake).await;
                }
            });
            if let Err(problem) = done {
                tracing::error!(code = ?problem.code, %problem, "Sync ended");
            }
            shared.view().phase = None;
        })
    }

    /// Stops and waits. What was not applied is exchanged again next time.
    pub(crate) fn stop(&self) {
        self.thread.stop();
    }

    pub(crate) fn local_change(&self) {
        self.thread.send(Message::LocalChange);
    }

    pub(crate) fn sync_now(&self) {
        self.thread.send(Message::SyncNow);
    }
}

/// Gets the token, for which the keychain may ask the person to unlock it, and makes the way to the
/// relay. Where the token cannot be had, that is noted, and tried again when a sync is asked for. `None`
/// says that sync was stopped.
async fn connect(
    shared: &Arc<Shared>,
    session: Session,
    messages: &mut UnboundedReceiver<Message>,
) -> Option<Exchange> {
    loop {
        let (asked, of) = (Arc::clone(shared), session.clone());
        let made = ask_aside(messages, move || {
            if let Err(problem) = asked.tokens.settle(&asked.store) {
                tracing::warn!(%problem, "The token stays where it is");
            }
            Exchange::new(asked, of)
        });
        match made.await? {
            Ok(exchange) => return exchange,
            Err(problem) => {
                tracing::warn!(%problem, "Sync waits for the token");
                let text = serde_json::to_string(&problem).unwrap_or_default();
                if let Err(error) = shared.store.note_problem(&text) {
                    tracing::error!(%error, "Failure could not be noted");
                }
                emit_status(shared);
            }
        }
        loop {
            match messages.recv().await {
                Some(Message::Stop) | None => return None,
                Some(Message::SyncNow) => break,
                Some(_) => {}
            }
        }
    }
}

async fn run(
    shared: &Arc<Shared>,
    exchange: &Exchange,
    mut messages: UnboundedReceiver<Message>,
    wake: UnboundedSender<Message>,
) {
    let listener = tokio::spawn(listen(Arc::clone(shared), exchange.client.clone(), wake));
    let mut engine = Engine::new();
    let mut effect = engine.handle(engine_now(), random(), Event::SyncNow);
    let mut wake_at: Option<u64> = None;
    loop {
        show(shared, engine.phase());
        let event = match effect {
            Some(Effect::WakeAt(at)) => {
                wake_at = Some(at);
                effect = None;
                continue;
            }
            Some(step @ (Effect::Pull | Effect::Push)) => {
                let work = async {
                    if step == Effect::Pull { exchange.pull().await } else { exchange.push().await }
                };
                // Stopping drops the request in mid-air; the store is changed only after it.
                let done = tokio::select! {
                    done = work => done,
                    () = stop_comes(&mut messages, &mut engine) => break,
                };
                match done {
                    Ok(event) => event,
                    Err(failed) => {
                        tracing::warn!(code = ?failed.problem.code, problem = %failed.problem, "Sync step failed");
                        if let Err(problem) = exchange.note(&failed) {
                            tracing::error!(code = ?problem.code, %problem, "Failure could not be noted");
                        }
                        Event::Failed(failed.failure)
                    }
                }
            }
            None => {
                let pause = async {
                    match wake_at {
                        Some(at) => {
                            let left = at.saturating_sub(engine_now());
                            tokio::time::sleep_until(Instant::now() + Duration::from_millis(left))
                                .await;
                        }
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    message = messages.recv() => match message {
                        Some(Message::Stop) | None => break,
                        Some(message) => to_event(shared, &message),
                    },
                    () = pause => {
                        wake_at = None;
                        Event::Woke
                    }
                }
            }
        };
        let before = engine.phase();
        effect = engine.handle(engine_now(), random(), event);
        if before == Phase::Syncing && engine.phase() == Phase::UpToDate {
            exchange.calibrations().await;
            if let Err(problem) = exchange.note_phase(engine.phase()) {
                tracing::error!(code = ?problem.code, %problem, "End of sync could not be noted");
            }
            let mut view = shared.view();
            (view.exchanged, view.remaining) = (0, 0);
        }
    }
    listener.abort();
    shared.desk.cut_off(&shared.hub);
}

/// Takes messages while a step runs; ends when a stop is asked for.
async fn stop_comes(messages: &mut UnboundedReceiver<Message>, engine: &mut Engine) {
    loop {
        match messages.recv().await {
            Some(Message::Stop) | None => return,
            // During a cycle the engine only notes that another is due.
            Some(_) => {
                engine.handle(engine_now(), random(), Event::LocalChange);
            }
        }
    }
}

fn to_event(shared: &Shared, message: &Message) -> Event {
    match message {
        Message::Head(head_rev) => {
            let settings = shared.store.sync_settings().ok();
            let complete_rev = settings.and_then(|s| s.cursor).map_or(0, |cursor| cursor.base);
            Event::HeadNotice { head_rev: *head_rev, complete_rev }
        }
        Message::SyncNow => Event::SyncNow,
        Message::LocalChange | Message::StreamLost | Message::Stop => Event::LocalChange,
    }
}

fn show(shared: &Shared, phase: Phase) {
    let changed = {
        let mut view = shared.view();
        let changed = view.phase != Some(phase);
        view.phase = Some(phase);
        changed
    };
    if changed {
        emit_status(shared);
    }
}

/// Asks what the token may do: an administrator may have changed it since it was signed in with.
async fn learn_role(shared: &Shared, client: &RelayClient) {
    // Without an answer what was known stays; the next connection asks again.
    let Ok(who) = client.who_am_i().await else { return };
    match shared.store.note_role(&who.role) {
        Ok(true) => emit_status(shared),
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "The token's role could not be noted"),
    }
}

async fn listen(shared: Arc<Shared>, client: RelayClient, wake: UnboundedSender<Message>) {
    loop {
        // A name of its own for each connection: the relay ends what the one before had open.
        let session = presence::session_name();
        if let Ok(notices) = client.events(session.as_deref()).await {
            let tell = |head_rev| wake.send(Message::Head(head_rev)).is_ok();
            tokio::select! {
                () = presence::hear(&shared, notices, tell) => {}
                _ = async { tokio::join!(
                    presence::report(&shared, &client, session),
                    learn_role(&shared, &client),
                ) } => {}
            }
            shared.desk.cut_off(&shared.hub);
            if wake.send(Message::StreamLost).is_err() {
                return;
            }
        }
        tokio::time::sleep(EVENTS_RETRY).await;
    }
}
