//! What the threads of an application share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kartei_local_store::{Store, SyncSettings};
use kartei_protocol::problem::Problem;
use kartei_relay_client::{RelayClient, RelayError, Trust};
use kartei_sync_core::Phase;

use crate::hub::Hub;
use crate::problem::{of_relay, of_store};
use crate::sync::Desk;
use crate::token::Tokens;

/// Which relay and organisation is signed in to; nothing where nobody is.
pub(crate) fn place(settings: &SyncSettings) -> Option<String> {
    if !settings.is_signed_in() {
        return None;
    }
    let organisation = settings.organisation.as_deref().unwrap_or_default();
    settings.relay.as_ref().map(|relay| format!("{relay} {organisation}"))
}

/// What is known of a running sync.
#[derive(Debug, Default)]
pub(crate) struct SyncView {
    /// The engine's phase, while one runs.
    pub(crate) phase: Option<Phase>,
    /// Profiles exchanged since the cycle began.
    pub(crate) exchanged: u64,
    /// At most so many profiles remain to be got, by what the relay said last.
    pub(crate) remaining: u64,
}

/// What is behind it, also after a thread that held it failed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The store, the listeners, and what is known of a running sync.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Arc<Store>,
    pub(crate) hub: Arc<Hub>,
    /// Which profile is open here, and which ones elsewhere.
    pub(crate) desk: Desk,
    /// Where the relay's token lies.
    pub(crate) tokens: Tokens,
    /// Whom to believe to be the relay.
    pub(crate) trust: Trust,
    /// The tag of the relay's calibrations as they were taken last.
    pub(crate) calibrations: Mutex<Option<String>>,
    view: Mutex<SyncView>,
}

impl Shared {
    pub(crate) fn new(store: Arc<Store>, hub: Arc<Hub>, tokens: Tokens, trust: Trust) -> Self {
        let (desk, calibrations, view) = (Desk::default(), Mutex::default(), Mutex::default());
        Self { store, hub, desk, tokens, trust, calibrations, view }
    }

    /// The way to the relay, with the token from where it lies; `None` where nobody is signed in. May
    /// ask the keychain, and with it the person.
    pub(crate) fn relay(&self) -> Result<Option<RelayClient>, Problem> {
        self.way(RelayClient::new)
    }

    /// The same for files.
    pub(crate) fn transfers(&self) -> Result<Option<RelayClient>, Problem> {
        self.way(RelayClient::for_transfers)
    }

    fn way(
        &self,
        make: impl FnOnce(&str, &str, &Trust) -> Result<RelayClient, RelayError>,
    ) -> Result<Option<RelayClient>, Problem> {
        let settings = self.store.sync_settings().map_err(|e| of_store(&e))?;
        let token = self.tokens.get(&settings)?;
        let (Some(relay), Some(token)) = (settings.relay, token) else { return Ok(None) };
        make(&relay, &token, &self.trust).map(Some).map_err(|e| of_relay(&e))
    }

    pub(crate) fn view(&self) -> MutexGuard<'_, SyncView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
