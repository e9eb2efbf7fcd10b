//! Calibrations on Postgres.

use deadpool_postgres::Transaction;
use kartei_protocol::calibrations::CalibrationStage;
use tokio_postgres::Row;

use super::jobs::clock;
use super::profiles::{signed, unsigned};
use super::{Postgres, audit};
use crate::access::OrgId;
use crate::calibrations::{
    Activated, CALIBRATION_COLUMNS, CALIBRATIONS_MAX, CalibrationAdded, CalibrationDeleted,
    CalibrationEngine, CalibrationRow, DryRun, NewCalibrationRow, WholeCalibration, stage_of, told,
};
use crate::engine::Result;

fn read(row: &Row) -> CalibrationRow {
    CalibrationRow {
        version: row.get(0),
        schema: row.get(1),
        schema_version: u32::try_from(unsigned(row, 2)).unwrap_or(u32::MAX),
        stage: stage_of(row.get(3)),
        made_by: row.get(4),
        made_at: row.get(5),
        changed_by: row.get(6),
        changed_at: row.get(7),
        as_of: row.get(8),
        profiles: unsigned(row, 9),
    }
}

/// Orders those who change calibrations of an organisation.
async fn lock(db: &Transaction<'_>, org: OrgId) -> Result<()> {
    let lock = db
        .prepare_cached("SELECT pg_advisory_xact_lock(hashtextextended('calibrations', $1))")
        .await?;
    db.execute(&lock, &[&org.0]).await?;
    Ok(())
}

async fn find(db: &Transaction<'_>, org: OrgId, version: &str) -> Result<Option<CalibrationRow>> {
    let sql = format!(
        "SELECT {CALIBRATION_COLUMNS} FROM kartei.calibrations WHERE org = $1 AND version = $2"
    );
    let select = db.prepare_cached(&sql).await?;
    Ok(db.query_opt(&select, &[&org.0, &version]).await?.map(|row| read(&row)))
}

async fn put(
    db: &Transaction<'_>,
    org: OrgId,
    actor: &str,
    version: &str,
    stage: CalibrationStage,
) -> Result<()> {
    let now = clock(db).await?;
    let update = db
        .prepare_cached(
            "UPDATE kartei.calibrations SET state = $3, changed_by = $4, changed_at = $5 \
             WHERE org = $1 AND version = $2",
        )
        .await?;
    db.execute(&update, &[&org.0, &version, &stage.word(), &actor, &now]).await?;
    Ok(())
}

async fn add(
    db: &Transaction<'_>,
    org: OrgId,
    actor: &str,
    new: &NewCalibrationRow<'_>,
) -> Result<CalibrationAdded> {
    lock(db, org).await?;
    if let Some(row) = find(db, org, new.version).await? {
        return Ok(CalibrationAdded::Same(row));
    }
    let sql = "SELECT count(*) FROM kartei.calibrations WHERE org = $1";
    if unsigned(&db.query_one(sql, &[&org.0]).await?, 0) >= CALIBRATIONS_MAX {
        return Ok(CalibrationAdded::TooMany);
    }
    let now = clock(db).await?;
    let row = new.row(actor, now);
    let insert = db
        .prepare_cached(
            "INSERT INTO kartei.calibrations (org, version, schema, schema_version, state, \
             schema_text, body, made_by, made_at, changed_by, changed_at, as_of, profiles) \
             VALUES ($1, $2, $3, $4, 'draft', $5, $6, $7, $8, $7, $8, $9, $10)",
        )
        .await?;
    db.execute(
        &insert,
        &[
            &org.0,
            &new.version,
            &new.schema,
            &i64::from(new.schema_version),
            &new.schema_text,
            &new.body,
            &actor,
            &now,
            &new.as_of,
            &signed(new.profiles),
        ],
    )
    .await?;
    audit::append(db, org, &told(actor, "calibration.added", &row, None)).await?;
    Ok(CalibrationAdded::New(row))
}

