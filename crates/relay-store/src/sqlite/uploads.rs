//! Upload sessions on SQLite.

use kartei_protocol::uploads::UploadPhase;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{Sqlite, contents, landing, usage};
use crate::access::OrgId;
use crate::engine::Result;
use crate::files::fold;
use crate::landing::{Landed, LandedRow, Landing};
use crate::quota::Refusal;
use crate::uploads::{
    Completing, NewUploadRow, QUOTA_EXCEEDED, Reserved, Reserving, Tail, UPLOAD_COLUMNS,
    UploadBegun, UploadCompleted, UploadDone, UploadEnd, UploadEngine, UploadLimits, UploadRow,
    phase_of, phase_text,
};

fn read(row: &Row<'_>) -> rusqlite::Result<UploadRow> {
    let phase: String = row.get(11)?;
    let tail: (Option<u64>, Option<u64>, Option<u64>) = (row.get(20)?, row.get(21)?, row.get(22)?);
    let tail = match tail {
        (Some(seq), Some(offset), Some(len)) => Some(Tail { seq, offset, len }),
        _ => None,
    };
    Ok(UploadRow {
        id: row.get(0)?,
        org: OrgId(row.get(1)?),
        token: row.get(2)?,
        by: row.get(3)?,
        door: row.get(4)?,
        key: row.get(5)?,
        name: row.get(6)?,
        content_type: row.get(7)?,
        meta: row.get(8)?,
        size: row.get(9)?,
        reserved: row.get(10)?,
        phase: phase_of(&phase),
        problem: row.get(12)?,
        blob: row.get(13)?,
        draft: row.get(14)?,
        place: row.get(15)?,
        piece_bytes: row.get(16)?,
        wrapped_key: row.get(17)?,
        digest: row.get(18)?,
        sha256: row.get(19)?,
        tail,
        file: row.get(23)?,
        created_at: row.get(24)?,
        touched_at: row.get(25)?,
        expires_at: row.get(26)?,
    })
}

