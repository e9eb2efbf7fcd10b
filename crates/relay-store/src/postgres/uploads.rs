//! Upload sessions on Postgres. Who changes what an organisation uses takes the lock on that first, and
//! that on the session after it.

use deadpool_postgres::Transaction;
use futures_util::future::try_join;
use kartei_protocol::uploads::UploadPhase;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::profiles::{signed, unsigned};
use super::{Postgres, contents, files, landing, usage};
use crate::access::OrgId;
use crate::engine::Result;
use crate::error::RelayStoreError;
use crate::files::fold;
use crate::landing::{Landed, LandedRow, Landing};
use crate::quota::Refusal;
use crate::uploads::{
    Completing, NewUploadRow, QUOTA_EXCEEDED, Reserved, Reserving, Tail, UPLOAD_COLUMNS,
    UploadBegun, UploadCompleted, UploadDone, UploadEnd, UploadEngine, UploadLimits, UploadRow,
    phase_of, phase_text,
};

pub(super) fn optional(row: &Row, at: usize) -> Option<u64> {
    row.get::<_, Option<i64>>(at).map(i64::unsigned_abs)
}

pub(super) fn tail(row: &Row, at: usize) -> Option<Tail> {
    let (seq, offset) = (optional(row, at)?, optional(row, at + 1)?);
    Some(Tail { seq, offset, len: optional(row, at + 2)? })
}

fn digest(row: &Row, at: usize) -> Result<Option<[u8; 32]>> {
    let bytes: Option<&[u8]> = row.get(at);
    let damaged = |_| RelayStoreError::Damaged {
        id: row.get(0),
        reason: "a digest of an upload is not 32 bytes".to_owned(),
    };
    bytes.map(|bytes| bytes.try_into().map_err(damaged)).transpose()
}

fn read(row: &Row) -> Result<UploadRow> {
    Ok(UploadRow {
        id: row.get(0),
        org: OrgId(row.get(1)),
        token: row.get(2),
        by: row.get(3),
        door: row.get(4),
        key: row.get(5),
        name: row.get(6),
        content_type: row.get(7),
        meta: row.get(8),
        size: optional(row, 9),
        reserved: unsigned(row, 10),
        phase: phase_of(row.get(11)),
        problem: row.get(12),
        blob: row.get(13),
        draft: row.get(14),
        place: row.get(15),
        piece_bytes: unsigned(row, 16),
        wrapped_key: row.get(17),
        digest: digest(row, 18)?,
        sha256: digest(row, 19)?,
        tail: tail(row, 20),
        file: row.get(23),
        created_at: row.get(24),
        touched_at: row.get(25),
        expires_at: row.get(26),
    })
}

/// A session with its key in the table.
async fn find(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    lock: bool,
) -> Result<Option<(i64, UploadRow)>> {
    let lock = if lock { "FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT {UPLOAD_COLUMNS}, pk FROM kartei.uploads WHERE org = $1 AND id = $2 {lock}"
    );
    let select = db.prepare_cached(&sql).await?;
    let row = db.query_opt(&select, &[&org.0, &id]).await?;
    row.map(|row| Ok((row.get(27), read(&row)?))).transpose()
}

/// A token's session with this key.
pub(super) async fn by_key(
    db: &Transaction<'_>,
    org: OrgId,
    token: i64,
    key: &str,
) -> Result<Option<UploadRow>> {
    let sql = format!(
        "SELECT {UPLOAD_COLUMNS} FROM kartei.uploads WHERE org = $1 AND token = $2 AND key = $3"
    );
    let select = db.prepare_cached(&sql).await?;
    db.query_opt(&select, &[&org.0, &token, &key]).await?.as_ref().map(read).transpose()
}

