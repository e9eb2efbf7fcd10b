//! Uploads in one go, on Postgres: one transaction for each organisation.

use deadpool_postgres::Transaction;

use super::{Postgres, uploads, usage};
use crate::access::OrgId;
use crate::engine::Result;
use crate::uploads::UploadBegun;
use crate::whole::{UploadWish, WholeEngine, WholeUpload, WholeUploaded, refusal};

async fn upload(db: &Transaction<'_>, whole: &WholeUpload) -> Result<WholeUploaded> {
    let WholeUpload { org, new, limits, done } = whole;
    let begun = match uploads::begin(db, *org, new, limits, done.now).await? {
        UploadBegun::Begun(begun) => begun,
        refused => return Ok(WholeUploaded::Refused(refused)),
    };
    let completed = uploads::complete(db, *org, &new.id, done).await?;
    Ok(whole.answered(begun, completed))
}

async fn upload_own(
    db: &Transaction<'_>,
    _: OrgId,
    wholes: &[&WholeUpload],
) -> Result<Vec<WholeUploaded>> {
    let mut answers = Vec::with_capacity(wholes.len());
    for whole in wholes {
        answers.push(upload(db, whole).await?);
    }
    Ok(answers)
}

impl WholeEngine for Postgres {
    fn foresee_upload(&self, org: OrgId, wish: &UploadWish) -> Result<Option<UploadBegun>> {
        self.read(org, async |db| {
            if let Some(key) = &wish.key
                && let Some(known) = uploads::by_key(db, org, wish.token, key).await?
            {
                return Ok(Some(UploadBegun::Known(Box::new(known))));
            }
            Ok(refusal(usage::get(db, org).await?, wish))
        })
    }

    fn upload_whole(&self, wholes: &[WholeUpload]) -> Result<Vec<WholeUploaded>> {
        self.write_each(wholes, |whole| whole.org, &upload_own)
    }

    fn has_content(&self, org: OrgId, blob: &str) -> Result<bool> {
        self.read(org, async |db| {
            let sql = "SELECT EXISTS (SELECT 1 FROM kartei.contents WHERE org = $1 AND blob = $2)";
            Ok(db.query_one(sql, &[&org.0, &blob]).await?.get(0))
        })
    }
}
