//! The provider: what it says of itself (OpenID Connect Discovery 1.0), its keys, and codes that become ID tokens
//! (RFC 6749, 4.1.3). It is asked when somebody signs in and not before, so that one that is down stops nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kartei_protocol::sign_in::OidcSignIn;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect};
use serde::Deserialize;
use tokio::sync::Semaphore;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::options::{Secret, Settings, is_confidential};
use super::signature::{Key, keys};

/// One request to the provider, with its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Bytes of an answer; those of providers with many keys and groups are tens of thousands.
const ANSWER_BYTES_MAX: usize = 512 * 1024;

/// What it says of itself is asked for again after so long.
const KNOWN_FOR: Duration = Duration::from_secs(60 * 60);

/// A provider that is away is not asked by everybody who comes.
const AWAY_FOR: Duration = Duration::from_secs(2);

/// Keys that it does not name are looked for at most so often.
const KEYS_AGAIN: Duration = Duration::from_secs(10);

/// What the provider says of itself.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) authorization_endpoint: Url,
    pub(super) says_issuer: bool,
    token_endpoint: Url,
    jwks_uri: Url,
    /// Whether the secret goes into the body rather than into a header.
    secret_in_body: bool,
    pub(super) keys: Vec<Key>,
}

/// The same as it is written; what is not needed is not read.
#[derive(Deserialize)]
struct Written {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Why the provider is of no help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It may be back soon.
    #[error("the provider cannot be reached just now ({0}); try again")]
    Away(String),
    /// Somebody has to change something, there or here.
    #[error("{0}; the relay's operator has to look after it")]
    Wrong(String),
    /// The code is not good, or not any more.
    #[error(
        "the provider does not accept the code: it was used before, is too old, or was asked for with another \
         `code_verifier` or `redirect_uri`; sign in again"
    )]
    Code,
}

#[derive(Debug, Default)]
struct Known {
    about: Option<(Arc<About>, Instant)>,
    away: Option<(Fault, Instant)>,
    keys_asked: Option<Instant>,
}

/// The provider, and what is known of it.
#[derive(Debug)]
pub(super) struct Provider {
    client: Client,
    known: Mutex<Known>,
    /// One asks, and the others wait for what it learns.
    asking: Semaphore,
}

impl Provider {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            // Where codes and the secret are sent is what the provider said, and nowhere else.
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .user_agent(concat!("kartei-relay/", env!("CARGO_PKG_VERSION")));
        let is_near = settings.issuer.scheme() == "http";
        let builder = if is_near { builder.no_proxy() } else { builder };
        let client = builder.build().context("make a client for signing in")?;
        Ok(Self { client, known: Mutex::default(), asking: Semaphore::new(1) })
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it says of itself: asked for where that is not known or was long ago. What was known goes on where it is
    /// away.
    pub(super) async fn about(&self, settings: &Settings) -> Result<Arc<About>, Fault> {
        if let Some(fresh) = self.fresh() {
            return fresh;
        }
        let _turn = self.asking.acquire().await;
        if let Some(fresh) = self.fresh() {
            return fresh;
        }
        let asked = self.ask(settings).await;
        let mut known = self.known();
        match asked {
            Ok(about) => {
                let about = Arc::new(about);
                *known =
                    Known { about: Some((Arc::clone(&about), Instant::now())), ..Known::default() };
                Ok(about)
            }
            Err(fault) => {
                tracing::warn!(issuer = settings.issuer_text, %fault, "Asking the provider failed");
                known.away = Some((fault.clone(), Instant::now()));
                known.about.as_ref().map(|(about, _)| Arc::clone(about)).ok_or(fault)
            }
        }
    }

    fn fresh(&self) -> Option<Result<Arc<About>, Fault>> {
        let known = self.known();
        let is_away = known.away.as_ref().filter(|(_, since)| since.elapsed() < AWAY_FOR);
        match (&known.about, is_away) {
            (Some((about, since)), away) if away.is_some() || since.elapsed() < KNOWN_FOR => {
                Some(Ok(Arc::clone(about)))
            }
            (None, Some((fault, _))) => Some(Err(fault.clone())),
            _ => None,
        }
    }

    /// The same with the keys of now, after one was used that was not among them. Not at any time: nothing where that
    /// was tried just before.
    pub(super) async fn with_new_keys(&self, about: &About) -> Result<Option<Arc<About>>, Fault> {
        {
            let mut known = self.known();
            if known.keys_asked.is_some_and(|since| since.elapsed() < KEYS_AGAIN) {
                return Ok(None);
            }
            known.keys_asked = Some(Instant::now());
        }
        let keys = self.keys(&about.jwks_uri).await?;
        let about = Arc::new(About { keys, ..about.clone() });
        let mut known = self.known();
        if let Some((kept, _)) = &mut known.about {
            *kept = Arc::clone(&about);
        }
        Ok(Some(about))
    }

