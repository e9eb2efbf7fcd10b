//! Connections on loan, and what happens to those whose other end has vanished.
//!
//! Where a machine or a cable between relay and database goes, neither side hears of it for hours. A
//! relay that waits would lose a thread and a connection to each request, and a database that waits
//! would keep the lock on an organisation's row, and with it everybody's writes. So both give up: the
//! relay after [`ANSWER_WITHIN`], the database after [`IDLE_WITHIN`].

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use deadpool_postgres::{ClientWrapper, Object, Pool};
use tokio::time::timeout;

use super::connect;
use crate::engine::Result;
use crate::error::RelayStoreError;

/// How long a call may take, with waiting for a connection and for other writers. A thousand rows take
/// a tenth of a second; a replica has given up before, after 45 seconds without a byte.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A connection that was lent for so long is not lent again: its call was given up, or nearly.
/// [`ANSWER_WITHIN`] less the twenty seconds that getting a connection may take, and some.
const LENT_MAX: Duration = Duration::from_secs(30);

/// How long the database lets a writing transaction wait for the relay's next words, in its own
/// notation. Nothing is computed between them; a replica waits 45 seconds for its answer.
pub(super) const IDLE_WITHIN: &str = "10s";

/// A connection of the pool.
pub(crate) struct Lease {
    client: Option<Object>,
    since: Instant,
}

impl Lease {
    /// Takes a connection from the pool, or makes one.
    pub(super) async fn take(pool: &Pool) -> Result<Self> {
        let client = pool.get().await;
        let client = client.map_err(|error| RelayStoreError::Connect(connect::said(&error)))?;
        Ok(Self { client: Some(client), since: Instant::now() })
    }

    /// Takes the connection out of the pool, for whoever keeps it.
    pub(crate) fn own(mut self) -> ClientWrapper {
        Object::take(self.client.take().expect("it is there until the lease ends"))
    }
}

impl Deref for Lease {
    type Target = Object;

    fn deref(&self) -> &Object {
        self.client.as_ref().expect("it is there until the lease ends")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Object {
        self.client.as_mut().expect("it is there until the lease ends")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.since.elapsed() > LENT_MAX
            && let Some(client) = self.client.take()
        {
            // Closes it, whatever it waits for; the pool makes another one.
            drop(Object::take(client));
        }
    }
}

/// Waits for the database, but not for ever.
pub(super) async fn answered<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let silent = |_| RelayStoreError::Connect(format!("no answer within {ANSWER_WITHIN:?}"));
    timeout(ANSWER_WITHIN, work).await.map_err(silent)?
}
