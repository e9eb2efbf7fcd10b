//! Where the relay's token lies: in the system's keychain, or in the data folder's database where
//! no keychain answers or the person wants it so (programs that run without their session).

use std::sync::{Arc, Mutex, PoisonError};

use kartei_keychain::{Keychain, KeychainError};
use kartei_local_store::{Store, SyncSettings, TokenAt};
use kartei_protocol::desktop::{KeychainState, Security, TokenPlace};
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::app::App;
use crate::problem::of_store;
use crate::random;
use crate::sync;

/// A name that is asked for to see whether the keychain answers; nothing is ever put there.
const PROBE: &str = "is anybody there";

/// Gets the token from where it lies, and puts it where it shall lie.
#[derive(Default)]
pub(crate) struct Tokens {
    keychain: Option<Arc<dyn Keychain>>,
    /// What the keychain answered, by name, so that it is asked once a session.
    known: Mutex<Option<(String, String)>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token must never reach a log.
        f.debug_struct("Tokens").field("keychain", &self.keychain).finish_non_exhaustive()
    }
}

impl Tokens {
    pub(crate) fn new(keychain: Option<Arc<dyn Keychain>>) -> Self {
        Self { keychain, known: Mutex::default() }
    }

    fn keychain(&self) -> Result<&dyn Keychain, KeychainError> {
        keychain_of(self.keychain.as_ref())
    }

    /// The token; `None` where nobody is signed in.
    pub(crate) fn get(&self, settings: &SyncSettings) -> Result<Option<String>, Problem> {
        let Some(name) = &settings.token_name else { return Ok(settings.token.clone()) };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, token)) = &*known
            && of == name
        {
            return Ok(Some(token.clone()));
        }
        let found = self.keychain().and_then(|keychain| keychain.get(name));
        let token = found.map_err(|e| of_keychain(&e))?.ok_or_else(|| {
            let message = "the keychain no longer has this relay's token; sign in again";
            Problem::new(ProblemCode::Keychain, message)
        })?;
        *known = Some((name.clone(), token.clone()));
        Ok(Some(token))
    }

    /// Puts a token where it shall lie and answers where that is, for the store to note. The
    /// database takes it where the keychain does not.
    fn place(&self, settings: &SyncSettings, token: &str) -> Result<Placed, Problem> {
        if settings.database_chosen {
            return Ok(Placed::Database);
        }
        let name = settings.token_name.clone().map_or_else(new_name, Ok)?;
        match keep(self.keychain.as_ref(), &name, token) {
            Ok(()) => {
                let known = Some((name.clone(), token.to_owned()));
                *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
                Ok(Placed::Keychain(name))
            }
            Err(error) => {
                tracing::info!(%error, "The token stays in the database");
                Ok(Placed::Database)
            }
        }
    }

    /// Takes the token out of the keychain, where it lies there. What the keychain keeps to itself
    /// then is told in the log: signing out is not held up by it.
    pub(crate) fn forget(&self, settings: &SyncSettings) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let Some(name) = &settings.token_name else { return };
        if let Err(error) = self.keychain().and_then(|keychain| keychain.remove(name)) {
            tracing::warn!(%error, "The relay's token may still be in the keychain");
        }
    }

    /// Moves a token that lies in the database into the keychain, as a window does when it starts.
    pub(crate) fn settle(&self, store: &Store) -> Result<(), Problem> {
        let settings = store.sync_settings().map_err(|e| of_store(&e))?;
        let Some(token) = settings.token.as_deref() else { return Ok(()) };
        match self.place(&settings, token)? {
            Placed::Database => Ok(()),
            placed @ Placed::Keychain(_) => {
                store.move_token(placed.at(token)).map_err(|e| of_store(&e))
            }
        }
    }

    /// Whether the keychain answers.
    fn state(&self) -> (KeychainState, Option<String>) {
        match self.keychain().and_then(|keychain| keychain.get(PROBE)) {
            Ok(_) => (KeychainState::Ready, None),
            Err(KeychainError::Locked(said)) => (KeychainState::Locked, Some(said)),
            Err(error) => (KeychainState::Absent, Some(error.to_string())),
        }
    }
}

/// The keychain that the program was started with.
pub(crate) fn keychain_of(
    keychain: Option<&Arc<dyn Keychain>>,
) -> Result<&dyn Keychain, KeychainError> {
    let none = || KeychainError::Absent("this program was started without one".to_owned());
    keychain.map(Arc::as_ref).ok_or_else(none)
}

