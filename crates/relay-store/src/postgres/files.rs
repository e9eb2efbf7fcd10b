//! Files on Postgres.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::profiles::{signed, unsigned};
use super::uploads::limit;
use super::{Postgres, audit, contents, usage};
use crate::access::OrgId;
use crate::contents::CONTENT_COLUMNS_OF_C;
use crate::engine::Result;
use crate::files::{Attached, FileEngine, FileRead, FileRow, FilesAsked};
use crate::quota::{self, Usage};

/// Its own columns after those of its content; the last is its key in the table.
const COLUMNS: &str = "f.id, f.name, f.content_type, f.created_at, f.by, \
    ARRAY(SELECT p.id FROM kartei.attachments a JOIN kartei.profiles p ON p.pk = a.profile \
          WHERE a.file = f.pk AND NOT p.deleted ORDER BY p.id), f.pk";
const OWN: usize = 11;

fn read(row: &Row) -> Result<FileRow> {
    Ok(FileRow {
        id: row.get(OWN),
        name: row.get(OWN + 1),
        content_type: row.get(OWN + 2),
        created_at: row.get(OWN + 3),
        by: row.get(OWN + 4),
        profiles: row.get(OWN + 5),
        content: contents::read(row, 0)?,
    })
}

async fn find_row(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Option<Row>> {
    let sql = format!(
        "SELECT {CONTENT_COLUMNS_OF_C}, {COLUMNS} FROM kartei.files f \
         JOIN kartei.contents c ON c.id = f.content WHERE f.org = $1 AND f.id = $2"
    );
    let select = db.prepare_cached(&sql).await?;
    Ok(db.query_opt(&select, &[&org.0, &id]).await?)
}

pub(super) async fn find(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Option<FileRow>> {
    find_row(db, org, id).await?.as_ref().map(read).transpose()
}

async fn list(db: &Transaction<'_>, org: OrgId, asked: &FilesAsked<'_>) -> Result<Vec<FileRow>> {
    let sql = format!(
        "SELECT {CONTENT_COLUMNS_OF_C}, {COLUMNS} FROM kartei.files f \
         JOIN kartei.contents c ON c.id = f.content \
         WHERE f.org = $1 AND (f.created_at, f.id) < ($2, $3) \
         AND ($4::text IS NULL OR strpos(f.folded, $4) > 0) \
         AND ($5::text IS NULL OR lower(btrim(split_part(f.content_type, ';', 1))) = $5) \
         AND ($6::text IS NULL OR lower(left(f.content_type, length($6))) = $6) \
         AND ($7::text IS NULL OR EXISTS (SELECT 1 FROM kartei.profiles p \
              JOIN kartei.attachments a ON a.profile = p.pk \
              WHERE p.org = $1 AND p.id = $7 AND NOT p.deleted AND a.file = f.pk)) \
         ORDER BY f.created_at DESC, f.id DESC LIMIT $8"
    );
    let select = db.prepare_cached(&sql).await?;
    let rows = db
        .query(
            &select,
            &[
                &org.0,
                &asked.before.0,
                &asked.before.1,
                &asked.folded,
                &asked.type_is,
                &asked.type_begins,
                &asked.profile,
                &asked.limit,
            ],
        )
        .await?;
    rows.iter().map(read).collect()
}

async fn attach(
    db: &Transaction<'_>,
    org: OrgId,
    file: &str,
    profile: &str,
    attached_at: Option<i64>,
) -> Result<Attached> {
    // Both stay what they are until this is done: a file that goes takes its attachments along.
    let file = db
        .query_opt(
            "SELECT pk FROM kartei.files WHERE org = $1 AND id = $2 FOR SHARE",
            &[&org.0, &file],
        )
        .await?;
    let Some(file) = file.map(|row| row.get::<_, i64>(0)) else { return Ok(Attached::NoFile) };
    let profile = db
        .query_opt(
            "SELECT pk, deleted FROM kartei.profiles WHERE org = $1 AND id = $2 FOR SHARE",
            &[&org.0, &profile],
        )
        .await?;
    let profile: Option<(i64, bool)> = profile.map(|row| (row.get(0), row.get(1)));
    match (profile, attached_at) {
        (None, _) | (Some((_, true)), Some(_)) => return Ok(Attached::NoProfile),
        (Some((profile, false)), Some(at)) => {
            db.execute(
                "INSERT INTO kartei.attachments (file, profile, org, at) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT DO NOTHING",
                &[&file, &profile, &org.0, &at],
            )
            .await?
        }
        (Some((profile, _)), None) => {
            db.execute(
                "DELETE FROM kartei.attachments WHERE file = $1 AND profile = $2",
                &[&file, &profile],
            )
            .await?
        }
    };
    Ok(Attached::Done)
}

/// Takes away what is attached to a profile; answers how many files.
pub(super) async fn detach_all(db: &Transaction<'_>, profile: i64) -> Result<u64> {
    Ok(db.execute("DELETE FROM kartei.attachments WHERE profile = $1", &[&profile]).await?)
}

async fn delete(db: &Transaction<'_>, org: OrgId, id: &str, now: i64) -> Result<bool> {
    // Under the lock: of two that delete, the second finds nothing.
    let before = usage::lock(db, org).await?;
    let Some(row) = find_row(db, org, id).await? else { return Ok(false) };
    let (pk, file) = (row.get::<_, i64>(OWN + 6), read(&row)?);
    db.execute("DELETE FROM kartei.files WHERE pk = $1", &[&pk]).await?;
    db.execute("DELETE FROM kartei.attachments WHERE file = $1", &[&pk]).await?;
    contents::let_go(db, file.content.id, now).await?;
    usage::put(db, org, &before.without_file(file.content.size)).await?;
    Ok(true)
}

async fn keep_reads(db: &Transaction<'_>, org: OrgId, reads: &[&FileRead]) -> Result<()> {
    let insert = db
        .prepare_cached(
            "INSERT INTO kartei.file_reads (org, file, token, at, from_byte, to_byte) \
             SELECT $1, file, token, at, from_byte, to_byte FROM unnest($2::text[], $3::bigint[], \
             $4::bigint[], $5::bigint[], $6::bigint[]) WITH ORDINALITY \
             AS w (file, token, at, from_byte, to_byte, number) ORDER BY number",
        )
        .await?;
    let files: Vec<&str> = reads.iter().map(|read| read.file.as_str()).collect();
    let tokens: Vec<i64> = reads.iter().map(|read| read.token).collect();
    let moments: Vec<i64> = reads.iter().map(|read| read.at).collect();
    let from: Vec<i64> = reads.iter().map(|read| signed(read.from)).collect();
    let to: Vec<i64> = reads.iter().map(|read| signed(read.to)).collect();
    db.execute(&insert, &[&org.0, &files, &tokens, &moments, &from, &to]).await?;
    Ok(())
}

impl FileEngine for Postgres {
    fn usage(&self, org: OrgId) -> Result<Usage> {
        self.read(org, async |db| usage::get(db, org).await)
    }

    fn set_quota(&self, org: OrgId, actor: &str, quota: Option<u64>) -> Result<Usage> {
        self.write(org, async |db| {
            let before = usage::lock(db, org).await?;
            let usage = Usage { quota, ..before };
            usage::put(db, org, &usage).await?;
            if let Some(told) = quota::told(actor, before.quota, quota) {
                audit::append(db, org, &told).await?;
            }
            Ok(usage)
        })
    }

    fn recount_usage(&self, org: OrgId, now: i64) -> Result<Usage> {
        self.write(org, async |db| usage::recount(db, org, now).await)
    }

    fn file(&self, org: OrgId, id: &str) -> Result<Option<FileRow>> {
        self.read(org, async |db| find(db, org, id).await)
    }

    fn files(&self, org: OrgId, asked: &FilesAsked<'_>) -> Result<Vec<FileRow>> {
        self.read(org, async |db| list(db, org, asked).await)
    }

    fn change_file(
        &self,
        org: OrgId,
        id: &str,
        name: Option<(&str, &str)>,
        content_type: Option<&str>,
    ) -> Result<Option<FileRow>> {
        self.write(org, async |db| {
            db.execute(
                "UPDATE kartei.files SET name = coalesce($3, name), folded = coalesce($4, folded), \
                 content_type = coalesce($5, content_type) WHERE org = $1 AND id = $2",
                &[
                    &org.0,
                    &id,
                    &name.map(|(name, _)| name),
                    &name.map(|(_, folded)| folded),
                    &content_type,
                ],
            )
            .await?;
            find(db, org, id).await
        })
    }

    fn attach_file(
        &self,
        org: OrgId,
        file: &str,
        profile: &str,
        attached_at: Option<i64>,
    ) -> Result<Attached> {
        self.write(org, async |db| attach(db, org, file, profile, attached_at).await)
    }

    fn delete_file(&self, org: OrgId, id: &str, now: i64) -> Result<bool> {
        self.write(org, async |db| delete(db, org, id, now).await)
    }

    fn note_reads(&self, reads: &[FileRead]) -> Result<()> {
        let mut by_org: BTreeMap<OrgId, Vec<&FileRead>> = BTreeMap::new();
        for read in reads {
            by_org.entry(read.org).or_default().push(read);
        }
        for (org, own) in by_org {
            self.write(org, async |db| keep_reads(db, org, &own).await)?;
        }
        Ok(())
    }

    fn reads(&self, org: OrgId, file: &str, rows_max: usize) -> Result<Vec<(String, FileRead)>> {
        self.read(org, async |db| {
            let rows = db
                .query(
                    "SELECT coalesce(t.name, ''), r.token, r.at, r.from_byte, r.to_byte \
                     FROM kartei.file_reads r LEFT JOIN kartei.tokens t ON t.id = r.token \
                     WHERE r.org = $1 AND r.file = $2 ORDER BY r.seq DESC LIMIT $3",
                    &[&org.0, &file, &limit(rows_max)],
                )
                .await?;
            let read = |row: &Row| {
                let read = FileRead {
                    org,
                    file: file.to_owned(),
                    token: row.get(1),
                    at: row.get(2),
                    from: unsigned(row, 3),
                    to: unsigned(row, 4),
                };
                (row.get(0), read)
            };
            Ok(rows.iter().map(read).collect())
        })
    }

    fn forget_reads(&self, org: OrgId, before: i64, rows_max: usize) -> Result<u64> {
        self.write(org, async |db| {
            let forgotten = db
                .execute(
                    "DELETE FROM kartei.file_reads WHERE seq IN (SELECT seq FROM kartei.file_reads \
                     WHERE org = $1 AND at < $2 ORDER BY at LIMIT $3)",
                    &[&org.0, &before, &limit(rows_max)],
                )
                .await?;
            Ok(forgotten)
        })
    }
}
