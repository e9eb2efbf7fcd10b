//! What the thread does: sends what waits, follows what may still change, asks what the person is told.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kartei_local_store::StoredAnalysis;
use kartei_protocol::jobs::{JobInfo, NewJob};
use kartei_protocol::problem::Problem;
use kartei_relay_client::{RelayClient, RelayError};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::pace::Pace;
use super::{Board, Message, shown};
use crate::problem::{of_relay, of_store};
use crate::shared::{Shared, lock};
use crate::worker::{Order as _, connect};

/// How often it is looked for what others asked for and what the person is told, when nothing hints at it.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// How soon the relay is asked again that could not be reached: at first, and at most.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(20);

/// Analyses that are followed at once; others are asked about with the list.
const FOLLOWED_MAX: usize = 16;

/// What the person was told that is kept here, the newest.
pub(super) const NOTES_KEPT: usize = 100;

/// Works until it is stopped.
pub(super) async fn work(
    shared: Arc<Shared>,
    board: Arc<Board>,
    relay: String,
    mut messages: UnboundedReceiver<Message>,
) {
    let blocked = |problem: Problem| {
        tracing::warn!(code = ?problem.code, "Analyses wait for the token");
        *lock(&board.in_the_way) = Some(problem);
    };
    let asked = move || shared.relay();
    let Some(client) = connect(&mut messages, asked, blocked).await else { return };
    let follows = JoinSet::new();
    let mut desk = Desk { board, client, relay, follows, followed: HashSet::new() };
    let mut pause = RETRY_FIRST;
    loop {
        let mut asked = false;
        let round = tokio::select! {
            round = desk.round() => round,
            () = stop_comes(&mut messages, &mut asked) => return,
        };
        if asked && round.is_ok() {
            continue;
        }
        let next = match round {
            Ok(()) => {
                pause = RETRY_FIRST;
                LOOK_EVERY
            }
            Err(problem) => {
                tracing::info!(code = ?problem.code, "Analyses wait for the relay");
                desk.blocked(&problem);
                let now = pause;
                pause = (pause * 2).min(RETRY_MAX);
                now
            }
        };
        let until = Instant::now() + next;
        tokio::select! {
            message = messages.recv() => if message.is_none_or(|message| message.is_stop()) {
                return;
            },
            // One that ended is worth a notification, one that broke off is followed anew.
            Some(ended) = desk.follows.join_next() => {
                if let Ok((job, followed)) = ended {
                    desk.followed.remove(&job);
                    if followed.is_err() {
                        tokio::select! {
                            () = tokio::time::sleep(pause) => {}
                            () = stop_comes(&mut messages, &mut asked) => return,
                        }
                        pause = (pause * 2).min(RETRY_MAX);
                    }
                }
            }
            () = tokio::time::sleep_until(until) => {}
        }
    }
}

/// Waits until it is told to stop, and notes whether it was told to look meanwhile.
async fn stop_comes(messages: &mut UnboundedReceiver<Message>, asked: &mut bool) {
    while let Some(Message::Look) = messages.recv().await {
        *asked = true;
    }
}

struct Desk {
    board: Arc<Board>,
    client: RelayClient,
    relay: String,
    follows: JoinSet<(String, Result<(), Problem>)>,
    followed: HashSet<String>,
}

impl Desk {
    /// Everything once.
    async fn round(&mut self) -> Result<(), Problem> {
        self.send().await?;
        self.list().await?;
        self.follow()?;
        if self.board.is_old.load(Ordering::Relaxed) {
            return Ok(());
        }
        let page = self.client.notifications(NOTES_KEPT).await.map_err(|e| of_relay(&e))?;
        for note in &page.notifications {
            let Some(job) = note.job_id.as_deref().filter(|_| note.read_at.is_none()) else {
                continue;
            };
            let known = self.board.store.find_analysis_of_job(&self.relay, job);
            let is_over = |one: &StoredAnalysis| {
                shown::heard(one).is_some_and(|info| info.status.is_terminal())
            };
            if known.map_err(|e| of_store(&e))?.as_ref().is_none_or(|one| !is_over(one)) {
                self.ask(job).await?;
            }
        }
        self.board.hear_notes(&self.relay, &page);
        self.unblocked()
    }

    /// Asks about one analysis. One that the relay does not have any more is taken off the list.
    async fn ask(&self, job: &str) -> Result<(), Problem> {
        hear_of(&self.board, &self.client, &self.relay, job, None).await.map(drop)
    }

    /// Submits what waits here, the oldest first.
    async fn send(&mut self) -> Result<(), Problem> {
        let stored = self.board.store.analyses(&self.relay).map_err(|e| of_store(&e))?;
        let waits = |one: &StoredAnalysis| one.job.is_none() && one.problem.is_none();
        for one in stored.into_iter().filter(waits).rev() {
            let key = one.key.clone().unwrap_or_default();
            let sent = match &one.retry_of {
                Some(before) => self.client.retry_job(before, &key).await,
                None => {
                    let asked: NewJob = serde_json::from_str(&one.asked).unwrap_or_default();
                    self.client.submit_job(&asked, &key).await
                }
            };
            match sent {
                Ok(info) => {
                    self.board.hear(&self.relay, Some(one.id), info, None)?;
                }
                Err(error @ (RelayError::Refused { .. } | RelayError::Forbidden(_))) => {
                    let text = serde_json::to_string(&of_relay(&error)).unwrap_or_default();
                    let store = &self.board.store;
                    store.refuse_analysis(one.id, Some(&text)).map_err(|e| of_store(&e))?;
                    if let Some(now) = store.find_analysis(one.id).map_err(|e| of_store(&e))? {
                        self.board.tell(&now);
                    }
                }
                Err(error) => return Err(of_relay(&error)),
            }
        }
        Ok(())
    }

