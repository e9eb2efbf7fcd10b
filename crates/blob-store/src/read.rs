//! Reading, looking up, listing and deleting blobs.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta, ObjectStoreExt};

use crate::at_rest::{AtRest, HEAD_BYTES, Opening, plain_size, scope};
use crate::error::classify;
use crate::key::SealError;
use crate::limits::{READ_BYTES, WHOLE_BYTES_MAX};
use crate::store::Backend;
use crate::{BlobError, BlobName, BlobStore, Operation};

/// What is known of a blob without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobEntry {
    /// Its name.
    pub name: BlobName,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// When it was stored, by the clock of the store.
    pub stored_at: SystemTime,
}

/// A part of a blob, as HTTP has them. All count bytes from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// From the first up to the second, without it; what is after the blob's end is left out.
    Between(u64, u64),
    /// From here to the end.
    From(u64),
    /// So many at the end; all where the blob has fewer.
    Last(u64),
}

impl ByteRange {
    /// Which bytes of a blob it is; none where it is empty or begins after the end.
    #[must_use]
    pub fn within(self, size_bytes: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::Between(start, end) => start..end.min(size_bytes),
            Self::From(start) => start..size_bytes,
            Self::Last(count) => size_bytes.saturating_sub(count)..size_bytes,
        };
        (!range.is_empty()).then_some(range)
    }

    fn notation(self) -> String {
        match self {
            Self::Between(start, end) if start < end => format!("{start}-{}", end - 1),
            Self::Between(start, end) => format!("{start}..{end}"),
            Self::From(start) => format!("{start}-"),
            Self::Last(count) => format!("-{count}"),
        }
    }
}

/// A blob that is being read.
pub struct BlobReading {
    /// The whole blob's entry.
    pub entry: BlobEntry,
    /// Which of its bytes come.
    pub range: Range<u64>,
    /// The bytes, in pieces of any size. A read that breaks off is resumed by itself where the store
    /// allows; a stream that ends without an error is complete.
    pub bytes: BoxStream<'static, Result<Bytes, BlobError>>,
}

impl std::fmt::Debug for BlobReading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobReading")
            .field("entry", &self.entry)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

