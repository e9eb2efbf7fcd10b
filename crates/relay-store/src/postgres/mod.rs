//! The engine on Postgres: many relays on one database.
//!
//! The other engine blocks, so this one does too: it has a small runtime of its own for the
//! connections. The relay calls stores from threads that may wait.

mod access;
mod audit;
mod calibrations;
pub(crate) mod connect;
mod contents;
mod deliveries;
mod erasure;
mod files;
mod imports;
mod jobs;
mod landing;
mod lease;
pub(crate) mod migrate;
mod presence;
mod profiles;
mod queues;
mod retention;
mod sealed;
mod segments;
mod snapshot;
mod tokens;
mod upkeep;
mod uploads;
mod usage;
mod wake;
mod whole;

use std::collections::BTreeMap;
use std::future::Future;

use deadpool_postgres::{Object, Pool, Transaction};
use futures_util::future::try_join_all;
use kartei_profile::RecordHash;
use kartei_sync_core::Digests;
use tokio::runtime::{Handle, Runtime};
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Config, IsolationLevel};

pub use migrate::Migrated;

use crate::access::OrgId;
use crate::engine::{
    AsOf, Asked, Committed, Engine, Fed, FeedLimits, FeedRow, FoundToken, Head, ImportEnd,
    ImportName, ImportRow, Looked, Notice, Result, Row, Swept, Write,
};
use crate::error::RelayStoreError;
use crate::leases::{Kept, Lease, Note};
use crate::presence::{Seat, Seats};
use crate::snapshot::Rows;

/// Threads that drive the connections. They only shovel bytes.
const RUNTIME_THREADS: usize = 2;

pub(crate) struct Postgres {
    config: Config,
    pool: Pool,
    runtime: Handle,
    _threads: Threads,
}

/// The threads that drive the connections. They end by themselves: a store may be dropped where
/// nobody may wait for them, in a task that a relay's end cancelled.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The pool's own form would show the address with its password.
        f.write_str("Postgres")
    }
}

pub(crate) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .thread_name("postgres")
        .build()
        .map_err(|e| RelayStoreError::Connect(format!("cannot start its threads: {e}")))
}

impl Postgres {
    /// Connects, and looks whether the database is migrated and the role a safe one.
    pub(crate) fn open(url: &str) -> Result<Self> {
        let runtime = runtime()?;
        let config = connect::config(url)?;
        let pool = connect::pool(config.clone())?;
        runtime.block_on(async {
            let client = get(&pool).await?;
            migrate::check(&client).await?;
            connect::check_role(&client).await
        })?;
        let (handle, threads) = (runtime.handle().clone(), Threads(Some(runtime)));
        Ok(Self { config, pool, runtime: handle, _threads: threads })
    }

    /// Brings the database to this program's format, as its owner, and gives `relay_role` the rights
    /// that a serving relay needs.
    pub(crate) fn migrate(url: &str, relay_role: Option<&str>) -> Result<Migrated> {
        let runtime = runtime()?;
        let pool = connect::pool(connect::config(url)?)?;
        runtime.block_on(async {
            let mut client = get(&pool).await?;
            migrate::run(&mut client, relay_role).await
        })
    }

    /// Reads in one snapshot.
    fn read<T>(
        &self,
        org: OrgId,
        work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.transact(org, How::Snapshot, work)
    }

    /// Writes in one transaction.
    fn write<T>(
        &self,
        org: OrgId,
        work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.transact(org, How::Write, work)
    }

    fn transact<T>(
        &self,
        org: OrgId,
        how: How,
        work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.run(async {
            let mut client = get(&self.pool).await?;
            let db = self.begin(&mut client, org, how).await?;
            let done = work(&db).await?;
            db.commit().await?;
            Ok(done)
        })
    }

