//! Uploads whose bytes are in the blob store before the database knows of them: session, content and file in one
//! transaction, and many such uploads together in one. The rules are those of [`uploads`](crate::uploads).
//!
//! Until then nothing here says that the bytes exist. Whoever stored them leaves a trace of them beside the
//! blob, and asks [`RelayStore::has_content`] when it is found again.

use kartei_protocol::uploads::UploadPhase;

use crate::access::OrgId;
use crate::engine::Result;
use crate::quota::{Refusal, Usage};
use crate::store::RelayStore;
use crate::uploads::{
    NewUploadRow, UploadBegun, UploadCompleted, UploadDone, UploadLimits, UploadRow,
};

/// What the databases do with them. Every method is one transaction for each organisation.
pub(crate) trait WholeEngine {
    /// Why an upload would not begin.
    fn foresee_upload(&self, org: OrgId, wish: &UploadWish) -> Result<Option<UploadBegun>>;

    /// Begins and completes, in order; one answer for each.
    fn upload_whole(&self, wholes: &[WholeUpload]) -> Result<Vec<WholeUploaded>>;

    /// Whether a content has this blob.
    fn has_content(&self, org: OrgId, blob: &str) -> Result<bool>;
}

/// An upload that is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadWish {
    /// The number of the token.
    pub token: i64,
    /// The client's own name for it.
    pub key: Option<String>,
    /// Bytes of the whole.
    pub size: u64,
    /// How much at once.
    pub limits: UploadLimits,
}

/// An upload with all of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeUpload {
    /// The organisation.
    pub org: OrgId,
    /// The session; its size is that of `done`.
    pub new: NewUploadRow,
    /// How much at once.
    pub limits: UploadLimits,
    /// What was found of its bytes, which are in the blob store.
    pub done: UploadDone,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WholeUploaded {
    /// There is a file.
    Done {
        /// The session, completed.
        upload: Box<UploadRow>,
        /// Whether its content is what was uploaded. Otherwise the same was there, and the blob is to be
        /// deleted: [`RelayStore::draft_cleared`].
        is_new_content: bool,
    },
    /// It did not begin, and nothing was changed: never [`UploadBegun::Begun`].
    Refused(UploadBegun),
}

/// Why an upload of this size would not begin.
pub(crate) fn refusal(usage: Usage, wish: &UploadWish) -> Option<UploadBegun> {
    match usage.with_upload(Some(wish.size), wish.limits.open_max) {
        Ok(_) => None,
        Err(Refusal::OverQuota) => Some(UploadBegun::OverQuota(usage)),
        Err(Refusal::TooMany) => Some(UploadBegun::TooMany(usage.open)),
    }
}

impl WholeUpload {
    /// What became of it, when it has begun and was completed in the same transaction.
    pub(crate) fn answered(
        &self,
        begun: Box<UploadRow>,
        completed: UploadCompleted,
    ) -> WholeUploaded {
        let done = &self.done;
        match completed {
            UploadCompleted::Done { is_new_content, .. } => {
                let upload = UploadRow {
                    phase: UploadPhase::Completed,
                    reserved: 0,
                    size: Some(done.size),
                    digest: Some(done.digest),
                    file: Some(done.file_id.clone()),
                    draft: !is_new_content,
                    wrapped_key: Vec::new(),
                    touched_at: done.now,
                    ..*begun
                };
                WholeUploaded::Done { upload: Box::new(upload), is_new_content }
            }
            UploadCompleted::OverQuota(usage) => {
                WholeUploaded::Refused(UploadBegun::OverQuota(usage))
            }
            // Nobody else saw it, so it can only be as it began.
            UploadCompleted::Ended(row) => WholeUploaded::Refused(UploadBegun::Known(row)),
            UploadCompleted::Unknown => WholeUploaded::Refused(UploadBegun::Known(begun)),
        }
    }
}

impl RelayStore {
    /// Why an upload would not begin now: its key is known, or there is no room for it; nothing where it would.
    /// Others may be quicker, so this only saves who asks from bringing bytes for nothing.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn foresee_upload(&self, org: OrgId, wish: &UploadWish) -> Result<Option<UploadBegun>> {
        self.engine.foresee_upload(org, wish)
    }

    /// Makes files of uploads whose bytes are there, of any organisations: all in one transaction where the
    /// database allows it, and in one for each organisation otherwise. One answer for each, in order.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError); some of them may be files then.
    pub fn upload_whole(&self, wholes: &[WholeUpload]) -> Result<Vec<WholeUploaded>> {
        if wholes.is_empty() {
            return Ok(Vec::new());
        }
        self.engine.upload_whole(wholes)
    }

    /// Whether a blob is content of the organisation, be it without a file or marked as lost. There is no index
    /// for it: it is asked about what a relay that died left behind.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn has_content(&self, org: OrgId, blob: &str) -> Result<bool> {
        self.engine.has_content(org, blob)
    }
}
