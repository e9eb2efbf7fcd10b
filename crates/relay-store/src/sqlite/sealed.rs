//! Profiles that lie sealed, on SQLite.

use rusqlite::params;

use super::{Sqlite, audit};
use crate::access::OrgId;
use crate::engine::Result;
use crate::sealed::{Part, PartRow, SealEngine, SealWish, told};

/// Table, column and key of a part; `p` is the profile or the job that it is of.
fn place(part: Part) -> (&'static str, &'static str, &'static str) {
    match part {
        Part::Record => ("profiles p", "p.record", "p.pk"),
        Part::Genesis => ("profiles p", "p.genesis_record", "p.pk"),
        Part::Document => {
            ("documents d JOIN profiles p ON p.pk = d.profile", "d.body", "d.profile")
        }
        Part::Change => ("changes c JOIN profiles p ON p.pk = c.profile", "c.body", "c.seq"),
        Part::Note => ("job_partials n JOIN jobs p ON p.pk = n.job", "n.payload", "n.job"),
        Part::Resume => ("job_partials n JOIN jobs p ON p.pk = n.job", "n.resume", "n.job"),
    }
}

impl SealEngine for Sqlite {
    fn seal_wish(&self, org: OrgId) -> Result<SealWish> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT sealed, sealed = resealed, file_key FROM organisations WHERE id = ?1",
            )?;
            let wish = |row: &rusqlite::Row<'_>| {
                Ok(SealWish { asked: row.get(0)?, settled: row.get(1)?, wrapped: row.get(2)? })
            };
            Ok(select.query_row([org.0], wish)?)
        })
    }

    fn set_seal_wish(&self, org: OrgId, by: &str, asked: bool) -> Result<bool> {
        self.write(|db| {
            let set = db.execute(
                "UPDATE organisations SET sealed = ?2 WHERE id = ?1 AND sealed <> ?2",
                params![org.0, asked],
            )?;
            if set > 0 {
                audit::append(db, org, &told(by, asked))?;
            }
            Ok(set > 0)
        })
    }

    fn settle_seal(&self, org: OrgId, asked: bool) -> Result<()> {
        self.write(|db| {
            let settle = "UPDATE organisations SET resealed = ?2 WHERE id = ?1 AND sealed = ?2";
            db.execute(settle, params![org.0, asked])?;
            Ok(())
        })
    }

    fn parts(
        &self,
        org: OrgId,
        part: Part,
        sealed: bool,
        after: i64,
        rows: usize,
    ) -> Result<Vec<PartRow>> {
        let (table, column, key) = place(part);
        self.read(|db| {
            // As bytes, whichever the column has: the sign is the first one.
            let mut select = db.prepare_cached(&format!(
                "SELECT {key}, p.id, CAST({column} AS BLOB) FROM {table} \
                 WHERE p.org = ?1 AND {key} > ?2 AND {column} IS NOT NULL \
                 AND (substr(CAST({column} AS BLOB), 1, 1) = x'7e') = ?3 ORDER BY {key} LIMIT ?4"
            ))?;
            let found = select.query_map(params![org.0, after, sealed, rows], |row| {
                Ok(PartRow { key: row.get(0)?, id: row.get(1)?, bytes: row.get(2)? })
            })?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn put_parts(&self, _: OrgId, part: Part, news: &[(i64, Vec<u8>, Vec<u8>)]) -> Result<()> {
        let sql = match part {
            Part::Record => {
                "UPDATE profiles SET record = CAST(?3 AS TEXT) \
                 WHERE pk = ?1 AND CAST(record AS BLOB) = ?2"
            }
            Part::Genesis => {
                "UPDATE profiles SET genesis_record = CAST(?3 AS TEXT) \
                 WHERE pk = ?1 AND CAST(genesis_record AS BLOB) = ?2"
            }
            Part::Document => "UPDATE documents SET body = ?3 WHERE profile = ?1 AND body = ?2",
            Part::Change => "UPDATE changes SET body = ?3 WHERE seq = ?1 AND body = ?2",
            Part::Note => {
                "UPDATE job_partials SET payload = CAST(?3 AS TEXT) \
                 WHERE job = ?1 AND CAST(payload AS BLOB) = ?2"
            }
            Part::Resume => "UPDATE job_partials SET resume = ?3 WHERE job = ?1 AND resume = ?2",
        };
        self.write(|db| {
            let mut update = db.prepare_cached(sql)?;
            for (key, was, is) in news {
                update.execute(params![key, was, is])?;
            }
            Ok(())
        })
    }
}
