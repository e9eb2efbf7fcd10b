//! The list of workspaces of a home folder: `workspaces.json`, beside the home's own database.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kartei_local_store::SyncSettings;
use kartei_protocol::desktop::Workspace;
use kartei_protocol::problem::{Problem, ProblemCode};
use serde::{Deserialize, Serialize};

use crate::instance::write_private;
use crate::random;

/// The id of the workspace that the others lie in.
pub(super) const HOME: &str = "home";

const FILE: &str = "workspaces.json";
const FOLDER: &str = "workspaces";

/// What is about to be deleted is called by this ending first, and deleted again at the next start.
const REMOVED: &str = "removed";

/// The file's format. A newer one is not read.
const FORMAT: u32 = 1;

/// Workspaces at most: a person has some relays; hundreds would be a mistake of a script.
const WORKSPACES_MAX: usize = 64;

/// Characters of a name at most: more cannot be read in a menu.
const NAME_CHARS_MAX: usize = 80;

/// One workspace, as it is noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) organisation: Option<String>,
    pub(super) relay: Option<String>,
}

impl Entry {
    pub(super) fn new(id: &str, name: Option<String>) -> Self {
        Self { id: id.to_owned(), name, organisation: None, relay: None }
    }

    /// Notes what the workspace's store says of its relay, and whether that is news.
    pub(super) fn note(&mut self, settings: &SyncSettings) -> bool {
        let before = self.clone();
        self.organisation.clone_from(&settings.organisation);
        self.relay.clone_from(&settings.relay);
        *self != before
    }
}

/// The list, as it lies in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Registry {
    format: u32,
    /// The workspace that was open last.
    pub(super) last: String,
    pub(super) entries: Vec<Entry>,
}

impl Default for Registry {
    fn default() -> Self {
        Self { format: FORMAT, last: HOME.to_owned(), entries: vec![Entry::new(HOME, None)] }
    }
}

impl Registry {
    /// Reads the list of a home folder; without a file there is the home alone.
    pub(super) fn read(home: &Path) -> Result<Self, Problem> {
        let path = home.join(FILE);
        let wrong = |why: String| {
            let shown = path.display().to_string();
            let message = format!("{shown} cannot be read: {why}; the workspaces are untouched");
            Problem::new(ProblemCode::FileUnreadable, message).about(shown)
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let registry: Self = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        if registry.format != FORMAT {
            return Err(wrong("a newer version of Kartei wrote it".to_owned()));
        }
        if !registry.entries.iter().any(|entry| entry.id == HOME) {
            return Err(wrong("it does not list the home".to_owned()));
        }
        // An id becomes a folder's name: nothing that leads elsewhere.
        match registry.entries.iter().find(|entry| !is_id(&entry.id)) {
            Some(_) => Err(wrong("an id in it is none".to_owned())),
            None => Ok(registry),
        }
    }

    pub(super) fn write(&self, home: &Path) -> Result<(), Problem> {
        let path = home.join(FILE);
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        write_private(&path, &text).map_err(|error| crate::files::of_write(&path, &error))
    }

    /// The entry of this id, or of this name.
    pub(super) fn find(&self, id_or_name: &str) -> Option<&Entry> {
        let by_id = self.entries.iter().find(|entry| entry.id == id_or_name);
        by_id.or_else(|| self.entries.iter().find(|entry| is_named(entry, id_or_name)))
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Result<&mut Entry, Problem> {
        self.entries.iter_mut().find(|entry| entry.id == id).ok_or_else(|| unknown(id))
    }

    /// Whether there may be one more.
    pub(super) fn has_room(&self) -> Result<(), Problem> {
        if self.entries.len() < WORKSPACES_MAX {
            return Ok(());
        }
        let message = format!("there are {WORKSPACES_MAX} workspaces already; remove one first");
        Err(Problem::new(ProblemCode::Blocked, message))
    }

    /// A name as it may be noted for `id`.
    pub(super) fn checked_name(&self, name: &str, id: &str) -> Result<String, Problem> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            let message = format!("a workspace's name has 1 to {NAME_CHARS_MAX} characters");
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        if name.chars().any(char::is_control) {
            let message = "a workspace's name is one line";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        match self.entries.iter().find(|entry| entry.id != id && is_named(entry, name)) {
            Some(_) => {
                let message = "another workspace has this name; choose another one";
                Err(Problem::new(ProblemCode::Blocked, message))
            }
            None => Ok(name.to_owned()),
        }
    }

    /// `name`, with a number behind it where another workspace has it.
    pub(super) fn free_name(&self, name: &str) -> Option<String> {
        let shortened: String = name.chars().take(NAME_CHARS_MAX - 4).collect();
        let numbered = (2..=WORKSPACES_MAX + 1).map(|number| format!("{shortened} {number}"));
        std::iter::once(shortened.clone())
            .chain(numbered)
            .find_map(|name| self.checked_name(&name, "").ok())
    }

    pub(super) fn shown(&self, home: &Path, current: &str) -> Vec<Workspace> {
        let show = |entry: &Entry| Workspace {
            id: entry.id.clone(),
            name: entry.name.clone(),
            folder: folder_of(home, &entry.id).display().to_string(),
            organisation: entry.organisation.clone(),
            relay: entry.relay.clone(),
            current: entry.id == current,
            home: entry.id == HOME,
        };
        self.entries.iter().map(show).collect()
    }
}

/// People tell names apart by what they read; case is not enough.
fn is_named(entry: &Entry, name: &str) -> bool {
    entry.name.as_ref().is_some_and(|own| own.to_lowercase() == name.to_lowercase())
}

fn is_id(id: &str) -> bool {
    (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

pub(super) fn unknown(id: &str) -> Problem {
    Problem::new(ProblemCode::NotFound, format!("there is no workspace `{id}`")).about(id)
}

/// The data folder of a workspace.
pub(super) fn folder_of(home: &Path, id: &str) -> PathBuf {
    if id == HOME { home.to_owned() } else { home.join(FOLDER).join(id) }
}

/// A folder of its own for a new workspace.
pub(super) fn new_id() -> Result<String, Problem> {
    random::hex::<4>()
}

/// Deletes a workspace's folder. A name of its own first: what is half deleted is never opened.
pub(super) fn delete(home: &Path, id: &str) -> Result<(), Problem> {
    let folder = folder_of(home, id);
    let doomed = folder.with_extension(REMOVED);
    let unwritable = |error: io::Error| crate::files::of_write(&folder, &error);
    match fs::rename(&folder, &doomed) {
        Ok(()) => fs::remove_dir_all(&doomed).map_err(unwritable),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unwritable(error)),
    }
}

/// Deletes what was about to be deleted when the program ended.
pub(super) fn finish_deleting(home: &Path) {
    let Ok(entries) = fs::read_dir(home.join(FOLDER)) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|ending| ending == REMOVED)
            && let Err(error) = fs::remove_dir_all(&path)
        {
            tracing::warn!(%error, path = %path.display(), "A removed workspace is still there");
        }
    }
}