/// Puts a secret into the keychain, and looks whether it is there: whoever has it forgets it next, or
/// relies on it.
pub(crate) fn keep(
    keychain: Option<&Arc<dyn Keychain>>,
    name: &str,
    secret: &str,
) -> Result<(), KeychainError> {
    let keychain = keychain_of(keychain)?;
    keychain.set(name, secret)?;
    match keychain.get(name)? {
        Some(kept) if kept == secret => Ok(()),
        _ => Err(KeychainError::Failed("it does not give back what it took".to_owned())),
    }
}

enum Placed {
    Keychain(String),
    Database,
}

impl Placed {
    fn at<'a>(&'a self, token: &'a str) -> TokenAt<'a> {
        match self {
            Self::Keychain(name) => TokenAt::Keychain(name),
            Self::Database => TokenAt::Database(token),
        }
    }
}

/// A name that no other data folder has, wherever this one is moved to.
fn new_name() -> Result<String, Problem> {
    Ok(format!("relay token {}", random::hex::<8>()?))
}

fn of_keychain(error: &KeychainError) -> Problem {
    let advice = match error {
        KeychainError::Locked(_) => "unlock it and try again",
        KeychainError::Absent(_) | KeychainError::Failed(_) => {
            "start Kartei in the session in which you signed in, or sign in again"
        }
    };
    let message = format!("the relay's token is in the keychain, and {error}; {advice}");
    Problem::new(ProblemCode::Keychain, message)
}

impl App {
    pub(crate) fn put_token(
        &self,
        url: &str,
        token: &str,
        who: &kartei_protocol::sync::WhoAmI,
    ) -> Result<(), Problem> {
        let shared = &self.shared;
        let settings = shared.store.sync_settings().map_err(|e| of_store(&e))?;
        let placed = shared.tokens.place(&settings, token)?;
        if matches!(placed, Placed::Database) {
            shared.tokens.forget(&settings);
        }
        shared.store.sign_in(url, placed.at(token), who).map_err(|e| of_store(&e))
    }

    pub(crate) fn how_secrets_are_kept(&self) -> Result<Security, Problem> {
        let settings = self.shared.store.sync_settings().map_err(|e| of_store(&e))?;
        let (keychain, keychain_says) = self.shared.tokens.state();
        let token = match (&settings.token_name, &settings.token) {
            (Some(_), _) => TokenPlace::Keychain,
            (None, Some(_)) => TokenPlace::Database,
            (None, None) => TokenPlace::Nowhere,
        };
        let database_chosen = settings.database_chosen;
        let encrypted = self.shared.store.is_encrypted();
        Ok(Security { token, database_chosen, keychain, keychain_says, encrypted })
    }

    pub(crate) fn move_token(&self, in_keychain: bool) -> Result<Security, Problem> {
        let Self { shared, .. } = self;
        let before = shared.store.sync_settings().map_err(|e| of_store(&e))?;
        let token = shared.tokens.get(&before)?;
        if in_keychain {
            shared.tokens.keychain().and_then(|keychain| keychain.get(PROBE)).map_err(|e| {
                let message = format!("the token stays where it is: {e}");
                Problem::new(ProblemCode::Keychain, message)
            })?;
        }
        shared.store.choose_database(!in_keychain).map_err(|e| of_store(&e))?;
        if let Some(token) = token {
            let after = SyncSettings { database_chosen: !in_keychain, ..before.clone() };
            let placed = shared.tokens.place(&after, &token)?;
            shared.store.move_token(placed.at(&token)).map_err(|e| of_store(&e))?;
            if matches!(placed, Placed::Database) {
                shared.tokens.forget(&before);
            }
        }
        sync::emit_status(shared);
        self.how_secrets_are_kept()
    }
}

#[cfg(test)]
mod tests {
    use kartei_keychain::MemoryKeychain;
    use kartei_local_store::StoreOptions;
    use kartei_protocol::sync::WhoAmI;
    use kartei_relay_client::Trust;
    use tempfile::TempDir;

    use super::*;
    use crate::shared::Shared;

    const TOKEN: &str = "kartei_0123456789abcdef";

    struct Desk {
        _folder: TempDir,
        store: Store,
        keychain: Arc<MemoryKeychain>,
        tokens: Tokens,
    }

