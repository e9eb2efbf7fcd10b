//! Copies of the embedded database: making one while it is in use, and looking whether one is sound.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use super::{BUSY_TIMEOUT, FILE, STEPS};
use crate::copy::{CopiedOrganisation, DatabaseCopy};
use crate::engine::Result;
use crate::error::RelayStoreError;

/// What a check of a whole file tells at most.
const FINDINGS_MAX: usize = 20;

fn existing(path: &Path) -> Result<Connection> {
    let failed =
        |reason: String| RelayStoreError::Open { path: path.display().to_string(), reason };
    if !path.is_file() {
        return Err(failed("there is no database".to_owned()));
    }
    // Without the right to make one: what is not there is not backed up as nothing.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| failed(error.to_string()))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Copies the database in `folder`, page by page, so that what did not change is the same in the next
/// copy. All pages are of one moment: one transaction reads them, and writers go on beside it.
pub(crate) fn copy(folder: &Path, to: &Path) -> Result<DatabaseCopy> {
    let from = existing(&folder.join(FILE))?;
    let found: i64 = from.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = format();
    if found > known {
        return Err(RelayStoreError::TooNew { found, known });
    }
    let mut target = Connection::open(to)?;
    // Only what is made of it has to last.
    target.pragma_update(None, "synchronous", "OFF")?;
    match Backup::new(&from, &mut target)?.step(-1)? {
        StepResult::Done => {}
        _ => {
            let busy =
                ffi::Error { code: ErrorCode::DatabaseBusy, extended_code: ffi::SQLITE_BUSY };
            return Err(rusqlite::Error::SqliteFailure(busy, None).into());
        }
    }
    let organisations = target
        .prepare("SELECT name, epoch, head_rev FROM organisations ORDER BY id")?
        .query_map([], |row| {
            Ok(CopiedOrganisation { name: row.get(0)?, epoch: row.get(1)?, head_rev: row.get(2)? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    // What an older format calls its blobs is not asked.
    let blobs = if found == known { blobs(&target)? } else { Vec::new() };
    Ok(DatabaseCopy { format: found, organisations, blobs })
}

fn blobs(db: &Connection) -> Result<Vec<String>> {
    let mut select = db.prepare(
        "SELECT blob FROM contents WHERE refs > 0 AND condemned_at IS NULL AND lost_at IS NULL \
         UNION SELECT blob FROM job_results WHERE blob IS NOT NULL ORDER BY 1",
    )?;
    let rows = select.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What is wrong with the database file in a folder, in SQLite's words; nothing where it is sound.
pub(crate) fn damages(folder: &Path) -> Result<Vec<String>> {
    let db = existing(&folder.join(FILE))?;
    let mut check = db.prepare(&format!("PRAGMA integrity_check({FINDINGS_MAX})"))?;
    let rows = check.query_map([], |row| row.get(0))?;
    let mut found: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
    found.retain(|line| line != "ok");
    let mut keys = db.prepare("PRAGMA foreign_key_check")?;
    let rows = keys.query_map([], |row| row.get::<_, String>(0))?;
    for table in rows.take(FINDINGS_MAX) {
        found.push(format!("a row of `{}` leads to one that is not there", table?));
    }
    Ok(found)
}

/// The format that this program makes and reads.
pub(crate) fn format() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}
