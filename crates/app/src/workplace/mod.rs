//! The workspaces of a home folder, of which one is open.
//!
//! A workspace is a data folder ([`crate::App`]); the home is one itself, and lists the others, which
//! lie below it. Opening another one opens its folder anew and closes the one before: nothing of
//! either is ever in memory together but while they change places, and what the former still tells
//! is not heard any more. Front ends keep a [`Workplace`] and ask it for the open workspace.

mod closed;
mod commands;
mod registry;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use kartei_protocol::commands::dispatch;
use kartei_protocol::desktop::{OpenedLink, ShowNotice, Workspaces};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};
use serde_json::Value;

use crate::app::{App, AppOptions};
use crate::encryption::is_locked;
use crate::link::Link;
use crate::problem::of_store;
use crate::shared::lock;
use registry::{HOME, Registry, folder_of, unknown};

type Listener = Arc<dyn Fn(&HostEvent) + Send + Sync>;
type Notifier = Box<dyn Fn(&ShowNotice) -> bool + Send + Sync>;

/// The current workspace.
struct Open {
    id: String,
    /// What keeps it closed instead, where its key is not to be had.
    app: Result<Arc<App>, Problem>,
    /// Whether what it tells is heard.
    heard: Arc<AtomicBool>,
}

impl Open {
    fn new(id: &str, app: Result<Arc<App>, Problem>) -> Self {
        Self { id: id.to_owned(), app, heard: Arc::new(AtomicBool::new(true)) }
    }
}

/// A home folder with its workspaces, of which one is open.
pub struct Workplace {
    home: PathBuf,
    options: AppOptions,
    open: RwLock<Open>,
    listeners: Mutex<Vec<Listener>>,
    notifier: Mutex<Option<Notifier>>,
    link: Mutex<OpenedLink>,
    /// Files that came while the workspace was closed.
    files: Mutex<Vec<String>>,
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
    /// A problem of the home's store. Another workspace that cannot be opened is passed over, but for
    /// an encrypted one without its key: that one is closed, and [`call`](Self::call) says so.
    pub fn open(options: AppOptions) -> Result<Arc<Self>, Problem> {
        let home = options.data_dir.clone();
        let registry = Registry::read(&home)?;
        registry::finish_deleting(&home);
        let last = registry.last.clone();
        let opened =
            open_or_closed(&home, &last, &options).or_else(|problem| match last.as_str() {
                HOME => Err(problem),
                _ => {
                    tracing::warn!(%problem, "The workspace that was open last cannot be opened");
                    open_or_closed(&home, HOME, &options)
                }
            })?;
        let workplace = Arc::new(Self {
            home,
            options,
            open: RwLock::new(opened),
            listeners: Mutex::default(),
            notifier: Mutex::default(),
            link: Mutex::default(),
            files: Mutex::default(),
            registry: Mutex::new(registry),
            works: AtomicBool::new(false),
            closing: Mutex::default(),
        });
        if let Ok(app) = workplace.app() {
            app.join(&workplace);
        }
        Ok(workplace)
    }

