//! The embedded engine: one SQLite file in the relay's data folder.

mod access;
mod audit;
mod calibrations;
mod contents;
pub(crate) mod copy;
mod deliveries;
mod erasure;
mod files;
mod imports;
mod jobs;
mod landing;
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
mod whole;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kartei_profile::RecordHash;
use kartei_sync_core::Digests;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::access::OrgId;
use crate::engine::{
    AsOf, Asked, Committed, Engine, Fed, FeedLimits, FeedRow, FoundToken, Head, ImportEnd,
    ImportName, ImportRow, Looked, Notice, Result, Row, Swept, Write,
};
use crate::error::RelayStoreError;
use crate::leases::{Kept, Lease, Note};
use crate::presence::{Seat, Seats};
use crate::snapshot::Rows;

pub(crate) const FILE: &str = "relay.sqlite";
const STEPS: &[&str] = &[
    include_str!("../sql/sqlite/001_first.sql"),
    include_str!("../sql/sqlite/002_moments.sql"),
    include_str!("../sql/sqlite/003_imports.sql"),
    include_str!("../sql/sqlite/004_segments.sql"),
    include_str!("../sql/sqlite/005_import_leases.sql"),
    include_str!("../sql/sqlite/006_erasures.sql"),
    include_str!("../sql/sqlite/007_digests.sql"),
    include_str!("../sql/sqlite/008_uploads.sql"),
    include_str!("../sql/sqlite/009_jobs.sql"),
    include_str!("../sql/sqlite/010_audit.sql"),
    include_str!("../sql/sqlite/011_retention.sql"),
    include_str!("../sql/sqlite/012_deliveries.sql"),
    include_str!("../sql/sqlite/013_purge.sql"),
    include_str!("../sql/sqlite/014_calibrations.sql"),
    include_str!("../sql/sqlite/015_merges.sql"),
    include_str!("../sql/sqlite/016_token_expiry.sql"),
    include_str!("../sql/sqlite/017_dry_runs.sql"),
    include_str!("../sql/sqlite/018_sealed.sql"),
    include_str!("../sql/sqlite/019_senders.sql"),
    include_str!("../sql/sqlite/020_imports_end.sql"),
];
const PAGE_BYTES: u32 = 16 * 1024;

/// Milliseconds since 1970, of the clock that leases are compared with.
const CLOCK: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// Statements that a connection keeps prepared: more than there are on any path that is asked often.
const STATEMENTS_KEPT: usize = 128;

/// Administrators run commands beside a serving relay; each transaction is short.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Sqlite {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    presence: presence::Presence,
    path: PathBuf,
}

impl Sqlite {
    /// Opens the database in `folder`, creating both where they are missing.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let writer = Self::create(folder, copy::format())?;
        let path = folder.join(FILE);
        let reader = connect(&path).map_err(|error| not_opened(folder, &error))?;
        Ok(Self {
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            presence: presence::Presence::default(),
            path,
        })
    }

    /// A connection to the database in `folder`, which is made and brought to a format where it has an
    /// older one.
    pub(crate) fn create(folder: &Path, format: i64) -> Result<Connection> {
        std::fs::create_dir_all(folder).map_err(|error| not_opened(folder, &error))?;
        let made = connect(&folder.join(FILE));
        let mut connection = made.map_err(|error| not_opened(folder, &error))?;
        migrate(&mut connection, format)?;
        Ok(connection)
    }

    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Runs work on the connection that writes, in no transaction, while this program reads nothing.
    fn alone<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let _reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        work(&writer)
    }

    fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = reader.transaction()?;
        work(&snapshot)
    }
}

impl Engine for Sqlite {
    fn create_organisation(&self, name: &str, epoch: &str, now: i64) -> Result<Option<OrgId>> {
        self.insert_organisation(name, epoch, now)
    }

    fn organisation(&self, name: &str) -> Result<Option<OrgId>> {
        self.find_organisation(name)
    }

    fn token(&self, hash: &[u8; 32], now: i64) -> Result<Option<FoundToken>> {
        self.find_token(hash, now)
    }

    fn touch_token(&self, org: OrgId, token: i64, now: i64) -> Result<()> {
        self.mark_token(org, token, now)
    }

    fn head(&self, org: OrgId) -> Result<Head> {
        self.read(|db| profiles::head(db, org))
    }

    fn notices(&self, orgs: &[OrgId]) -> Result<Vec<Notice>> {
        self.read(|db| {
            let notice = |org: &OrgId| {
                let head_rev = profiles::head(db, *org)?.rev;
                Ok(Notice { org: *org, head_rev, presence: self.presence.version(*org) })
            };
            orgs.iter().map(notice).collect()
        })
    }

    fn sit(&self, org: OrgId, seat: &Seat, now: i64, until: i64) -> Result<()> {
        self.presence.sit(org, seat, now, until);
        Ok(())
    }

    fn leave(&self, org: OrgId, token: i64, session: &str, now: i64) -> Result<()> {
        self.presence.leave(org, token, session, now);
        Ok(())
    }

    fn seats(&self, org: OrgId, now: i64) -> Result<Seats> {
        Ok(self.presence.seats(org, now))
    }

    fn expire_seats(&self, org: OrgId, now: i64) -> Result<()> {
        self.presence.expire(org, now);
        Ok(())
    }