    /// Asks a function of the owner about all organisations; each row is one of them and something of it.
    fn across<T: for<'r> FromSql<'r>>(
        &self,
        asked: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<(OrgId, T)>> {
        self.run(async {
            let client = get(&self.pool).await?;
            let select = client.prepare_cached(asked).await?;
            let rows = client.query(&select, params).await?;
            Ok(rows.iter().map(|row| (OrgId(row.get(0)), row.get(1))).collect())
        })
    }

    /// Writes what belongs to several organisations, all at once: each in a transaction and on a connection of
    /// its own. One answer for each item, in order.
    fn write_each<T, A>(
        &self,
        items: &[T],
        org_of: impl Fn(&T) -> OrgId,
        work: &impl AsyncFn(&Transaction<'_>, OrgId, &[&T]) -> Result<Vec<A>>,
    ) -> Result<Vec<A>> {
        let mut by_org: BTreeMap<OrgId, Vec<usize>> = BTreeMap::new();
        for (number, item) in items.iter().enumerate() {
            by_org.entry(org_of(item)).or_default().push(number);
        }
        let done = by_org.into_iter().map(async |(org, numbers)| {
            let own: Vec<&T> = numbers.iter().map(|number| &items[*number]).collect();
            let mut client = get(&self.pool).await?;
            let db = self.begin(&mut client, org, How::Write).await?;
            let answers = work(&db, org, &own).await?;
            db.commit().await?;
            Ok::<_, RelayStoreError>(numbers.into_iter().zip(answers).collect::<Vec<_>>())
        });
        let done = self.run(try_join_all(done))?;
        let mut answers: Vec<(usize, A)> = done.into_iter().flatten().collect();
        answers.sort_unstable_by_key(|(number, _)| *number);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.block_on(lease::answered(work))
    }

    /// A transaction for one organisation, beyond which it sees nothing.
    async fn begin<'c>(
        &self,
        client: &'c mut Object,
        org: OrgId,
        how: How,
    ) -> Result<Transaction<'c>> {
        let builder = client.build_transaction();
        let builder = match how {
            How::Write => builder.isolation_level(IsolationLevel::ReadCommitted),
            How::Snapshot => {
                builder.isolation_level(IsolationLevel::RepeatableRead).read_only(true)
            }
        };
        let transaction = builder.start().await?;
        // For this transaction alone: connections may be shared by a pooler.
        let org = org.0.to_string();
        match how {
            How::Write => {
                let set = transaction
                    .prepare_cached(
                        "SELECT set_config('kartei.org', $1, true), \
                         set_config('idle_in_transaction_session_timeout', $2, true)",
                    )
                    .await?;
                transaction.query_one(&set, &[&org, &lease::IDLE_WITHIN]).await?;
            }
            How::Snapshot => {
                let set =
                    transaction.prepare_cached("SELECT set_config('kartei.org', $1, true)").await?;
                transaction.query_one(&set, &[&org]).await?;
            }
        }
        Ok(transaction)
    }
}

impl Engine for Postgres {
    fn create_organisation(&self, name: &str, epoch: &str, now: i64) -> Result<Option<OrgId>> {
        self.run(self.insert_organisation(name, epoch, now))
    }

    fn organisation(&self, name: &str) -> Result<Option<OrgId>> {
        self.run(self.find_organisation(name))
    }

    fn token(&self, hash: &[u8; 32], now: i64) -> Result<Option<FoundToken>> {
        self.run(self.find_token(hash, now))
    }

    fn touch_token(&self, org: OrgId, token: i64, now: i64) -> Result<()> {
        self.run(self.mark_token(org, token, now))
    }

    fn head(&self, org: OrgId) -> Result<Head> {
        self.read(org, async |db| profiles::head(db, org, false).await)
    }

    fn notices(&self, orgs: &[OrgId]) -> Result<Vec<Notice>> {
        self.run(self.notices_of(orgs))
    }

    fn sit(&self, org: OrgId, seat: &Seat, now: i64, until: i64) -> Result<()> {
        self.write(org, async |db| presence::sit(db, org, seat, now, until).await)
    }

    fn leave(&self, org: OrgId, token: i64, session: &str, now: i64) -> Result<()> {
        self.write(org, async |db| presence::leave(db, org, token, session, now).await)
    }

    fn seats(&self, org: OrgId, now: i64) -> Result<Seats> {
        self.read(org, async |db| presence::seats(db, org, now).await)
    }

    fn expire_seats(&self, org: OrgId, now: i64) -> Result<()> {
        self.write(org, async |db| presence::expire(db, org, now).await)
    }