    /// The open workspace, at this moment.
    ///
    /// # Errors
    /// What keeps it closed: it is encrypted, and its key is not to be had.
    pub fn app(&self) -> Result<Arc<App>, Problem> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).app.clone()
    }

    /// Calls a command of the shared list on the open workspace. A closed one can be unlocked or left
    /// for another one.
    ///
    /// # Errors
    /// As [`dispatch`].
    pub fn call(self: &Arc<Self>, name: &str, payload: Value) -> Result<Value, Problem> {
        match self.app() {
            Ok(app) => dispatch(&*app, name, payload),
            Err(problem) => self.call_closed(problem, name, payload),
        }
    }

    /// Files were dropped or the system asked to open them. They wait while the workspace is closed.
    pub fn files_opened(&self, paths: Vec<String>) {
        match self.app() {
            Ok(app) => app.files_opened(paths),
            Err(_) => lock(&self.files).extend(paths),
        }
    }

    /// Files hover over the window, or have left it.
    pub fn files_hover(&self, active: bool, paths: Vec<String>) {
        if let Ok(app) = self.app() {
            app.files_hover(active, paths);
        }
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
        if let Ok(app) = self.app() {
            start(&app);
        }
    }

    /// The system asked to open a link: a front end takes it. One that leads nowhere is told there.
    pub fn link_opened(&self, text: &str) {
        *lock(&self.link) = match Link::parse(text) {
            Ok(Link::Profile(id)) => OpenedLink { profile: Some(id), ..OpenedLink::default() },
            Ok(Link::Result(id)) => OpenedLink { result: Some(id), ..OpenedLink::default() },
            Err(problem) => OpenedLink { problem: Some(problem), ..OpenedLink::default() },
        };
        self.tell(&HostEvent::LinkOpened);
    }

    /// Stops what runs in the background and waits for it.
    pub fn shutdown(&self) {
        if let Ok(app) = self.app() {
            app.shutdown();
        }
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
        if let Ok(app) = self.app() {
            app.must_be_idle()?;
        }
        // It may be the one that is being closed still.
        self.wait_for_the_former();
        let next = open_or_closed(&self.home, id, &self.options)?;
        let mut noted = registry.clone();
        id.clone_into(&mut noted.last);
        noted.write(&self.home)?;
        *registry = noted;
        self.put(next);
        Ok(())
    }

    /// Puts a workspace in the place of the one that was there.
    fn put(self: &Arc<Self>, next: Open) {
        let app = next.app.clone();
        if let Ok(app) = &app {
            app.join(self);
            let files = std::mem::take(&mut *lock(&self.files));
            if !files.is_empty() {
                app.files_opened(files);
            }
        }
        for listener in lock(&self.listeners).iter() {
            hear(&next, Arc::clone(listener));
        }
        let former = {
            let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
            open.heard.store(false, Ordering::SeqCst);
            std::mem::replace(&mut *open, next)
        };
        if let Ok(former) = former.app {
            let closing = std::thread::Builder::new()
                .name("closing".to_owned())
                .spawn(move || former.shutdown());
            match closing {
                Ok(closing) => *lock(&self.closing) = Some(closing),
                Err(error) => tracing::error!(%error, "The former workspace was not closed"),
            }
        }
        self.tell(&HostEvent::WorkspaceOpened);
        if let Ok(app) = app
            && self.works.load(Ordering::Relaxed)
        {
            start(&app);
        }
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
    let Ok(app) = &open.app else { return };
    let heard = Arc::clone(&open.heard);
    app.subscribe(move |event| {
        if heard.load(Ordering::SeqCst) {
            listener(event);
        }
    });
}

/// As [`open_app`]; one that is encrypted and whose key is not to be had is there, and closed.
fn open_or_closed(home: &Path, id: &str, options: &AppOptions) -> Result<Open, Problem> {
    match open_app(home, id, options) {
        Err(problem) if !is_locked(&problem) => Err(problem),
        app => Ok(Open::new(id, app)),
    }
}

fn open_app(home: &Path, id: &str, options: &AppOptions) -> Result<Arc<App>, Problem> {
    let data_dir = folder_of(home, id);
    if id != HOME && !data_dir.is_dir() {
        let shown = data_dir.display().to_string();
        let message = format!("the workspace's folder is gone: {shown}; put it back or remove it");
        return Err(Problem::new(ProblemCode::FileMissing, message).about(shown));
    }
    App::open(AppOptions { data_dir, ..options.clone() })
}

/// What a workspace's store says of its relay.
fn noted(registry: &mut Registry, id: &str, app: &App) -> Result<bool, Problem> {
    let settings = app.shared.store.sync_settings().map_err(|e| of_store(&e))?;
    Ok(registry.get_mut(id)?.note(&settings))
}