async fn activate(
    db: &Transaction<'_>,
    org: OrgId,
    actor: &str,
    version: &str,
    instead_of: Option<&str>,
) -> Result<Activated> {
    lock(db, org).await?;
    let Some(row) = find(db, org, version).await? else { return Ok(Activated::Missing) };
    if row.stage == CalibrationStage::Active {
        return Ok(Activated::Already(row));
    }
    let select = db
        .prepare_cached(
            "SELECT version FROM kartei.calibrations WHERE org = $1 AND schema = $2 \
             AND state = 'active'",
        )
        .await?;
    let active = db.query_opt(&select, &[&org.0, &row.schema]).await?;
    let active: Option<String> = active.map(|row| row.get(0));
    if active.as_deref() != instead_of {
        return Ok(Activated::Overtaken(active));
    }
    if let Some(before) = &active {
        put(db, org, actor, before, CalibrationStage::Retired).await?;
    }
    put(db, org, actor, version, CalibrationStage::Active).await?;
    audit::append(db, org, &told(actor, "calibration.activated", &row, instead_of)).await?;
    Ok(find(db, org, version).await?.map_or(Activated::Missing, Activated::Now))
}

async fn delete(
    db: &Transaction<'_>,
    org: OrgId,
    actor: &str,
    version: &str,
) -> Result<CalibrationDeleted> {
    lock(db, org).await?;
    let Some(row) = find(db, org, version).await? else { return Ok(CalibrationDeleted::Missing) };
    if row.stage != CalibrationStage::Draft {
        return Ok(CalibrationDeleted::NoDraft);
    }
    let sql = "DELETE FROM kartei.calibrations WHERE org = $1 AND version = $2";
    db.execute(sql, &[&org.0, &version]).await?;
    audit::append(db, org, &told(actor, "calibration.deleted", &row, None)).await?;
    Ok(CalibrationDeleted::Gone)
}

impl CalibrationEngine for Postgres {
    fn calibrations(&self, org: OrgId) -> Result<Vec<CalibrationRow>> {
        self.read(org, async |db| {
            let sql = format!(
                "SELECT {CALIBRATION_COLUMNS} FROM kartei.calibrations WHERE org = $1 \
                 ORDER BY changed_at DESC, version"
            );
            let select = db.prepare_cached(&sql).await?;
            Ok(db.query(&select, &[&org.0]).await?.iter().map(read).collect())
        })
    }

    fn calibration(&self, org: OrgId, version: &str) -> Result<Option<WholeCalibration>> {
        self.read(org, async |db| {
            let sql = format!(
                "SELECT {CALIBRATION_COLUMNS}, schema_text, body, compared_with, moves \
                 FROM kartei.calibrations WHERE org = $1 AND version = $2"
            );
            let select = db.prepare_cached(&sql).await?;
            let found = db.query_opt(&select, &[&org.0, &version]).await?;
            Ok(found.map(|row| WholeCalibration {
                row: read(&row),
                schema_text: row.get(10),
                body: row.get(11),
                dry_run: row
                    .get::<_, Option<String>>(12)
                    .map(|compared_with| DryRun { compared_with, moves: row.get(13) }),
            }))
        })
    }

    fn add_calibration(
        &self,
        org: OrgId,
        actor: &str,
        new: &NewCalibrationRow<'_>,
    ) -> Result<CalibrationAdded> {
        self.write(org, async |db| add(db, org, actor, new).await)
    }

    fn keep_dry_run(&self, org: OrgId, version: &str, dry_run: &DryRun) -> Result<()> {
        self.write(org, async |db| {
            let update = db
                .prepare_cached(
                    "UPDATE kartei.calibrations SET compared_with = $3, moves = $4 \
                     WHERE org = $1 AND version = $2",
                )
                .await?;
            let DryRun { compared_with, moves } = dry_run;
            db.execute(&update, &[&org.0, &version, compared_with, moves]).await?;
            Ok(())
        })
    }

    fn activate_calibration(
        &self,
        org: OrgId,
        actor: &str,
        version: &str,
        instead_of: Option<&str>,
    ) -> Result<Activated> {
        self.write(org, async |db| activate(db, org, actor, version, instead_of).await)
    }

    fn delete_calibration(
        &self,
        org: OrgId,
        actor: &str,
        version: &str,
    ) -> Result<CalibrationDeleted> {
        self.write(org, async |db| delete(db, org, actor, version).await)
    }
}