/// A session with its key in the table.
fn find(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Option<(i64, UploadRow)>> {
    let sql = format!("SELECT {UPLOAD_COLUMNS}, pk FROM uploads WHERE org = ?1 AND id = ?2");
    let found = db
        .prepare_cached(&sql)?
        .query_row(params![org.0, id], |row| Ok((row.get(27)?, read(row)?)))
        .optional()?;
    Ok(found)
}

/// A token's session with this key.
pub(super) fn by_key(
    db: &Transaction<'_>,
    org: OrgId,
    token: i64,
    key: &str,
) -> Result<Option<UploadRow>> {
    let sql =
        format!("SELECT {UPLOAD_COLUMNS} FROM uploads WHERE org = ?1 AND token = ?2 AND key = ?3");
    Ok(db.prepare_cached(&sql)?.query_row(params![org.0, token, key], read).optional()?)
}

pub(super) fn begin(
    db: &Transaction<'_>,
    org: OrgId,
    new: &NewUploadRow,
    limits: &UploadLimits,
    now: i64,
) -> Result<UploadBegun> {
    if let Some(key) = &new.key
        && let Some(known) = by_key(db, org, new.token, key)?
    {
        return Ok(UploadBegun::Known(Box::new(known)));
    }
    let before = usage::get(db, org)?;
    let (after, reserved) = match before.with_upload(new.size, limits.open_max) {
        Ok(admitted) => admitted,
        Err(Refusal::OverQuota) => return Ok(UploadBegun::OverQuota(before)),
        Err(Refusal::TooMany) => return Ok(UploadBegun::TooMany(before.open)),
    };
    usage::put(db, org, &after)?;
    db.prepare_cached(
        "INSERT INTO uploads (id, org, token, by, door, key, name, content_type, meta, size, \
         reserved, phase, blob, draft, place, piece_bytes, wrapped_key, digest, sha256, created_at, \
         touched_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'open', ?12, \
         1, ?13, ?14, ?15, ?16, ?17, ?18, ?18, ?19)",
    )?
    .execute(params![
        new.id,
        org.0,
        new.token,
        new.by,
        new.door,
        new.key,
        new.name,
        new.content_type,
        new.meta,
        new.size,
        reserved,
        new.blob,
        new.place,
        new.piece_bytes,
        new.wrapped_key,
        new.digest,
        new.sha256,
        now,
        new.expires_at,
    ])?;
    Ok(UploadBegun::Begun(Box::new(new.begun(org, reserved, now))))
}

/// Gives an open session another reservation, and its size where that is known now.
fn reserve(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    judge: impl Fn(&UploadRow) -> Reserving,
) -> Result<Reserved> {
    let Some((pk, upload)) = find(db, org, id)? else { return Ok(Reserved::Unknown) };
    if upload.phase != UploadPhase::Open {
        return Ok(Reserved::Ended(upload.phase));
    }
    let (wishes, size) = match judge(&upload) {
        Reserving::Answer(answer) => return Ok(answer),
        Reserving::OneOf(wishes, size) => (wishes, size),
    };
    let before = usage::get(db, org)?;
    for wish in wishes {
        if let Some(after) = before.with_reservation(upload.reserved, wish) {
            usage::put(db, org, &after)?;
            db.prepare_cached(
                "UPDATE uploads SET reserved = ?2, size = coalesce(size, ?3) WHERE pk = ?1",
            )?
            .execute(params![pk, wish, size])?;
            return Ok(Reserved::Ok);
        }
    }
    Ok(Reserved::OverQuota(before))
}

pub(super) fn complete(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    done: &UploadDone,
) -> Result<UploadCompleted> {
    let Some((pk, upload)) = find(db, org, id)? else { return Ok(UploadCompleted::Unknown) };
    if upload.phase == UploadPhase::Completed
        && let Some(file) = &upload.file
        && let Some(file) = super::files::find(db, org, file)?
    {
        let is_new_content = file.content.blob == upload.blob;
        return Ok(UploadCompleted::Done { file: Box::new(file), is_new_content });
    }
    if upload.phase.is_end() {
        return Ok(UploadCompleted::Ended(Box::new(upload)));
    }
    let before = usage::get(db, org)?;
    let Some(after) = before.with_file(upload.reserved, done.size) else {
        end(db, org, pk, &upload, UploadEnd::Failed(QUOTA_EXCEEDED), done.now)?;
        return Ok(UploadCompleted::OverQuota(before.without_upload(upload.reserved)));
    };
    let content = contents::adopt(db, org, &upload, done)?;
    let is_new_content = content.blob == upload.blob;
    db.prepare_cached(
        "INSERT INTO files (id, org, name, folded, content_type, content, created_at, by) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        done.file_id,
        org.0,
        upload.name,
        fold(&upload.name),
        done.content_type,
        content.id,
        done.now,
        upload.by,
    ])?;
    db.prepare_cached(
        "UPDATE uploads SET phase = 'completed', reserved = 0, size = ?2, digest = ?3, file = ?4, \
         draft = ?5, wrapped_key = x'', tail_seq = NULL, tail_offset = NULL, tail_len = NULL, \
         touched_at = ?6 WHERE pk = ?1",
    )?
    .execute(params![pk, done.size, done.digest, done.file_id, !is_new_content, done.now])?;
    landing::forget(db, pk)?;
    usage::put(db, org, &after)?;
    Ok(UploadCompleted::Done { file: Box::new(done.file_of(&upload, content)), is_new_content })
}

fn end(
    db: &Transaction<'_>,
    org: OrgId,
    pk: i64,
    upload: &UploadRow,
    end: UploadEnd<'_>,
    now: i64,
) -> Result<()> {
    let after = usage::get(db, org)?.without_upload(upload.reserved);
    usage::put(db, org, &after)?;
    db.prepare_cached(
        "UPDATE uploads SET phase = ?2, problem = ?3, reserved = 0, wrapped_key = x'', \
         tail_seq = NULL, tail_offset = NULL, tail_len = NULL, touched_at = ?4 WHERE pk = ?1",
    )?
    .execute(params![pk, phase_text(end.phase()), end.problem(), now])?;
    landing::forget(db, pk)
}

impl UploadEngine for Sqlite {
    fn begin_upload(
        &self,
        org: OrgId,
        new: &NewUploadRow,
        limits: &UploadLimits,
        now: i64,
    ) -> Result<UploadBegun> {
        self.write(|db| begin(db, org, new, limits, now))
    }

    fn upload(&self, org: OrgId, id: &str) -> Result<Option<UploadRow>> {
        self.read(|db| Ok(find(db, org, id)?.map(|(_, upload)| upload)))
    }

