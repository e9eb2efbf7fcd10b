//! The requests that bring bytes now.
//!
//! Two of one session never write the same place: a new request stops those that it overlaps, and
//! begins when they are gone. A client whose line dropped goes on at once, and meets no lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderValue, StatusCode, header};
use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::OrgId;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::gate::ASK_AGAIN_SECONDS;
use crate::problem::Failure;

/// Requests of one session at once: as many as clients grow to.
pub(crate) const STREAMS_MAX: u32 = 8;

type Session = (OrgId, String);

/// The requests that run.
#[derive(Debug)]
pub(crate) struct Streams {
    running: Mutex<Running>,
    left: Notify,
    /// Bounds the memory that buffers take.
    places: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Running {
    by_session: HashMap<Session, Vec<Claim>>,
    last: u64,
}

#[derive(Debug)]
struct Claim {
    number: u64,
    from: u64,
    until: u64,
    stop: watch::Sender<bool>,
}

/// A request that runs, until this is dropped.
#[derive(Debug)]
pub(crate) struct Stream {
    streams: Arc<Streams>,
    session: Session,
    number: u64,
    stopped: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Streams {
    /// None yet, and so many at once on this relay.
    pub(crate) fn new(places: usize) -> Self {
        let places = Arc::new(Semaphore::new(places));
        Self { running: Mutex::default(), left: Notify::new(), places }
    }

    /// A place for a request that writes from one place up to another, when those that wrote there
    /// are gone.
    ///
    /// # Errors
    /// 503 where this relay has enough, 429 where the session has.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        session: Session,
        from: u64,
        until: u64,
    ) -> Result<Stream, Failure> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            // From here on nobody who leaves is missed.
            left.as_mut().enable();
            if let Some((number, stopped)) = self.claim(&session, from, until)? {
                let streams = Arc::clone(self);
                return Ok(Stream { streams, session, number, stopped, _place: place });
            }
            left.await;
        }
    }

    /// Stops what a session's requests do, and waits until they are gone.
    pub(crate) async fn stop(self: &Arc<Self>, session: &Session) {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            let is_over = match self.lock().by_session.get(session) {
                None => true,
                Some(claims) => {
                    // Who was told may have ended just now.
                    for claim in claims {
                        let _ = claim.stop.send(true);
                    }
                    false
                }
            };
            if is_over {
                return;
            }
            left.await;
        }
    }

    fn claim(
        &self,
        session: &Session,
        from: u64,
        until: u64,
    ) -> Result<Option<(u64, watch::Receiver<bool>)>, Failure> {
        let mut running = self.lock();
        let claims = running.by_session.get(session).map(Vec::as_slice).unwrap_or_default();
        let mut overlaps = false;
        for claim in claims.iter().filter(|claim| claim.from < until && from < claim.until) {
            // Who was stopped may have ended just now.
            let _ = claim.stop.send(true);
            overlaps = true;
        }
        if overlaps {
            return Ok(None);
        }
        if claims.len() >= STREAMS_MAX as usize {
            return Err(enough());
        }
        running.last += 1;
        let number = running.last;
        let (stop, stopped) = watch::channel(false);
        let claim = Claim { number, from, until, stop };
        running.by_session.entry(session.clone()).or_default().push(claim);
        Ok(Some((number, stopped)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    /// Becomes `true` when another request takes over.
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.clone()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut running = self.streams.lock();
        if let Some(claims) = running.by_session.get_mut(&self.session) {
            claims.retain(|claim| claim.number != self.number);
            if claims.is_empty() {
                running.by_session.remove(&self.session);
            }
        }
        drop(running);
        self.streams.left.notify_waiters();
    }
}

fn busy() -> Failure {
    let detail = "this relay takes as many bodies as its memory is for; ask again";
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, ProblemCode::UploadBusy, detail)
        .header(header::RETRY_AFTER, HeaderValue::from(ASK_AGAIN_SECONDS))
}

fn enough() -> Failure {
    let detail = format!("{STREAMS_MAX} requests of this upload run already");
    Failure::new(StatusCode::TOO_MANY_REQUESTS, ProblemCode::UploadBusy, detail)
        .header(header::RETRY_AFTER, HeaderValue::from(ASK_AGAIN_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn entered(streams: &Arc<Streams>, org: OrgId, from: u64, until: u64) -> Stream {
        streams.enter((org, "up-1".to_owned()), from, until).await.unwrap()
    }

    fn org() -> OrgId {
        let folder = tempfile::tempdir().unwrap();
        let store = kartei_relay_store::RelayStore::open(folder.path()).unwrap();
        store.create_organisation("acme", 0).unwrap().id
    }

    #[tokio::test]
    async fn who_overlaps_takes_over_and_others_run_beside() {
        let (streams, org) = (Arc::new(Streams::new(9)), org());
        let first = entered(&streams, org, 0, 10).await;
        let beside = entered(&streams, org, 10, 20).await;
        let mut stopped = first.stopped();
        let waiting = tokio::spawn({
            let streams = Arc::clone(&streams);
            async move { entered(&streams, org, 5, u64::MAX).await }
        });
        stopped.wait_for(|stopped| *stopped).await.unwrap();
        assert!(!waiting.is_finished());
        drop(first);
        beside.stopped().wait_for(|stopped| *stopped).await.unwrap();
        drop(beside);
        assert!(!*waiting.await.unwrap().stopped().borrow());
    }

    #[tokio::test]
    async fn there_are_places_for_so_many() {
        let (streams, org) = (Arc::new(Streams::new(1)), org());
        let held = entered(&streams, org, 0, 1).await;
        assert!(streams.enter((org, "up-2".to_owned()), 0, 1).await.is_err());
        drop(held);
        entered(&streams, org, 0, 1).await;
    }
}
