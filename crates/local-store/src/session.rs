//! Settings of the data folder, and the actor of this run of the program.

use kartei_profile::Actor;
use kartei_protocol::sync::{Cursor, WhoAmI};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::error::StoreError;
use crate::reread::{self, Reread};
use crate::store::Store;

/// Who edits here, for as long as this program runs.
#[derive(Debug, Clone)]
pub struct Session {
    /// The actor of this run, as it begins: see [`Actor::after_loss`].
    pub actor: Actor,
    /// The person, as shown to others.
    pub author: Option<String>,
}

impl Session {
    /// The session in a write transaction: with the actor that signs changes there.
    pub(crate) fn here(&self, db: &Transaction<'_>) -> Result<Self, StoreError> {
        Ok(Self { actor: self.actor.after_loss(losses(db)?), author: self.author.clone() })
    }

    /// Remembers the actor as one of this data folder's own, together with its first change.
    pub(crate) fn remember_actor(&self, db: &Transaction<'_>) -> Result<(), StoreError> {
        db.prepare_cached("INSERT OR IGNORE INTO own_actors (actor) VALUES (?1)")?
            .execute([self.actor.bytes()])?;
        Ok(())
    }
}

/// What the store knows about its relay.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SyncSettings {
    /// The relay's address.
    pub relay: Option<String>,
    /// The device's token, where it lies in this database.
    pub token: Option<String>,
    /// The name of the device's token in the keychain, where it lies there.
    pub token_name: Option<String>,
    /// Whether the person wants the token in this database, although there is a keychain.
    pub database_chosen: bool,
    /// The organisation's name at the relay.
    pub organisation: Option<String>,
    /// The person's name at the relay.
    pub author: Option<String>,
    /// What the token may do there, as the relay said last.
    pub role: Option<String>,
    /// How far this replica has come.
    pub cursor: Option<Cursor>,
    /// Milliseconds since 1970 at the end of the last complete exchange.
    pub synced_at: Option<i64>,
    /// Since when the relay cannot be reached, in milliseconds since 1970.
    pub offline_since: Option<i64>,
    /// What keeps sync from going on, as its caller wrote it down.
    pub problem: Option<String>,
}

impl SyncSettings {
    /// Whether there is a token, wherever it lies.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        self.token.is_some() || self.token_name.is_some()
    }
}

/// Where the device's token lies.
#[derive(Clone, Copy)]
pub enum TokenAt<'a> {
    /// In this database: the token itself.
    Database(&'a str),
    /// In the keychain, under this name.
    Keychain(&'a str),
}

impl std::fmt::Debug for TokenAt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token must never reach a log.
        f.write_str(match self {
            Self::Database(_) => "Database",
            Self::Keychain(_) => "Keychain",
        })
    }
}

impl std::fmt::Debug for SyncSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token must never reach a log.
        f.debug_struct("SyncSettings")
            .field("relay", &self.relay)
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

const RELAY: &str = "relay";
const TOKEN: &str = "token";
const TOKEN_NAME: &str = "token_name";
const DATABASE_CHOSEN: &str = "token_in_database";
const ORGANISATION: &str = "organisation";
const AUTHOR: &str = "author";
const ROLE: &str = "role";
const CURSOR: &str = "cursor";
const SYNCED_AT: &str = "synced_at";
const OFFLINE_SINCE: &str = "offline_since";
const PROBLEM: &str = "problem";
const LOSSES: &str = "losses";

