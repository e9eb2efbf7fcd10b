//! A read transaction on a connection of its own, on SQLite.

use rusqlite::{Connection, params};

use super::profiles::{ROW, as_row};
use crate::access::OrgId;
use crate::engine::{FeedLimits, Meter, Result, Row};
use crate::snapshot::Rows;

/// Within a transaction that the connection's end ends.
#[derive(Debug)]
pub(super) struct SqliteRows {
    db: Connection,
    org: OrgId,
    /// The last id that was read; ids are never empty.
    after: String,
}

impl SqliteRows {
    /// Begins; the first read of anything pins the snapshot.
    pub(super) fn begin(db: Connection, org: OrgId) -> Result<Self> {
        db.execute_batch("BEGIN")?;
        Ok(Self { db, org, after: String::new() })
    }

    pub(super) fn db(&self) -> &Connection {
        &self.db
    }
}

impl Rows for SqliteRows {
    fn next(&mut self, limits: FeedLimits) -> Result<Vec<Row>> {
        let mut select = self.db.prepare_cached(&format!(
            "{ROW} WHERE org = ?1 AND id > ?2 AND NOT deleted ORDER BY id"
        ))?;
        let (mut rows, mut meter) = (Vec::new(), Meter::new(limits));
        for row in select.query_map(params![self.org.0, self.after], as_row)? {
            let row = row?;
            let enough = meter.took(row.record.len());
            rows.push(row);
            if enough {
                break;
            }
        }
        if let Some(last) = rows.last() {
            self.after.clone_from(&last.id);
        }
        Ok(rows)
    }

    fn rewind(&mut self) -> Result<()> {
        self.after.clear();
        Ok(())
    }
}
