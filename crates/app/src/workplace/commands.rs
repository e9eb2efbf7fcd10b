//! The commands about workspaces, links and notes: what goes beyond one data folder.

use std::path::Path;
use std::sync::{Arc, Weak};

use kartei_local_store::{Store, StoreOptions, make_private_folder};
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{
    AddWorkspace, NoticeShown, OpenedLink, RemoveWorkspace, RenameWorkspace, ShowNotice, SignIn,
    Workspaces,
};
use kartei_protocol::problem::{Problem, ProblemCode};

use super::registry::{self, Entry, HOME, Registry, folder_of, unknown};
use super::{Workplace, noted, open_app};
use crate::app::{App, AppOptions};
use crate::encryption::{forget_key, key_of};
use crate::files::of_write;
use crate::problem::of_store;
use crate::shared::lock;
use crate::token::Tokens;

/// Characters of a line of a native note at most: what shows them cuts them off earlier.
const NOTICE_CHARS_MAX: usize = 200;

impl App {
    /// Makes this one the open workspace of a workplace.
    pub(super) fn join(&self, workplace: &Arc<Workplace>) {
        // Each is opened for one workplace; a second call would change nothing.
        let _ = self.workplace.set(Arc::downgrade(workplace));
    }

    fn workplace(&self) -> Result<Arc<Workplace>, Problem> {
        self.workplace.get().and_then(Weak::upgrade).ok_or_else(|| {
            let message = "this program has one data folder open and no workspaces";
            Problem::new(ProblemCode::Blocked, message)
        })
    }

    /// Closing would break off what runs.
    pub(crate) fn must_be_idle(&self) -> Result<(), Problem> {
        let what = if self.imports.is_busy() {
            "an import"
        } else if self.exports.is_busy() {
            "an export"
        } else if self.downloads.is_busy() {
            "a download"
        } else if self.behavior.is_busy() {
            "a calibration"
        } else {
            return Ok(());
        };
        let message = format!("{what} is running here; wait for its end or stop it first");
        Err(Problem::new(ProblemCode::Blocked, message))
    }

    pub(crate) fn take_link(&self) -> OpenedLink {
        self.workplace()
            .map(|workplace| std::mem::take(&mut *lock(&workplace.link)))
            .unwrap_or_default()
    }

    pub(crate) fn notify(&self, notice: &ShowNotice) -> Result<NoticeShown, Problem> {
        let is_long = |line: &str| line.chars().count() > NOTICE_CHARS_MAX;
        if is_long(&notice.title) || is_long(&notice.text) {
            let message = format!("a note's line has at most {NOTICE_CHARS_MAX} characters");
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        let Ok(workplace) = self.workplace() else { return Ok(NoticeShown { shown: false }) };
        let notifier = lock(&workplace.notifier);
        Ok(NoticeShown { shown: notifier.as_ref().is_some_and(|notify| notify(notice)) })
    }

    pub(crate) fn all_workspaces(&self) -> Result<Workspaces, Problem> {
        let workplace = self.workplace()?;
        let mut registry = lock(&workplace.registry);
        workplace.list(&mut registry)
    }

    pub(crate) fn add_one_workspace(&self, request: AddWorkspace) -> Result<Workspaces, Problem> {
        let workplace = self.workplace()?;
        self.must_be_idle()?;
        let mut registry = lock(&workplace.registry);
        workplace.list(&mut registry)?;
        workplace.add(&mut registry, request)?;
        workplace.list(&mut registry)
    }

    pub(crate) fn change_workspace(&self, id: &str) -> Result<Workspaces, Problem> {
        self.workplace()?.open_other(id)
    }

    pub(crate) fn name_workspace(&self, request: &RenameWorkspace) -> Result<Workspaces, Problem> {
        let workplace = self.workplace()?;
        let mut registry = lock(&workplace.registry);
        let mut changed = registry.clone();
        let name = changed.checked_name(&request.name, &request.id)?;
        changed.get_mut(&request.id)?.name = Some(name);
        changed.write(&workplace.home)?;
        *registry = changed;
        workplace.list(&mut registry)
    }

    pub(crate) fn remove_one_workspace(
        &self,
        request: &RemoveWorkspace,
    ) -> Result<Workspaces, Problem> {
        let workplace = self.workplace()?;
        let mut registry = lock(&workplace.registry);
        workplace.remove(&mut registry, request)?;
        workplace.list(&mut registry)
    }
}

impl Workplace {
    pub(super) fn open_other(self: &Arc<Self>, id: &str) -> Result<Workspaces, Problem> {
        let mut registry = lock(&self.registry);
        self.list(&mut registry)?;
        registry.get_mut(id)?;
        self.change_to(&mut registry, id)?;
        self.list(&mut registry)
    }

