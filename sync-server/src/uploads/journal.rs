//! What is durable is noted: sessions that wait meanwhile share a transaction.

use std::sync::{Arc, Mutex, PoisonError};

use kartei_relay_store::{Noted, UploadNote};
use tokio::sync::oneshot;

use crate::problem::Failure;
use crate::serve::Relay;

type Waiting = (UploadNote, oneshot::Sender<Result<Noted, Lost>>);

/// Notes that wait for the next transaction.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    waiting: Mutex<(Vec<Waiting>, bool)>,
}

/// Why there is no answer; the details are in the log already.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("what came could not be noted")]
enum Lost {
    Away,
    Failed,
}

/// Notes what landed. When this answers it is in the database.
pub(super) async fn note(relay: &Arc<Relay>, note: UploadNote) -> Result<Noted, Failure> {
    let (sender, answer) = oneshot::channel();
    let begins = {
        let mut waiting = relay.uploads().journal().lock();
        waiting.0.push((note, sender));
        !std::mem::replace(&mut waiting.1, true)
    };
    if begins {
        let relay = Arc::clone(relay);
        tokio::spawn(async move { while write(&relay).await {} });
    }
    match answer.await.unwrap_or(Err(Lost::Failed)) {
        Ok(noted) => Ok(noted),
        Err(Lost::Away) => Err(Failure::unavailable()),
        Err(failed) => Err(Failure::internal(&failed)),
    }
}

/// Writes what waits; `false` where nothing does.
async fn write(relay: &Arc<Relay>) -> bool {
    let taken = {
        let mut waiting = relay.uploads().journal().lock();
        let taken = std::mem::take(&mut waiting.0);
        waiting.1 = !taken.is_empty();
        taken
    };
    if taken.is_empty() {
        return false;
    }
    let (notes, senders): (Vec<UploadNote>, Vec<_>) = taken.into_iter().unzip();
    let count = notes.len();
    let answers: Vec<Result<Noted, Lost>> =
        match relay.store(move |store| store.note_landed(&notes)).await {
            Ok(noted) => noted.into_iter().map(Ok).collect(),
            Err(failure) => {
                let why = if failure.is_away() { Lost::Away } else { Lost::Failed };
                vec![Err(why); count]
            }
        };
    for (sender, answer) in senders.into_iter().zip(answers) {
        // A request that was dropped takes no answer.
        let _ = sender.send(answer);
    }
    true
}

impl Journal {
    fn lock(&self) -> std::sync::MutexGuard<'_, (Vec<Waiting>, bool)> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
