//! Organisations and tokens.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::error::RelayStoreError;
use crate::store::RelayStore;

/// An organisation. There is no way to make one outside this crate, so every query is for an
/// organisation that somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrgId(pub(crate) i64);

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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
    /// The token's number.
    pub token: i64,
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
pub(crate) const TOKEN_BYTES: usize = 32;

/// What tokens begin with, so that they are found where they were lost.
pub(crate) const NEW_TOKEN_PREFIX: &str = "kartei_";

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
        let epoch = new_epoch()?;
        let id = self.engine.create_organisation(name, &epoch, now)?;
        let id = id.ok_or_else(|| RelayStoreError::OrganisationExists(name.to_owned()))?;
        Ok(Organisation { id, name: name.to_owned() })
    }

    /// The organisation with this name.
    ///
    /// # Errors
    /// [`RelayStoreError::OrganisationMissing`] or a failure.
    pub fn organisation(&self, name: &str) -> Result<Organisation, RelayStoreError> {
        let id = self.engine.organisation(name)?;
        let id = id.ok_or_else(|| RelayStoreError::OrganisationMissing(name.to_owned()))?;
        Ok(Organisation { id, name: name.to_owned() })
    }

    /// Who this token belongs to; `None` for one that is unknown, was revoked or has ended, without saying
    /// which.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn authenticate(&self, token: &str, now: i64) -> Result<Option<Access>, RelayStoreError> {
        let Some(found) = self.engine.token(&token_hash(token), now)? else { return Ok(None) };
        if found.last_used_at.is_none_or(|at| now - at > LAST_USED_GRAIN_MS) {
            self.engine.touch_token(found.access.org, found.id, now)?;
        }
        Ok(Some(found.access))
    }
}

/// Who asks, and where their organisation stood when that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who asks.
    pub access: Access,
    /// The newest revision of their organisation.
    pub head_rev: u64,
}

impl RelayStore {
    /// For each of these tokens who it belongs to, and where their organisation stands now; `None`
    /// for one that is unknown or no longer holds.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn standings(
        &self,
        tokens: &[String],
        now: i64,
    ) -> Result<Vec<Option<Standing>>, RelayStoreError> {
        let found = tokens
            .iter()
            .map(|token| self.authenticate(token, now))
            .collect::<Result<Vec<Option<Access>>, _>>()?;
        let mut orgs: Vec<OrgId> = found.iter().flatten().map(|access| access.org).collect();
        orgs.sort_unstable();
        orgs.dedup();
        let heads: HashMap<OrgId, u64> =
            self.notices(&orgs)?.into_iter().map(|notice| (notice.org, notice.head_rev)).collect();
        let standing = |access: Access| {
            let head_rev = *heads.get(&access.org)?;
            Some(Standing { access, head_rev })
        };
        Ok(found.into_iter().map(|access| access.and_then(standing)).collect())
    }
}

/// The identity of a history that nobody has seen.
pub(crate) fn new_epoch() -> Result<String, RelayStoreError> {
    random_hex::<EPOCH_BYTES>()
}

pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

pub(crate) fn random_hex<const N: usize>() -> Result<String, RelayStoreError> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|e| RelayStoreError::Random(e.to_string()))?;
    Ok(bytes.iter().fold(String::with_capacity(N * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}
