//! Presigned requests: others bring parts to S3 and fetch blobs from it without the relay in
//! between, and without its credentials. What they bring is not sealed, and nobody here has seen it:
//! each part's SHA-256 is part of its signature, so S3 refuses other bytes.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use object_store::path::Path;
use object_store::signer::SignedUrlOptions;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use super::Draft;
use crate::store::Backend;
use crate::tree::Landed;
use crate::{BlobError, BlobName, BlobStore, Digest, Operation};

/// The header that S3 compares the body with.
const CHECKSUM: &str = "x-amz-checksum-sha256";

/// What S3 sends as this header of its answer, told in the query.
const DISPOSITION: &str = "response-content-disposition";

/// Characters of a part's tag at most. They are 34 in practice; a tag comes from outside.
const TAG_CHARS_MAX: usize = 128;

/// How long a presigned request is good at most, a rule of the protocol.
const EXPIRES_MAX: Duration = Duration::from_hours(7 * 24);

/// A request that is allowed to whoever has it. Its address is a secret until it expires, and is not
/// shown in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Presigned {
    /// `PUT` or `GET`.
    pub method: &'static str,
    /// The address, with the signature.
    pub url: String,
    /// A header that has to be sent with it.
    pub header: Option<(&'static str, String)>,
}

impl fmt::Debug for Presigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presigned").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Landed {
    /// A piece that somebody brought with a presigned request, with the `ETag` that S3 answered them.
    /// It has no part of the digest, so [`root_of`](crate::root_of) tells none of the whole. None
    /// where the tag can be none.
    #[must_use]
    pub fn direct(offset: u64, len: u64, tag: &str, sha256: &Digest) -> Option<Self> {
        // A tag comes from outside and goes into a request to S3.
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'&');
        let is_tag = (1..=TAG_CHARS_MAX).contains(&tag.len()) && tag.bytes().all(is_plain);
        let part = is_tag.then(|| format!("{tag} {}", STANDARD.encode(sha256.as_bytes())))?;
        Some(Self { offset, len, tree: Vec::new(), part: Some(part) })
    }
}

/// What `object_store` wants to know of a part, from a line of [`Landed::part`].
pub(super) fn content_id(line: &str) -> Option<String> {
    let (tag, sha256) = line.split_once(' ')?;
    Some(format!(
        "<PartMetadata><e_tag>{tag}</e_tag><checksum_sha256>{sha256}</checksum_sha256></PartMetadata>"
    ))
}

impl BlobStore {
    /// Begins a blob whose pieces others bring as they are, with presigned requests; on S3 only, none
    /// elsewhere. `size` decides the piece, as with [`begin_draft`](Self::begin_draft).
    ///
    /// # Errors
    /// As `begin_draft`.
    pub async fn begin_plain_draft(
        &self,
        name: &BlobName,
        size: Option<u64>,
    ) -> Result<Option<Draft>, BlobError> {
        match &self.backend {
            Backend::S3 { .. } => self.begin(name, size, true).await.map(Some),
            _ => Ok(None),
        }
    }

    /// A request that fetches a blob as it lies there, on S3 only, none elsewhere. It is good for
    /// `expires`, seven days at most. `disposition` is what the answer's `Content-Disposition` says.
    ///
    /// # Errors
    /// Where nothing can be signed.
    pub async fn presign_get(
        &self,
        name: &BlobName,
        expires: Duration,
        disposition: Option<&str>,
    ) -> Result<Option<Presigned>, BlobError> {
        let mut options = SignedUrlOptions::default();
        if let Some(disposition) = disposition {
            options = options.with_query([(DISPOSITION, disposition)]);
        }
        let url = self.sign(Method::GET, name, expires, &options).await?;
        Ok(url.map(|url| Presigned { method: "GET", url, header: None }))
    }

    async fn sign(
        &self,
        method: Method,
        name: &BlobName,
        expires: Duration,
        options: &SignedUrlOptions,
    ) -> Result<Option<String>, BlobError> {
        let Backend::S3 { buckets, .. } = &self.backend else { return Ok(None) };
        let operation = if method == Method::GET { Operation::Get } else { Operation::Put };
        let path: Path = name.path();
        let expires = expires.min(EXPIRES_MAX);
        let url = buckets.presigned.signed_url_opts(method, &path, expires, options).await;
        let url = url.map_err(|error| self.act(operation, name).failed(&error))?;
        Ok(Some(url.into()))
    }
}

impl Draft {
    /// A request that brings one piece of a plain draft: `number` counts from 0, and the body has
    /// this SHA-256 and no other. What S3 answers as `ETag` is for [`Landed::direct`]. None where the
    /// draft is no plain one.
    ///
    /// # Errors
    /// Where nothing can be signed.
    pub async fn presign_part(
        &self,
        number: u64,
        sha256: &Digest,
        expires: Duration,
    ) -> Result<Option<Presigned>, BlobError> {
        let inner = &*self.0;
        if !inner.place.is_plain() {
            return Ok(None);
        }
        let checksum = STANDARD.encode(sha256.as_bytes());
        let act = inner.store.act(Operation::Put, &inner.name);
        let value = HeaderValue::from_str(&checksum);
        let value = value.map_err(|error| act.reason(error.to_string()))?;
        let part = number.saturating_add(1).to_string();
        let options = SignedUrlOptions::default()
            .with_query([("partNumber", part.as_str()), ("uploadId", &inner.place.id)])
            .with_signed_header(HeaderName::from_static(CHECKSUM), value);
        let url = inner.store.sign(Method::PUT, &inner.name, expires, &options).await?;
        let header = Some((CHECKSUM, checksum));
        Ok(url.map(|url| Presigned { method: "PUT", url, header }))
    }

    /// Others brought the pieces, and may have said other lengths than they have: a blob of another
    /// size is removed again.
    pub(super) async fn check_size(&self, size: u64) -> Result<(), BlobError> {
        let inner = &*self.0;
        let found = inner.store.head(&inner.name).await?.size_bytes;
        if found == size {
            return Ok(());
        }
        inner.store.delete(&inner.name).await?;
        let reason = format!("its pieces have {found} bytes instead of {size}; begin it anew");
        Err(inner.store.act(Operation::Put, &inner.name).reason(reason))
    }
}
