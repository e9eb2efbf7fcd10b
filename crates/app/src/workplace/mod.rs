//! The workspaces of a home folder, of which one is open.
//!
//! A workspace is a data folder ([`crate::App`]); the home is one itself, and lists the others, which
//! lie below it. Opening another one opens its folder anew and closes the one before: nothing of
//! either is ever in memory together but while they change places, and what the former still tells
//! is not heard any more. Front ends keep a [`Workplace`] and ask it for the open workspace.

mod commands;
mod registry;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;

use kartei_protocol::commands::dispatch;
use kartei_protocol::desktop::{OpenedLink, ShowNotice, Workspaces};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};
use serde_json::Value;

use crate::app::{App, AppOptions};
use crate::link::Link;
use crate::problem::of_store;
use registry::{HOME, Registry, folder_of, unknown};

type Listener = Arc<dyn Fn(&HostEvent) + Send + Sync>;
type Notifier = Box<dyn Fn(&ShowNotice) -> bool + Send + Sync>;

/// The open workspace.
struct Open {
    id: String,
    app: Arc<App>,
    /// Whether what it tells is heard.
    heard: Arc<AtomicBool>,
}

/// A home folder with its workspaces, of which one is open.
pub struct Workplace {
    home: PathBuf,
    options: AppOptions,
    open: RwLock<Open>,
    listeners: Mutex<Vec<Listener>>,
    notifier: Mutex<Option<Notifier>>,
    link: Mutex<OpenedLink>,
    /// Held while workspaces change places or their list is written.
    registry: Mutex<Registry>,
    works: AtomicBool,
    closing: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Workplace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workplace").field("home", &self.home).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The data folder of a workspace, by its id or its name.
///
/// # Errors
/// [`ProblemCode::NotFound`] where there is none of this name, or a list that cannot be read.
pub fn workspace_folder(home: &Path, id_or_name: &str) -> Result<PathBuf, Problem> {
    let registry = Registry::read(home)?;
    let entry = registry.find(id_or_name).ok_or_else(|| unknown(id_or_name))?;
    Ok(folder_of(home, &entry.id))
}

/// The workspaces of a home folder, for a program that opens none of them.
///
/// # Errors
/// A list that cannot be read.
pub fn workspaces(home: &Path) -> Result<Workspaces, Problem> {
    Ok(Workspaces { workspaces: Registry::read(home)?.shown(home, HOME) })
}

impl Workplace {
    /// Opens the workspace of a home folder that was open last. `options.data_dir` is the home.
    ///
    /// # Errors
    /// A problem of the home's store. Another workspace that cannot be opened is passed over.
    pub fn open(options: AppOptions) -> Result<Arc<Self>, Problem> {
        let home = options.data_dir.clone();
        let registry = Registry::read(&home)?;
        registry::finish_deleting(&home);
        let last = registry.last.clone();
        let opened = open_app(&home, &last, &options).or_else(|problem| match last.as_str() {
            HOME => Err(problem),
            _ => {
                tracing::warn!(%problem, "The workspace that was open last cannot be opened");
                open_app(&home, HOME, &options)
            }
        })?;
        let workplace = Arc::new(Self {
            home,
            options,
            open: RwLock::new(opened),
            listeners: Mutex::default(),
            notifier: Mutex::default(),
            link: Mutex::default(),
            registry: Mutex::new(registry),
            works: AtomicBool::new(false),
            closing: Mutex::default(),
        });
        workplace.app().join(&workplace);
        Ok(workplace)
    }

    /// The open workspace, at this moment.
    #[must_use]
    pub fn app(&self) -> Arc<App> {
        Arc::clone(&self.open.read().unwrap_or_else(PoisonError::into_inner).app)
    }

    /// Calls a command of the shared list on the open workspace.
    ///
    /// # Errors
    /// As [`dispatch`].
    pub fn call(&self, name: &str, payload: Value) -> Result<Value, Problem> {
        dispatch(&*self.app(), name, payload)
    }

    /// Calls `listener` with every event of whichever workspace is open.
    pub fn subscribe(&self, listener: impl Fn(&HostEvent) + Send + Sync + 'static) {
        let listener: Listener = Arc::new(listener);
        lock(&self.listeners).push(Arc::clone(&listener));
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        hear(&open, listener);
    }

