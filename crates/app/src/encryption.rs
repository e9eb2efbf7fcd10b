//! The data folder's encryption: where its key lies, and the way there and back.
//!
//! The key lies in the system's keychain, under a name that the encrypted file itself says (its salt).
//! So there is nothing beside the file that could get lost or disagree with it. The key is put there
//! before the file is encrypted, and stays when it is written plain again: backups of the time between
//! need it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use kartei_keychain::{Keychain, KeychainError};
use kartei_local_store::{DatabaseKey, Lies, Salt, Store, StoreError};
use kartei_protocol::desktop::{RecoveryKey, SavedFile, Security};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::app::{App, AppOptions};
use crate::files;
use crate::instance::write_private;
use crate::problem::of_store;
use crate::random;
use crate::sync;
use crate::token::{keep, keychain_of};

/// Between two looks at how far the new file is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Bytes of a file with a recovery key at most: the key has 76, and a person may write beside it.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Whether the keychain has to take the key before anything is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeychainNeed {
    /// It has to.
    Needed,
    /// The recovery key is enough.
    Optional,
}

/// Reads the recovery key from a file that somebody saved.
///
/// # Errors
/// A file that cannot be read, or holds none.
pub fn read_recovery_key(path: &Path) -> Result<DatabaseKey, Problem> {
    let shown = path.display().to_string();
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|error| {
        let code = match error.kind() {
            io::ErrorKind::NotFound => ProblemCode::FileMissing,
            _ => ProblemCode::FileUnreadable,
        };
        let message = format!("the recovery key cannot be read: {shown}: {}", error.kind());
        Problem::new(code, message).about(&shown)
    })?;
    parse(&text).map_err(|problem| problem.about(shown))
}

pub(crate) fn parse(text: &str) -> Result<DatabaseKey, Problem> {
    DatabaseKey::parse(text).map_err(|e| Problem::new(ProblemCode::InvalidRequest, e.to_string()))
}

/// Whether a workspace is closed only for want of its key.
pub(crate) fn is_locked(problem: &Problem) -> bool {
    matches!(problem.code, ProblemCode::StoreNeedsKey | ProblemCode::WrongKey)
}

/// The key of a data folder that is about to be opened; `None` where it needs none.
pub(crate) fn key_of(options: &AppOptions) -> Result<Option<DatabaseKey>, Problem> {
    let Lies::Encrypted(salt) = Store::look(&options.data_dir).map_err(|e| of_store(&e))? else {
        return Ok(None);
    };
    if let Some(key) = &options.recovery_key {
        return Ok(Some(key.clone()));
    }
    let found = keychain_of(options.keychain.as_ref()).and_then(|chain| chain.get(&name(&salt)));
    let (said, advice) = match found {
        Ok(Some(text)) => match DatabaseKey::parse(&text) {
            Ok(key) => return Ok(Some(key)),
            Err(_) => ("the keychain's entry is no key".to_owned(), "give the recovery key"),
        },
        Ok(None) => ("the keychain has no key for it".to_owned(), "give the recovery key"),
        Err(error @ KeychainError::Locked(_)) => {
            (error.to_string(), "unlock it and try again, or give the recovery key")
        }
        Err(error) => (
            error.to_string(),
            "start Kartei in the session in which the data was encrypted, or give the recovery key",
        ),
    };
    let message =
        format!("the data folder is encrypted, and {said}; nothing was changed; {advice}");
    Err(Problem::new(ProblemCode::StoreNeedsKey, message))
}

/// Takes the key of a data folder that is removed out of the keychain. What the keychain keeps to
/// itself is told in the log.
pub(crate) fn forget_key(folder: &Path, keychain: Option<&Arc<dyn Keychain>>) {
    let Ok(Lies::Encrypted(salt)) = Store::look(folder) else { return };
    if let Err(error) = keychain_of(keychain).and_then(|chain| chain.remove(&name(&salt))) {
        tracing::warn!(%error, "The key of a removed workspace may still be in the keychain");
    }
}

