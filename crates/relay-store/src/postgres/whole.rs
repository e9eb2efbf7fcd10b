//! Uploads in one go, on Postgres: one transaction for each organisation.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use futures_util::future::try_join_all;

use super::{How, Postgres, get, uploads, usage};
use crate::access::OrgId;
use crate::engine::Result;
use crate::error::RelayStoreError;
use crate::uploads::{UploadBegun, UploadCompleted};
use crate::whole::{UploadWish, WholeEngine, WholeUpload, WholeUploaded, completed, refusal};

async fn upload(db: &Transaction<'_>, whole: &WholeUpload) -> Result<WholeUploaded> {
    let WholeUpload { org, new, limits, done } = whole;
    let begun = match uploads::begin(db, *org, new, limits, done.now).await? {
        UploadBegun::Begun(begun) => begun,
        refused => return Ok(WholeUploaded::Refused(refused)),
    };
    match uploads::complete(db, *org, &new.id, done).await? {
        UploadCompleted::Done { is_new_content, .. } => {
            let upload = Box::new(completed(*begun, done, is_new_content));
            Ok(WholeUploaded::Done { upload, is_new_content })
        }
        UploadCompleted::OverQuota(usage) => {
            Ok(WholeUploaded::Refused(UploadBegun::OverQuota(usage)))
        }
        // Nobody else saw it, so it can only be as it began.
        UploadCompleted::Ended(row) => Ok(WholeUploaded::Refused(UploadBegun::Known(row))),
        UploadCompleted::Unknown => Ok(WholeUploaded::Refused(UploadBegun::Known(begun))),
    }
}

impl Postgres {
    async fn upload_own(&self, org: OrgId, wholes: &[&WholeUpload]) -> Result<Vec<WholeUploaded>> {
        let mut client = get(&self.pool).await?;
        let db = self.begin(&mut client, org, How::Write).await?;
        let mut answers = Vec::with_capacity(wholes.len());
        for whole in wholes {
            answers.push(upload(&db, whole).await?);
        }
        db.commit().await?;
        Ok(answers)
    }

    async fn upload_all(&self, wholes: &[WholeUpload]) -> Result<Vec<WholeUploaded>> {
        let mut by_org: BTreeMap<OrgId, Vec<usize>> = BTreeMap::new();
        for (number, whole) in wholes.iter().enumerate() {
            by_org.entry(whole.org).or_default().push(number);
        }
        let done = by_org.into_iter().map(async |(org, numbers)| {
            let own: Vec<&WholeUpload> = numbers.iter().map(|number| &wholes[*number]).collect();
            let answers = self.upload_own(org, &own).await?;
            Ok::<_, RelayStoreError>(numbers.into_iter().zip(answers).collect::<Vec<_>>())
        });
        let mut answers: Vec<(usize, WholeUploaded)> =
            try_join_all(done).await?.into_iter().flatten().collect();
        answers.sort_by_key(|(number, _)| *number);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }
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
        self.run(self.upload_all(wholes))
    }

    fn has_content(&self, org: OrgId, blob: &str) -> Result<bool> {
        self.read(org, async |db| {
            let sql = "SELECT EXISTS (SELECT 1 FROM kartei.contents WHERE org = $1 AND blob = $2)";
            Ok(db.query_one(sql, &[&org.0, &blob]).await?.get(0))
        })
    }
}
