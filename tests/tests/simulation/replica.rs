//! A replica: a real store in a folder, an engine, and the program that joins them, which can end
//! at any moment and in several ways.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::OnceLock;

use kartei_local_store::{PushBatch, Session, Store, StoreError, StoreOptions};
use kartei_profile::Actor;
use kartei_sync_core::Engine;
use kartei_test_support::Dice;
use serde_json::Value;
use tempfile::TempDir;

use crate::broken::Result;

const FILE: &str = "kartei.sqlite";
const LOG: &str = "kartei.sqlite-wal";

/// Answers that came late are remembered so long, for another program on the folder to apply.
const PAST_MAX: usize = 4;

/// What a program that sent a request remembers of it.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) request: u64,
    /// The batch of a push; a pull has none.
    pub(crate) batch: Option<Rc<PushBatch>>,
}

/// How a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Its files are closed.
    Stopped,
    /// Its files are as they are at this moment.
    Killed,
    /// What was not yet forced to the disk is gone, wholly or from some byte on.
    PowerLost,
}

/// One data folder and its program.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) index: usize,
    /// Which database, and which of its organisations.
    pub(crate) database: usize,
    pub(crate) organisation: usize,
    root: TempDir,
    store: Option<Store>,
    options: StoreOptions,
    /// Counts starts of the program.
    pub(crate) run: u32,
    /// Counts copies of the folder.
    copies: u32,
    pub(crate) session: Session,
    /// Another program's, on the same folder.
    pub(crate) beside: Session,
    pub(crate) engine: Engine,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) past: Vec<Waiting>,
    /// The alarm that counts; earlier ones do not.
    pub(crate) alarm: u64,
    /// The machine's clock less the true time, in milliseconds.
    pub(crate) skew_ms: i64,
    /// Whether the program runs.
    pub(crate) awake: bool,
    /// Bytes of the log that a loss of power cannot take.
    durable: u64,
    /// Files that were imported since: a loss of power may take them, and they are imported again.
    pub(crate) unforced: Vec<Vec<Value>>,
    /// Whether the program ended in a way that may have taken something.
    pub(crate) lost_power: bool,
    /// Counts edits, for values that differ.
    pub(crate) edits: u64,
}

/// An empty data folder's database, made once: making one takes longer than most runs' steps.
fn empty() -> &'static [u8] {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    EMPTY.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        drop(Store::open(folder.path(), StoreOptions::default()).unwrap());
        std::fs::read(folder.path().join(FILE)).unwrap()
    })
}

fn session(dice: &mut Dice, author: &str) -> Session {
    let mut random = [0; 12];
    random[..8].copy_from_slice(&dice.roll(u64::MAX).to_be_bytes());
    Session { actor: Actor::from_random(random), author: Some(author.to_owned()) }
}

impl Replica {
    pub(crate) fn new(
        index: usize,
        (database, organisation): (usize, usize),
        root: TempDir,
        dice: &mut Dice,
    ) -> Result<Self> {
        let author = format!("person{index}");
        let new = Self {
            index,
            database,
            organisation,
            root,
            store: None,
            options: StoreOptions::default(),
            run: 0,
            copies: 0,
            session: session(dice, &author),
            beside: session(dice, &author),
            engine: Engine::new(),
            waiting: None,
            past: Vec::new(),
            alarm: 0,
            skew_ms: 0,
            awake: true,
            durable: 0,
            unforced: Vec::new(),
            lost_power: false,
            edits: 0,
        };
        std::fs::create_dir_all(new.folder())?;
        std::fs::write(new.folder().join(FILE), empty())?;
        Ok(new)
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join(self.copies.to_string())
    }

    /// The store, opened where it is not.
    pub(crate) fn store(&mut self) -> std::result::Result<&Store, StoreError> {
        if self.store.is_none() {
            self.store = Some(Store::open(&self.folder(), self.options.clone())?);
        }
        match &self.store {
            Some(store) => Ok(store),
            None => Err(StoreError::Locked),
        }
    }

    /// Closes the store; the program goes on and opens it when it needs it.
    pub(crate) fn close(&mut self) {
        self.store = None;
        self.durable = 0;
        self.unforced.clear();
    }

    /// The person's clock, in milliseconds since 1970.
    pub(crate) fn clock(&self, now: u64) -> i64 {
        i64::try_from(now).unwrap_or(i64::MAX) + self.skew_ms
    }

    /// A write was forced to the disk, and with it all before.
    pub(crate) fn forced(&mut self) {
        self.durable = self.log_bytes();
        self.unforced.clear();
    }

    fn log_bytes(&self) -> u64 {
        std::fs::metadata(self.folder().join(LOG)).map_or(0, |found| found.len())
    }

    /// The program ends; it is not started again yet.
    pub(crate) fn end(&mut self, how: End, dice: &mut Dice) -> Result<()> {
        if self.store.is_some() && how != End::Stopped {
            let from = self.folder();
            self.copies += 1;
            let to = self.folder();
            std::fs::create_dir_all(&to)?;
            let log = std::fs::metadata(from.join(LOG)).map_or(0, |found| found.len());
            std::fs::copy(from.join(FILE), to.join(FILE))?;
            if log > 0 {
                std::fs::copy(from.join(LOG), to.join(LOG))?;
            }
            if how == End::PowerLost && log > self.durable {
                let kept = self.durable + dice.roll(log - self.durable + 1);
                cut(&to.join(LOG), kept)?;
                self.durable = kept;
                self.lost_power = true;
            }
            self.store = None;
            std::fs::remove_dir_all(from)?;
        } else {
            self.close();
        }
        self.run += 1;
        self.engine = Engine::new();
        self.waiting = None;
        self.past.clear();
        self.awake = false;
        Ok(())
    }

    /// The program starts: its actors are new.
    pub(crate) fn start(&mut self, dice: &mut Dice) {
        let author = format!("person{}", self.index);
        self.session = session(dice, &author);
        self.beside = session(dice, &author);
        self.awake = true;
    }

    /// From the next start on the disk has room for `more` bytes beyond what is there; `None` for
    /// as many as it likes. Call it between [`Replica::end`] and [`Replica::start`].
    pub(crate) fn limit(&mut self, more: Option<u64>) {
        let file = std::fs::metadata(self.folder().join(FILE)).map_or(0, |found| found.len());
        self.options.size_bytes_max = more.map(|more| file + more);
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.options.size_bytes_max.is_some()
    }

    /// What was asked, by its number, where it is still known; it is no longer waited for.
    pub(crate) fn answered(&mut self, request: u64) -> Option<Waiting> {
        let waiting = self.waiting.take_if(|waiting| waiting.request == request)?;
        self.remember(waiting.clone());
        Some(waiting)
    }

    /// Remembers what is no longer waited for.
    pub(crate) fn remember(&mut self, waiting: Waiting) {
        if self.past.len() == PAST_MAX {
            self.past.remove(0);
        }
        self.past.push(waiting);
    }
}

fn cut(file: &Path, bytes: u64) -> std::io::Result<()> {
    std::fs::OpenOptions::new().write(true).open(file)?.set_len(bytes)
}
