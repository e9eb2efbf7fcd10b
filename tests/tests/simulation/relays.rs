//! The relays: several handles on one database, and what is watched at each answer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use kartei_profile::{Change, ChangeHash};
use kartei_protocol::sync::{Bytes, Cursor, ProfileLine, PushAnswer, PushItem};
use kartei_relay_store::{Author, FeedPage, OrgId, RelayStore, RelayStoreError};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::broken::{Broken, Invariant, Result};
use crate::plan::Plan;
use crate::queue::Says;
use crate::upkeep;

/// From this revision on few profiles of a calm run are changed again.
const HEAD_LATE: u64 = 12;

/// Something that a relay does wrong on purpose, or that is done to it, to see it noticed. Each is
/// done once, to the first answer that it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// A page of the feed lacks its last profile.
    PageWithoutLine,
    /// A change is acknowledged and forgotten.
    ChangeForgotten,
    /// A record is stored under the hash of another.
    HashChanged,
    /// A profile counts a conflict that is none.
    ConflictInvented,
    /// A revision is given to nothing.
    RevisionSkipped,
    /// The newest revision is one that was given before.
    RevisionTakenBack,
    /// A push goes to another organisation.
    OtherOrganisation,
    /// Every item is asked for again.
    NeverContent,
    /// An answer to a push is applied to another replica too.
    WrongReplica,
    /// Somebody removes an observation, and nobody knows.
    ObservationRemoved,
    /// A person's last value is overwritten, and nobody knows.
    ValueOverwritten,
}

/// One organisation as it was seen so far.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) id: OrgId,
    /// The newest revision that was seen.
    pub(crate) head: u64,
    /// What a profile began with.
    pub(crate) genesis: BTreeMap<String, String>,
    /// Changes that were acknowledged, by profile.
    pub(crate) taken: BTreeSet<(String, ChangeHash)>,
}

/// A database and the relays on it.
#[derive(Debug)]
pub(crate) struct Database {
    folder: TempDir,
    handles: Vec<RelayStore>,
    pub(crate) organisations: Vec<Seen>,
    backup: Option<TempDir>,
    sabotage: Option<Sabotage>,
}

