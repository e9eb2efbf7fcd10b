//! Uploads that go on after the program ended.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::erasure::Erasures;
use crate::error::StoreError;
use crate::store::Store;

/// Ended uploads that are kept for somebody to look at; older ones go when one is added.
const ENDED_KEPT_MAX: i64 = 200;

/// Uploads that are open at most: a list with more is a folder, not a choice.
const OPEN_MAX: i64 = 10_000;

/// What is known of a file, so that another one at the same path is told from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePrint {
    /// Its bytes.
    pub size: u64,
    /// When it was changed last, in milliseconds since 1970.
    pub modified: i64,
    /// BLAKE3 of its first and its last 64 KiB, one after the other.
    pub ends: Vec<u8>,
}

/// A new upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpload {
    /// Where the file is.
    pub path: String,
    /// Its name at the relay.
    pub name: String,
    /// What it is like now.
    pub print: FilePrint,
    /// Which relay and organisation it is for.
    pub relay: Option<String>,
    /// The client's own name for it.
    pub key: String,
    /// The profile that it is attached to once it is there.
    pub attach: Option<String>,
}

/// Where an upload is, as far as it outlives the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UploadState {
    /// It goes, or its turn comes.
    Waiting,
    /// Somebody held it.
    Paused,
    /// The file is at the relay.
    Done,
    /// A person decides.
    Failed,
    /// The file is not the one that was chosen.
    Changed,
}

impl UploadState {
    const ALL: [Self; 5] = [Self::Waiting, Self::Paused, Self::Done, Self::Failed, Self::Changed];

    fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Changed => "changed",
        }
    }
}

/// An upload as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUpload {
    /// Its number.
    pub id: u64,
    /// What it was made with; a file that changed gets another print and key.
    pub new: NewUpload,
    /// Where it is.
    pub state: UploadState,
    /// How often it began anew at the relay.
    pub generation: u32,
    /// The relay's session.
    pub session: Option<String>,
    /// Bytes that the relay had when it was last heard.
    pub durable: u64,
    /// The relay's file, once it is there.
    pub file: Option<String>,
    /// What failed, as JSON.
    pub problem: Option<String>,
    /// When it was added, in milliseconds since 1970.
    pub created_at: i64,
}

const COLUMNS: &str = "id, path, name, size, modified, ends, state, relay, key, generation, session, \
                       durable, attach, file, problem, created_at";

impl Store {
    /// Adds an upload; answers its number.
    ///
    /// # Errors
    /// [`StoreError::Blocked`] where there are too many, or a failure.
    pub fn add_upload(&self, new: &NewUpload, now: i64) -> Result<u64, StoreError> {
        self.write(|db| {
            let open: i64 =
                db.query_row("SELECT count(*) FROM uploads WHERE state <> 'done'", [], |row| {
                    row.get(0)
                })?;
            if open >= OPEN_MAX {
                let message = format!("a data folder has {OPEN_MAX} open uploads at most");
                return Err(StoreError::Blocked(message));
            }
            db.execute(
                "DELETE FROM uploads WHERE state = 'done' AND id NOT IN (SELECT id FROM uploads \
                 WHERE state = 'done' ORDER BY id DESC LIMIT ?1)",
                [ENDED_KEPT_MAX],
            )?;
            let NewUpload { path, name, print, relay, key, attach } = new;
            db.execute(
                "INSERT INTO uploads (path, name, size, modified, ends, state, relay, key, attach, \
                 created_at) VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', ?6, ?7, ?8, ?9)",
                params![
                    path,
                    name,
                    print.size,
                    print.modified,
                    print.ends,
                    relay,
                    key,
                    attach,
                    now
                ],
            )?;
            u64::try_from(db.last_insert_rowid()).map_err(|e| StoreError::Sqlite(e.to_string()))
        })
    }

