//! Calibrations on SQLite.

use kartei_protocol::calibrations::CalibrationStage;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::jobs::clock;
use super::{Sqlite, audit};
use crate::access::OrgId;
use crate::calibrations::{
    Activated, CALIBRATION_COLUMNS, CALIBRATIONS_MAX, CalibrationAdded, CalibrationDeleted,
    CalibrationEngine, CalibrationRow, DryRun, NewCalibrationRow, WholeCalibration, stage_of, told,
};
use crate::engine::Result;

fn read(row: &Row<'_>) -> rusqlite::Result<CalibrationRow> {
    let stage: String = row.get(3)?;
    Ok(CalibrationRow {
        version: row.get(0)?,
        schema: row.get(1)?,
        schema_version: row.get(2)?,
        stage: stage_of(&stage),
        made_by: row.get(4)?,
        made_at: row.get(5)?,
        changed_by: row.get(6)?,
        changed_at: row.get(7)?,
        as_of: row.get(8)?,
        profiles: row.get(9)?,
    })
}

fn find(db: &Transaction<'_>, org: OrgId, version: &str) -> Result<Option<CalibrationRow>> {
    let sql =
        format!("SELECT {CALIBRATION_COLUMNS} FROM calibrations WHERE org = ?1 AND version = ?2");
    Ok(db.prepare_cached(&sql)?.query_row(params![org.0, version], read).optional()?)
}

fn put(
    db: &Transaction<'_>,
    org: OrgId,
    actor: &str,
    version: &str,
    stage: CalibrationStage,
) -> Result<()> {
    db.prepare_cached(
        "UPDATE calibrations SET state = ?3, changed_by = ?4, changed_at = ?5 \
         WHERE org = ?1 AND version = ?2",
    )?
    .execute(params![org.0, version, stage.word(), actor, clock(db)?])?;
    Ok(())
}

impl CalibrationEngine for Sqlite {
    fn calibrations(&self, org: OrgId) -> Result<Vec<CalibrationRow>> {
        self.read(|db| {
            let mut select = db.prepare_cached(&format!(
                "SELECT {CALIBRATION_COLUMNS} FROM calibrations WHERE org = ?1 \
                 ORDER BY changed_at DESC, version"
            ))?;
            Ok(select.query_map([org.0], read)?.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn calibration(&self, org: OrgId, version: &str) -> Result<Option<WholeCalibration>> {
        self.read(|db| {
            let mut select = db.prepare_cached(&format!(
                "SELECT {CALIBRATION_COLUMNS}, schema_text, body, compared_with, moves FROM calibrations \
                 WHERE org = ?1 AND version = ?2"
            ))?;
            let found = select.query_row(params![org.0, version], |row| {
                let (schema_text, body) = (row.get(10)?, row.get(11)?);
                let (compared_with, moves) = (row.get::<_, Option<String>>(12)?, row.get(13)?);
                let dry_run = compared_with.map(|compared_with| DryRun { compared_with, moves });
                Ok(WholeCalibration { row: read(row)?, schema_text, body, dry_run })
            });
            Ok(found.optional()?)
        })
    }

    fn add_calibration(
        &self,
        org: OrgId,
        actor: &str,
        new: &NewCalibrationRow<'_>,
    ) -> Result<CalibrationAdded> {
        self.write(|db| {
            if let Some(row) = find(db, org, new.version)? {
                return Ok(CalibrationAdded::Same(row));
            }
            let count: u64 =
                db.query_row("SELECT count(*) FROM calibrations WHERE org = ?1", [org.0], |row| {
                    row.get(0)
                })?;
            if count >= CALIBRATIONS_MAX {
                return Ok(CalibrationAdded::TooMany);
            }
            let now = clock(db)?;
            let row = new.row(actor, now);
            db.execute(
                "INSERT INTO calibrations (org, version, schema, schema_version, state, \
                 schema_text, body, made_by, made_at, changed_by, changed_at, as_of, profiles) \
                 VALUES (?1, ?2, ?3, ?4, 'draft', ?5, ?6, ?7, ?8, ?7, ?8, ?9, ?10)",
                params![
                    org.0,
                    new.version,
                    new.schema,
                    new.schema_version,
                    new.schema_text,
                    new.body,
                    actor,
                    now,
                    new.as_of,
                    new.profiles
                ],
            )?;
            audit::append(db, org, &told(actor, "calibration.added", &row, None))?;
            Ok(CalibrationAdded::New(row))
        })
    }

    fn keep_dry_run(&self, org: OrgId, version: &str, dry_run: &DryRun) -> Result<()> {
        self.write(|db| {
            db.prepare_cached(
                "UPDATE calibrations SET compared_with = ?3, moves = ?4 \
                 WHERE org = ?1 AND version = ?2",
            )?
            .execute(params![org.0, version, dry_run.compared_with, dry_run.moves])?;
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
        self.write(|db| {
            let Some(row) = find(db, org, version)? else { return Ok(Activated::Missing) };
            if row.stage == CalibrationStage::Active {
                return Ok(Activated::Already(row));
            }
            let active: Option<String> = db
                .prepare_cached(
                    "SELECT version FROM calibrations WHERE org = ?1 AND schema = ?2 \
                     AND state = 'active'",
                )?
                .query_row(params![org.0, row.schema], |row| row.get(0))
                .optional()?;
            if active.as_deref() != instead_of {
                return Ok(Activated::Overtaken(active));
            }
            if let Some(before) = &active {
                put(db, org, actor, before, CalibrationStage::Retired)?;
            }
            put(db, org, actor, version, CalibrationStage::Active)?;
            audit::append(db, org, &told(actor, "calibration.activated", &row, instead_of))?;
            Ok(find(db, org, version)?.map_or(Activated::Missing, Activated::Now))
        })
    }

    fn delete_calibration(
        &self,
        org: OrgId,
        actor: &str,
        version: &str,
    ) -> Result<CalibrationDeleted> {
        self.write(|db| {
            let Some(row) = find(db, org, version)? else {
                return Ok(CalibrationDeleted::Missing);
            };
            if row.stage != CalibrationStage::Draft {
                return Ok(CalibrationDeleted::NoDraft);
            }
            db.execute(
                "DELETE FROM calibrations WHERE org = ?1 AND version = ?2",
                params![org.0, version],
            )?;
            audit::append(db, org, &told(actor, "calibration.deleted", &row, None))?;
            Ok(CalibrationDeleted::Gone)
        })
    }
}