/// Puts the key that opened a data folder where it is looked for next time, if the keychain takes it.
pub(crate) fn remember_key(app: &App) {
    let Some((key, salt)) = app.shared.store.key() else { return };
    if let Err(error) = keep(app.keychain.as_ref(), &name(&salt), &key.recovery_key()) {
        tracing::warn!(%error, "The recovery key will be asked for again");
    }
}

fn name(salt: &Salt) -> String {
    format!("database key {salt}")
}

impl App {
    fn next_key(&self) -> Result<(DatabaseKey, Salt), Problem> {
        let mut next: MutexGuard<'_, Option<(DatabaseKey, Salt)>> =
            self.next_key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = &*next {
            return Ok(next.clone());
        }
        let made = (DatabaseKey::from_bytes(random::bytes()?), Salt::from_bytes(random::bytes()?));
        *next = Some(made.clone());
        Ok(made)
    }

    /// The key of the database, or the one that it will have.
    fn any_key(&self) -> Result<DatabaseKey, Problem> {
        Ok(self.shared.store.key().map_or_else(|| self.next_key(), Ok)?.0)
    }

    pub(crate) fn shown_recovery_key(&self) -> Result<RecoveryKey, Problem> {
        Ok(RecoveryKey { key: self.any_key()?.recovery_key().to_string() })
    }

    pub(crate) fn write_recovery_key(&self, to: Option<&str>) -> Result<SavedFile, Problem> {
        let path = files::place(to, "kartei-recovery-key.txt")?;
        let folder = self.data_dir.display();
        let text = format!(
            "# Recovery key of the Kartei data folder {folder}\n\
             # It opens the encrypted data where the keychain does not. Keep it apart from the computer.\n\
             {}\n",
            *self.any_key()?.recovery_key()
        );
        write_private(&path, &text).map_err(|error| files::of_write(&path, &error))?;
        Ok(SavedFile { path: path.display().to_string(), bytes: text.len() as u64 })
    }

    /// Writes the database anew, encrypted or plain.
    ///
    /// # Errors
    /// What is in the way: something runs, another program has the folder, the keychain does not take
    /// the key, no room. The database is as it was then.
    pub fn rewrite_store(
        &self,
        encrypted: bool,
        keychain: KeychainNeed,
    ) -> Result<Security, Problem> {
        let store = &self.shared.store;
        if store.is_encrypted() == encrypted {
            return self.how_secrets_are_kept();
        }
        self.must_be_idle()?;
        let key = encrypted.then(|| self.next_key()).transpose()?;
        if let Some((key, salt)) = &key {
            match keep(self.keychain.as_ref(), &name(salt), &key.recovery_key()) {
                Ok(()) => {}
                Err(error) if keychain == KeychainNeed::Optional => {
                    tracing::warn!(%error, "The database's key is not in a keychain");
                }
                Err(error) => {
                    let message = format!("nothing was encrypted: {error}");
                    return Err(Problem::new(ProblemCode::Keychain, message));
                }
            }
        }
        // Its reading would be in the way.
        self.background.stop();
        self.uploads.stop();
        self.analyses.stop();
        let rewritten = self.rewrite_telling(key);
        if self.syncs.load(std::sync::atomic::Ordering::Relaxed) {
            self.background.start(&self.shared, self.session())?;
            self.uploads.start(&self.shared)?;
            self.analyses.start(&self.shared)?;
        }
        sync::emit_status(&self.shared);
        let wiped = rewritten.map_err(|e| of_store(&e))?;
        if encrypted {
            *self.next_key.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        tracing::info!(target: "kartei::store", encrypted, wiped, "Database written anew");
        self.how_secrets_are_kept()
    }

    fn rewrite_telling(&self, key: Option<(DatabaseKey, Salt)>) -> Result<bool, StoreError> {
        let store = &self.shared.store;
        let (ended, end) = channel::<()>();
        std::thread::scope(|threads| {
            threads.spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = end.recv_timeout(LOOK_EVERY) {
                    let (done, total) = store.bytes_rewritten();
                    self.shared.hub.emit(&HostEvent::Rewriting { done, total });
                }
            });
            let rewritten = store.rewrite(key, &mut |_| ());
            drop(ended);
            rewritten.map(|rewritten| rewritten.wiped)
        })
    }
}
