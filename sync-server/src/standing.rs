//! Who asks, and where their organisation stands: one question for all requests that wait.
//!
//! ```text
//! requests ─▶ waiting ─▶ one question at a time ─▶ answers
//!               ▲ those that come meanwhile wait for the next one
//! ```
//! A question begins after all of its requests have arrived. So its answer holds for them: a token
//! that was revoked before is refused, and what was acknowledged before, by any relay, is counted in
//! the revision.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kartei_relay_store::Standing;
use tokio::sync::oneshot;

use crate::admin::now;
use crate::problem::Failure;
use crate::serve::Relay;

type Answer = Result<Option<Standing>, Unchecked>;

/// Requests that wait for their answers.
#[derive(Debug, Default)]
pub(crate) struct Standings {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    by_token: HashMap<String, Vec<oneshot::Sender<Answer>>>,
    is_asking: bool,
}

/// Why there is no answer; the details are in the log already.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the token could not be checked")]
enum Unchecked {
    /// The database is away just now.
    Away,
    Failed,
}

/// Who this token belongs to, and the newest revision of their organisation; `None` where it is
/// unknown or revoked. Not older than this call.
pub(crate) async fn standing(relay: &Arc<Relay>, token: &str) -> Result<Option<Standing>, Failure> {
    let (sender, answer) = oneshot::channel();
    let begins = {
        let mut waiting = relay.standings().lock();
        waiting.by_token.entry(token.to_owned()).or_default().push(sender);
        !std::mem::replace(&mut waiting.is_asking, true)
    };
    if begins {
        let relay = Arc::clone(relay);
        tokio::spawn(async move { while ask(&relay).await {} });
    }
    match answer.await.unwrap_or(Err(Unchecked::Failed)) {
        Ok(standing) => Ok(standing),
        Err(Unchecked::Away) => Err(Failure::unavailable()),
        Err(failed) => Err(Failure::internal(&failed)),
    }
}

/// Asks for all who wait; `false` where nobody does.
async fn ask(relay: &Relay) -> bool {
    let by_token = {
        let mut waiting = relay.standings().lock();
        let taken = std::mem::take(&mut waiting.by_token);
        waiting.is_asking = !taken.is_empty();
        taken
    };
    if by_token.is_empty() {
        return false;
    }
    let (tokens, senders): (Vec<String>, Vec<_>) = by_token.into_iter().unzip();
    let found = relay.store(move |store| store.standings(&tokens, now())).await;
    let answers: Vec<Answer> = match found {
        Ok(found) => found.into_iter().map(Ok).collect(),
        Err(failure) => {
            let why = if failure.is_away() { Unchecked::Away } else { Unchecked::Failed };
            senders.iter().map(|_| Err(why)).collect()
        }
    };
    for (senders, answer) in senders.into_iter().zip(answers) {
        for sender in senders {
            // A request whose client went away takes no answer.
            let _ = sender.send(answer.clone());
        }
    }
    true
}

impl Standings {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