fn losses(db: &Transaction<'_>) -> Result<u64, StoreError> {
    Ok(get(db, LOSSES)?.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// A document here is without changes from now on that people made, and that others may have: from the
/// next transaction on other actors sign, in all programs on this folder.
pub(crate) fn note_loss(db: &Transaction<'_>) -> Result<(), StoreError> {
    let losses = losses(db)? + 1;
    put(db, LOSSES, Some(&losses.to_string()))
}

pub(crate) fn get(db: &Transaction<'_>, key: &str) -> Result<Option<String>, StoreError> {
    Ok(db
        .prepare_cached("SELECT value FROM settings WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?)
}

pub(crate) fn put(db: &Transaction<'_>, key: &str, value: Option<&str>) -> Result<(), StoreError> {
    match value {
        Some(value) => db
            .prepare_cached("INSERT OR REPLACE INTO settings (key, value) VALUES (?1, ?2)")?
            .execute(params![key, value])?,
        None => db.prepare_cached("DELETE FROM settings WHERE key = ?1")?.execute([key])?,
    };
    Ok(())
}

fn put_token(db: &Transaction<'_>, token: Option<TokenAt<'_>>) -> Result<(), StoreError> {
    let (here, name) = match token {
        None => (None, None),
        Some(TokenAt::Database(token)) => (Some(token), None),
        Some(TokenAt::Keychain(name)) => (None, Some(name)),
    };
    put(db, TOKEN, here)?;
    put(db, TOKEN_NAME, name)
}

pub(crate) fn put_cursor(db: &Transaction<'_>, cursor: &Cursor) -> Result<(), StoreError> {
    put(db, CURSOR, Some(&cursor.to_string()))
}

pub(crate) fn forget_cursor(db: &Transaction<'_>) -> Result<(), StoreError> {
    put(db, CURSOR, None)
}

pub(crate) fn get_cursor(db: &Transaction<'_>) -> Result<Option<Cursor>, StoreError> {
    // A cursor that cannot be read is as good as none: pulling again repeats nothing visible.
    Ok(get(db, CURSOR)?.and_then(|text| text.parse().ok()))
}

impl Store {
    /// What is known about the relay.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sync_settings(&self) -> Result<SyncSettings, StoreError> {
        self.read(|db| {
            Ok(SyncSettings {
                relay: get(db, RELAY)?,
                token: get(db, TOKEN)?,
                token_name: get(db, TOKEN_NAME)?,
                database_chosen: get(db, DATABASE_CHOSEN)?.is_some(),
                organisation: get(db, ORGANISATION)?,
                author: get(db, AUTHOR)?,
                role: get(db, ROLE)?,
                cursor: get_cursor(db)?,
                synced_at: get(db, SYNCED_AT)?.and_then(|text| text.parse().ok()),
                offline_since: get(db, OFFLINE_SINCE)?.and_then(|text| text.parse().ok()),
                problem: get(db, PROBLEM)?,
            })
        })
    }

    /// Connects to a relay. Another relay, or another history of the same one, may lack what this
    /// replica sent before: everything is read anew, and what is not there is offered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sign_in(&self, relay: &str, token: TokenAt<'_>, who: &WhoAmI) -> Result<(), StoreError> {
        self.write_wiping(|db| {
            put(db, RELAY, Some(relay))?;
            put_token(db, Some(token))?;
            put(db, ORGANISATION, Some(&who.organisation))?;
            put(db, AUTHOR, Some(&who.name))?;
            put(db, ROLE, Some(&who.role))?;
            put(db, OFFLINE_SINCE, None)?;
            put(db, PROBLEM, None)?;
            let same_history = get_cursor(db)?.is_some_and(|cursor| cursor.epoch == who.epoch);
            if same_history { Ok(()) } else { reread::begin(db, Reread::OtherHistory) }
        })
    }

    /// Forgets the token. Profiles, outbox and cursor stay.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sign_out(&self) -> Result<(), StoreError> {
        self.write_wiping(|db| {
            put_token(db, None)?;
            put(db, RELAY, None)?;
            put(db, ROLE, None)?;
            put(db, OFFLINE_SINCE, None)?;
            put(db, PROBLEM, None)?;
            put(db, ORGANISATION, None)
        })
    }

    /// Notes that the token lies elsewhere now. Nothing of it is left in the database's files where
    /// it left the database.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn move_token(&self, token: TokenAt<'_>) -> Result<(), StoreError> {
        self.write_wiping(|db| put_token(db, Some(token)))
    }

    /// Notes whether the person wants the token in this database.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn choose_database(&self, chosen: bool) -> Result<(), StoreError> {
        self.write(|db| put(db, DATABASE_CHOSEN, chosen.then_some("1")))
    }

    /// Notes what the relay says that the token may do. Answers whether that is news; it is none where
    /// nobody is signed in any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_role(&self, role: &str) -> Result<bool, StoreError> {
        let is_news = |db: &Transaction<'_>| -> Result<bool, StoreError> {
            let signed_in = get(db, TOKEN)?.is_some() || get(db, TOKEN_NAME)?.is_some();
            Ok(signed_in && get(db, ROLE)?.as_deref() != Some(role))
        };
        if !self.read(is_news)? {
            return Ok(false);
        }
        self.write(|db| {
            let news = is_news(db)?;
            if news {
                put(db, ROLE, Some(role))?;
            }
            Ok(news)
        })
    }

    /// Notes the end of a complete exchange.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_synced(&self, now: i64) -> Result<(), StoreError> {
        self.write(|db| {
            put(db, SYNCED_AT, Some(&now.to_string()))?;
            put(db, OFFLINE_SINCE, None)?;
            put(db, PROBLEM, None)
        })
    }

    /// Notes that the relay cannot be reached; the first such moment stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_offline(&self, now: i64) -> Result<(), StoreError> {
        self.write(|db| {
            if get(db, OFFLINE_SINCE)?.is_none() {
                put(db, OFFLINE_SINCE, Some(&now.to_string()))?;
            }
            put(db, PROBLEM, None)
        })
    }

    /// Notes what keeps sync from going on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_problem(&self, problem: &str) -> Result<(), StoreError> {
        self.write(|db| {
            put(db, OFFLINE_SINCE, None)?;
            put(db, PROBLEM, Some(problem))
        })
    }
}
