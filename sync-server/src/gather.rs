//! Requests that wait share one question to the database.
//!
//! ```text
//! requests ─▶ waiting ─▶ one question at a time ─▶ answers
//!               ▲ those that come meanwhile wait for the next one
//! ```
//! A question begins after all of its requests have arrived, so its answer is not older than any of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kartei_relay_store::{RelayStore, RelayStoreError};
use tokio::sync::oneshot;

use crate::problem::Failure;
use crate::serve::Relay;

/// Answers all questions at once, one answer each, in their order.
type Answering<Q, A> = fn(&RelayStore, &[Q]) -> Result<Vec<A>, RelayStoreError>;

/// Questions of one sort.
#[derive(Debug)]
pub(crate) struct Gather<Q, A> {
    answering: Answering<Q, A>,
    waiting: Mutex<Waiting<Q, A>>,
}

#[derive(Debug)]
struct Waiting<Q, A> {
    questions: Vec<(Q, oneshot::Sender<Result<A, Unanswered>>)>,
    is_asking: bool,
}

/// Why there is no answer; the details are in the log already.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the database gave no answer")]
enum Unanswered {
    /// The database is away just now.
    Away,
    Failed,
}

impl<Q: Send + 'static, A: Send + 'static> Gather<Q, A> {
    /// Nobody waits.
    pub(crate) fn new(answering: Answering<Q, A>) -> Arc<Self> {
        let waiting = Mutex::new(Waiting { questions: Vec::new(), is_asking: false });
        Arc::new(Self { answering, waiting })
    }

    /// Asks with whoever else asks now.
    ///
    /// # Errors
    /// 503 where the database is away, 500 where it fails.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        relay: &Arc<Relay>,
        question: Q,
    ) -> Result<A, Failure> {
        let (sender, answer) = oneshot::channel();
        let begins = {
            let mut waiting = self.lock();
            waiting.questions.push((question, sender));
            !std::mem::replace(&mut waiting.is_asking, true)
        };
        if begins {
            let (gather, relay) = (Arc::clone(self), Arc::clone(relay));
            tokio::spawn(async move { while gather.round(&relay).await {} });
        }
        match answer.await.unwrap_or(Err(Unanswered::Failed)) {
            Ok(answer) => Ok(answer),
            Err(Unanswered::Away) => Err(Failure::unavailable()),
            Err(failed) => Err(Failure::internal(&failed)),
        }
    }

    /// Asks for all who wait; `false` where nobody does.
    async fn round(&self, relay: &Relay) -> bool {
        let taken = {
            let mut waiting = self.lock();
            let taken = std::mem::take(&mut waiting.questions);
            waiting.is_asking = !taken.is_empty();
            taken
        };
        if taken.is_empty() {
            return false;
        }
        let (questions, senders): (Vec<Q>, Vec<_>) = taken.into_iter().unzip();
        let answering = self.answering;
        let answers = relay.store(move |store| answering(store, &questions)).await;
        let why = match &answers {
            Err(failure) if failure.is_away() => Unanswered::Away,
            _ => Unanswered::Failed,
        };
        let mut answers = answers.unwrap_or_default().into_iter();
        for sender in senders {
            // A request whose client went away takes no answer.
            let _ = sender.send(answers.next().ok_or(why));
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<Q, A>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
