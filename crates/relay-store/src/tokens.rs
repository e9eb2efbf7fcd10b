//! Tokens as administrators have them: made with a name and an end, listed, revoked one by one. And what else
//! an organisation looks like from above.
//!
//! A token holds until it is revoked or its end has come. What is done with tokens is in the audit, in the
//! transaction that does it; the token itself is nowhere.

use serde_json::{Value, json};

use crate::access::{NEW_TOKEN_PREFIX, OrgId, Role, TOKEN_BYTES, random_hex, token_hash};
use crate::audit::NewAudit;
use crate::engine::{NewToken, Result};
use crate::quota::Usage;
use crate::store::RelayStore;

/// Characters of a token's name, at most.
pub const TOKEN_NAME_CHARS_MAX: usize = 200;

/// Days after which a token can end, at most.
pub const TOKEN_DAYS_MAX: i64 = 3_650;

const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The name that stands beside what is done at the relay's own machine; the account's name may follow, in brackets.
pub const ADMINISTRATOR: &str = "administrator";

/// The name that stands beside what a relay does by itself.
pub const THE_RELAY: &str = "relay";

/// Whether a name is one of those that stand for no token. Who had a token with it would stand in the audit as
/// somebody else.
fn is_reserved(name: &str) -> bool {
    let name = name.trim().to_lowercase();
    let account = name.strip_prefix(ADMINISTRATOR);
    name == THE_RELAY
        || account.is_some_and(|rest| rest.is_empty() || rest.trim_start().starts_with('('))
}

/// What the databases keep of tokens. Every method is one transaction.
pub(crate) trait TokenEngine {
    /// Keeps a token's hash; answers its number.
    fn add_token(&self, org: OrgId, token: &NewToken<'_>) -> Result<i64>;

    /// The tokens of an organisation, the newest first; those that hold `now`, or all.
    fn tokens(&self, org: OrgId, now: i64, ended: bool) -> Result<Vec<TokenRow>>;

    /// Ends the tokens of this name that are not revoked; answers how many.
    fn revoke_tokens(&self, org: OrgId, name: &str, actor: &str, now: i64) -> Result<u64>;

    /// Ends one token. Two that ask at once are answered one after the other.
    fn revoke_token(&self, org: OrgId, revoking: &Revoking<'_>) -> Result<TokenRevoked>;

    /// The organisation from above, of one snapshot.
    fn overview(&self, org: OrgId, now: i64) -> Result<Overview>;
}

/// A token to be made.
#[derive(Debug, Clone, Copy)]
pub struct TokenWish<'a> {
    /// Whose it is; colleagues see the name beside changes.
    pub name: &'a str,
    /// What it may do.
    pub role: Role,
    /// After how many days it ends, 1 to [`TOKEN_DAYS_MAX`]; never without.
    pub days: Option<i64>,
    /// Who makes it: a token's name, or [`ADMINISTRATOR`].
    pub by: &'a str,
}

/// Somebody who signed in elsewhere, for whom a token is to be made.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn<'a> {
    /// Their name; colleagues see it beside changes.
    pub name: &'a str,
    /// What they may do.
    pub role: Role,
    /// After how many hours the token ends.
    pub hours: i64,
    /// Where they signed in.
    pub provider: &'a str,
    /// Who they are there, whatever their name is.
    pub subject: &'a str,
}

/// A token that was made. This is the only moment at which it can be seen.
#[derive(Clone, PartialEq, Eq)]
pub struct NewlyMade {
    /// The token.
    pub token: String,
    /// What is kept of it.
    pub row: TokenRow,
}

impl std::fmt::Debug for NewlyMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewlyMade").field("row", &self.row).finish_non_exhaustive()
    }
}

/// A token as it is kept. Moments are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: i64,
    /// Who made it, where that is known.
    pub created_by: Option<String>,
    /// When it ends by itself.
    pub expires_at: Option<i64>,
    /// When it was used last, to a minute.
    pub last_used_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// Where it reads the feed: up to which revision it is known to have it. It may have more.
    pub device: Option<u64>,
}

impl TokenRow {
    /// Whether it is good for anything.
    #[must_use]
    pub fn holds(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| at > now)
    }
}

