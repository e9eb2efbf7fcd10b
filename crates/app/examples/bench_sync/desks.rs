//! Desktops: whole ones, with a store and sync in the background, and ones that only listen.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kartei_app::{App, AppOptions};
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{Edit, EditProfile, Empty, GetProfile, SignIn, SyncState};
use kartei_protocol::events::HostEvent;
use kartei_test_support::{Client, Http, Stage, gunzipped, until};
use serde_json::{Value, json};

/// An edit that takes longer is lost.
const SEEN_WITHIN: Duration = Duration::from_secs(60);

/// A first sync of a million profiles on a busy machine.
const SYNCED_WITHIN: Duration = Duration::from_secs(1_800);

/// Imports a file and sends it all to a relay; answers who did.
pub(crate) fn fill(stage: &Stage, url: &str, token: &str, file: &Path) -> Result<Client> {
    let filler = stage.client("filler")?;
    filler.import(&[file])?;
    filler.login(url, token)?;
    filler.sync()?;
    Ok(filler)
}

/// A desktop as it is, without its window.
pub(crate) struct Desk {
    app: Arc<App>,
    changed: Receiver<()>,
}

impl Desk {
    /// Opens a data folder, signs in, and syncs from now on.
    pub(crate) fn open(folder: PathBuf, url: &str, token: &str) -> Result<Self> {
        let app = App::open(AppOptions { data_dir: folder, ..AppOptions::default() })?;
        let (sender, changed) = channel();
        app.subscribe(move |event| {
            if let HostEvent::ProfilesChanged { .. } = event {
                // Nobody listens at the end.
                let _ = sender.send(());
            }
        });
        app.sign_in(SignIn { url: url.to_owned(), token: token.to_owned() })?;
        app.start_sync();
        Ok(Self { app, changed })
    }

    /// Waits until it has everything and has sent everything.
    pub(crate) fn settle(&self, profiles: usize) -> Result<()> {
        until(SYNCED_WITHIN, "the desktop is up to date", || {
            let status = self.app.sync_status(Empty {})?;
            let all = status.profiles == profiles as u64 && status.pending == 0;
            Ok(all && status.state == SyncState::UpToDate)
        })
    }

    /// Sets an attribute.
    pub(crate) fn edit(&self, id: &str, value: &Value) -> Result<()> {
        let edit = Edit::Set { pointer: "/attributes/bench".to_owned(), value: value.clone() };
        self.app.edit_profile(EditProfile { id: id.to_owned(), edits: vec![edit] })?;
        Ok(())
    }

    /// Waits until the store has that value.
    pub(crate) fn see(&self, id: &str, value: &Value) -> Result<()> {
        let end = Instant::now() + SEEN_WITHIN;
        loop {
            let profile = self.app.get_profile(GetProfile { id: id.to_owned(), whole: false })?;
            if profile.record["attributes"]["bench"] == *value {
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            if self.changed.recv_timeout(left).is_err() {
                bail!("an edit of {id} was not seen within {SEEN_WITHIN:?}");
            }
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.app.shutdown();
    }
}

/// How long each edit takes from the call that makes it on one desktop to another's store having it.
pub(crate) fn seen_after(from: &Desk, to: &Desk, ids: &[String]) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(ids.len());
    for (number, id) in ids.iter().enumerate() {
        let value = json!(number);
        let begun = Instant::now();
        from.edit(id, &value)?;
        to.see(id, &value)?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// Desktops that hear of every change and fetch it, as whole ones do, but keep nothing: what they would
/// do with it happens on their own machines.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    pulls: Arc<AtomicU64>,
    listening: Arc<AtomicU64>,
}

impl Listeners {
    /// Lets so many listen for as long as the program runs, from what there is now; answers when all do.
    pub(crate) fn listen(url: &str, token: &str, count: usize) -> Result<Self> {
        let cursor = pull(&Http::new(url, Some(token)), "")?;
        let listeners = Self::default();
        for _ in 0..count {
            listeners.add(url, token, &cursor);
        }
        until(SEEN_WITHIN, "the other desktops listen", || {
            Ok(listeners.listening.load(Ordering::Relaxed) == count as u64)
        })?;
        Ok(listeners)
    }

    fn add(&self, url: &str, token: &str, cursor: &str) {
        let http = Http::patient(url, Some(token), SYNCED_WITHIN);
        let mut cursor = cursor.to_owned();
        let (pulls, listening) = (Arc::clone(&self.pulls), Arc::clone(&self.listening));
        thread::spawn(move || -> Result<()> {
            let mut events = http.events("/sync/v1/events", &[])?;
            events.next_event()?;
            listening.fetch_add(1, Ordering::Relaxed);
            loop {
                events.next_event()?;
                cursor = pull(&http, &cursor)?;
                pulls.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Pulls that they have made.
    pub(crate) fn pulls(&self) -> u64 {
        self.pulls.load(Ordering::Relaxed)
    }
}

/// Reads the feed from a cursor to its end; answers the cursor there.
fn pull(http: &Http, cursor: &str) -> Result<String> {
    let mut cursor = cursor.to_owned();
    loop {
        let path = if cursor.is_empty() {
            "/sync/v1/pull".to_owned()
        } else {
            format!("/sync/v1/pull?cursor={cursor}")
        };
        let page = gunzipped(&http.get(&path)?.expect(200)?.body)?;
        let last = page.trim_end().rsplit('\n').next().unwrap_or_default();
        let end: Value = serde_json::from_str(last).context("a pull ends with a line")?;
        let end = &end["end"];
        cursor = end["cursor"].as_str().context("a pull ends with a cursor")?.to_owned();
        if end["more"] != true {
            return Ok(cursor);
        }
    }
}

/// Copies a data folder that nobody has open.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
