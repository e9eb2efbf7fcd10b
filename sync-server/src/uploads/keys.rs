//! Keys: the operator's wraps an organisation's, that wraps a file's.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use kartei_blob_store::{SealError, SealKey};
use kartei_relay_store::{OrgId, RelayStore};

use super::content::OpenError;
use super::names::{hex, hex32};
use crate::problem::Failure;
use crate::serve::Relay;
use crate::whole_file;

/// The operator's key in a relay's own data folder.
pub(crate) const OWN_KEY: &str = "operator.key";

/// What wrapped keys are bound to, so that none can be put in the place of another.
fn org_context(org: OrgId) -> Vec<u8> {
    format!("kartei organisation {org}").into_bytes()
}

fn file_context(org: OrgId, blob: &str) -> Vec<u8> {
    format!("kartei file {org} {blob}").into_bytes()
}

fn secret_context(org: OrgId, what: &str) -> Vec<u8> {
    format!("kartei secret {org} {what}").into_bytes()
}

/// Keys of organisations, unwrapped.
pub(crate) struct Keys {
    operator: SealKey,
    of_orgs: Mutex<HashMap<OrgId, Arc<SealKey>>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    pub(crate) fn new(operator: SealKey) -> Self {
        Self { operator, of_orgs: Mutex::default() }
    }

    /// The key of an organisation, made where it has none.
    ///
    /// # Errors
    /// Where the database fails, and where it was wrapped by another operator's key.
    async fn of_org(&self, relay: &Relay, org: OrgId) -> Result<Arc<SealKey>, Failure> {
        if let Some(key) = self.lock().get(&org) {
            return Ok(Arc::clone(key));
        }
        let operator = self.operator.clone();
        let own = relay.store(move |store| {
            own_key(store, &operator, org).map_err(|error| Failure::internal(&error))
        });
        Ok(self.known(org, own.await?))
    }

    fn known(&self, org: OrgId, key: SealKey) -> Arc<SealKey> {
        let key = Arc::new(key);
        self.lock().insert(org, Arc::clone(&key));
        key
    }

    /// The key of a file that is kept, for a worker, which has no relay around it. Blocks.
    pub(super) fn of_kept(
        &self,
        store: &RelayStore,
        org: OrgId,
        blob: &str,
        wrapped: &[u8],
    ) -> Result<SealKey, OpenError> {
        let known = self.lock().get(&org).map(Arc::clone);
        let of_org = match known {
            Some(key) => key,
            // An organisation with files has a key.
            None => {
                let wrapped = store.org_key(org)?.ok_or(SealError::Closed)?;
                self.known(org, unwrap_key(&self.operator, org, &wrapped)?)
            }
        };
        Ok(of_org.unwrap(wrapped, &file_context(org, blob))?)
    }

    /// A new key for a file, and what is kept of it.
    pub(crate) async fn new_file(
        &self,
        relay: &Relay,
        org: OrgId,
        blob: &str,
    ) -> Result<Vec<u8>, Failure> {
        let of_org = self.of_org(relay, org).await?;
        let key = SealKey::random().map_err(|e| Failure::internal(&e))?;
        of_org.wrap(&key, &file_context(org, blob)).map_err(|e| Failure::internal(&e))
    }

    /// The key of a file.
    pub(crate) async fn of_file(
        &self,
        relay: &Relay,
        org: OrgId,
        blob: &str,
        wrapped: &[u8],
    ) -> Result<SealKey, Failure> {
        let of_org = self.of_org(relay, org).await?;
        of_org.unwrap(wrapped, &file_context(org, blob)).map_err(|e| Failure::internal(&e))
    }

    /// Seals something small of an organisation that only the relay reads.
    pub(crate) async fn seal(
        &self,
        relay: &Relay,
        org: OrgId,
        what: &str,
        bytes: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let of_org = self.of_org(relay, org).await?;
        of_org.seal_bytes(bytes, &secret_context(org, what)).map_err(|e| Failure::internal(&e))
    }