    fn look(&self, org: OrgId, asked: &[Asked<'_>]) -> Result<Looked> {
        self.read(org, async |db| profiles::look(db, org, asked).await)
    }

    fn commit(&self, org: OrgId, writes: &[Write], as_of: AsOf) -> Result<Committed> {
        let commit =
            |as_of| self.write(org, async |db| profiles::commit(db, org, writes, as_of).await);
        again_without_hope(as_of, commit)
    }

    fn feed(&self, org: OrgId, from: u64, base: u64, limits: FeedLimits) -> Result<(Head, Fed)> {
        self.read(org, async |db| profiles::feed(db, org, from, base, limits).await)
    }

    fn whole(&self, org: OrgId, id: &str) -> Result<Option<FeedRow>> {
        self.read(org, async |db| profiles::whole(db, org, id).await)
    }

    fn by_key(&self, org: OrgId, keys: &[i64]) -> Result<Vec<Row>> {
        self.read(org, async |db| profiles::by_key(db, org, keys).await)
    }

    fn ids_by_key(&self, org: OrgId, keys: &[i64]) -> Result<Vec<(i64, String)>> {
        self.read(org, async |db| profiles::ids_by_key(db, org, keys).await)
    }

    fn commit_noted(
        &self,
        org: OrgId,
        writes: &[Write],
        as_of: AsOf,
        note: &Note<'_>,
    ) -> Result<Committed> {
        let commit = |as_of| {
            self.write(org, async |db| {
                let done = profiles::commit(db, org, writes, as_of).await?;
                let progress = (note.progress)(&done.revs);
                let kept =
                    imports::renew(db, org, note.import, note.lease, Some(&progress)).await?;
                note.check(kept)?;
                Ok(done)
            })
        };
        again_without_hope(as_of, commit)
    }

    fn begin_import(&self, org: OrgId, import: &ImportRow, lease: &Lease) -> Result<bool> {
        self.write(org, async |db| imports::begin(db, org, import, lease).await)
    }

    fn end_import(&self, org: OrgId, id: &str, lease: &Lease, end: ImportEnd<'_>) -> Result<bool> {
        self.write(org, async |db| imports::end(db, org, id, lease, end).await)
    }

    fn abandoned_imports(&self) -> Result<Vec<(OrgId, String)>> {
        self.across("SELECT org, id FROM kartei.abandoned_imports()", &[])
    }

    fn claim_import(&self, org: OrgId, id: &str, lease: &Lease) -> Result<Option<ImportRow>> {
        self.write(org, async |db| imports::claim(db, org, id, lease).await)
    }

    fn renew_import(
        &self,
        org: OrgId,
        id: &str,
        lease: &Lease,
        progress: Option<&str>,
    ) -> Result<Kept> {
        self.write(org, async |db| imports::renew(db, org, id, lease, progress).await)
    }

    fn cancel_import(&self, org: OrgId, id: &str, now: i64) -> Result<()> {
        self.write(org, async |db| imports::cancel(db, org, id, now).await)
    }

    fn find_import(&self, org: OrgId, named: ImportName<'_>) -> Result<Option<ImportRow>> {
        self.read(org, async |db| imports::find(db, org, named).await)
    }

    fn snapshot(&self, org: OrgId) -> Result<(Head, Box<dyn Rows>)> {
        let (head, rows) = self.run(self.begin_snapshot(org))?;
        Ok((head, Box::new(rows)))
    }

    fn rows_since(&self, org: OrgId, from: u64, limits: FeedLimits) -> Result<(Head, Vec<Row>)> {
        self.read(org, async |db| profiles::rows_since(db, org, from, limits).await)
    }

    fn organisations(&self) -> Result<Vec<(OrgId, String)>> {
        self.run(self.all_organisations())
    }

    fn digests(&self, org: OrgId) -> Result<(Head, Option<Digests>)> {
        self.read(org, async |db| upkeep::digests(db, org).await)
    }

    fn members(&self, org: OrgId, each: &mut dyn FnMut(&str, RecordHash, u64)) -> Result<Head> {
        self.read(org, async |db| {
            upkeep::members(db, org, each).await?;
            profiles::head(db, org, false).await
        })
    }

    fn recount(&self, org: OrgId) -> Result<Head> {
        self.write(org, async |db| upkeep::recount(db, org).await)
    }

    fn sweep(&self, org: OrgId, deleted_before: i64, rows_max: usize) -> Result<Swept> {
        self.write(org, async |db| upkeep::sweep(db, org, deleted_before, rows_max).await)
    }

    fn begin_epoch(&self, org: OrgId, by: &str, epoch: &str) -> Result<Head> {
        self.write(org, async |db| upkeep::begin_epoch(db, org, by, epoch).await)
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Write,
    Snapshot,
}

/// Commits, and once more with a look at everything where what was hoped to be new was there.
fn again_without_hope(
    as_of: AsOf,
    commit: impl Fn(AsOf) -> Result<Committed>,
) -> Result<Committed> {
    match commit(as_of) {
        Err(RelayStoreError::Overtaken) if as_of == AsOf::Hope => commit(AsOf::Rev(0)),
        done => done,
    }
}

pub(crate) async fn get(pool: &Pool) -> Result<lease::Lease> {
    lease::Lease::take(pool).await
}