/// The token to be ended.
#[derive(Debug)]
pub(crate) struct Revoking<'a> {
    pub(crate) id: i64,
    pub(crate) actor: &'a str,
    /// Whether the last administrator's token goes too.
    pub(crate) also_last: bool,
    pub(crate) now: i64,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRevoked {
    /// It is revoked now.
    Now,
    /// It was revoked before; nothing changed.
    Before,
    /// The organisation has no such token.
    Missing,
    /// No other administrator's token holds, and it was to be kept then; nothing changed.
    LastAdministrator,
}

/// What is to become of a token, decided under the organisation's lock: `others` is how many administrators' tokens
/// hold beside it.
pub(crate) fn judge(
    token: Option<&TokenRow>,
    others: u64,
    revoking: &Revoking<'_>,
) -> TokenRevoked {
    let Some(token) = token else { return TokenRevoked::Missing };
    if token.revoked_at.is_some() {
        return TokenRevoked::Before;
    }
    let is_last = token.role == Role::Admin && token.holds(revoking.now) && others == 0;
    if is_last && !revoking.also_last {
        return TokenRevoked::LastAdministrator;
    }
    TokenRevoked::Now
}

/// An organisation from above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// Identity of its history.
    pub epoch: String,
    /// Its newest revision.
    pub head_rev: u64,
    /// Profiles that are not deleted.
    pub profiles: u64,
    /// Deleted profiles that are not forgotten.
    pub deleted: u64,
    /// Its files and uploads.
    pub usage: Usage,
    /// Tokens that hold.
    pub tokens: u64,
    /// Those of them that read the feed.
    pub devices: u64,
}

/// Why a token cannot be made as it is wished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// No name.
    #[error("a token needs a name")]
    NameEmpty,
    /// A name too long.
    #[error("a token's name has at most {TOKEN_NAME_CHARS_MAX} characters")]
    NameTooLong,
    /// A name with something that is no character to read.
    #[error("a token's name has no control characters")]
    NameControls,
    /// The name of somebody who has no token.
    #[error("`administrator` and `relay` stand for those who have no token; choose another name")]
    NameReserved,
    /// Days that are too few or too many.
    #[error("a token ends after 1 to {TOKEN_DAYS_MAX} days")]
    Days,
}

impl TokenWish<'_> {
    /// Whether such a token can be.
    ///
    /// # Errors
    /// [`TokenRefused`].
    pub fn check(&self) -> std::result::Result<(), TokenRefused> {
        if self.name.trim().is_empty() {
            return Err(TokenRefused::NameEmpty);
        }
        if self.name.chars().count() > TOKEN_NAME_CHARS_MAX {
            return Err(TokenRefused::NameTooLong);
        }
        if self.name.chars().any(char::is_control) {
            return Err(TokenRefused::NameControls);
        }
        if is_reserved(self.name) {
            return Err(TokenRefused::NameReserved);
        }
        match self.days {
            Some(days) if !(1..=TOKEN_DAYS_MAX).contains(&days) => Err(TokenRefused::Days),
            _ => Ok(()),
        }
    }
}

fn told(actor: &str, action: &'static str, name: &str, data: Value) -> NewAudit {
    NewAudit { actor: actor.to_owned(), action, subject: name.to_owned(), data }
}

/// What is told of a token that was made.
pub(crate) fn told_made(id: i64, token: &NewToken<'_>) -> NewAudit {
    let role = token.role.to_string();
    let mut data =
        json!({"token_id": id.to_string(), "role": role, "expires_at": token.expires_at});
    let Some(subject) = token.subject else {
        return told(token.by, "token.created", token.name, data);
    };
    // Nobody made it for them.
    if let Some(members) = data.as_object_mut() {
        members.insert("provider".to_owned(), token.by.into());
        members.insert("subject".to_owned(), subject.into());
    }
    told(token.name, "token.signed_in", token.name, data)
}

/// What is told of one that was revoked.
pub(crate) fn told_revoked(actor: &str, id: i64, name: &str, role: Role) -> NewAudit {
    let data = json!({"token_id": id.to_string(), "role": role.to_string()});
    told(actor, "token.revoked", name, data)
}

