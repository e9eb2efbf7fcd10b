//! Bringing a Postgres database to this program's format.
//!
//! Steps only expand: a program of the format before works on what a step made, until a later step
//! takes away what only the old one needed. Each step says from which format on programs can work
//! with it, and a program refuses a database that no longer knows it.

use deadpool_postgres::{ClientWrapper, Object};
use sha2::{Digest, Sha256};

use crate::engine::Result;
use crate::error::RelayStoreError;

/// A step to the next format.
struct Step {
    sql: &'static str,
    /// Programs that know at least this format work with the database afterwards.
    compatible_from: i32,
}

const STEPS: &[Step] = &[
    Step { sql: include_str!("../sql/postgres/001_first.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/002_presence.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/003_segments.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/004_import_leases.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/005_erasures.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/006_digests.sql"), compatible_from: 1 },
    Step {
        sql: include_str!("../sql/postgres/007_profiles_without_lookups.sql"),
        compatible_from: 1,
    },
    Step { sql: include_str!("../sql/postgres/008_uploads.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/009_jobs.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/010_audit.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/011_retention.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/012_deliveries.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/013_purge.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/014_calibrations.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/015_merges.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/016_job_lag.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/017_token_expiry.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/018_dry_runs.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/019_sealed.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/020_senders.sql"), compatible_from: 1 },
    Step { sql: include_str!("../sql/postgres/021_imports_end.sql"), compatible_from: 1 },
];

/// Only one program migrates a database at a time. The number means nothing.
pub(crate) const LOCK: i64 = 0x6b61_7274_6569;

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The format that the database had; 0 for an empty one.
    pub from: i32,
    /// The format that it has.
    pub to: i32,
}

fn known() -> i32 {
    i32::try_from(STEPS.len()).unwrap_or(i32::MAX)
}

pub(crate) async fn run(client: &mut Object, relay_role: Option<&str>) -> Result<Migrated> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    transaction
        .batch_execute(
            "CREATE SCHEMA IF NOT EXISTS kartei; \
             CREATE TABLE IF NOT EXISTS kartei.formats ( \
                 format integer PRIMARY KEY, \
                 compatible_from integer NOT NULL, \
                 digest bytea NOT NULL, \
                 applied_at timestamptz NOT NULL DEFAULT now())",
        )
        .await?;
    let rows = transaction
        .query("SELECT format, compatible_from, digest FROM kartei.formats ORDER BY format", &[])
        .await?;
    for row in &rows {
        let (format, digest): (i32, Vec<u8>) = (row.get(0), row.get(2));
        let step = usize::try_from(format - 1).ok().and_then(|at| STEPS.get(at));
        if step.is_some_and(|step| digest_of(step).as_slice() != digest) {
            return Err(RelayStoreError::OtherStep { format });
        }
    }
    let from = rows.last().map_or(0, |row| row.get(0));
    let compatible_from = rows.last().map_or(0, |row| row.get(1));
    if compatible_from > known() {
        return Err(RelayStoreError::TooNew { found: from.into(), known: known().into() });
    }
    for (format, step) in (1..).zip(STEPS).filter(|(format, _)| *format > from) {
        transaction.batch_execute(step.sql).await?;
        transaction
            .execute(
                "INSERT INTO kartei.formats (format, compatible_from, digest) VALUES ($1, $2, $3)",
                &[&format, &step.compatible_from, &digest_of(step).as_slice()],
            )
            .await?;
    }
    if let Some(role) = relay_role {
        grant(&transaction, role).await?;
    }
    transaction.commit().await?;
    Ok(Migrated { from, to: from.max(known()) })
}

fn digest_of(step: &Step) -> [u8; 32] {
    Sha256::digest(step.sql.as_bytes()).into()
}

/// Rights to read and write rows, and to ask what the functions answer; none to change a table.
async fn grant(transaction: &deadpool_postgres::Transaction<'_>, role: &str) -> Result<()> {
    let row = transaction.query_one("SELECT quote_ident($1)", &[&role]).await?;
    let role: String = row.get(0);
    transaction
        .batch_execute(&format!(
            "GRANT USAGE ON SCHEMA kartei TO {role}; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA kartei TO {role}; \
             REVOKE INSERT, UPDATE, DELETE ON kartei.formats FROM {role}; \
             REVOKE UPDATE, DELETE ON kartei.audit_events FROM {role}; \
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA kartei TO {role}; \
             REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA kartei FROM PUBLIC; \
             GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA kartei TO {role}"
        ))
        .await?;
    Ok(())
}

/// Whether this program can work with the database as it is.
pub(crate) async fn check(client: &ClientWrapper) -> Result<()> {
    let there: bool =
        client.query_one("SELECT to_regclass('kartei.formats') IS NOT NULL", &[]).await?.get(0);
    if !there {
        return Err(RelayStoreError::TooOld { found: 0, known: known().into() });
    }
    let row = client
        .query_opt(
            "SELECT format, compatible_from FROM kartei.formats ORDER BY format DESC LIMIT 1",
            &[],
        )
        .await?;
    let (format, compatible_from) = row.map_or((0, 0), |row| (row.get(0), row.get(1)));
    if format < known() {
        return Err(RelayStoreError::TooOld { found: format.into(), known: known().into() });
    }
    if compatible_from > known() {
        return Err(RelayStoreError::TooNew { found: format.into(), known: known().into() });
    }
    crate::portable::check_finished(client).await
}