    /// Asks for the newest, and takes off the list what the relay has no more.
    async fn list(&mut self) -> Result<(), Problem> {
        let page = match self.client.jobs(None, None).await {
            Ok(page) => page,
            Err(RelayError::Refused { status: 404, .. }) => {
                self.board.is_old.store(true, Ordering::Relaxed);
                return Ok(());
            }
            Err(error) => return Err(of_relay(&error)),
        };
        self.board.is_old.store(false, Ordering::Relaxed);
        let stored = self.board.store.analyses(&self.relay).map_err(|e| of_store(&e))?;
        let known = |job: &str| stored.iter().find(|one| one.job.as_deref() == Some(job));
        let oldest = page.jobs.last().filter(|_| page.next.is_some()).map(|job| job.created_at);
        let there: HashSet<&str> = page.jobs.iter().map(|job| job.job_id.as_str()).collect();
        for one in &stored {
            let Some(job) = one.job.as_deref().filter(|job| !there.contains(job)) else { continue };
            // Behind the page it is not known.
            if oldest.is_none_or(|oldest| one.created_at > oldest) {
                self.board.forget_job(&self.relay, job)?;
            }
        }
        let is_new =
            |job: &JobInfo| known(&job.job_id).is_none_or(|known| known.event_seq < job.event_seq);
        let news: Vec<JobInfo> = page.jobs.iter().filter(|job| is_new(job)).cloned().collect();
        for info in news {
            // What it comes to stands only in an answer about itself.
            if info.status.is_terminal() && info.result_id.is_none() {
                self.ask(&info.job_id).await?;
            } else {
                self.board.hear(&self.relay, None, info, None)?;
            }
        }
        Ok(())
    }

    /// Follows what may still change and is not followed yet.
    fn follow(&mut self) -> Result<(), Problem> {
        let stored = self.board.store.analyses(&self.relay).map_err(|e| of_store(&e))?;
        for one in stored {
            let Some(info) = shown::heard(&one).filter(|info| !info.status.is_terminal()) else {
                continue;
            };
            let job = info.job_id.clone();
            if self.followed.len() >= FOLLOWED_MAX || !self.followed.insert(job.clone()) {
                continue;
            }
            let (board, client) = (Arc::clone(&self.board), self.client.clone());
            let relay = self.relay.clone();
            self.follows.spawn(async move {
                let followed = follow(&board, &client, &relay, &info).await;
                (job, followed)
            });
        }
        Ok(())
    }

    /// Tells those that wait here why they do.
    fn blocked(&self, problem: &Problem) {
        let before = lock(&self.board.in_the_way).replace(problem.clone());
        let is_new = before.as_ref() != Some(problem);
        if is_new {
            self.tell_waiting();
        }
    }

    fn unblocked(&self) -> Result<(), Problem> {
        if lock(&self.board.in_the_way).take().is_some() {
            self.tell_waiting();
        }
        Ok(())
    }

    fn tell_waiting(&self) {
        // Where the store cannot be read, there is more amiss than what is told here.
        for one in self.board.store.analyses(&self.relay).unwrap_or_default() {
            if one.job.is_none() {
                self.board.tell(&one);
            }
        }
    }
}

/// Follows one analysis until it ends; an error where the connection broke.
async fn follow(
    board: &Board,
    client: &RelayClient,
    relay: &str,
    known: &JobInfo,
) -> Result<(), Problem> {
    let job = &known.job_id;
    let mut pace = Pace::default();
    let mut notices = match client.follow_job(job, known.event_seq).await {
        Ok(notices) => notices,
        // Asking about it takes it off the list.
        Err(RelayError::Refused { status: 404, .. }) => {
            return hear_of(board, client, relay, job, None).await.map(drop);
        }
        Err(error) => return Err(of_relay(&error)),
    };
    let mut is_over = hear_of(board, client, relay, job, None).await?;
    while !is_over {
        let event = notices.next().await.map_err(|e| of_relay(&e))?;
        let Some(event) = event else {
            // The relay stops; or it ended between two looks.
            return match hear_of(board, client, relay, job, None).await? {
                true => Ok(()),
                false => Err(of_relay(&RelayError::CutOff)),
            };
        };
        pace.take(&event);
        is_over = hear_of(board, client, relay, job, pace.seconds_left()).await?;
    }
    Ok(())
}

/// Asks about an analysis, keeps and tells what was heard. Answers whether nothing follows.
async fn hear_of(
    board: &Board,
    client: &RelayClient,
    relay: &str,
    job: &str,
    seconds_left: Option<f64>,
) -> Result<bool, Problem> {
    match client.job(job).await {
        Ok(info) => {
            let is_over = info.status.is_terminal();
            board.hear(relay, None, info, seconds_left)?;
            Ok(is_over)
        }
        Err(RelayError::Refused { status: 404 | 410, .. }) => {
            board.forget_job(relay, job)?;
            Ok(true)
        }
        Err(error) => Err(of_relay(&error)),
    }
}