    /// All uploads, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn uploads(&self) -> Result<Vec<StoredUpload>, StoreError> {
        self.read(|db| {
            let sql = format!("SELECT {COLUMNS} FROM uploads ORDER BY id DESC");
            let mut select = db.prepare_cached(&sql)?;
            let rows = select.query_map([], stored)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// One upload.
    ///
    /// # Errors
    /// [`StoreError::NoUpload`] or a failure.
    pub fn upload(&self, id: u64) -> Result<StoredUpload, StoreError> {
        self.read(|db| {
            let sql = format!("SELECT {COLUMNS} FROM uploads WHERE id = ?1");
            let row = db.prepare_cached(&sql)?.query_row([id], stored).optional()?;
            row.ok_or(StoreError::NoUpload(id))
        })
    }

    /// Notes what the relay calls an upload. Losing this costs a question, nothing more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_upload_session(
        &self,
        id: u64,
        session: Option<&str>,
        generation: u32,
        durable: u64,
    ) -> Result<(), StoreError> {
        self.write_repeatable(|db| {
            db.execute(
                "UPDATE uploads SET session = ?2, generation = ?3, durable = ?4 WHERE id = ?1",
                params![id, session, generation, durable],
            )?;
            Ok(())
        })
    }

    /// Says where an upload is from now on, and what failed.
    ///
    /// # Errors
    /// [`StoreError::NoUpload`] or a failure.
    pub fn set_upload_state(
        &self,
        id: u64,
        state: UploadState,
        problem: Option<&str>,
    ) -> Result<(), StoreError> {
        self.change_upload(id, |db| {
            db.execute(
                "UPDATE uploads SET state = ?2, problem = ?3, ended_at = NULL WHERE id = ?1",
                params![id, state.name(), problem],
            )
        })
    }

    /// The file is at the relay.
    ///
    /// # Errors
    /// [`StoreError::NoUpload`] or a failure.
    pub fn finish_upload(&self, id: u64, file: &str, now: i64) -> Result<(), StoreError> {
        self.change_upload(id, |db| {
            db.execute(
                "UPDATE uploads SET state = 'done', file = ?2, durable = size, session = NULL, \
                 problem = NULL, ended_at = ?3 WHERE id = ?1",
                params![id, file, now],
            )
        })
    }

    /// Begins an upload anew, for a file that may be another one, at a relay that may be another one.
    ///
    /// # Errors
    /// [`StoreError::NoUpload`] or a failure.
    pub fn restart_upload(
        &self,
        id: u64,
        print: &FilePrint,
        relay: Option<&str>,
        key: &str,
    ) -> Result<(), StoreError> {
        self.change_upload(id, |db| {
            db.execute(
                "UPDATE uploads SET state = 'waiting', size = ?2, modified = ?3, ends = ?4, \
                 relay = ?5, key = ?6, generation = 0, session = NULL, durable = 0, file = NULL, \
                 problem = NULL, ended_at = NULL WHERE id = ?1",
                params![id, print.size, print.modified, print.ends, relay, key],
            )
        })
    }

    /// Takes an upload off the list.
    ///
    /// # Errors
    /// [`StoreError::NoUpload`] or a failure.
    pub fn forget_upload(&self, id: u64) -> Result<(), StoreError> {
        self.change_upload(id, |db| db.execute("DELETE FROM uploads WHERE id = ?1", [id]))
    }

    fn change_upload(
        &self,
        id: u64,
        change: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<usize>,
    ) -> Result<(), StoreError> {
        self.write(|db| if change(db)? == 0 { Err(StoreError::NoUpload(id)) } else { Ok(()) })
    }
}

/// Forgets to which erased profiles files were to be attached. The files are somebody's own, and stay.
pub(crate) fn forget(db: &Transaction<'_>, erased: &Erasures) -> Result<(), StoreError> {
    let attached: Vec<(u64, String)> = {
        let mut select =
            db.prepare_cached("SELECT id, attach FROM uploads WHERE attach IS NOT NULL")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    let mut forget = db.prepare_cached("UPDATE uploads SET attach = NULL WHERE id = ?1")?;
    for (id, _) in attached.iter().filter(|(_, profile)| erased.holds(profile)) {
        forget.execute([id])?;
    }
    Ok(())
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredUpload> {
    let name: String = row.get(6)?;
    let state = UploadState::ALL.into_iter().find(|state| state.name() == name);
    Ok(StoredUpload {
        id: row.get(0)?,
        new: NewUpload {
            path: row.get(1)?,
            name: row.get(2)?,
            print: FilePrint { size: row.get(3)?, modified: row.get(4)?, ends: row.get(5)? },
            relay: row.get(7)?,
            key: row.get(8)?,
            attach: row.get(12)?,
        },
        // One that a later version wrote is held rather than sent.
        state: state.unwrap_or(UploadState::Paused),
        generation: row.get(9)?,
        session: row.get(10)?,
        durable: row.get(11)?,
        file: row.get(13)?,
        problem: row.get(14)?,
        created_at: row.get(15)?,
    })
}
