//! How many of something run at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kartei_relay_store::OrgId;

use crate::limiter::refused_for;
use crate::problem::{ApiCode, Failure};

/// Seconds after which a client may ask again where all places are taken.
pub(crate) const ASK_AGAIN_SECONDS: u64 = 5;

/// Places for a kind of work.
#[derive(Debug)]
pub(crate) struct Gate {
    limit: Limit,
    inside: Mutex<HashMap<OrgId, usize>>,
}

/// How many at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// What it is called, in `GET /limits` and in headers.
    pub(crate) name: &'static str,
    /// Of one organisation.
    pub(crate) of_one: usize,
    /// Of all organisations, on one relay.
    pub(crate) of_all: usize,
    pub(crate) code: ApiCode,
}

/// A place. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    gate: Arc<Gate>,
    org: OrgId,
}

impl Limit {
    /// The answer where no place is free.
    pub(crate) fn reached(&self) -> Failure {
        let detail = format!(
            "as many {} as this relay takes are running: {} of an organisation, {} in all; ask again \
             when one is done",
            self.name, self.of_one, self.of_all
        );
        let policy = format!("\"{}\";q={};qu=\"concurrent-requests\"", self.name, self.of_one);
        refused_for(self.code, detail, &policy, self.name, ASK_AGAIN_SECONDS)
    }
}

impl Gate {
    pub(crate) fn new(limit: Limit) -> Self {
        Self { limit, inside: Mutex::default() }
    }

    /// A place; 429 where there is none.
    pub(crate) fn enter(self: &Arc<Self>, org: OrgId) -> Result<Place, Failure> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = inside.values().sum();
        let own = inside.entry(org).or_default();
        if *own >= self.limit.of_one || all >= self.limit.of_all {
            return Err(self.limit.reached());
        }
        *own += 1;
        Ok(Place { gate: Arc::clone(self), org })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.gate.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = inside.get_mut(&self.org) {
            *own -= 1;
            if *own == 0 {
                inside.remove(&self.org);
            }
        }
    }
}