    /// What was sealed.
    pub(crate) async fn open(
        &self,
        relay: &Relay,
        org: OrgId,
        what: &str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let of_org = self.of_org(relay, org).await?;
        of_org.open_bytes(sealed, &secret_context(org, what)).map_err(|e| Failure::internal(&e))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<OrgId, Arc<SealKey>>> {
        self.of_orgs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An organisation's key, opened with the operator's.
///
/// # Errors
/// [`SealError::Closed`] where another one wrapped it.
pub(crate) fn unwrap_key(
    operator: &SealKey,
    org: OrgId,
    wrapped: &[u8],
) -> Result<SealKey, SealError> {
    operator.unwrap(wrapped, &org_context(org))
}

/// An organisation's key, made where it has none. Blocks.
///
/// # Errors
/// Where the database fails, and where it was wrapped by another operator's key.
pub(crate) fn own_key(
    store: &RelayStore,
    operator: &SealKey,
    org: OrgId,
) -> Result<SealKey, OpenError> {
    let wrapped = match store.org_key(org)? {
        Some(wrapped) => wrapped,
        None => {
            let wrapped = operator.wrap(&SealKey::random()?, &org_context(org))?;
            store.set_org_key(org, &wrapped)?
        }
    };
    Ok(unwrap_key(operator, org, &wrapped)?)
}

/// An organisation's key, wrapped by another operator's key; `None` where the old one does not fit.
pub(crate) fn rewrap(org: OrgId, wrapped: &[u8], old: &SealKey, new: &SealKey) -> Option<Vec<u8>> {
    let key = unwrap_key(old, org, wrapped).ok()?;
    new.wrap(&key, &org_context(org)).ok()
}

/// The operator's key: of the named file, else of the relay's own folder, where it is made once.
///
/// # Errors
/// Where the file holds no key, or cannot be read or made.
pub(crate) fn operator(named: Option<&Path>, own: Option<&Path>) -> Result<Option<SealKey>> {
    match (known_operator(named, own)?, own) {
        (None, Some(folder)) => make(&folder.join(OWN_KEY)).map(Some),
        (known, _) => Ok(known),
    }
}

/// The operator's key as [`operator`] finds it, where there is one.
///
/// # Errors
/// Where the file holds no key, or cannot be read.
pub(crate) fn known_operator(named: Option<&Path>, own: Option<&Path>) -> Result<Option<SealKey>> {
    if let Some(path) = named {
        let text = fs::read_to_string(path)
            .with_context(|| format!("read the operator's key from {}", path.display()))?;
        return parse(&text, path).map(Some);
    }
    let Some(folder) = own else { return Ok(None) };
    let path = folder.join(OWN_KEY);
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text, &path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

fn parse(text: &str, path: &Path) -> Result<SealKey> {
    match hex32("key", text.trim()) {
        Ok(bytes) => Ok(SealKey::from_bytes(bytes)),
        // The text may be nearly a key, so it is not repeated.
        Err(_) => bail!("{} holds no key: 64 hex digits are one", path.display()),
    }
}

/// A new key in a file that nobody else may read. Where another process made one meanwhile, that one.
fn make(path: &Path) -> Result<SealKey> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).context("ask the system for random bytes")?;
    if whole_file::write_new(path, hex(&bytes).as_bytes())? {
        return Ok(SealKey::from_bytes(bytes));
    }
    parse(&fs::read_to_string(path)?, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        assert!(known_operator(None, Some(folder.path())).unwrap().is_none());
        let made = operator(None, Some(folder.path())).unwrap().unwrap();
        let again = known_operator(None, Some(folder.path())).unwrap().unwrap();
        let file = SealKey::random().unwrap();
        let wrapped = made.wrap(&file, b"x").unwrap();
        assert!(again.unwrap(&wrapped, b"x").is_ok());
        assert!(again.unwrap(&wrapped, b"y").is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.path().join(OWN_KEY)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0);
        }
        assert!(operator(None, None).unwrap().is_none());
    }

    #[test]
    fn a_file_without_a_key_is_named_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        fs::write(&path, "hushhush").unwrap();
        let error = format!("{:#}", operator(Some(&path), None).unwrap_err());
        assert!(error.contains("64 hex digits") && !error.contains("hushhush"), "{error}");
    }
}
