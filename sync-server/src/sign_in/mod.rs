//! Signing in with a provider: a code that a browser brought becomes a token of the relay's own (ADR 36).
//!
//! [`SignIn`] is all of it. It keeps nothing of anybody: who began, with which secrets, is known to the client alone. It
//! must not know how tokens are kept. Codes, verifiers, tokens and what claims say are in no log.

mod claims;
mod options;
mod provider;
mod signature;

use axum::http::{HeaderValue, StatusCode, header};
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sign_in::{OidcSignIn, OidcWay};
use kartei_relay_store::{NewlyMade, OrgId, RelayStore, RelayStoreError, Role, SignedIn};
use reqwest::Url;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::admin::now;
use crate::limiter::refused_for;
use crate::problem::{ApiCode, Failure};
use crate::routes::role_meant;
use claims::{Expected, Person, Refusal};
pub(crate) use options::OidcOptions;
use options::{Settings, is_this_machine};
use provider::{Fault, Provider};
use signature::{Disbelief, believed};

/// Codes that are redeemed at once: each holds a connection to the provider for as long as that takes. A morning's
/// crowd is through in seconds.
const AT_ONCE: usize = 16;

/// Seconds after which somebody may ask again.
const ASK_AGAIN_SECONDS: u64 = 2;

/// Where the page for administrators is, below the relay's address.
const PAGE: &str = "/admin/";

/// Signing in with the operator's provider.
#[derive(Debug)]
pub(crate) struct SignIn {
    settings: Settings,
    provider: Provider,
    at_once: Semaphore,
}