    /// The list, after noting what the open workspace says of its relay.
    pub(super) fn list(&self, registry: &mut Registry) -> Result<Workspaces, Problem> {
        let current = self.current();
        let mut changed = registry.clone();
        // A closed one says nothing; what was noted last stays.
        if let Ok(app) = self.app()
            && noted(&mut changed, &current, &app)?
        {
            changed.write(&self.home)?;
            *registry = changed;
        }
        Ok(Workspaces { workspaces: registry.shown(&self.home, &current) })
    }

    fn add(
        self: &Arc<Self>,
        registry: &mut Registry,
        request: AddWorkspace,
    ) -> Result<(), Problem> {
        registry.has_room()?;
        let wanted = request.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let name = wanted.map(|name| registry.checked_name(name, "")).transpose()?;
        if name.is_none() && request.relay.is_none() {
            let message = "a workspace without a relay needs a name";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        let id = registry::new_id()?;
        let folder = folder_of(&self.home, &id);
        make_private_folder(&folder).map_err(|error| of_write(&folder, &error))?;
        let mut entry = Entry::new(&id, name);
        let made = self.furnish(&mut entry, request.relay).and_then(|()| {
            if entry.name.is_none() {
                entry.name =
                    entry.organisation.as_deref().and_then(|name| registry.free_name(name));
            }
            let mut changed = registry.clone();
            changed.entries.push(entry);
            changed.write(&self.home)?;
            *registry = changed;
            Ok(())
        });
        if let Err(problem) = made {
            // Nothing was put into it that would be lost.
            registry::delete(&self.home, &id)?;
            return Err(problem);
        }
        self.change_to(registry, &id)
    }

    /// Makes the store of a new workspace, and signs it in.
    fn furnish(&self, entry: &mut Entry, relay: Option<SignIn>) -> Result<(), Problem> {
        let new = open_app(&self.home, &entry.id, &self.options)?;
        let signed_in = relay.map_or(Ok(()), |relay| new.sign_in(relay).map(|_| ()));
        let settings = new.shared.store.sync_settings();
        new.shutdown();
        signed_in?;
        entry.note(&settings.map_err(|e| of_store(&e))?);
        Ok(())
    }

    fn remove(&self, registry: &mut Registry, request: &RemoveWorkspace) -> Result<(), Problem> {
        let id = &request.id;
        let entry = registry.entries.iter().find(|entry| entry.id == *id);
        let entry = entry.ok_or_else(|| unknown(id))?;
        let blocked = |message: &str| Problem::new(ProblemCode::Blocked, message).about(id.clone());
        if entry.id == HOME {
            return Err(blocked("the others lie in this workspace; it cannot be removed"));
        }
        if self.current() == *id {
            return Err(blocked("this workspace is open; open another one first"));
        }
        // It may be the one that is being closed still.
        self.wait_for_the_former();
        let folder = folder_of(&self.home, id);
        if folder.is_dir() {
            let unsent = self.forget_secrets(&folder, request.even_unsent)?;
            if let Some(unsent) = unsent {
                let message = format!("{unsent} profiles have changes that no relay has");
                return Err(Problem::new(ProblemCode::Blocked, message).about(unsent.to_string()));
            }
        }
        let mut changed = registry.clone();
        changed.entries.retain(|entry| entry.id != *id);
        changed.write(&self.home)?;
        *registry = changed;
        registry::delete(&self.home, id)
    }

    /// Takes the token of a workspace that goes out of the keychain; answers how many profiles stand
    /// in the way instead, where they shall.
    fn forget_secrets(&self, folder: &Path, even_unsent: bool) -> Result<Option<u64>, Problem> {
        let keychain = self.options.keychain.as_ref();
        let options = AppOptions { data_dir: folder.to_owned(), ..self.options.clone() };
        let opened = key_of(&options).and_then(|key| {
            let options = StoreOptions { key, ..StoreOptions::default() };
            Store::open(folder, options).map_err(|e| of_store(&e))
        });
        let store = match opened {
            Ok(store) => store,
            // A damaged one can be removed, or one without its key, but not by mistake.
            Err(_) if even_unsent => return Ok(None),
            Err(problem) => return Err(problem),
        };
        let unsent = store.totals().map_err(|e| of_store(&e))?.pending;
        if unsent > 0 && !even_unsent {
            return Ok(Some(unsent));
        }
        let settings = store.sync_settings().map_err(|e| of_store(&e))?;
        Tokens::new(self.options.keychain.clone()).forget(&settings);
        drop(store);
        forget_key(folder, keychain);
        Ok(None)
    }
}
