//! A backend under test, and what can be seen of it from outside.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use kartei_blob_store::{BlobError, BlobName, BlobStore};
use kartei_test_support::{S3Kind, S3Server, http_get};
use object_store::aws::AmazonS3Builder;
use object_store::signer::{SignedUrlOptions, Signer};
use tempfile::TempDir;

/// A store with all that belongs to it.
pub(crate) struct Subject {
    pub store: BlobStore,
    pub kind: Kind,
    /// The folder of blobs, or the spool of S3.
    pub folder: TempDir,
}

pub(crate) enum Kind {
    Folder,
    Memory,
    S3 { server: Box<S3Server>, kind: S3Kind },
}

impl Subject {
    pub(crate) fn folder() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let store = BlobStore::open("", folder.path())?;
        Ok(Self { store, kind: Kind::Folder, folder })
    }

    pub(crate) fn memory() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let store = BlobStore::open("memory:", folder.path())?;
        Ok(Self { store, kind: Kind::Memory, folder })
    }

    pub(crate) fn s3(kind: S3Kind) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = Box::new(S3Server::start(kind)?);
        let store = open(&server, &server.url("some/prefix"), folder.path())?;
        Ok(Self { store, kind: Kind::S3 { server, kind }, folder })
    }

    /// What the backend should say of itself.
    pub(crate) fn honours_create(&self) -> bool {
        !matches!(self.kind, Kind::S3 { kind: S3Kind::Garage, .. })
    }

    /// Whether creating is one step. s3s-fs looks and then writes.
    pub(crate) fn creates_in_one_step(&self) -> bool {
        !matches!(self.kind, Kind::S3 { .. })
    }

    /// s3s-fs keeps objects as files of a disk and trips over names that are folders there, puts
    /// names into file names of its own, and makes missing buckets.
    pub(crate) fn is_s3s_fs(&self) -> bool {
        matches!(self.kind, Kind::S3 { kind: S3Kind::S3sFs, .. })
    }

    /// What puts that were broken off have left: files, or open uploads where the server lists them.
    pub(crate) async fn leftovers(&self) -> Result<usize> {
        let staging = self.folder.path().join(".staging");
        let files = if staging.exists() { std::fs::read_dir(staging)?.count() } else { 0 };
        match &self.kind {
            Kind::S3 { server, kind: S3Kind::Garage } => Ok(files + open_uploads(server).await?),
            _ => Ok(files),
        }
    }
}

pub(crate) fn open(server: &S3Server, url: &str, folder: &Path) -> Result<BlobStore, BlobError> {
    BlobStore::open_with(url, folder, &|name| server.variable(name))
}

pub(crate) fn name(text: &str) -> BlobName {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The multipart uploads that the server's bucket holds open, asked by a request of our own.
async fn open_uploads(server: &S3Server) -> Result<usize> {
    let variable = |name| server.variable(name).context("the server has credentials");
    let bucket = AmazonS3Builder::new()
        .with_bucket_name(server.bucket())
        .with_region(server.region())
        .with_endpoint(format!("http://{}", server.address()))
        .with_allow_http(true)
        .with_access_key_id(variable("AWS_ACCESS_KEY_ID")?)
        .with_secret_access_key(variable("AWS_SECRET_ACCESS_KEY")?)
        .build()?;
    let options = SignedUrlOptions::default().with_query([("uploads", "")]);
    let path = object_store::path::Path::default();
    let minute = Duration::from_secs(60);
    let url = bucket.signed_url_opts(reqwest::Method::GET, &path, minute, &options).await?;
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let answer = http_get(server.address(), &target)?;
    let is_list = answer.starts_with("HTTP/1.1 200") && answer.contains("ListMultipartUploads");
    anyhow::ensure!(is_list, "no list of uploads: {answer}");
    Ok(answer.matches("<Upload>").count())
}