    fn uploads(&self, org: OrgId, rows_max: usize) -> Result<Vec<UploadRow>> {
        self.read(|db| {
            let sql = format!(
                "SELECT {UPLOAD_COLUMNS} FROM uploads WHERE org = ?1 ORDER BY pk DESC LIMIT ?2"
            );
            let mut select = db.prepare_cached(&sql)?;
            let rows = select.query_map(params![org.0, rows_max], read)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn landed(&self, org: OrgId, id: &str) -> Result<Vec<LandedRow>> {
        self.read(|db| landing::list(db, org, id))
    }

    fn note_landed(&self, landings: &[Landing<'_>]) -> Result<Vec<Landed>> {
        self.write(|db| landings.iter().map(|one| landing::note(db, one)).collect())
    }

    fn size_upload(&self, org: OrgId, id: &str, size: u64, now: i64) -> Result<Reserved> {
        self.write(|db| {
            let sized = reserve(db, org, id, |upload| Reserving::for_size(upload, size))?;
            if sized == Reserved::Ok {
                db.prepare_cached("UPDATE uploads SET touched_at = ?3 WHERE org = ?1 AND id = ?2")?
                    .execute(params![org.0, id, now])?;
            }
            Ok(sized)
        })
    }

    fn reserve_more(&self, org: OrgId, id: &str, needed: u64, wanted: u64) -> Result<Reserved> {
        self.write(|db| reserve(db, org, id, |upload| Reserving::for_room(upload, needed, wanted)))
    }

    fn place_upload(&self, org: OrgId, id: &str, place: &str) -> Result<Option<String>> {
        self.write(|db| {
            let placed = db
                .prepare_cached(
                    "UPDATE uploads SET place = CASE place WHEN '' THEN ?3 ELSE place END \
                     WHERE org = ?1 AND id = ?2 AND phase = 'open' RETURNING place",
                )?
                .query_row(params![org.0, id, place], |row| row.get(0))
                .optional()?;
            Ok(placed)
        })
    }

    fn begin_completing(&self, org: OrgId, id: &str, now: i64) -> Result<Completing> {
        self.write(|db| {
            let sql = format!(
                "UPDATE uploads SET phase = 'completing', touched_at = ?3 \
                 WHERE org = ?1 AND id = ?2 AND phase IN ('open', 'completing') \
                 RETURNING {UPLOAD_COLUMNS}"
            );
            let ours =
                db.prepare_cached(&sql)?.query_row(params![org.0, id, now], read).optional()?;
            if let Some(ours) = ours {
                return Ok(Completing::Ours(Box::new(ours)));
            }
            Ok(Completing::ended(find(db, org, id)?.map(|(_, upload)| upload)))
        })
    }

    fn complete_upload(&self, org: OrgId, id: &str, done: &UploadDone) -> Result<UploadCompleted> {
        self.write(|db| complete(db, org, id, done))
    }

    fn end_upload(
        &self,
        org: OrgId,
        id: &str,
        how: UploadEnd<'_>,
        now: i64,
    ) -> Result<Option<UploadRow>> {
        self.write(|db| {
            let Some((pk, upload)) = find(db, org, id)? else { return Ok(None) };
            if !how.holds(&upload, now) {
                return Ok(None);
            }
            end(db, org, pk, &upload, how, now)?;
            Ok(Some(upload))
        })
    }

    fn due_uploads(
        &self,
        now: i64,
        idle_before: i64,
        rows_max: usize,
    ) -> Result<Vec<(OrgId, String)>> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT org, id FROM uploads WHERE phase IN ('open', 'completing') AND \
                 CASE phase WHEN 'open' THEN expires_at <= ?1 ELSE touched_at < ?2 END \
                 ORDER BY touched_at LIMIT ?3",
            )?;
            let rows = select.query_map(params![now, idle_before, rows_max], named)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn left_drafts(&self, ended_before: i64, rows_max: usize) -> Result<Vec<(OrgId, String)>> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT org, id FROM uploads WHERE draft = 1 \
                 AND phase NOT IN ('open', 'completing') AND touched_at < ?1 \
                 ORDER BY touched_at LIMIT ?2",
            )?;
            let rows = select.query_map(params![ended_before, rows_max], named)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn draft_cleared(&self, org: OrgId, id: &str) -> Result<()> {
        self.write(|db| {
            db.prepare_cached(
                "UPDATE uploads SET draft = 0 WHERE org = ?1 AND id = ?2 \
                 AND phase NOT IN ('open', 'completing')",
            )?
            .execute(params![org.0, id])?;
            Ok(())
        })
    }

    fn forget_uploads(&self, org: OrgId, ended_before: i64, rows_max: usize) -> Result<u64> {
        self.write(|db| {
            let forgotten = db.execute(
                "DELETE FROM uploads WHERE pk IN (SELECT pk FROM uploads WHERE org = ?1 \
                 AND phase NOT IN ('open', 'completing') AND touched_at < ?2 AND draft = 0 \
                 ORDER BY touched_at LIMIT ?3)",
                params![org.0, ended_before, rows_max],
            )?;
            Ok(forgotten as u64)
        })
    }
}

fn named(row: &Row<'_>) -> rusqlite::Result<(OrgId, String)> {
    Ok((OrgId(row.get(0)?), row.get(1)?))
}
