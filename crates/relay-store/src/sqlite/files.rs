//! Files on SQLite.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{Sqlite, audit, contents, usage};
use crate::access::OrgId;
use crate::contents::CONTENT_COLUMNS_OF_C;
use crate::engine::Result;
use crate::files::{Attached, FileEngine, FileRead, FileRow, FilesAsked};
use crate::quota::{self, Usage};

/// Its own columns after those of its content.
const COLUMNS: &str = "f.id, f.name, f.content_type, f.created_at, f.by, f.pk";
const OWN: usize = 11;

/// A file without its profiles, with its key in the table.
fn read(row: &Row<'_>) -> rusqlite::Result<(i64, FileRow)> {
    let file = FileRow {
        id: row.get(OWN)?,
        name: row.get(OWN + 1)?,
        content_type: row.get(OWN + 2)?,
        created_at: row.get(OWN + 3)?,
        by: row.get(OWN + 4)?,
        profiles: Vec::new(),
        content: contents::read(row, 0)?,
    };
    Ok((row.get(OWN + 5)?, file))
}

fn with_profiles(db: &Transaction<'_>, org: OrgId, (pk, file): (i64, FileRow)) -> Result<FileRow> {
    let mut select = db.prepare_cached(
        "SELECT p.id FROM attachments a JOIN profiles p ON p.pk = a.profile \
         WHERE a.file = ?2 AND p.org = ?1 AND p.deleted = 0 ORDER BY p.id",
    )?;
    let rows = select.query_map(params![org.0, pk], |row| row.get(0))?;
    Ok(FileRow { profiles: rows.collect::<rusqlite::Result<_>>()?, ..file })
}