impl RelayStore {
    /// Makes a token that [`TokenWish::check`] allows. It is audited.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn make_token(&self, org: OrgId, wish: &TokenWish<'_>, now: i64) -> Result<NewlyMade> {
        let TokenWish { name, role, by, days } = *wish;
        let expires_at = days.map(|days| now.saturating_add(days.saturating_mul(DAY_MS)));
        let subject = None;
        self.keep_token(org, |hash| NewToken { name, role, hash, by, expires_at, subject, now })
    }

    /// Makes a token for somebody who signed in, whose name [`TokenWish::check`] allows. It is audited as done by
    /// them.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn make_signed_in(&self, org: OrgId, person: &SignedIn<'_>, now: i64) -> Result<NewlyMade> {
        let SignedIn { name, role, hours, provider, subject } = *person;
        let expires_at = Some(now.saturating_add(hours.saturating_mul(HOUR_MS)));
        let (by, subject) = (provider, Some(subject));
        self.keep_token(org, |hash| NewToken { name, role, hash, by, expires_at, subject, now })
    }

    /// Makes the token itself, and keeps what `kept` says of it, by its hash.
    fn keep_token<'a>(
        &self,
        org: OrgId,
        kept: impl FnOnce([u8; 32]) -> NewToken<'a>,
    ) -> Result<NewlyMade> {
        let token = format!("{NEW_TOKEN_PREFIX}{}", random_hex::<TOKEN_BYTES>()?);
        let kept = kept(token_hash(&token));
        let id = self.engine.add_token(org, &kept)?;
        let row = TokenRow {
            id,
            name: kept.name.to_owned(),
            role: kept.role,
            created_at: kept.now,
            created_by: Some(kept.by.to_owned()),
            expires_at: kept.expires_at,
            last_used_at: None,
            revoked_at: None,
            device: None,
        };
        Ok(NewlyMade { token, row })
    }

    /// Makes a token without an end at the relay's own machine, and answers it: this is the only moment at which
    /// it can be seen.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn create_token(&self, org: OrgId, role: Role, name: &str, now: i64) -> Result<String> {
        let wish = TokenWish { name, role, days: None, by: ADMINISTRATOR };
        Ok(self.make_token(org, &wish, now)?.token)
    }

    /// The tokens of an organisation that hold, the newest first; with `ended` also those that were revoked or have
    /// come to their end.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn tokens(&self, org: OrgId, now: i64, ended: bool) -> Result<Vec<TokenRow>> {
        self.engine.tokens(org, now, ended)
    }

    /// Revokes all tokens of this name for good, also the last administrator's; answers how many there were. It
    /// is audited.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn revoke_tokens(&self, org: OrgId, name: &str, actor: &str, now: i64) -> Result<u64> {
        self.engine.revoke_tokens(org, name, actor, now)
    }

    /// Revokes one token for good. The last administrator's token that holds stays, unless `also_last`. It is
    /// audited.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn revoke_token(
        &self,
        org: OrgId,
        id: i64,
        actor: &str,
        also_last: bool,
        now: i64,
    ) -> Result<TokenRevoked> {
        self.engine.revoke_token(org, &Revoking { id, actor, also_last, now })
    }

    /// An organisation from above.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn overview(&self, org: OrgId, now: i64) -> Result<Overview> {
        self.engine.overview(org, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(name: &str, days: Option<i64>) -> std::result::Result<(), TokenRefused> {
        TokenWish { name, role: Role::Viewer, days, by: "x" }.check()
    }

    #[test]
    fn names_are_words_to_read_and_ends_are_days() {
        assert_eq!(wish("Ада, laptop", None), Ok(()));
        assert_eq!(wish(&"ä".repeat(200), Some(1)), Ok(()));
        assert_eq!(wish(&"ä".repeat(201), None), Err(TokenRefused::NameTooLong));
        for empty in ["", " ", "\u{2003}"] {
            assert_eq!(wish(empty, None), Err(TokenRefused::NameEmpty));
        }
        for control in ["a\nb", "a\0", "\u{85}x", "\u{1b}[1m"] {
            assert_eq!(wish(control, None), Err(TokenRefused::NameControls), "{control:?}");
        }
        for taken in
            ["administrator", "Relay", " administrator", "administrator (ada)", "Administrator("]
        {
            assert_eq!(wish(taken, None), Err(TokenRefused::NameReserved), "{taken}");
        }
        for free in ["administrators", "administrator Ada", "relay desk"] {
            assert_eq!(wish(free, None), Ok(()));
        }
        assert_eq!(wish("a", Some(3_650)), Ok(()));
        for days in [0, -1, 3_651, i64::MAX, i64::MIN] {
            assert_eq!(wish("a", Some(days)), Err(TokenRefused::Days));
        }
    }
}
