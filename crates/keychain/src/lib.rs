//! Secrets in the system's keychain: Secret Service on Linux, Keychain on macOS, Credential Manager
//! on Windows.
//!
//! [`Keychain`] is the seam, [`SystemKeychain`] what people have, [`MemoryKeychain`] what tests and
//! machines without one have. This crate must not know what a secret is for, nor where else it could
//! lie. Calls may take as long as a person needs to unlock the keychain: never on an event loop.

mod memory;
mod system;

pub use memory::MemoryKeychain;
pub use system::SystemKeychain;

/// Why a keychain did not do what was asked. None of them holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeychainError {
    /// There is none, or it does not answer.
    #[error("no keychain answers: {0}")]
    Absent(String),
    /// It is locked, and was not unlocked.
    #[error("the keychain is locked: {0}")]
    Locked(String),
    /// It has failed.
    #[error("the keychain failed: {0}")]
    Failed(String),
}

/// Secrets under names.
pub trait Keychain: std::fmt::Debug + Send + Sync {
    /// The secret of this name; `None` where there is none.
    ///
    /// # Errors
    /// [`KeychainError`]; whether there is one is not known then.
    fn get(&self, name: &str) -> Result<Option<String>, KeychainError>;

    /// Puts a secret under a name, in place of the one that is there.
    ///
    /// # Errors
    /// [`KeychainError`]; what was there before is still there, or nothing is known of it.
    fn set(&self, name: &str, secret: &str) -> Result<(), KeychainError>;

    /// Removes the secret of this name; also well where there is none.
    ///
    /// # Errors
    /// [`KeychainError`]; it may still be there.
    fn remove(&self, name: &str) -> Result<(), KeychainError>;
}
