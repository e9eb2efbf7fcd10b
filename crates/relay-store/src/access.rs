//! Organisations and tokens.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::error::RelayStoreError;
use crate::store::RelayStore;

/// An organisation. There is no way to make one outside this crate, so every query is for an
/// organisation that somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrgId(pub(crate) i64);

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and writes profiles.
    Analyst,
    /// Everything in the organisation.
    Admin,
}

impl Role {
    /// Whether the role may push.
    #[must_use]
    pub fn may_write(self) -> bool {
        self >= Self::Analyst
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        })
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "analyst" => Ok(Self::Analyst),
            "admin" => Ok(Self::Admin),
            other => Err(format!("`{other}` is no role; roles are viewer, analyst, admin")),
        }
    }
}

/// Who asks, after the token was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The organisation.
    pub org: OrgId,
    /// Its name.
    pub organisation: String,
    /// Identity of its history.
    pub epoch: String,
    /// The token's name.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// An organisation as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
}

/// Random bytes in a token: 256 bits, so that no slow hash is needed to keep it.
const TOKEN_BYTES: usize = 32;

/// Random bytes in an epoch: enough that no two histories are ever mistaken.
const EPOCH_BYTES: usize = 8;

/// `last_used_at` is written at most this often: reading must not become writing.
const LAST_USED_GRAIN_MS: i64 = 60_000;

impl RelayStore {
    /// Creates an organisation.
    ///
    /// # Errors
    /// [`RelayStoreError::OrganisationExists`] or a failure.
    pub fn create_organisation(
        &self,
        name: &str,
        now: i64,
    ) -> Result<Organisation, RelayStoreError> {
        let epoch = random_hex::<EPOCH_BYTES>()?;
        self.write(|db| {
            let inserted = db.execute(
                "INSERT OR IGNORE INTO organisations (name, epoch, created_at) VALUES (?1, ?2, ?3)",
                params![name, epoch, now],
            )?;
            if inserted == 0 {
                return Err(RelayStoreError::OrganisationExists(name.to_owned()));
            }
            Ok(Organisation { id: OrgId(db.last_insert_rowid()), name: name.to_owned() })
        })
    }

    /// The organisation with this name.
    ///
    /// # Errors
    /// [`RelayStoreError::OrganisationMissing`] or a failure.
    pub fn organisation(&self, name: &str) -> Result<Organisation, RelayStoreError> {
        self.read(|db| {
            let id: Option<i64> = db
                .query_row("SELECT id FROM organisations WHERE name = ?1", [name], |row| row.get(0))
                .optional()?;
            let id = id.ok_or_else(|| RelayStoreError::OrganisationMissing(name.to_owned()))?;
            Ok(Organisation { id: OrgId(id), name: name.to_owned() })
        })
    }

    /// Creates a token and answers it: this is the only moment at which it can be seen.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn create_token(
        &self,
        org: OrgId,
        role: Role,
        name: &str,
        now: i64,
    ) -> Result<String, RelayStoreError> {
        let token = format!("kartei_{}", random_hex::<TOKEN_BYTES>()?);
        self.write(|db| {
            db.execute(
                "INSERT INTO tokens (org, name, role, hash, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![org.0, name, role.to_string(), token_hash(&token), now],
            )?;
            Ok(())
        })?;
        Ok(token)
    }

    /// Who this token belongs to; `None` for one that is unknown or revoked, without saying which.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn authenticate(&self, token: &str, now: i64) -> Result<Option<Access>, RelayStoreError> {
        let hash = token_hash(token);
        let found = self.read(|db| {
            let row = db
                .prepare_cached(
                    "SELECT t.org, o.name, o.epoch, t.name, t.role, t.last_used_at, t.id FROM tokens t \
                     JOIN organisations o ON o.id = t.org WHERE t.hash = ?1 AND t.revoked_at IS NULL",
                )?
                .query_row([hash], |row| {
                    let role: String = row.get(4)?;
                    let access = Access {
                        org: OrgId(row.get(0)?),
                        organisation: row.get(1)?,
                        epoch: row.get(2)?,
                        name: row.get(3)?,
                        role: role.parse().unwrap_or(Role::Viewer),
                    };
                    Ok((access, row.get::<_, Option<i64>>(5)?, row.get::<_, i64>(6)?))
                })
                .optional()?;
            Ok(row)
        })?;
        let Some((access, last_used, token_id)) = found else { return Ok(None) };
        if last_used.is_none_or(|at| now - at > LAST_USED_GRAIN_MS) {
            self.write(|db| {
                db.execute(
                    "UPDATE tokens SET last_used_at = ?2 WHERE id = ?1",
                    params![token_id, now],
                )?;
                Ok(())
            })?;
        }
        Ok(Some(access))
    }
}

fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn random_hex<const N: usize>() -> Result<String, RelayStoreError> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|e| RelayStoreError::Random(e.to_string()))?;
    Ok(bytes.iter().fold(String::with_capacity(N * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}
