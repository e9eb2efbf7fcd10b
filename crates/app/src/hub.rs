//! Tells listeners what happens.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use kartei_protocol::events::HostEvent;

type Listener = Box<dyn Fn(&HostEvent) + Send + Sync>;

/// Listeners, and the count of changes of the store.
#[derive(Default)]
pub(crate) struct Hub {
    listeners: RwLock<Vec<Listener>>,
    generation: AtomicU64,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

impl Hub {
    pub(crate) fn subscribe(&self, listener: impl Fn(&HostEvent) + Send + Sync + 'static) {
        let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        listeners.push(Box::new(listener));
    }

    pub(crate) fn emit(&self, event: &HostEvent) {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().for_each(|listener| listener(event));
    }

    pub(crate) fn profiles_changed(&self) {
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        self.emit(&HostEvent::ProfilesChanged { generation });
    }
}
