//! Uploads in one go, on SQLite.

use rusqlite::{Transaction, params};

use super::{Sqlite, uploads, usage};
use crate::access::OrgId;
use crate::engine::Result;
use crate::uploads::UploadBegun;
use crate::whole::{UploadWish, WholeEngine, WholeUpload, WholeUploaded, refusal};

fn upload(db: &Transaction<'_>, whole: &WholeUpload) -> Result<WholeUploaded> {
    let WholeUpload { org, new, limits, done } = whole;
    let begun = match uploads::begin(db, *org, new, limits, done.now)? {
        UploadBegun::Begun(begun) => begun,
        refused => return Ok(WholeUploaded::Refused(refused)),
    };
    let completed = uploads::complete(db, *org, &new.id, done)?;
    Ok(whole.answered(begun, completed))
}

impl WholeEngine for Sqlite {
    fn foresee_upload(&self, org: OrgId, wish: &UploadWish) -> Result<Option<UploadBegun>> {
        self.read(|db| {
            if let Some(key) = &wish.key
                && let Some(known) = uploads::by_key(db, org, wish.token, key)?
            {
                return Ok(Some(UploadBegun::Known(Box::new(known))));
            }
            Ok(refusal(usage::get(db, org)?, wish))
        })
    }

    fn upload_whole(&self, wholes: &[WholeUpload]) -> Result<Vec<WholeUploaded>> {
        self.write(|db| wholes.iter().map(|whole| upload(db, whole)).collect())
    }

    fn has_content(&self, org: OrgId, blob: &str) -> Result<bool> {
        self.read(|db| {
            let sql = "SELECT EXISTS (SELECT 1 FROM contents WHERE org = ?1 AND blob = ?2)";
            Ok(db.query_row(sql, params![org.0, blob], |row| row.get(0))?)
        })
    }
}