fn find_keyed(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Option<(i64, FileRow)>> {
    let sql = format!(
        "SELECT {CONTENT_COLUMNS_OF_C}, {COLUMNS} FROM files f JOIN contents c ON c.id = f.content \
         WHERE f.org = ?1 AND f.id = ?2"
    );
    Ok(db.prepare_cached(&sql)?.query_row(params![org.0, id], read).optional()?)
}

pub(super) fn find(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Option<FileRow>> {
    let Some(found) = find_keyed(db, org, id)? else { return Ok(None) };
    with_profiles(db, org, found).map(Some)
}

fn list(db: &Transaction<'_>, org: OrgId, asked: &FilesAsked<'_>) -> Result<Vec<FileRow>> {
    let sql = format!(
        "SELECT {CONTENT_COLUMNS_OF_C}, {COLUMNS} FROM files f JOIN contents c ON c.id = f.content \
         WHERE f.org = ?1 AND (f.created_at, f.id) < (?2, ?3) \
         AND (?4 IS NULL OR instr(f.folded, ?4) > 0) \
         AND (?5 IS NULL OR \
              lower(trim(substr(f.content_type, 1, instr(f.content_type || ';', ';') - 1))) = ?5) \
         AND (?6 IS NULL OR lower(substr(f.content_type, 1, length(?6))) = ?6) \
         AND (?7 IS NULL OR EXISTS (SELECT 1 FROM profiles p JOIN attachments a ON a.profile = p.pk \
              WHERE p.org = ?1 AND p.id = ?7 AND p.deleted = 0 AND a.file = f.pk)) \
         ORDER BY f.created_at DESC, f.id DESC LIMIT ?8"
    );
    let mut select = db.prepare_cached(&sql)?;
    let rows = select.query_map(
        params![
            org.0,
            asked.before.0,
            asked.before.1,
            asked.folded,
            asked.type_is,
            asked.type_begins,
            asked.profile,
            asked.limit,
        ],
        read,
    )?;
    rows.map(|row| with_profiles(db, org, row?)).collect()
}

fn attach(
    db: &Transaction<'_>,
    org: OrgId,
    file: &str,
    profile: &str,
    attached_at: Option<i64>,
) -> Result<Attached> {
    let file: Option<i64> = db
        .prepare_cached("SELECT pk FROM files WHERE org = ?1 AND id = ?2")?
        .query_row(params![org.0, file], |row| row.get(0))
        .optional()?;
    let Some(file) = file else { return Ok(Attached::NoFile) };
    let profile: Option<(i64, bool)> = db
        .prepare_cached("SELECT pk, deleted FROM profiles WHERE org = ?1 AND id = ?2")?
        .query_row(params![org.0, profile], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match (profile, attached_at) {
        (None, _) | (Some((_, true)), Some(_)) => return Ok(Attached::NoProfile),
        (Some((profile, false)), Some(at)) => db
            .prepare_cached(
                "INSERT OR IGNORE INTO attachments (file, profile, at) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![file, profile, at])?,
        (Some((profile, _)), None) => db
            .prepare_cached("DELETE FROM attachments WHERE file = ?1 AND profile = ?2")?
            .execute(params![file, profile])?,
    };
    Ok(Attached::Done)
}

/// Takes away what is attached to a profile; answers how many files.
pub(super) fn detach_all(db: &Transaction<'_>, profile: i64) -> Result<u64> {
    let detached =
        db.prepare_cached("DELETE FROM attachments WHERE profile = ?1")?.execute([profile])?;
    Ok(detached as u64)
}

impl FileEngine for Sqlite {
    fn usage(&self, org: OrgId) -> Result<Usage> {
        self.read(|db| usage::get(db, org))
    }

    fn set_quota(&self, org: OrgId, actor: &str, quota: Option<u64>) -> Result<Usage> {
        self.write(|db| {
            let before = usage::get(db, org)?;
            let usage = Usage { quota, ..before };
            usage::put(db, org, &usage)?;
            if let Some(told) = quota::told(actor, before.quota, quota) {
                audit::append(db, org, &told)?;
            }
            Ok(usage)
        })
    }

    fn recount_usage(&self, org: OrgId, now: i64) -> Result<Usage> {
        self.write(|db| usage::recount(db, org, now))
    }

    fn file(&self, org: OrgId, id: &str) -> Result<Option<FileRow>> {
        self.read(|db| find(db, org, id))
    }

    fn files(&self, org: OrgId, asked: &FilesAsked<'_>) -> Result<Vec<FileRow>> {
        self.read(|db| list(db, org, asked))
    }

    fn change_file(
        &self,
        org: OrgId,
        id: &str,
        name: Option<(&str, &str)>,
        content_type: Option<&str>,
    ) -> Result<Option<FileRow>> {
        self.write(|db| {
            db.execute(
                "UPDATE files SET name = coalesce(?3, name), folded = coalesce(?4, folded), \
                 content_type = coalesce(?5, content_type) WHERE org = ?1 AND id = ?2",
                params![
                    org.0,
                    id,
                    name.map(|(name, _)| name),
                    name.map(|(_, folded)| folded),
                    content_type,
                ],
            )?;
            find(db, org, id)
        })
    }

    fn attach_file(
        &self,
        org: OrgId,
        file: &str,
        profile: &str,
        attached_at: Option<i64>,
    ) -> Result<Attached> {
        self.write(|db| attach(db, org, file, profile, attached_at))
    }

    fn delete_file(&self, org: OrgId, id: &str, now: i64) -> Result<bool> {
        self.write(|db| {
            let Some((pk, file)) = find_keyed(db, org, id)? else { return Ok(false) };
            db.execute("DELETE FROM attachments WHERE file = ?1", [pk])?;
            db.execute("DELETE FROM files WHERE pk = ?1", [pk])?;
            contents::let_go(db, file.content.id, now)?;
            usage::put(db, org, &usage::get(db, org)?.without_file(file.content.size))?;
            Ok(true)
        })
    }

    fn note_reads(&self, reads: &[FileRead]) -> Result<()> {
        self.write(|db| {
            let mut insert = db.prepare_cached(
                "INSERT INTO file_reads (org, file, token, at, from_byte, to_byte) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for FileRead { org, file, token, at, from, to } in reads {
                insert.execute(params![org.0, file, token, at, from, to])?;
            }
            Ok(())
        })
    }

    fn reads(&self, org: OrgId, file: &str, rows_max: usize) -> Result<Vec<(String, FileRead)>> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT coalesce(t.name, ''), r.token, r.at, r.from_byte, r.to_byte \
                 FROM file_reads r LEFT JOIN tokens t ON t.id = r.token AND t.org = r.org \
                 WHERE r.org = ?1 AND r.file = ?2 ORDER BY r.seq DESC LIMIT ?3",
            )?;
            let rows = select.query_map(params![org.0, file, rows_max], |row| {
                let read = FileRead {
                    org,
                    file: file.to_owned(),
                    token: row.get(1)?,
                    at: row.get(2)?,
                    from: row.get(3)?,
                    to: row.get(4)?,
                };
                Ok((row.get(0)?, read))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn forget_reads(&self, org: OrgId, before: i64, rows_max: usize) -> Result<u64> {
        self.write(|db| {
            let forgotten = db.execute(
                "DELETE FROM file_reads WHERE seq IN (SELECT seq FROM file_reads \
                 WHERE org = ?1 AND at < ?2 ORDER BY at LIMIT ?3)",
                params![org.0, before, rows_max],
            )?;
            Ok(forgotten as u64)
        })
    }
}