pub(super) async fn begin(
    db: &Transaction<'_>,
    org: OrgId,
    new: &NewUploadRow,
    limits: &UploadLimits,
    now: i64,
) -> Result<UploadBegun> {
    let before = usage::lock(db, org).await?;
    // Under the lock: of two that begin with one key, the second finds the first.
    if let Some(key) = &new.key
        && let Some(known) = by_key(db, org, new.token, key).await?
    {
        return Ok(UploadBegun::Known(Box::new(known)));
    }
    let (after, reserved) = match before.with_upload(new.size, limits.open_max) {
        Ok(admitted) => admitted,
        Err(Refusal::OverQuota) => return Ok(UploadBegun::OverQuota(before)),
        Err(Refusal::TooMany) => return Ok(UploadBegun::TooMany(before.open)),
    };
    let insert = db
        .prepare_cached(
            "INSERT INTO kartei.uploads (id, org, token, by, door, key, name, content_type, meta, \
             size, reserved, phase, blob, draft, place, piece_bytes, wrapped_key, digest, sha256, \
             created_at, touched_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
             $11, 'open', $12, true, $13, $14, $15, $16, $17, $18, $18, $19)",
        )
        .await?;
    let (digest, sha256) = (
        new.digest.as_ref().map(<[u8; 32]>::as_slice),
        new.sha256.as_ref().map(<[u8; 32]>::as_slice),
    );
    let (size, own, piece) = (new.size.map(signed), signed(reserved), signed(new.piece_bytes));
    let params: &[&(dyn ToSql + Sync)] = &[
        &new.id,
        &org.0,
        &new.token,
        &new.by,
        &new.door,
        &new.key,
        &new.name,
        &new.content_type,
        &new.meta,
        &size,
        &own,
        &new.blob,
        &new.place,
        &piece,
        &new.wrapped_key,
        &digest,
        &sha256,
        &now,
        &new.expires_at,
    ];
    let inserted = async { Ok(db.execute(&insert, params).await?) };
    try_join(usage::put(db, org, &after), inserted).await?;
    Ok(UploadBegun::Begun(Box::new(new.begun(org, reserved, now))))
}

async fn reserve(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    now: Option<i64>,
    judge: impl Fn(&UploadRow) -> Reserving,
) -> Result<Reserved> {
    let before = usage::lock(db, org).await?;
    let Some((pk, upload)) = find(db, org, id, true).await? else { return Ok(Reserved::Unknown) };
    if upload.phase != UploadPhase::Open {
        return Ok(Reserved::Ended(upload.phase));
    }
    let (wishes, size) = match judge(&upload) {
        Reserving::Answer(answer) => return Ok(answer),
        Reserving::OneOf(wishes, size) => (wishes, size),
    };
    for wish in wishes {
        if let Some(after) = before.with_reservation(upload.reserved, wish) {
            usage::put(db, org, &after).await?;
            let update = db
                .prepare_cached(
                    "UPDATE kartei.uploads SET reserved = $2, size = coalesce(size, $3), \
                     touched_at = coalesce($4, touched_at) WHERE pk = $1",
                )
                .await?;
            db.execute(&update, &[&pk, &signed(wish), &size.map(signed), &now]).await?;
            return Ok(Reserved::Ok);
        }
    }
    Ok(Reserved::OverQuota(before))
}