    /// Says how native notes are shown; without this none are.
    pub fn notify_with(&self, notifier: impl Fn(&ShowNotice) -> bool + Send + Sync + 'static) {
        *lock(&self.notifier) = Some(Box::new(notifier));
    }

    /// Syncs and watches folders from now on, in whichever workspace is open.
    pub fn start_working(&self) {
        self.works.store(true, Ordering::Relaxed);
        start(&self.app());
    }

    /// The system asked to open a link: a front end takes it. One that leads nowhere is told there.
    pub fn link_opened(&self, text: &str) {
        *lock(&self.link) = match Link::parse(text) {
            Ok(Link::Profile(id)) => OpenedLink { profile: Some(id), problem: None },
            Err(problem) => OpenedLink { profile: None, problem: Some(problem) },
        };
        self.tell(&HostEvent::LinkOpened);
    }

    /// Stops what runs in the background and waits for it.
    pub fn shutdown(&self) {
        self.app().shutdown();
        self.wait_for_the_former();
    }

    fn tell(&self, event: &HostEvent) {
        let listeners = lock(&self.listeners).clone();
        listeners.iter().for_each(|listener| listener(event));
    }

    fn current(&self) -> String {
        self.open.read().unwrap_or_else(PoisonError::into_inner).id.clone()
    }

    fn wait_for_the_former(&self) {
        if let Some(closing) = lock(&self.closing).take() {
            // A panic there was reported when it happened.
            let _ = closing.join();
        }
    }

    /// Opens another workspace in the place of the one that is open.
    fn change_to(self: &Arc<Self>, registry: &mut Registry, id: &str) -> Result<(), Problem> {
        if self.current() == id {
            return Ok(());
        }
        self.app().must_be_idle()?;
        // It may be the one that is being closed still.
        self.wait_for_the_former();
        let next = open_app(&self.home, id, &self.options)?;
        let mut noted = registry.clone();
        id.clone_into(&mut noted.last);
        noted.write(&self.home)?;
        *registry = noted;
        next.app.join(self);
        for listener in lock(&self.listeners).iter() {
            hear(&next, Arc::clone(listener));
        }
        let app = Arc::clone(&next.app);
        let former = {
            let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
            open.heard.store(false, Ordering::SeqCst);
            std::mem::replace(&mut *open, next)
        };
        let closing = std::thread::Builder::new()
            .name("closing".to_owned())
            .spawn(move || former.app.shutdown());
        match closing {
            Ok(closing) => *lock(&self.closing) = Some(closing),
            Err(error) => tracing::error!(%error, "The former workspace was not closed"),
        }
        self.tell(&HostEvent::WorkspaceOpened);
        if self.works.load(Ordering::Relaxed) {
            start(&app);
        }
        Ok(())
    }
}

fn start(app: &App) {
    app.start_sync();
    if let Err(problem) = app.start_watching() {
        tracing::error!(%problem, "The watched folders are not watched");
    }
}

/// Hands on what a workspace tells for as long as it is the open one.
fn hear(open: &Open, listener: Listener) {
    let heard = Arc::clone(&open.heard);
    open.app.subscribe(move |event| {
        if heard.load(Ordering::SeqCst) {
            listener(event);
        }
    });
}

fn open_app(home: &Path, id: &str, options: &AppOptions) -> Result<Open, Problem> {
    let data_dir = folder_of(home, id);
    if id != HOME && !data_dir.is_dir() {
        let shown = data_dir.display().to_string();
        let message = format!("the workspace's folder is gone: {shown}; put it back or remove it");
        return Err(Problem::new(ProblemCode::FileMissing, message).about(shown));
    }
    let app = App::open(AppOptions { data_dir, ..options.clone() })?;
    Ok(Open { id: id.to_owned(), app, heard: Arc::new(AtomicBool::new(true)) })
}

/// What a workspace's store says of its relay.
fn noted(registry: &mut Registry, id: &str, app: &App) -> Result<bool, Problem> {
    let settings = app.shared.store.sync_settings().map_err(|e| of_store(&e))?;
    Ok(registry.get_mut(id)?.note(&settings))
}
