//! The store itself: which one it is, and how to open it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

use crate::address::{Address, S3Address};
use crate::at_rest::AtRest;
use crate::draft::MemoryDrafts;
use crate::error::Act;
use crate::folder::{Folder, STAGING, sweep};
use crate::s3::Buckets;
use crate::{BlobError, BlobName, Operation};

/// Immutable bytes under names, in a folder, in memory or in a bucket of S3. Cloning is cheap, and
/// clones are the same store.
#[derive(Clone)]
pub struct BlobStore {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) backend: Backend,
    pub(crate) place: Arc<str>,
    /// Who has keys for what is stored and read as a whole.
    pub(crate) at_rest: Option<Arc<dyn AtRest>>,
}

/// What is done differently from store to store.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    /// Written and deleted here, flushed; read through `objects`.
    Folder(Folder),
    /// With the drafts, which `objects` does not know.
    Memory(Arc<MemoryDrafts>),
    S3 {
        /// The same bucket as `objects`, for what object stores in general cannot do.
        buckets: Buckets,
        /// Where streams are gathered whose name is not known before their end.
        spool: PathBuf,
    },
}

impl BlobStore {
    /// Opens the store at an address:
    ///
    /// - `file:///folder`, or an empty text for `default_folder`: a folder, made where it is missing;
    /// - `memory:`: gone with the process, for tests;
    /// - `s3://bucket/prefix?endpoint=http://host:port&region=name`: a bucket, or a part of it.
    ///   Without an endpoint it is Amazon's, and the region must be said here or in `AWS_REGION`.
    ///   With one, the bucket is addressed in the path; plain HTTP is spoken only where the endpoint
    ///   says so. Credentials are `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (and
    ///   `AWS_SESSION_TOKEN`) from the environment, or what the files hold that the same variables
    ///   with `_FILE` name. `default_folder` is used for gathering long streams.
    ///
    /// No request is made; [`check`](Self::check) tells whether the store works.
    ///
    /// # Errors
    /// With what to write instead, where the address or the credentials cannot be used, and where
    /// the folder cannot be made.
    pub fn open(url: &str, default_folder: &Path) -> Result<Self, BlobError> {
        Self::open_with(url, default_folder, &|variable| std::env::var(variable).ok())
    }

    /// Opens a store as [`open`](Self::open) does, with an environment that is given.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_with(
        url: &str,
        default_folder: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, BlobError> {
        let region = environment("AWS_REGION").or_else(|| environment("AWS_DEFAULT_REGION"));
        match Address::parse(url, default_folder, region)? {
            Address::Folder(path) => Self::folder(&path),
            Address::Memory => Ok(Self {
                objects: Arc::new(InMemory::new()),
                backend: Backend::Memory(Arc::default()),
                place: "memory".into(),
                at_rest: None,
            }),
            Address::S3(address) => {
                let spool = default_folder.join(STAGING);
                sweep(&spool, SystemTime::now());
                let buckets = crate::s3::open(&address, environment)?;
                Ok(Self {
                    objects: Arc::clone(&buckets.own) as _,
                    backend: Backend::S3 { buckets, spool },
                    place: described(&address).into(),
                    at_rest: None,
                })
            }
        }
    }

    fn folder(path: &Path) -> Result<Self, BlobError> {
        let unusable = |reason: String| BlobError::Address {
            address: path.display().to_string(),
            problem: format!("is a folder that cannot be used: {reason}"),
            advice: "name a folder that this process may write to".to_owned(),
        };
        let folder = Folder::open(path).map_err(|error| unusable(error.to_string()))?;
        let objects = LocalFileSystem::new_with_prefix(folder.root())
            .map_err(|error| unusable(error.to_string()))?;
        let place = format!("the folder {}", path.display()).into();
        Ok(Self {
            objects: Arc::new(objects),
            backend: Backend::Folder(folder),
            place,
            at_rest: None,
        })
    }

    /// The same store, in which whole blobs are sealed and opened with the keys that somebody has. Whoever copies blobs
    /// as they lie does without.
    #[must_use]
    pub fn sealing(self, at_rest: Arc<dyn AtRest>) -> Self {
        Self { at_rest: Some(at_rest), ..self }
    }

    /// Where the store is, for people: without credentials.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn act<'a>(&'a self, operation: Operation, name: &'a BlobName) -> Act<'a> {
        Act { operation, name, place: &self.place }
    }
}

impl fmt::Debug for BlobStore {
    /// The place alone: the client of S3 holds the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobStore({})", self.place)
    }
}

fn described(address: &S3Address) -> String {
    let server = match &address.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => format!("Amazon S3 in {}", address.region),
    };
    match address.prefix.as_str() {
        "" => format!("the bucket {} at {server}", address.bucket),
        prefix => format!("the bucket {} at {server}, under {prefix}/", address.bucket),
    }
}
