//! What can fail. No error holds a key or contents.

use kartei_blob_store::{BlobError, BlobNameError, SealError};

/// Why a repository refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] BlobError),
    /// The key is not the one that the repository was made with.
    #[error(
        "the key does not open the backups in {place}: name the key that they were made with, or \
         begin another place"
    )]
    OtherKey {
        /// Where the repository is.
        place: String,
    },
    /// There are no backups at this place.
    #[error("there are no backups in {place}; look whether the address is right")]
    NoRepository {
        /// Where they were looked for.
        place: String,
    },
    /// Something else lies where backups should go.
    #[error("{place} has something in it that is no backup; name an empty place")]
    NotEmpty {
        /// Where.
        place: String,
    },
    /// Written by a newer version.
    #[error("the backups in {place} have form {found}, this program knows {known}")]
    OtherForm {
        /// Where the repository is.
        place: String,
        /// Its form.
        found: u32,
        /// The form of this program.
        known: u32,
    },
    /// No backup was completed yet.
    #[error("no backup in {place} was completed")]
    NoSnapshot {
        /// Where the repository is.
        place: String,
    },
    /// There is none with this name.
    #[error("there is no backup `{id}` in {place}; `kartei-relay backups` lists them")]
    UnknownSnapshot {
        /// The name.
        id: String,
        /// Where it was looked for.
        place: String,
    },
    /// A snapshot does not open, or says what it cannot.
    #[error("the backup `{id}` is damaged: {reason}; take another one")]
    DamagedSnapshot {
        /// Its name.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A chunk is not there.
    #[error("`{file}` cannot be read back: the chunk `{chunk}` is missing")]
    MissingChunk {
        /// The file that it is of.
        file: String,
        /// The name of the blob.
        chunk: String,
    },
    /// A chunk is not what was written.
    #[error("`{file}` cannot be read back: the chunk `{chunk}` is damaged")]
    DamagedChunk {
        /// The file that it is of.
        file: String,
        /// The name of the blob.
        chunk: String,
    },
    /// All chunks are right, and the file that they make is not.
    #[error("`{file}` cannot be read back: its size or digest is another one than was noted")]
    OtherFile {
        /// The file.
        file: String,
    },
    /// What is to be backed up cannot be read, or what comes back cannot be written.
    #[error("`{file}` cannot be copied: {source}")]
    Copy {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody else is at work in the repository.
    #[error(
        "{who} is at work in {place}; try again when it has ended. If it died, delete the blob \
         `{mark}` there"
    )]
    InUse {
        /// What the other one does.
        who: &'static str,
        /// Where the repository is.
        place: String,
        /// The name of its mark.
        mark: String,
    },
    /// The own mark was taken away meanwhile.
    #[error("what was begun in {place} was given up by somebody else; begin again")]
    MarkLost {
        /// Where the repository is.
        place: String,
    },
    /// The system gave no random bytes.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A part of the work broke down.
    #[error("a part of the work broke down: {0}")]
    Broken(String),
}

impl From<BlobNameError> for BackupError {
    fn from(error: BlobNameError) -> Self {
        Self::Store(error.into())
    }
}

impl From<tokio::task::JoinError> for BackupError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Broken(error.to_string())
    }
}