impl Database {
    pub(crate) fn new(plan: &Plan, now: i64, folder: TempDir) -> Result<Self> {
        let handles = (0..plan.handles)
            .map(|_| RelayStore::open(folder.path()))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let organisations = (0..Plan::ORGANISATIONS)
            .map(|number| {
                let id = handles[0].create_organisation(&format!("org{number}"), now)?.id;
                Ok(Seen { id, head: 0, genesis: BTreeMap::new(), taken: BTreeSet::new() })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { folder, handles, organisations, backup: None, sabotage: plan.sabotage })
    }

    pub(crate) fn handle(&self, handle: usize) -> &RelayStore {
        &self.handles[handle]
    }

    /// A relay dies and is started again.
    pub(crate) fn restart(&mut self, handle: usize) -> Result<()> {
        self.handles[handle] = RelayStore::open(self.folder.path())?;
        Ok(())
    }

    pub(crate) fn has_backup(&self) -> bool {
        self.backup.is_some()
    }

    /// Copies the database.
    pub(crate) fn back_up(&mut self) -> Result<()> {
        let folder = TempDir::new_in(self.folder.path())?;
        let copy = folder.path().join("relay.sqlite");
        let database = Connection::open(self.file()).map_err(RelayStoreError::from)?;
        let copy = copy.display().to_string();
        database.execute("VACUUM INTO ?1", [copy]).map_err(RelayStoreError::from)?;
        self.backup = Some(folder);
        Ok(())
    }

    /// Puts the copy in the place of the database, and begins new histories.
    pub(crate) fn restore(&mut self, handles: usize) -> Result<()> {
        let Some(folder) = self.backup.take() else { return Ok(()) };
        self.handles.clear();
        for rest in ["-wal", "-shm"] {
            let mut file = self.file().into_os_string();
            file.push(rest);
            if std::path::Path::new(&file).exists() {
                std::fs::remove_file(file)?;
            }
        }
        std::fs::copy(folder.path().join("relay.sqlite"), self.file())?;
        for _ in 0..handles {
            self.handles.push(RelayStore::open(self.folder.path())?);
        }
        for seen in &self.organisations {
            self.handles[0].begin_epoch(seen.id, "operator")?;
        }
        self.seen_anew()
    }

    pub(crate) fn page(
        &mut self,
        handle: usize,
        organisation: usize,
        cursor: Option<&Cursor>,
        rows: usize,
    ) -> Result<Says> {
        let seen = &mut self.organisations[organisation];
        let mut page = match self.handles[handle].feed(seen.id, cursor, rows, usize::MAX) {
            Ok(page) => page,
            Err(error) => return upkeep::refusal(error),
        };
        forward(seen.head, page.head_rev)?;
        seen.head = page.head_rev;
        let mut below = cursor.map_or(0, |cursor| cursor.rev);
        for line in &page.lines {
            if line.rev <= below || line.rev > page.head_rev {
                let detail = format!("`{}` at {} after {below} in a page", line.id, line.rev);
                return Err(Broken::new(Invariant::Forward, detail));
            }
            below = line.rev;
            seen.began(line)?;
        }
        // One whose beginning the replica has: it could not take what follows else, and say so.
        let known = page.lines.last().is_some_and(|line| line.record.is_none());
        if known && self.is_to(Sabotage::PageWithoutLine) {
            page.lines.pop();
        }
        let lines = serde_json::to_string(&page.lines)?;
        let FeedPage { cursor, more, total, .. } = page;
        Ok(Says::Page { lines, cursor, more, total })
    }

    /// Takes items in, and looks at the order afterwards.
    pub(crate) fn take(
        &mut self,
        handle: usize,
        organisation: usize,
        now: i64,
        items: &str,
    ) -> Result<Says> {
        let mut items: Vec<PushItem> = serde_json::from_str(items)?;
        let offered: Vec<Vec<Bytes>> = items.iter().map(|item| item.changes.clone()).collect();
        let edited = items.iter_mut().find(|item| !item.changes.is_empty());
        // A later change of the same profile would bring it back: the relay would want all of it.
        if let Some(item) = edited
            && self.organisations[organisation].head > HEAD_LATE
            && self.is_to(Sabotage::ChangeForgotten)
        {
            item.changes.pop();
        }
        let other = self.is_to(Sabotage::OtherOrganisation);
        let at = if other { (organisation + 1) % Plan::ORGANISATIONS } else { organisation };
        let before = self.handles[handle].head_rev(self.organisations[at].id)?;
        forward(self.organisations[at].head, before)?;
        let sender = Author { name: "a desktop".to_owned(), now };
        let mut pushed = self.handles[handle].push(self.organisations[at].id, &sender, &items)?;
        if self.sabotage == Some(Sabotage::NeverContent) {
            let again = |item: &PushItem| PushAnswer::GenesisWanted { id: item.id.clone() };
            pushed.answers = items.iter().map(again).collect();
        }
        self.tamper(at)?;
        self.numbered(handle, at, before)?;
        let seen = &mut self.organisations[at];
        for ((item, answer), changes) in items.iter().zip(&pushed.answers).zip(&offered) {
            match answer {
                PushAnswer::Accepted { .. } => {
                    let genesis = seen.genesis.entry(item.id.clone());
                    let genesis = genesis.or_insert_with(|| item.genesis.clone());
                    if *genesis != item.genesis {
                        let detail = format!("`{}` was taken on another beginning", item.id);
                        return Err(Broken::new(Invariant::History, detail));
                    }
                    for bytes in changes {
                        let change = Change::from_bytes(&bytes.0)
                            .map_err(|e| Broken::new(Invariant::Failure, e.to_string()))?;
                        seen.taken.insert((item.id.clone(), change.hash()));
                    }
                }
                PushAnswer::OtherGenesis { profile } => seen.began(profile)?,
                _ => {}
            }
        }
        Ok(Says::Taken { answers: serde_json::to_string(&pushed.answers)?, end: pushed.end })
    }

    /// The revisions of a push are visible at once, one for each profile that it changed.
    fn numbered(&mut self, handle: usize, organisation: usize, before: u64) -> Result<()> {
        let seen = &mut self.organisations[organisation];
        let (head, rows) =
            self.handles[handle].rows_since(seen.id, before, usize::MAX, usize::MAX)?;
        forward(before, head)?;
        let revs: Vec<u64> = rows.iter().map(|row| row.rev).collect();
        if revs != (before + 1..=head).collect::<Vec<_>>() {
            let detail = format!("after {before} come {revs:?}, the newest is {head}");
            return Err(Broken::new(Invariant::Holes, detail));
        }
        seen.head = head;
        Ok(())
    }

    /// Whether it is time for this sabotage; it is done with then.
    pub(crate) fn is_to(&mut self, sabotage: Sabotage) -> bool {
        let is = self.sabotage == Some(sabotage);
        if is {
            self.sabotage = None;
        }
        is
    }

    fn tamper(&mut self, organisation: usize) -> Result<()> {
        let sql = match self.sabotage {
            Some(Sabotage::HashChanged) => "UPDATE profiles SET hash = zeroblob(32)",
            Some(Sabotage::ConflictInvented) => "UPDATE profiles SET conflicts = conflicts + 7",
            Some(Sabotage::RevisionSkipped) => {
                "UPDATE organisations SET head_rev = head_rev + 1 WHERE head_rev > 3"
            }
            Some(Sabotage::RevisionTakenBack) => {
                "UPDATE organisations SET head_rev = head_rev - 2 WHERE head_rev > 3"
            }
            _ => return Ok(()),
        };
        // Late enough that nothing overwrites a row again.
        let head = self.handles[0].head_rev(self.organisations[organisation].id)?;
        if head <= 3 {
            return Ok(());
        }
        let database = Connection::open(self.file()).map_err(RelayStoreError::from)?;
        database.execute(sql, []).map_err(RelayStoreError::from)?;
        if matches!(self.sabotage, Some(Sabotage::RevisionSkipped | Sabotage::RevisionTakenBack)) {
            self.sabotage = None;
        }
        Ok(())
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("relay.sqlite")
    }
}

impl Seen {
    /// Forgets profiles that are gone for good.
    pub(crate) fn forget(&mut self, is_gone: impl Fn(&str) -> bool) {
        self.genesis.retain(|id, _| !is_gone(id));
        self.taken.retain(|(id, _)| !is_gone(id));
    }

    /// A profile begins once.
    fn began(&mut self, line: &ProfileLine) -> Result<()> {
        let genesis = self.genesis.entry(line.id.clone()).or_insert_with(|| line.genesis.clone());
        if *genesis == line.genesis {
            return Ok(());
        }
        let detail = format!("`{}` began with {genesis} and now with {}", line.id, line.genesis);
        Err(Broken::new(Invariant::History, detail))
    }
}

fn forward(before: u64, after: u64) -> Result<()> {
    if after >= before {
        return Ok(());
    }
    Err(Broken::new(Invariant::Forward, format!("the newest revision was {before}, is {after}")))
}
