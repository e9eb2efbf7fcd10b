//! Which profile is open here, told to the relay, and which ones others have open, told by it.
//!
//! Both live in memory only, and neither is written to a log.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kartei_protocol::desktop::{OpenElsewhere, Presence};
use kartei_protocol::events::HostEvent;
use kartei_protocol::sync::{PRESENCE_EVERY_SECS, PresenceNotice, PresenceReport};
use kartei_relay_client::{Notice, Notices, RelayClient, RelayError};
use tokio::sync::watch;

use crate::hub::Hub;
use crate::random;
use crate::shared::Shared;

/// Random bytes in the name of a session.
const SESSION_BYTES: usize = 16;

/// The status with which a relay answers that knows no presence.
const NO_SUCH_ROUTE: u16 = 404;

/// What is open, here and elsewhere.
pub(crate) struct Desk {
    here: watch::Sender<Option<String>>,
    elsewhere: Mutex<BTreeMap<String, Vec<String>>>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { here: watch::channel(None).0, elsewhere: Mutex::default() }
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Desk {
    /// The window shows this profile now, or none.
    pub(crate) fn open(&self, id: Option<String>) {
        self.here.send_if_modified(|here| {
            let other = *here != id;
            *here = id;
            other
        });
    }

    /// What others have open.
    pub(crate) fn presence(&self) -> Presence {
        let elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        let open = |(id, people): (&String, &Vec<String>)| OpenElsewhere {
            id: id.clone(),
            people: people.clone(),
        };
        Presence { profiles: elsewhere.iter().map(open).collect() }
    }

    fn take(&self, hub: &Hub, notice: PresenceNotice) {
        {
            let mut elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
            let before = elsewhere.clone();
            if notice.full {
                elsewhere.clear();
            }
            for open in notice.profiles {
                if open.people.is_empty() {
                    elsewhere.remove(&open.id);
                } else {
                    elsewhere.insert(open.id, open.people);
                }
            }
            if *elsewhere == before {
                return;
            }
        }
        hub.emit(&HostEvent::Presence { presence: self.presence() });
    }

    /// Without a connection nobody knows what others have open.
    pub(crate) fn cut_off(&self, hub: &Hub) {
        self.take(hub, PresenceNotice { full: true, profiles: Vec::new() });
    }
}

/// A name for a session; none where the system gives no random bytes, and then there is no presence.
pub(crate) fn session_name() -> Option<String> {
    random::hex::<SESSION_BYTES>().ok()
}

/// Takes what the relay tells, until the connection ends or nobody hears of heads any more.
pub(crate) async fn hear(shared: &Shared, mut notices: Notices, tell: impl Fn(u64) -> bool) {
    while let Ok(Some(notice)) = notices.next().await {
        match notice {
            Notice::Head(head) => {
                if !tell(head.head_rev) {
                    return;
                }
            }
            Notice::Presence(presence) => shared.desk.take(&shared.hub, presence),
        }
    }
}

/// Tells the relay what is open here, at once where it changes and again and again while it does
/// not. Never ends by itself: a report that is lost is made up for by the next one.
pub(crate) async fn report(shared: &Shared, client: &RelayClient, session: Option<String>) {
    let Some(session) = session else { return std::future::pending().await };
    let mut here = shared.desk.here.subscribe();
    let mut told = None;
    loop {
        let profile = here.borrow_and_update().clone();
        if profile.is_some() || told.is_some() {
            let report = PresenceReport { session: session.clone(), profile: profile.clone() };
            match client.report_presence(&report).await {
                Ok(()) => told.clone_from(&profile),
                Err(RelayError::Refused { status: NO_SUCH_ROUTE, .. }) => {
                    return std::future::pending().await;
                }
                Err(error) => tracing::debug!(%error, "The relay did not take what is open"),
            }
        }
        let again = profile.is_some() || told.is_some();
        tokio::select! {
            changed = here.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(Duration::from_secs(PRESENCE_EVERY_SECS)), if again => {}
        }
    }
}