pub(super) async fn complete(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    done: &UploadDone,
) -> Result<UploadCompleted> {
    let before = usage::lock(db, org).await?;
    let Some((pk, upload)) = find(db, org, id, true).await? else {
        return Ok(UploadCompleted::Unknown);
    };
    if upload.phase == UploadPhase::Completed
        && let Some(file) = &upload.file
        && let Some(file) = files::find(db, org, file).await?
    {
        let is_new_content = file.content.blob == upload.blob;
        return Ok(UploadCompleted::Done { file: Box::new(file), is_new_content });
    }
    if upload.phase.is_end() {
        return Ok(UploadCompleted::Ended(Box::new(upload)));
    }
    let Some(after) = before.with_file(upload.reserved, done.size) else {
        let after = before.without_upload(upload.reserved);
        end(db, pk, UploadEnd::Failed(QUOTA_EXCEEDED), done.now).await?;
        usage::put(db, org, &after).await?;
        return Ok(UploadCompleted::OverQuota(after));
    };
    let content = contents::adopt(db, org, &upload, done).await?;
    let is_new_content = content.blob == upload.blob;
    let insert = db
        .prepare_cached(
            "INSERT INTO kartei.files (id, org, name, folded, content_type, content, created_at, by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .await?;
    let update = db
        .prepare_cached(
            "UPDATE kartei.uploads SET phase = 'completed', reserved = 0, size = $2, digest = $3, \
             file = $4, draft = $5, wrapped_key = '', tail_seq = NULL, tail_offset = NULL, \
             tail_len = NULL, touched_at = $6 WHERE pk = $1",
        )
        .await?;
    let folded = fold(&upload.name);
    let file: &[&(dyn ToSql + Sync)] = &[
        &done.file_id,
        &org.0,
        &upload.name,
        &folded,
        &done.content_type,
        &content.id,
        &done.now,
        &upload.by,
    ];
    let (size, digest, draft) = (signed(done.size), done.digest.as_slice(), !is_new_content);
    let session: &[&(dyn ToSql + Sync)] = &[&pk, &size, &digest, &done.file_id, &draft, &done.now];
    let filed =
        async { Ok(try_join(db.execute(&insert, file), db.execute(&update, session)).await?) };
    let settled = try_join(landing::forget(db, pk), usage::put(db, org, &after));
    try_join(filed, settled).await?;
    Ok(UploadCompleted::Done { file: Box::new(done.file_of(&upload, content)), is_new_content })
}

/// Ends a session, under both locks.
async fn end(db: &Transaction<'_>, pk: i64, end: UploadEnd<'_>, now: i64) -> Result<()> {
    let update = db
        .prepare_cached(
            "UPDATE kartei.uploads SET phase = $2, problem = $3, reserved = 0, wrapped_key = '', \
             tail_seq = NULL, tail_offset = NULL, tail_len = NULL, touched_at = $4 WHERE pk = $1",
        )
        .await?;
    db.execute(&update, &[&pk, &phase_text(end.phase()), &end.problem(), &now]).await?;
    landing::forget(db, pk).await
}

impl UploadEngine for Postgres {
    fn begin_upload(
        &self,
        org: OrgId,
        new: &NewUploadRow,
        limits: &UploadLimits,
        now: i64,
    ) -> Result<UploadBegun> {
        self.write(org, async |db| begin(db, org, new, limits, now).await)
    }

    fn upload(&self, org: OrgId, id: &str) -> Result<Option<UploadRow>> {
        self.read(org, async |db| Ok(find(db, org, id, false).await?.map(|(_, upload)| upload)))
    }

    fn uploads(&self, org: OrgId, rows_max: usize) -> Result<Vec<UploadRow>> {
        self.read(org, async |db| {
            let sql = format!(
                "SELECT {UPLOAD_COLUMNS} FROM kartei.uploads WHERE org = $1 \
                 ORDER BY pk DESC LIMIT $2"
            );
            let select = db.prepare_cached(&sql).await?;
            db.query(&select, &[&org.0, &limit(rows_max)]).await?.iter().map(read).collect()
        })
    }

    fn landed(&self, org: OrgId, id: &str) -> Result<Vec<LandedRow>> {
        self.read(org, async |db| landing::list(db, org, id).await)
    }

    fn note_landed(&self, landings: &[Landing<'_>]) -> Result<Vec<Landed>> {
        landing::note(self, landings)
    }

    fn size_upload(&self, org: OrgId, id: &str, size: u64, now: i64) -> Result<Reserved> {
        self.write(org, async |db| {
            reserve(db, org, id, Some(now), |upload| Reserving::for_size(upload, size)).await
        })
    }

    fn reserve_more(&self, org: OrgId, id: &str, needed: u64, wanted: u64) -> Result<Reserved> {
        self.write(org, async |db| {
            let judge = |upload: &UploadRow| Reserving::for_room(upload, needed, wanted);
            reserve(db, org, id, None, judge).await
        })
    }

    fn place_upload(&self, org: OrgId, id: &str, place: &str) -> Result<Option<String>> {
        self.write(org, async |db| {
            let row = db
                .query_opt(
                    "UPDATE kartei.uploads SET place = CASE place WHEN '' THEN $3 ELSE place END \
                     WHERE org = $1 AND id = $2 AND phase = 'open' RETURNING place",
                    &[&org.0, &id, &place],
                )
                .await?;
            Ok(row.map(|row| row.get(0)))
        })
    }

    fn begin_completing(&self, org: OrgId, id: &str, now: i64) -> Result<Completing> {
        self.write(org, async |db| {
            let sql = format!(
                "UPDATE kartei.uploads SET phase = 'completing', touched_at = $3 \
                 WHERE org = $1 AND id = $2 AND phase IN ('open', 'completing') \
                 RETURNING {UPLOAD_COLUMNS}"
            );
            let update = db.prepare_cached(&sql).await?;
            if let Some(row) = db.query_opt(&update, &[&org.0, &id, &now]).await? {
                return Ok(Completing::Ours(Box::new(read(&row)?)));
            }
            Ok(Completing::ended(find(db, org, id, false).await?.map(|(_, upload)| upload)))
        })
    }

    fn complete_upload(&self, org: OrgId, id: &str, done: &UploadDone) -> Result<UploadCompleted> {
        self.write(org, async |db| complete(db, org, id, done).await)
    }

    fn end_upload(
        &self,
        org: OrgId,
        id: &str,
        how: UploadEnd<'_>,
        now: i64,
    ) -> Result<Option<UploadRow>> {
        self.write(org, async |db| {
            let before = usage::lock(db, org).await?;
            let Some((pk, upload)) = find(db, org, id, true).await? else { return Ok(None) };
            if !how.holds(&upload, now) {
                return Ok(None);
            }
            end(db, pk, how, now).await?;
            usage::put(db, org, &before.without_upload(upload.reserved)).await?;
            Ok(Some(upload))
        })
    }

    fn due_uploads(
        &self,
        now: i64,
        idle_before: i64,
        rows_max: usize,
    ) -> Result<Vec<(OrgId, String)>> {
        let asked = "SELECT org, id FROM kartei.due_uploads($1, $2, $3)";
        self.across(asked, &[&now, &idle_before, &limit(rows_max)])
    }

    fn left_drafts(&self, ended_before: i64, rows_max: usize) -> Result<Vec<(OrgId, String)>> {
        let asked = "SELECT org, id FROM kartei.left_drafts($1, $2)";
        self.across(asked, &[&ended_before, &limit(rows_max)])
    }

    fn draft_cleared(&self, org: OrgId, id: &str) -> Result<()> {
        self.write(org, async |db| {
            let update = db
                .prepare_cached(
                    "UPDATE kartei.uploads SET draft = false WHERE org = $1 AND id = $2 \
                     AND phase NOT IN ('open', 'completing')",
                )
                .await?;
            db.execute(&update, &[&org.0, &id]).await?;
            Ok(())
        })
    }

    fn forget_uploads(&self, org: OrgId, ended_before: i64, rows_max: usize) -> Result<u64> {
        self.write(org, async |db| {
            let forgotten = db
                .execute(
                    "DELETE FROM kartei.uploads WHERE pk IN (SELECT pk FROM kartei.uploads \
                     WHERE org = $1 AND phase NOT IN ('open', 'completing') AND touched_at < $2 \
                     AND NOT draft ORDER BY touched_at LIMIT $3)",
                    &[&org.0, &ended_before, &limit(rows_max)],
                )
                .await?;
            Ok(forgotten)
        })
    }
}

/// A number of rows as databases count them.
pub(super) fn limit(rows_max: usize) -> i64 {
    i64::try_from(rows_max).unwrap_or(i64::MAX)
}