    fn look(&self, org: OrgId, asked: &[Asked<'_>]) -> Result<Looked> {
        self.read(|db| {
            let held = asked.iter().map(|one| profiles::look(db, org, *one));
            Ok(Looked { as_of: profiles::head(db, org)?.rev, held: held.collect::<Result<_>>()? })
        })
    }

    /// Looking again costs next to nothing here.
    fn commit(&self, org: OrgId, writes: &[Write], _as_of: AsOf) -> Result<Committed> {
        self.write(|db| profiles::commit(db, org, writes))
    }

    fn feed(&self, org: OrgId, from: u64, base: u64, limits: FeedLimits) -> Result<(Head, Fed)> {
        self.read(|db| profiles::feed(db, org, from, base, limits))
    }

    fn whole(&self, org: OrgId, id: &str) -> Result<Option<FeedRow>> {
        self.read(|db| profiles::whole(db, org, id))
    }

    fn by_key(&self, org: OrgId, keys: &[i64]) -> Result<Vec<Row>> {
        self.read(|db| profiles::by_key(db, org, keys))
    }

    fn ids_by_key(&self, org: OrgId, keys: &[i64]) -> Result<Vec<(i64, String)>> {
        self.read(|db| profiles::ids_by_key(db, org, keys))
    }

    fn commit_noted(
        &self,
        org: OrgId,
        writes: &[Write],
        _as_of: AsOf,
        note: &Note<'_>,
    ) -> Result<Committed> {
        self.write(|db| {
            let done = profiles::commit(db, org, writes)?;
            let progress = (note.progress)(&done.revs);
            note.check(imports::renew(db, org, note.import, note.lease, Some(&progress))?)?;
            Ok(done)
        })
    }

    fn begin_import(&self, org: OrgId, import: &ImportRow, lease: &Lease) -> Result<bool> {
        self.write(|db| imports::begin(db, org, import, lease))
    }

    fn end_import(&self, org: OrgId, id: &str, lease: &Lease, end: ImportEnd<'_>) -> Result<bool> {
        self.write(|db| imports::end(db, org, id, lease, end))
    }

    fn abandoned_imports(&self) -> Result<Vec<(OrgId, String)>> {
        self.read(imports::abandoned)
    }

    fn claim_import(&self, org: OrgId, id: &str, lease: &Lease) -> Result<Option<ImportRow>> {
        self.write(|db| imports::claim(db, org, id, lease))
    }

    fn renew_import(
        &self,
        org: OrgId,
        id: &str,
        lease: &Lease,
        progress: Option<&str>,
    ) -> Result<Kept> {
        self.write(|db| imports::renew(db, org, id, lease, progress))
    }

    fn cancel_import(&self, org: OrgId, id: &str, now: i64) -> Result<()> {
        self.write(|db| imports::cancel(db, org, id, now))
    }

    fn find_import(&self, org: OrgId, named: ImportName<'_>) -> Result<Option<ImportRow>> {
        self.read(|db| imports::find(db, org, named))
    }

    fn snapshot(&self, org: OrgId) -> Result<(Head, Box<dyn Rows>)> {
        let rows = snapshot::SqliteRows::begin(connect(&self.path)?, org)?;
        Ok((profiles::head(rows.db(), org)?, Box::new(rows)))
    }

    fn rows_since(&self, org: OrgId, from: u64, limits: FeedLimits) -> Result<(Head, Vec<Row>)> {
        self.read(|db| Ok((profiles::head(db, org)?, profiles::rows_since(db, org, from, limits)?)))
    }

    fn organisations(&self) -> Result<Vec<(OrgId, String)>> {
        self.read(upkeep::organisations)
    }

    fn digests(&self, org: OrgId) -> Result<(Head, Option<Digests>)> {
        self.read(|db| upkeep::digests(db, org))
    }

    fn members(&self, org: OrgId, each: &mut dyn FnMut(&str, RecordHash, u64)) -> Result<Head> {
        self.read(|db| upkeep::members(db, org, each))
    }

    fn recount(&self, org: OrgId) -> Result<Head> {
        self.write(|db| upkeep::recount(db, org))
    }

    fn sweep(&self, org: OrgId, deleted_before: i64, rows_max: usize) -> Result<Swept> {
        self.write(|db| upkeep::sweep(db, org, deleted_before, rows_max))
    }

    fn begin_epoch(&self, org: OrgId, by: &str, epoch: &str) -> Result<Head> {
        self.write(|db| upkeep::begin_epoch(db, org, by, epoch))
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What was acknowledged must survive a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

fn not_opened(folder: &Path, error: &dyn std::fmt::Display) -> RelayStoreError {
    RelayStoreError::Open { path: folder.display().to_string(), reason: error.to_string() }
}

/// Brings a database to a format that this program knows.
fn migrate(connection: &mut Connection, known: i64) -> Result<()> {
    let steps = usize::try_from(known).ok().and_then(|known| STEPS.get(..known));
    let steps = steps.ok_or(RelayStoreError::TooNew { found: known, known: copy::format() })?;
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > known {
            return Err(RelayStoreError::TooNew { found, known });
        }
        let Some(step) = usize::try_from(found).ok().and_then(|next| steps.get(next)) else {
            return Ok(());
        };
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", found + 1)?;
        transaction.commit()?;
    }
}