    impl Desk {
        /// A data folder that was signed in before there was a keychain.
        fn signed_in() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
            let who = WhoAmI {
                organisation: "Test".to_owned(),
                name: "Anna".to_owned(),
                role: "analyst".to_owned(),
                epoch: "e1".to_owned(),
            };
            store.sign_in("https://relay.example", TokenAt::Database(TOKEN), &who).unwrap();
            let keychain = Arc::new(MemoryKeychain::default());
            let tokens = Tokens::new(Some(Arc::clone(&keychain) as Arc<dyn Keychain>));
            Self { _folder: folder, store, keychain, tokens }
        }

        fn settings(&self) -> SyncSettings {
            self.store.sync_settings().unwrap()
        }

        fn token(&self) -> Option<String> {
            self.tokens.get(&self.settings()).unwrap()
        }

        /// As another run of the program sees it, which has asked nothing yet.
        fn token_anew(&self) -> Result<Option<String>, Problem> {
            let keychain = Arc::clone(&self.keychain) as Arc<dyn Keychain>;
            Tokens::new(Some(keychain)).get(&self.settings())
        }
    }

    #[test]
    fn a_token_of_the_database_moves_to_the_keychain_once() {
        let desk = Desk::signed_in();
        desk.tokens.settle(&desk.store).unwrap();
        let settings = desk.settings();
        assert_eq!(settings.token, None);
        assert_eq!(desk.keychain.names(), [settings.token_name.clone().unwrap()]);
        assert_eq!(desk.token_anew().unwrap().as_deref(), Some(TOKEN));
        desk.tokens.settle(&desk.store).unwrap();
        assert_eq!(desk.settings().token_name, settings.token_name);
    }

    #[test]
    fn whoever_speaks_with_the_relay_finds_the_token_where_it_lies() {
        let Desk { _folder, store, tokens, .. } = Desk::signed_in();
        tokens.settle(&store).unwrap();
        let shared = Shared::new(Arc::new(store), Arc::default(), tokens, Trust::default());
        assert!(shared.relay().unwrap().is_some(), "signed in, though the database has no token");
    }

    #[test]
    fn it_stays_in_the_database_where_no_keychain_takes_it() {
        for failure in [
            KeychainError::Absent("no bus".to_owned()),
            KeychainError::Locked("dismissed".to_owned()),
        ] {
            let desk = Desk::signed_in();
            desk.keychain.fail(Some(failure));
            desk.tokens.settle(&desk.store).unwrap();
            assert_eq!(desk.settings().token.as_deref(), Some(TOKEN));
            assert_eq!(desk.token().as_deref(), Some(TOKEN));
        }
        let desk = Desk::signed_in();
        Tokens::default().settle(&desk.store).unwrap();
        assert_eq!(desk.settings().token.as_deref(), Some(TOKEN), "and where there is none");
    }

    #[test]
    fn it_stays_in_the_database_where_the_person_wants_it() {
        let desk = Desk::signed_in();
        desk.store.choose_database(true).unwrap();
        desk.tokens.settle(&desk.store).unwrap();
        assert_eq!(desk.settings().token.as_deref(), Some(TOKEN));
        assert!(desk.keychain.names().is_empty());
    }

    #[test]
    fn a_keychain_that_is_locked_later_is_a_problem_that_says_what_to_do() {
        let desk = Desk::signed_in();
        desk.tokens.settle(&desk.store).unwrap();
        desk.keychain.fail(Some(KeychainError::Locked("dismissed".to_owned())));
        assert_eq!(desk.token().as_deref(), Some(TOKEN), "known already in this run");
        let problem = desk.token_anew().unwrap_err();
        assert_eq!(problem.code, ProblemCode::Keychain);
        assert!(problem.message.contains("unlock"), "{problem}");
        assert!(!problem.message.contains(TOKEN));
        desk.keychain.fail(None);
        desk.keychain.remove(&desk.keychain.names()[0]).unwrap();
        assert!(desk.token_anew().unwrap_err().message.contains("sign in again"));
    }

    #[test]
    fn signing_out_takes_it_out_of_the_keychain() {
        let desk = Desk::signed_in();
        desk.tokens.settle(&desk.store).unwrap();
        let settings = desk.settings();
        desk.store.sign_out().unwrap();
        desk.tokens.forget(&settings);
        assert!(desk.keychain.names().is_empty());
        assert_eq!(desk.token(), None);
    }
}