    async fn ask(&self, settings: &Settings) -> Result<About, Fault> {
        let mut place = settings.issuer.clone();
        let path = place.path().trim_end_matches('/').to_owned();
        place.set_path(&format!("{path}/.well-known/openid-configuration"));
        let wrong = |what: &str| Fault::Wrong(format!("the provider's description {what}"));
        let answer = self.read(self.client.get(place)).await?;
        let written: Written =
            serde_json::from_slice(&answer).map_err(|_| wrong("is none of OpenID Connect"))?;
        if written.issuer != settings.issuer_text {
            return Err(wrong("names another issuer than --oidc-issuer, to the letter"));
        }
        // What goes there is as secret as what came from the issuer.
        let is_near = settings.issuer.scheme() == "http";
        let place = |text: &str| {
            let place = Url::parse(text).ok();
            let place = place.filter(is_confidential);
            let place = place.filter(|place| is_near || place.scheme() == "https");
            place.ok_or_else(|| wrong("leads to an address without TLS"))
        };
        let authorization_endpoint = place(&written.authorization_endpoint)?;
        let (token_endpoint, jwks_uri) =
            (place(&written.token_endpoint)?, place(&written.jwks_uri)?);
        let methods = written.token_endpoint_auth_methods_supported;
        let has = |methods: &[String], method: &str| methods.iter().any(|one| one == method);
        let secret_in_body = methods.is_some_and(|methods| {
            has(&methods, "client_secret_post") && !has(&methods, "client_secret_basic")
        });
        let keys = self.keys(&jwks_uri).await?;
        Ok(About {
            authorization_endpoint,
            says_issuer: written.authorization_response_iss_parameter_supported,
            token_endpoint,
            jwks_uri,
            secret_in_body,
            keys,
        })
    }

    async fn keys(&self, place: &Url) -> Result<Vec<Key>, Fault> {
        let answer = self.read(self.client.get(place.clone())).await?;
        let found = keys(&answer).filter(|keys| !keys.is_empty());
        found.ok_or_else(|| Fault::Wrong("the provider names no key that can be used".to_owned()))
    }

    async fn read(&self, request: RequestBuilder) -> Result<Vec<u8>, Fault> {
        let response = send(request).await?;
        match response.status() {
            StatusCode::OK => body(response).await,
            status => Err(of_status(status)),
        }
    }

    /// What asks for the ID token that a code stands for.
    fn exchange(
        &self,
        about: &About,
        settings: &Settings,
        asked: &OidcSignIn,
    ) -> Result<RequestBuilder, Fault> {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", &asked.code)
            .append_pair("redirect_uri", &asked.redirect_uri)
            .append_pair("code_verifier", &asked.code_verifier);
        let mut request = self
            .client
            .post(about.token_endpoint.clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        match &settings.secret {
            Some(secret) if !about.secret_in_body => {
                request = request.header(AUTHORIZATION, basic(&settings.client_id, secret)?);
            }
            secret => {
                form.append_pair("client_id", &settings.client_id);
                if let Some(Secret(secret)) = secret {
                    form.append_pair("client_secret", secret);
                }
            }
        }
        Ok(request.body(form.finish()))
    }

    /// The ID token that a code stands for.
    pub(super) async fn redeem(
        &self,
        about: &About,
        settings: &Settings,
        asked: &OidcSignIn,
    ) -> Result<String, Fault> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: String,
        }
        #[derive(Deserialize)]
        struct Refused {
            error: String,
        }
        let request = self.exchange(about, settings, asked)?;
        let response = send(request).await?;
        let status = response.status();
        let body = body(response).await?;
        if status == StatusCode::OK {
            let wrong = "the provider's answer to the code has no ID token";
            let tokens: Result<Tokens, _> = serde_json::from_slice(&body);
            return tokens
                .map(|tokens| tokens.id_token)
                .map_err(|_| Fault::Wrong(wrong.to_owned()));
        }
        // The words of RFC 6749, 5.2; what a provider says beside them may be about the person.
        match serde_json::from_slice(&body) {
            Ok(Refused { error }) if error == "invalid_grant" => Err(Fault::Code),
            Ok(Refused { error })
                if error == "invalid_client" || error == "unauthorized_client" =>
            {
                let text = format!("the provider does not accept the relay itself (`{error}`)");
                Err(Fault::Wrong(text))
            }
            _ => Err(of_status(status)),
        }
    }
}

/// The relay's own name and secret (RFC 6749, 2.3.1).
fn basic(client_id: &str, Secret(secret): &Secret) -> Result<HeaderValue, Fault> {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let both = STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret)));
    let wrong = |_| Fault::Wrong("the relay's secret cannot be sent".to_owned());
    let mut value = HeaderValue::from_str(&format!("Basic {both}")).map_err(wrong)?;
    value.set_sensitive(true);
    Ok(value)
}

fn of_status(status: StatusCode) -> Fault {
    let number = status.as_u16();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Fault::Away(format!("it answers {number}"));
    }
    Fault::Wrong(format!("the provider answers {number}"))
}

async fn send(request: RequestBuilder) -> Result<Response, Fault> {
    request.send().await.map_err(|error| of_network(&error))
}

/// What the network says; the outer ones of an error's causes repeat the address, which has nothing to say here.
fn of_network(error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        return Fault::Away("no answer in time".to_owned());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Fault::Away(cause.to_string())
}

async fn body(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| of_network(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            let text = format!("the provider's answer has more than {ANSWER_BYTES_MAX} bytes");
            return Err(Fault::Wrong(text));
        }
    }
    Ok(body)
}