/// Why somebody is not signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSignedIn {
    /// The browser would have come back to somebody else.
    #[error(
        "`redirect_uri` is neither this relay's page for administrators nor a port of this machine, \
         `http://127.0.0.1:PORT/…` or `http://[::1]:PORT/…`"
    )]
    Return,
    /// Less than the client is of use for.
    #[error("you are signed in with the provider, as {0}; what you opened is for {1}s")]
    Role(Role, Role),
    /// Too many at once.
    #[error("as many people sign in as the relay takes at once; try again")]
    Crowd,
    #[error(transparent)]
    Provider(#[from] Fault),
    #[error(transparent)]
    Token(#[from] Disbelief),
    #[error(transparent)]
    Person(#[from] Refusal),
}

impl NotSignedIn {
    /// Whether whoever asked brought something that is not good, rather than that the provider was away.
    pub(crate) fn is_theirs(&self) -> bool {
        !matches!(self, Self::Crowd | Self::Provider(Fault::Away(_) | Fault::Wrong(_)))
    }
}

impl From<NotSignedIn> for Failure {
    fn from(error: NotSignedIn) -> Self {
        let detail = error.to_string();
        let failure = |status, code: ApiCode| Self::new(status, code, detail.clone());
        match &error {
            NotSignedIn::Return => Self::invalid(detail),
            NotSignedIn::Role(..) => {
                Self::new(StatusCode::FORBIDDEN, ProblemCode::Forbidden, detail)
            }
            NotSignedIn::Crowd => {
                let policy = format!("\"sign-in\";q={AT_ONCE};qu=\"concurrent-requests\"");
                let code = ApiCode::TooManyRequests;
                refused_for(code, detail, &policy, "sign-in", ASK_AGAIN_SECONDS)
            }
            NotSignedIn::Provider(Fault::Away(_)) => {
                failure(StatusCode::SERVICE_UNAVAILABLE, ApiCode::ProviderAway)
                    .header(header::RETRY_AFTER, HeaderValue::from(ASK_AGAIN_SECONDS))
            }
            NotSignedIn::Provider(Fault::Wrong(_)) => {
                failure(StatusCode::BAD_GATEWAY, ApiCode::ProviderFailed)
            }
            NotSignedIn::Person(Refusal::NoRole(_) | Refusal::NoName(_)) => {
                failure(StatusCode::FORBIDDEN, ApiCode::NotAdmitted)
            }
            NotSignedIn::Provider(Fault::Code) | NotSignedIn::Token(_) | NotSignedIn::Person(_) => {
                failure(StatusCode::BAD_REQUEST, ApiCode::SignInFailed)
            }
        }
    }
}

/// Somebody whom the provider knows, and who may come in.
pub(crate) struct Admitted {
    org: OrgId,
    provider: String,
    hours: i64,
    person: Person,
}

impl Admitted {
    /// Makes their token.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub(crate) fn make_token(&self, store: &RelayStore) -> Result<NewlyMade, RelayStoreError> {
        let Self { org, provider, hours, person: Person { name, role, subject } } = self;
        let person = SignedIn { name, role: *role, hours: *hours, provider, subject };
        store.make_signed_in(*org, &person, now())
    }
}

impl SignIn {
    /// As the options say; nothing where they name no provider.
    ///
    /// # Errors
    /// Where an option is missing or cannot be.
    pub(crate) fn new(options: OidcOptions, store: &RelayStore) -> anyhow::Result<Option<Self>> {
        let Some(settings) = options.settle(store)? else { return Ok(None) };
        tracing::info!(issuer = settings.issuer_text, "People can sign in with a provider");
        let provider = Provider::new(&settings)?;
        Ok(Some(Self { settings, provider, at_once: Semaphore::new(AT_ONCE) }))
    }

    /// The organisation that people belong to who sign in.
    pub(crate) fn organisation(&self) -> &str {
        &self.settings.organisation
    }

    /// What a client begins with. A provider that is away is told by what is missing.
    pub(crate) async fn way(&self) -> OidcWay {
        let Settings { issuer_text, client_id, scopes, .. } = &self.settings;
        let about = self.provider.about(&self.settings).await.ok();
        OidcWay {
            issuer: issuer_text.clone(),
            authorization_endpoint: about
                .as_ref()
                .map(|about| about.authorization_endpoint.to_string()),
            client_id: client_id.clone(),
            scopes: scopes.clone(),
            says_issuer: about.is_some_and(|about| about.says_issuer),
        }
    }

    /// A place among those who sign in just now.
    fn enter(&self) -> Result<SemaphorePermit<'_>, NotSignedIn> {
        self.at_once.try_acquire().map_err(|_| NotSignedIn::Crowd)
    }

    /// Who a code stands for; `host` is what the client believes this relay to be called.
    ///
    /// # Errors
    /// [`NotSignedIn`].
    pub(crate) async fn admit(
        &self,
        asked: &OidcSignIn,
        host: Option<&str>,
    ) -> Result<Admitted, NotSignedIn> {
        if !self.may_return_to(&asked.redirect_uri, host) {
            return Err(NotSignedIn::Return);
        }
        let _place = self.enter()?;
        let (settings, provider) = (&self.settings, &self.provider);
        let about = provider.about(settings).await?;
        let token = provider.redeem(&about, settings, asked).await?;
        let claims = match believed(&token, &about.keys) {
            // It may have a new key; the code is spent, so this very token is looked at again.
            Err(Disbelief::UnknownKey) => match provider.with_new_keys(&about).await? {
                Some(about) => believed(&token, &about.keys)?,
                None => return Err(Disbelief::UnknownKey.into()),
            },
            claims => claims?,
        };
        let expected = Expected { settings, nonce: &asked.nonce, now: now().div_euclid(1_000) };
        let person = expected.person(&claims)?;
        match asked.at_least.map(role_meant) {
            Some(least) if person.role < least => {
                return Err(NotSignedIn::Role(person.role, least));
            }
            _ => {}
        }
        Ok(Admitted {
            org: settings.org,
            provider: settings.issuer.host_str().unwrap_or(&settings.issuer_text).to_owned(),
            hours: settings.hours,
            person,
        })
    }

    /// Whether a browser that comes back there is with whom it began: a client on its own machine (RFC 8252, 7.3), or this
    /// relay's page. The provider has its own list of such places; this one is for where that is too long.
    fn may_return_to(&self, place: &str, host: Option<&str>) -> bool {
        if self.settings.pages.iter().any(|page| page == place) {
            return true;
        }
        let Ok(url) = Url::parse(place) else { return false };
        // Written as everybody reads it.
        if url.as_str() != place || url.query().is_some() || url.fragment().is_some() {
            return false;
        }
        if url.scheme() == "http"
            && matches!(url.host_str(), Some("127.0.0.1" | "[::1]"))
            && url.port().is_some()
            && url.username().is_empty()
            && url.password().is_none()
        {
            return true;
        }
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_this_machine(&url));
        let is_ours = host.is_some_and(|host| url.authority().eq_ignore_ascii_case(host));
        is_safe && is_ours && url.path().ends_with(PAGE)
    }
}

#[cfg(test)]
mod tests;
