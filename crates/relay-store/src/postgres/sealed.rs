//! Profiles that lie sealed, on Postgres.

use super::{Postgres, audit};
use crate::access::OrgId;
use crate::engine::Result;
use crate::sealed::{Part, PartRow, SealEngine, SealWish, told};

/// Table, column as bytes and key of a part; `p` is the profile or the job that it is of.
fn place(part: Part) -> (&'static str, &'static str, &'static str) {
    match part {
        Part::Record => ("kartei.profiles p", "convert_to(p.record, 'UTF8')", "p.pk"),
        Part::Genesis => ("kartei.profiles p", "convert_to(p.genesis_record, 'UTF8')", "p.pk"),
        Part::Document => {
            ("kartei.documents d JOIN kartei.profiles p ON p.pk = d.profile", "d.body", "d.profile")
        }
        Part::Change => {
            ("kartei.changes c JOIN kartei.profiles p ON p.pk = c.profile", "c.body", "c.seq")
        }
        Part::Note => (
            "kartei.job_partials n JOIN kartei.jobs p ON p.pk = n.job",
            "convert_to(n.payload, 'UTF8')",
            "n.job",
        ),
        Part::Resume => {
            ("kartei.job_partials n JOIN kartei.jobs p ON p.pk = n.job", "n.resume", "n.job")
        }
    }
}

impl SealEngine for Postgres {
    fn seal_wish(&self, org: OrgId) -> Result<SealWish> {
        self.read(org, async |db| {
            let select = db
                .prepare_cached(
                    "SELECT sealed, sealed = resealed, file_key FROM kartei.organisations WHERE id = $1",
                )
                .await?;
            let row = db.query_one(&select, &[&org.0]).await?;
            Ok(SealWish { asked: row.get(0), settled: row.get(1), wrapped: row.get(2) })
        })
    }

    fn set_seal_wish(&self, org: OrgId, by: &str, asked: bool) -> Result<bool> {
        self.write(org, async |db| {
            let set = db
                .execute(
                    "UPDATE kartei.organisations SET sealed = $2 WHERE id = $1 AND sealed <> $2",
                    &[&org.0, &asked],
                )
                .await?;
            if set > 0 {
                audit::append(db, org, &told(by, asked)).await?;
            }
            Ok(set > 0)
        })
    }

    fn settle_seal(&self, org: OrgId, asked: bool) -> Result<()> {
        self.write(org, async |db| {
            let settle =
                "UPDATE kartei.organisations SET resealed = $2 WHERE id = $1 AND sealed = $2";
            db.execute(settle, &[&org.0, &asked]).await?;
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
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.read(org, async |db| {
            let select = db
                .prepare_cached(&format!(
                    "SELECT {key}, p.id, {column} FROM {table} \
                     WHERE p.org = $1 AND {key} > $2 AND {column} IS NOT NULL \
                     AND (substring({column} FROM 1 FOR 1) = '\\x7e'::bytea) = $3 \
                     ORDER BY {key} LIMIT $4"
                ))
                .await?;
            let found = db.query(&select, &[&org.0, &after, &sealed, &rows]).await?;
            let part_row = |row: &tokio_postgres::Row| PartRow {
                key: row.get(0),
                id: row.get(1),
                bytes: row.get(2),
            };
            Ok(found.iter().map(part_row).collect())
        })
    }

    fn put_parts(&self, org: OrgId, part: Part, news: &[(i64, Vec<u8>, Vec<u8>)]) -> Result<()> {
        let (table, set, is_it, key) = match part {
            Part::Record => (
                "profiles",
                "record = convert_from(w.now, 'UTF8')",
                "t.record = convert_from(w.was, 'UTF8')",
                "pk",
            ),
            Part::Genesis => (
                "profiles",
                "genesis_record = convert_from(w.now, 'UTF8')",
                "t.genesis_record = convert_from(w.was, 'UTF8')",
                "pk",
            ),
            Part::Document => ("documents", "body = w.now", "t.body = w.was", "profile"),
            Part::Change => ("changes", "body = w.now", "t.body = w.was", "seq"),
            Part::Note => (
                "job_partials",
                "payload = convert_from(w.now, 'UTF8')",
                "t.payload = convert_from(w.was, 'UTF8')",
                "job",
            ),
            Part::Resume => ("job_partials", "resume = w.now", "t.resume = w.was", "job"),
        };
        let keys: Vec<i64> = news.iter().map(|(key, ..)| *key).collect();
        let (was, is): (Vec<&[u8]>, Vec<&[u8]>) =
            news.iter().map(|(_, was, is)| (was.as_slice(), is.as_slice())).unzip();
        self.write(org, async |db| {
            let update = db
                .prepare_cached(&format!(
                    "UPDATE kartei.{table} t SET {set} FROM unnest($2::bigint[], $3::bytea[], \
                     $4::bytea[]) AS w (key, was, now) \
                     WHERE t.org = $1 AND t.{key} = w.key AND {is_it}"
                ))
                .await?;
            db.execute(&update, &[&org.0, &keys, &was, &is]).await?;
            Ok(())
        })
    }
}
