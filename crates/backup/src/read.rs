//! Reading a file of a snapshot back.

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::limits::AT_ONCE;
use crate::{BackupError, FileEntry, Repository};

impl Repository {
    /// The bytes of a file, chunk by chunk, each checked. After the last one comes an error where the whole
    /// is not what was noted, so what is made of the bytes counts only when the stream ended well.
    pub fn read(&self, file: &FileEntry) -> BoxStream<'static, Result<Bytes, BackupError>> {
        let (repository, file) = (self.clone(), file.clone());
        let (path, chunks) = (file.path.clone(), file.chunks.clone());
        let pieces = stream::iter(chunks)
            .map(move |name| {
                let (repository, path) = (repository.clone(), path.clone());
                async move { repository.chunk(name, &path).await }
            })
            .buffered(AT_ONCE);
        let begun = (pieces.boxed(), blake3::Hasher::new(), 0_u64, file);
        stream::try_unfold(begun, |(mut pieces, mut hasher, bytes, file)| async move {
            let Some(piece) = pieces.try_next().await? else {
                let is_same =
                    bytes == file.bytes && hasher.finalize().to_hex().as_str() == file.digest;
                return match is_same {
                    true => Ok(None),
                    false => Err(BackupError::OtherFile { file: file.path }),
                };
            };
            hasher.update(&piece);
            let bytes = bytes + piece.len() as u64;
            Ok(Some((Bytes::from(piece), (pieces, hasher, bytes, file))))
        })
        .boxed()
    }

    /// Writes a file's bytes, checked, and flushes.
    ///
    /// # Errors
    /// As the stream of [`read`](Self::read), and [`BackupError::Copy`]; what was written is of no use then.
    pub async fn copy_to(
        &self,
        file: &FileEntry,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), BackupError> {
        let failed = |source| BackupError::Copy { file: file.path.clone(), source };
        let mut pieces = self.read(file);
        while let Some(piece) = pieces.try_next().await? {
            to.write_all(&piece).await.map_err(failed)?;
        }
        to.flush().await.map_err(failed)
    }
}
