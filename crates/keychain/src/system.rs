//! The keychain of the account that runs the program.

use keyring::{Entry, Error};

use crate::{Keychain, KeychainError};

/// Under which name the system lists our secrets.
const SERVICE: &str = "Kartei";

/// Set to `off` where no keychain is to be used: in tests, and for programs that run without a
/// session.
const SWITCH: &str = "KARTEI_KEYCHAIN";

/// The system's keychain.
#[derive(Debug, Clone, Copy)]
pub struct SystemKeychain {
    is_on: bool,
}

impl SystemKeychain {
    /// The keychain of this session, unless `KARTEI_KEYCHAIN` is `off`.
    #[must_use]
    pub fn of_session() -> Self {
        Self { is_on: std::env::var_os(SWITCH).is_none_or(|value| value != "off") }
    }

    fn entry(self, name: &str) -> Result<Entry, KeychainError> {
        if !self.is_on {
            return Err(KeychainError::Absent(format!("{SWITCH} is off")));
        }
        if !has_session_bus() {
            // Asking anyway could start a bus, and with it a keychain that nobody sees.
            return Err(KeychainError::Absent("this session has no message bus".to_owned()));
        }
        Entry::new(SERVICE, name).map_err(of_keyring)
    }
}

/// Whether there is a bus that the Secret Service could be on. Other systems need none.
fn has_session_bus() -> bool {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    !cfg!(target_os = "linux")
        || variable("DBUS_SESSION_BUS_ADDRESS").is_some()
        || variable("XDG_RUNTIME_DIR")
            .is_some_and(|folder| std::path::Path::new(&folder).join("bus").exists())
}

fn of_keyring(error: Error) -> KeychainError {
    match error {
        Error::NoStorageAccess(inner) => KeychainError::Locked(inner.to_string()),
        Error::PlatformFailure(inner) => KeychainError::Absent(inner.to_string()),
        // Others could repeat what is stored; their names are enough.
        Error::BadEncoding(_) => KeychainError::Failed("a secret that is no text".to_owned()),
        Error::Ambiguous(_) => KeychainError::Failed("two secrets of one name".to_owned()),
        other => KeychainError::Failed(other.to_string()),
    }
}

impl Keychain for SystemKeychain {
    fn get(&self, name: &str) -> Result<Option<String>, KeychainError> {
        match self.entry(name)?.get_password() {
            Ok(secret) => Ok(Some(secret)),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(of_keyring(error)),
        }
    }

    fn set(&self, name: &str, secret: &str) -> Result<(), KeychainError> {
        self.entry(name)?.set_password(secret).map_err(of_keyring)
    }

    fn remove(&self, name: &str) -> Result<(), KeychainError> {
        match self.entry(name)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(of_keyring(error)),
        }
    }
}
