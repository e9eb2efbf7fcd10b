//! What an ID token says of a person, and whether it says it to this relay, now (OpenID Connect Core 1.0, 3.1.3.7).
//! Pure: what is signed, and what time it is, it is told.

use kartei_relay_store::{Role, THE_RELAY, TokenWish};
use serde_json::{Map, Value};

use super::options::{RoleOf, Settings};

/// Seconds by which clocks may differ.
const LEEWAY: i64 = 60;

/// Claims that say who somebody is, the best first, after the verified address for mail.
const NAMES: [&str; 3] = ["preferred_username", "name", "sub"];

/// Somebody who may come in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) subject: String,
    pub(super) name: String,
    pub(super) role: Role,
}

/// Why nobody comes in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the provider's ID token has no `{0}` that can be read")]
    Missing(&'static str),
    #[error("the provider's ID token is of another issuer than --oidc-issuer says")]
    Issuer,
    #[error("the provider's ID token is for another client than this relay")]
    Audience,
    #[error("the provider's ID token has expired; are the clocks right?")]
    Expired,
    #[error("the provider's ID token is not good yet; are the clocks right?")]
    Early,
    #[error("the provider's ID token belongs to another sign-in; begin it again")]
    Nonce,
    #[error(
        "you are signed in with the provider, and none of your groups opens this relay: its operator gives roles to values \
         of the claim `{0}`; ask them for one"
    )]
    NoRole(String),
    #[error(
        "the provider's ID token has no `{0}` that could be your name here; ask the relay's operator"
    )]
    NoName(String),
}

/// What is expected of the token.
pub(super) struct Expected<'a> {
    pub(super) settings: &'a Settings,
    pub(super) nonce: &'a str,
    /// Seconds since 1970.
    pub(super) now: i64,
}

impl Expected<'_> {
    /// Who the claims are of.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) fn person(&self, claims: &Map<String, Value>) -> Result<Person, Refusal> {
        let Self { settings, nonce, now } = *self;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(&settings.issuer_text) {
            return Err(Refusal::Issuer);
        }
        self.is_for_us(claims)?;
        if moment(claims, "exp")?.saturating_add(LEEWAY) <= now {
            return Err(Refusal::Expired);
        }
        let not_before = claims.get("nbf").map(|_| moment(claims, "nbf")).transpose()?;
        let begins = moment(claims, "iat")?.max(not_before.unwrap_or(i64::MIN));
        if begins > now.saturating_add(LEEWAY) {
            return Err(Refusal::Early);
        }
        if text("nonce") != Some(nonce) {
            return Err(Refusal::Nonce);
        }
        let subject = text("sub").filter(|sub| !sub.is_empty() && sub.len() <= 255);
        let subject = subject.ok_or(Refusal::Missing("sub"))?.to_owned();
        let role = role_of(claims, &settings.role_claim, &settings.roles)
            .ok_or_else(|| Refusal::NoRole(settings.role_claim.clone()))?;
        Ok(Person { subject, name: name_of(claims, settings.name_claim.as_deref())?, role })
    }

    /// Whether the relay is among those whom the token is for and, where there are several or it is said, the one to
    /// whom it was given.
    fn is_for_us(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let us = self.settings.client_id.as_str();
        let (is_ours, others) = match claims.get("aud") {
            Some(Value::String(one)) => (one == us, false),
            Some(Value::Array(all)) => {
                (all.iter().any(|one| one.as_str() == Some(us)), all.len() > 1)
            }
            _ => return Err(Refusal::Missing("aud")),
        };
        let is_given = match claims.get("azp") {
            Some(given) => given.as_str() == Some(us),
            None => !others,
        };
        if is_ours && is_given { Ok(()) } else { Err(Refusal::Audience) }
    }
}

/// Seconds since 1970; a fraction is allowed (RFC 7519, 2).
fn moment(claims: &Map<String, Value>, name: &'static str) -> Result<i64, Refusal> {
    let number = claims.get(name).and_then(|value| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the fraction, and what no clock shows"
        )]
        let whole = || value.as_f64().filter(|moment| moment.is_finite()).map(|all| all as i64);
        value.as_i64().or_else(whole)
    });
    number.ok_or(Refusal::Missing(name))
}

/// A claim by its name; where there is none of this name, by a path into objects.
fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        claim(claims.get(first)?.as_object()?, rest)
    })
}

/// The highest role that one of the values gives.
fn role_of(claims: &Map<String, Value>, name: &str, roles: &[RoleOf]) -> Option<Role> {
    let said = claim(claims, name)?;
    let values = said.as_array().map_or(std::slice::from_ref(said), Vec::as_slice);
    let has = |role: &&RoleOf| values.iter().any(|value| value.as_str() == Some(&role.value));
    roles.iter().filter(has).map(|fits| fits.role).max()
}

/// Under which name somebody works here.
fn name_of(claims: &Map<String, Value>, chosen: Option<&str>) -> Result<String, Refusal> {
    let verified = claims.get("email_verified");
    let told = |name: &str| claim(claims, name).and_then(Value::as_str).map(str::trim);
    let name = if let Some(chosen) = chosen {
        let is_denied = chosen == "email" && verified == Some(&Value::Bool(false));
        told(chosen).filter(|_| !is_denied)
    } else {
        let mail = told("email").filter(|_| verified == Some(&Value::Bool(true)));
        mail.or_else(|| {
            NAMES.into_iter().find_map(|name| told(name).filter(|name| !name.is_empty()))
        })
    };
    let fits = |name: &&str| {
        let wish = TokenWish { name, role: Role::Viewer, days: None, by: THE_RELAY };
        wish.check().is_ok()
    };
    let name =
        name.filter(fits).ok_or_else(|| Refusal::NoName(chosen.unwrap_or("email").to_owned()));
    name.map(str::to_owned)
}