impl BlobStore {
    /// A whole blob of at most [`WHOLE_BYTES_MAX`].
    ///
    /// # Errors
    /// [`BlobError::NotFound`], [`BlobError::TooLarge`], and where the store fails.
    pub async fn get(&self, name: &BlobName) -> Result<Bytes, BlobError> {
        let mut reading = self.get_stream(name, None).await?;
        let size_bytes = reading.entry.size_bytes;
        let too_large = || BlobError::TooLarge {
            operation: Operation::Get,
            name: name.clone(),
            limit_bytes: WHOLE_BYTES_MAX,
            advice: "get_stream reads any size",
        };
        if size_bytes > WHOLE_BYTES_MAX {
            return Err(too_large());
        }
        let mut whole = BytesMut::with_capacity(usize::try_from(size_bytes).unwrap_or_default());
        while let Some(piece) = reading.bytes.try_next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// A blob, or a range of it, as a stream.
    ///
    /// A range costs a look-up first: servers differ in what they make of one that is not within the
    /// blob, so only exact ones are asked for.
    ///
    /// # Errors
    /// [`BlobError::NotFound`], [`BlobError::Range`] for a range without a byte of the blob, and
    /// where the store fails.
    pub async fn get_stream(
        &self,
        name: &BlobName,
        range: Option<ByteRange>,
    ) -> Result<BlobReading, BlobError> {
        let mut options = GetOptions::default();
        if let Some(range) = range {
            let size_bytes = self.head(name).await?.size_bytes;
            let exact = range.within(size_bytes).ok_or_else(|| BlobError::Range {
                name: name.clone(),
                range: range.notation(),
                size_bytes,
            })?;
            options.range = Some(GetRange::Bounded(exact));
        }
        let got = self.objects.get_opts(&name.path(), options).await;
        let got = got.map_err(|error| self.act(Operation::Get, name).failed(&error))?;
        let reading = self.reading(name, got)?;
        match &self.at_rest {
            // Parts are read of what is sealed in another way.
            Some(at_rest) if range.is_none() && at_rest.covers(scope(name)) => {
                self.unsealed(&**at_rest, name, reading).await
            }
            _ => Ok(reading),
        }
    }

    /// What a blob says, whether it is sealed or not.
    async fn unsealed(
        &self,
        at_rest: &dyn AtRest,
        name: &BlobName,
        mut reading: BlobReading,
    ) -> Result<BlobReading, BlobError> {
        let mut start = BytesMut::new();
        let is_sealed = loop {
            match Opening::is_sealed(&start) {
                Some(true) if start.len() < HEAD_BYTES => {}
                Some(is_sealed) => break is_sealed,
                None => {}
            }
            match reading.bytes.try_next().await? {
                Some(piece) => start.extend_from_slice(&piece),
                None => break Opening::is_sealed(&start) == Some(true),
            }
        };
        let failed = |store: &Self, name: &BlobName, reason: String| {
            store.act(Operation::Get, name).reason(reason)
        };
        if !is_sealed {
            let first = stream::once(std::future::ready(Ok(start.freeze())));
            reading.bytes = first.chain(reading.bytes).boxed();
            return Ok(reading);
        }
        reading.entry.size_bytes = plain_size(reading.entry.size_bytes);
        reading.range = 0..reading.entry.size_bytes;
        let scope = scope(name);
        let key = at_rest.opening(scope).await;
        let key = key.map_err(|error| failed(self, name, error.to_string()))?;
        let head = start.split_to(HEAD_BYTES.min(start.len()));
        let opening = Opening::begin(&key, scope, &head);
        let opening = opening.map_err(|error| failed(self, name, error.to_string()))?;
        let (store, of) = (self.clone(), name.clone());
        let rest = stream::once(std::future::ready(Ok(start.freeze()))).chain(reading.bytes);
        let begun = (Box::pin(rest), Some(opening));
        let open = stream::try_unfold(begun, move |(mut rest, opening)| {
            let (store, of) = (store.clone(), of.clone());
            async move {
                let Some(mut opening) = opening else { return Ok(None) };
                let failed = |error: SealError| failed(&store, &of, error.to_string());
                match rest.try_next().await? {
                    Some(piece) => {
                        let worked = tokio::task::spawn_blocking(move || {
                            let open = opening.push(&piece);
                            (opening, open)
                        });
                        let (opening, open) = worked
                            .await
                            .map_err(|e| store.act(Operation::Get, &of).reason(e.to_string()))?;
                        Ok(Some((open.map_err(failed)?, (rest, Some(opening)))))
                    }
                    None => Ok(Some((opening.finish().map_err(failed)?, (rest, None)))),
                }
            }
        });
        reading.bytes = open.try_filter(|piece| std::future::ready(!piece.is_empty())).boxed();
        Ok(reading)
    }

    /// Whether a blob is stored as it was given, under a name whose blobs may be sealed.
    ///
    /// # Errors
    /// [`BlobError::NotFound`], and where the store fails.
    pub async fn is_plain(&self, name: &BlobName) -> Result<bool, BlobError> {
        let as_is = Self { at_rest: None, ..self.clone() };
        let mut bytes = as_is.get_stream(name, None).await?.bytes;
        let mut start = BytesMut::new();
        while Opening::is_sealed(&start).is_none() {
            let Some(piece) = bytes.try_next().await? else { break };
            start.extend_from_slice(&piece);
        }
        Ok(Opening::is_sealed(&start) != Some(true))
    }

    fn reading(&self, name: &BlobName, got: GetResult) -> Result<BlobReading, BlobError> {
        let (store, of) = (self.clone(), name.clone());
        let entry = entry(name.clone(), &got.meta);
        let range = got.range.clone();
        let bytes = match got.payload {
            GetResultPayload::File(mut file, _) => {
                let act = self.act(Operation::Get, name);
                file.seek(SeekFrom::Start(range.start)).map_err(|error| act.io(&error))?;
                file_pieces(file, range.end - range.start)
                    .map_err(move |error| store.act(Operation::Get, &of).io(&error))
                    .boxed()
            }
            GetResultPayload::Stream(pieces) => {
                pieces.map_err(move |error| store.act(Operation::Get, &of).failed(&error)).boxed()
            }
        };
        Ok(BlobReading { entry, range, bytes })
    }

    /// The size and time of a blob.
    ///
    /// # Errors
    /// [`BlobError::NotFound`], and where the store fails.
    pub async fn head(&self, name: &BlobName) -> Result<BlobEntry, BlobError> {
        let act = self.act(Operation::Head, name);
        let meta = self.objects.head(&name.path()).await;
        meta.map(|meta| entry(name.clone(), &meta)).map_err(|error| act.failed(&error))
    }

    /// The size and time of a blob, if there is one.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn find(&self, name: &BlobName) -> Result<Option<BlobEntry>, BlobError> {
        match self.head(name).await {
            Ok(entry) => Ok(Some(entry)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes a blob; a missing one is fine. A reader that is at it may still read to the end or
    /// fail.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn delete(&self, name: &BlobName) -> Result<(), BlobError> {
        let act = self.act(Operation::Delete, name);
        let deleted = match &self.backend {
            Backend::Folder(folder) => folder.delete(name).await.map_err(|error| act.io(&error)),
            _ => self.objects.delete(&name.path()).await.map_err(|error| act.failed(&error)),
        };
        match deleted {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }

    /// The blobs below a beginning of names, `a/b` for `a/b/c` and `a/b/c/d` but not `a/bc`, or all.
    /// They come in no particular order. What somebody else put there under a name that is none here
    /// is left out.
    pub fn list(
        &self,
        prefix: Option<&BlobName>,
    ) -> BoxStream<'static, Result<BlobEntry, BlobError>> {
        let path = prefix.map(BlobName::path);
        let subject = prefix.map_or("all blobs".to_owned(), ToString::to_string);
        let place = self.place.clone();
        self.objects
            .list(path.as_ref())
            .filter_map(move |listed| {
                let listed = match listed {
                    Ok(meta) => BlobName::new(meta.location.as_ref())
                        .ok()
                        .map(|name| Ok(entry(name, &meta))),
                    Err(error) => Some(Err(classify(Operation::List, &subject, &place, &error))),
                };
                std::future::ready(listed)
            })
            .boxed()
    }
}

fn entry(name: BlobName, meta: &ObjectMeta) -> BlobEntry {
    BlobEntry { name, size_bytes: meta.size, stored_at: meta.last_modified.into() }
}

/// The next `left` bytes of a file. A file that ends before is an error.
pub(crate) fn file_pieces(
    file: File,
    left: u64,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::try_unfold((file, left), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = move || {
            let wanted = left.min(READ_BYTES as u64);
            let mut piece = Vec::with_capacity(READ_BYTES);
            let read = (&mut file).take(wanted).read_to_end(&mut piece)? as u64;
            match read {
                0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                _ => Ok(Some((Bytes::from(piece), (file, left - read)))),
            }
        };
        tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_what_http_says() {
        assert_eq!(ByteRange::Between(2, 5).within(10), Some(2..5));
        assert_eq!(ByteRange::Between(2, 50).within(10), Some(2..10));
        assert_eq!(ByteRange::Between(5, 5).within(10), None);
        assert_eq!(ByteRange::From(9).within(10), Some(9..10));
        assert_eq!(ByteRange::From(10).within(10), None);
        assert_eq!(ByteRange::Last(50).within(10), Some(0..10));
        assert_eq!(ByteRange::Last(0).within(10), None);
        assert_eq!(ByteRange::Last(1).within(0), None);
    }

    #[tokio::test]
    async fn a_file_that_ends_before_its_size_is_an_error() {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, b"abc").unwrap();
        file.rewind().unwrap();
        let pieces: Vec<_> = file_pieces(file, 4).collect().await;
        assert_eq!(pieces[0].as_ref().unwrap(), &Bytes::from("abc"));
        assert_eq!(pieces[1].as_ref().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(pieces.len(), 2);
    }
}
