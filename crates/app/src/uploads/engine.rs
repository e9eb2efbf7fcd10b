//! Which uploads run, and when.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::sync::Arc;
use std::time::Duration;

use kartei_local_store::{StoredUpload, UploadState};
use kartei_protocol::problem::Problem;
use kartei_relay_client::RelayClient;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::run::{Control, Run};
use super::{Board, Message};
use crate::shared::Shared;
use crate::worker::connect;

/// Files at once: each has several streams, and one that waits for its answer leaves the link to the other.
const FILES_AT_ONCE: usize = 2;

/// Another program may have added an upload to this data folder, or have ended: looked for so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Held by the program that sends the data folder's uploads, so that two do not send the same bytes.
const LOCK_FILE: &str = "uploads.lock";

/// Runs uploads until it is stopped.
pub(super) async fn work(
    shared: Arc<Shared>,
    board: Arc<Board>,
    mut messages: UnboundedReceiver<Message>,
) {
    let Some(_lock) = take_turn(&board, &mut messages).await else { return };
    let asked = move || shared.transfers();
    let blocked =
        |problem: Problem| tracing::warn!(code = ?problem.code, "Uploads wait for the token");
    let Some(client) = connect(&mut messages, asked, blocked).await else { return };
    let mut engine = Engine { board, client, controls: HashMap::new(), runs: JoinSet::new() };
    loop {
        engine.start_due();
        tokio::select! {
            message = messages.recv() => match message {
                Some(Message::Stop) | None => return,
                Some(message) => engine.take(message),
            },
            Some(ended) = engine.runs.join_next() => {
                if let Ok(Some(id)) = ended {
                    engine.controls.remove(&id);
                }
            }
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Waits until no other program sends this data folder's uploads; nothing where it is stopped meanwhile.
async fn take_turn(board: &Board, messages: &mut UnboundedReceiver<Message>) -> Option<File> {
    let path = board.store.folder().join(LOCK_FILE);
    loop {
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        match file.map(|file| (file.try_lock(), file)) {
            Ok((Ok(()), file)) => return Some(file),
            Ok((Err(TryLockError::WouldBlock), _)) => {}
            Ok((Err(TryLockError::Error(error)), file)) => {
                // A file system without locks: two programs at once cost bytes, nothing more.
                tracing::warn!(%error, "Uploads are not locked");
                return Some(file);
            }
            Err(error) => {
                tracing::error!(%error, "The uploads' lock cannot be opened");
                return None;
            }
        }
        tokio::select! {
            message = messages.recv() => if matches!(message, Some(Message::Stop) | None) {
                return None;
            },
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

struct Engine {
    board: Arc<Board>,
    client: RelayClient,
    controls: HashMap<u64, UnboundedSender<Control>>,
    /// Each answers its upload; those without one only tell the relay of an end.
    runs: JoinSet<Option<u64>>,
}

impl Engine {
    fn take(&mut self, message: Message) {
        let (id, control) = match message {
            Message::Nudge(id) => (id, Control::Nudge),
            Message::Hold(id) => (id, Control::Hold),
            Message::Cancel(upload) => {
                let id = upload.id;
                if !self.controls.contains_key(&id) {
                    return self.abort(*upload);
                }
                (id, Control::Cancel)
            }
            Message::Look | Message::Stop => return,
        };
        if let Some(run) = self.controls.get(&id) {
            // It may have ended by itself.
            let _ = run.send(control);
        }
    }

    /// Ends the session of an upload that does not run.
    fn abort(&mut self, upload: StoredUpload) {
        let client = self.client.clone();
        self.runs.spawn(async move {
            if let Some(session) = upload.session
                && let Err(error) = client.abort_upload(&session).await
            {
                // It expires by itself.
                tracing::info!(code = error.failure.code, "An upload's session was not ended");
            }
            None
        });
    }

    /// Starts what is next, the oldest first; stops what another program held or took off the list.
    fn start_due(&mut self) {
        let (stored, here) = match (self.board.store.uploads(), self.board.here()) {
            (Ok(stored), Ok(here)) => (stored, here),
            (Err(error), _) => return tracing::warn!(%error, "Uploads cannot be read"),
            (_, Err(problem)) => return tracing::warn!(%problem, "Uploads cannot be read"),
        };
        for (id, run) in &self.controls {
            let control = match stored.iter().find(|upload| upload.id == *id) {
                None => Control::Cancel,
                Some(upload) if upload.state == UploadState::Paused => Control::Hold,
                Some(_) => continue,
            };
            // It may have ended by itself.
            let _ = run.send(control);
        }
        let is_due = |upload: &StoredUpload| {
            upload.state == UploadState::Waiting && upload.new.relay == here
        };
        for upload in stored.into_iter().rev().filter(is_due) {
            if self.controls.len() >= FILES_AT_ONCE {
                return;
            }
            let id = upload.id;
            if self.controls.contains_key(&id) {
                continue;
            }
            let (sender, controls) = unbounded_channel();
            self.controls.insert(id, sender);
            let (board, client) = (Arc::clone(&self.board), self.client.clone());
            let run = Run { board, client, upload, controls };
            self.runs.spawn(async move {
                run.drive().await;
                Some(id)
            });
        }
    }
}
