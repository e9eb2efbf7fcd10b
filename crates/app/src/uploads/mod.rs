//! Uploads: kept in the store, driven on a thread of their own, some files at once.
//!
//! [`Uploads`] is the thread and the way to talk to it. What an upload is survives the program in the store
//! ([`kartei_local_store::StoredUpload`]); how far it is, is asked at the relay when it goes on.

mod commands;
mod engine;
mod file;
mod run;
mod shown;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kartei_local_store::{Store, StoredUpload, UploadState};
use kartei_protocol::desktop::Upload;
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};

use self::shown::Live;
use crate::clock;
use crate::hub::Hub;
use crate::problem::of_store;
use crate::shared::{Shared, place};
use crate::worker::{Order, Worker};

/// Random bits that spread retries; without any, retries are merely not spread.
fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}

/// What uploads tell: the store, the listeners, and how far each is.
pub(crate) struct Board {
    store: Arc<Store>,
    hub: Arc<Hub>,
    live: Mutex<HashMap<u64, Live>>,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").finish_non_exhaustive()
    }
}

impl Board {
    fn live(&self) -> MutexGuard<'_, HashMap<u64, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells how far a running upload is.
    fn show(&self, stored: &StoredUpload, live: &Live) {
        let here = stored.new.relay.as_deref();
        let mut running = stored.clone();
        running.state = UploadState::Waiting;
        let shown = shown::upload(&running, Some(live), here);
        let changed = self.live().insert(stored.id, live.clone()).as_ref() != Some(live);
        if changed {
            self.hub.emit(&HostEvent::Upload { upload: shown });
        }
    }

    /// Says where an upload is from now on. One that was taken off the list meanwhile is passed over.
    fn set(&self, id: u64, state: UploadState, problem: Option<&Problem>) {
        let text = problem.and_then(|problem| serde_json::to_string(problem).ok());
        if let Err(error) = self.store.set_upload_state(id, state, text.as_deref()) {
            tracing::warn!(%error, "An upload's state was not noted");
        }
        self.tell(id);
    }

    fn finish(&self, id: u64, file: &str, problem: Option<&Problem>) {
        if let Err(error) = self.store.finish_upload(id, file, clock::now()) {
            tracing::warn!(%error, "An upload's end was not noted");
        }
        match problem {
            Some(_) => self.set(id, UploadState::Done, problem),
            None => self.tell(id),
        }
    }

    /// Tells an upload as it is stored.
    fn tell(&self, id: u64) {
        self.live().remove(&id);
        if let Ok(upload) = self.upload(id) {
            self.hub.emit(&HostEvent::Upload { upload });
        }
    }

    /// What failed for want of a token that the relay accepts is due again: there may be another one.
    fn revive(&self) -> Result<(), Problem> {
        for stored in self.store.uploads().map_err(|e| of_store(&e))? {
            let problem =
                stored.problem.and_then(|text| serde_json::from_str::<Problem>(&text).ok());
            let was_refused =
                problem.is_some_and(|problem| problem.code == ProblemCode::Unauthorized);
            if stored.state == UploadState::Failed && was_refused {
                self.set(stored.id, UploadState::Waiting, None);
            }
        }
        Ok(())
    }

    fn here(&self) -> Result<Option<String>, Problem> {
        let settings = self.store.sync_settings().map_err(|e| of_store(&e))?;
        Ok(place(&settings))
    }

    fn upload(&self, id: u64) -> Result<Upload, Problem> {
        let stored = self.store.upload(id).map_err(|e| of_store(&e))?;
        let here = self.here()?;
        Ok(shown::upload(&stored, self.live().get(&id), here.as_deref()))
    }

    fn uploads(&self) -> Result<Vec<Upload>, Problem> {
        let stored = self.store.uploads().map_err(|e| of_store(&e))?;
        let here = self.here()?;
        let live = self.live();
        let shown = stored.iter().map(|one| shown::upload(one, live.get(&one.id), here.as_deref()));
        Ok(shown.collect())
    }
}

/// What the thread is told.
#[derive(Debug)]
enum Message {
    /// Something may be due.
    Look,
    Nudge(u64),
    Hold(u64),
    /// It is off the list already; the relay is told too.
    Cancel(Box<StoredUpload>),
    Stop,
}

impl Order for Message {
    const STOP: Self = Self::Stop;

    fn is_stop(&self) -> bool {
        matches!(self, Self::Stop)
    }
}

/// The uploads of a data folder.
#[derive(Debug)]
pub(crate) struct Uploads {
    board: Arc<Board>,
    thread: Worker<Message>,
}

impl Uploads {
    pub(crate) fn new(store: Arc<Store>, hub: Arc<Hub>) -> Self {
        Self {
            board: Arc::new(Board { store, hub, live: Mutex::default() }),
            thread: Worker::default(),
        }
    }

    /// Starts, or starts anew after the relay changed. Does nothing without a relay.
    pub(crate) fn start(&self, shared: &Arc<Shared>) -> Result<(), Problem> {
        self.stop();
        if self.board.here()?.is_none() {
            return Ok(());
        }
        self.board.revive()?;
        let (shared, board) = (Arc::clone(shared), Arc::clone(&self.board));
        self.thread.start("uploads", move |messages, _| {
            let done = crate::sync::block_on(engine::work(shared, board, messages));
            if let Err(problem) = done {
                tracing::error!(code = ?problem.code, "Uploads ended");
            }
        })
    }

    /// Stops and waits. What the relay has stays there, and the rest is sent next time.
    pub(crate) fn stop(&self) {
        self.thread.stop();
        self.board.live().clear();
    }
}
