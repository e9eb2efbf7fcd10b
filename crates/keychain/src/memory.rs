//! A keychain that forgets everything when the program ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Keychain, KeychainError};

/// Keeps secrets in memory, and can be made to fail as a system's keychain does.
#[derive(Default)]
pub struct MemoryKeychain {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    secrets: BTreeMap<String, String>,
    failure: Option<KeychainError>,
}

impl MemoryKeychain {
    /// From now on every call fails like this, or none any more.
    pub fn fail(&self, failure: Option<KeychainError>) {
        self.lock().failure = failure;
    }

    /// The names that have a secret.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.lock().secrets.keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<MutexGuard<'_, State>, KeychainError> {
        let state = self.lock();
        match &state.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(state),
        }
    }
}

impl std::fmt::Debug for MemoryKeychain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Secrets must never reach a log.
        f.debug_struct("MemoryKeychain").finish_non_exhaustive()
    }
}

impl Keychain for MemoryKeychain {
    fn get(&self, name: &str) -> Result<Option<String>, KeychainError> {
        Ok(self.open()?.secrets.get(name).cloned())
    }

    fn set(&self, name: &str, secret: &str) -> Result<(), KeychainError> {
        self.open()?.secrets.insert(name.to_owned(), secret.to_owned());
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), KeychainError> {
        self.open()?.secrets.remove(name);
        Ok(())
    }
}
