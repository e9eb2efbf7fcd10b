//! Signing in with the provider of a relay, as a program of one's own machine does it: OpenID Connect Core 1.0 with
//! RFC 7636 (the hash of a secret goes ahead, the secret comes last), RFC 8252 (the browser comes back to a port of this
//! machine) and RFC 9207 (it says whom it comes from).
//!
//! [`Begun`] is a sign-in on its way. Whoever has one opens the browser and listens; this knows what to send and what to
//! believe.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kartei_protocol::sign_in::{OidcSignIn, OidcWay, SignInWays, SignedIn};
use reqwest::header::CONTENT_TYPE;
use reqwest::{StatusCode, Url};
use sha2::{Digest, Sha256};

use crate::error::Document;
use crate::trust::is_this_machine;
use crate::{RelayClient, RelayError, read};

/// Characters of what a provider says of a failure that are told.
const SAID_MAX: usize = 300;

/// A sign-in on its way. What makes it this one's own is nowhere else.
pub struct Begun {
    address: Url,
    provider: String,
    issuer: String,
    says_issuer: bool,
    redirect: Url,
    state: String,
    nonce: String,
    verifier: String,
}

impl std::fmt::Debug for Begun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The rest must never reach a log.
        f.debug_struct("Begun").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// What a browser that comes back means.
#[derive(Debug)]
pub enum CameBack {
    /// It has what the relay wants.
    With(OidcSignIn),
    /// The provider did not sign anybody in, in its words.
    Without(String),
    /// Somebody else's browser, or another request of it: whoever waits goes on waiting.
    Other,
}

impl Begun {
    /// Begins, for a browser that comes back to `redirect`, with three secrets that nobody can foresee.
    ///
    /// # Errors
    /// [`RelayError::SignIn`] where the relay cannot reach its provider, or where it leads to something that is no page of
    /// the web: what a relay says is opened on this machine.
    pub fn new(way: &OidcWay, redirect: &str, secrets: [[u8; 32]; 3]) -> Result<Self, RelayError> {
        let failed = |text: &str| RelayError::SignIn(text.to_owned());
        let place = way.authorization_endpoint.as_deref().ok_or_else(|| {
            failed("the relay cannot reach its provider just now; try again, or use a token")
        })?;
        let not_web = || failed("the relay leads to an address that is none of the web");
        let mut address = Url::parse(place).map_err(|_| not_web())?;
        let is_web = address.scheme() == "https"
            || (address.scheme() == "http" && is_this_machine(&address));
        if !is_web {
            return Err(not_web());
        }
        let redirect = Url::parse(redirect).map_err(|_| failed("no port to come back to"))?;
        let [state, nonce, verifier] = secrets.map(|secret| URL_SAFE_NO_PAD.encode(secret));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &way.client_id)
            .append_pair("redirect_uri", redirect.as_str())
            .append_pair("scope", &way.scopes)
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(Self {
            provider: provider_name(way),
            address,
            issuer: way.issuer.clone(),
            says_issuer: way.says_issuer,
            redirect,
            state,
            nonce,
            verifier,
        })
    }

    /// What a browser is to open.
    #[must_use]
    pub fn address(&self) -> &str {
        self.address.as_str()
    }

    /// The part of the provider's address that people know.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Reads what a browser asks for (`/sign-in?code=…`), whoever's browser it is.
    #[must_use]
    pub fn read(&self, target: &str) -> CameBack {
        let Ok(place) = self.redirect.join(target) else { return CameBack::Other };
        if place.origin() != self.redirect.origin() || place.path() != self.redirect.path() {
            return CameBack::Other;
        }
        let said = |name: &str| {
            let mut all = place.query_pairs().filter(|(this, _)| this == name);
            // Twice the same is nobody's.
            all.next().filter(|_| all.next().is_none()).map(|(_, value)| value.into_owned())
        };
        if said("state").as_ref() != Some(&self.state) {
            return CameBack::Other;
        }
        let is_from_them = said("iss").map_or(!self.says_issuer, |issuer| issuer == self.issuer);
        if !is_from_them {
            return CameBack::Other;
        }
        if let Some(error) = said("error") {
            return CameBack::Without(in_words(&error, said("error_description").as_deref()));
        }
        said("code").map_or(CameBack::Other, |code| {
            CameBack::With(OidcSignIn {
                code,
                code_verifier: self.verifier.clone(),
                redirect_uri: self.redirect.to_string(),
                nonce: self.nonce.clone(),
                at_least: None,
            })
        })
    }
}

/// The part of a provider's address that people know.
#[must_use]
pub fn provider_name(way: &OidcWay) -> String {
    let url = Url::parse(&way.issuer).ok();
    url.and_then(|url| Some(url.authority().to_owned()).filter(|name| !name.is_empty()))
        .unwrap_or_else(|| way.issuer.clone())
}

/// What a provider says of a failure (RFC 6749, 4.1.2.1), as text to be read.
fn in_words(error: &str, description: Option<&str>) -> String {
    let said = match (error, description) {
        ("access_denied", None) => "signing in was cancelled at the provider".to_owned(),
        (error, None) => format!("the provider says `{error}`"),
        (error, Some(description)) => format!("the provider says `{error}`: {description}"),
    };
    said.chars().filter(|letter| !letter.is_control()).take(SAID_MAX).collect()
}

impl RelayClient {
    /// Which ways of signing in the relay has; one of an earlier version has none. No token is sent.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn sign_in_ways(&self) -> Result<SignInWays, RelayError> {
        let sent = self.http.get(self.url("sign-in")?).send().await;
        let response = sent.map_err(|e| RelayError::from_http(&e))?;
        match response.status() {
            status if status.is_success() => read(response, "sign-in").await,
            StatusCode::NOT_FOUND => Ok(SignInWays { oidc: None }),
            _ => Err(RelayError::from_answer(response).await),
        }
    }

    /// Makes a token of what a browser came back with. No token is sent.
    ///
    /// # Errors
    /// [`RelayError::SignIn`] with the relay's words where it does not, or another failure.
    pub async fn end_sign_in(&self, wish: &OidcSignIn) -> Result<SignedIn, RelayError> {
        let body = serde_json::to_vec(wish)
            .map_err(|e| RelayError::Incompatible(format!("sign-in: {e}")))?;
        let request = self
            .http
            .post(self.url("sign-in/oidc")?)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let response = request.send().await.map_err(|e| RelayError::from_http(&e))?;
        let status = response.status();
        if status.is_success() {
            return read(response, "sign-in").await;
        }
        let said = Document::read(response).await.detail;
        let text = said.unwrap_or_else(|| format!("the relay answers {}", status.as_u16()));
        Err(RelayError::SignIn(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "http://127.0.0.1:4711/sign-in";

    fn way() -> OidcWay {
        OidcWay {
            issuer: "https://login.example:8443/realm".to_owned(),
            authorization_endpoint: Some("https://login.example:8443/auth?tenant=1".to_owned()),
            client_id: "kartei".to_owned(),
            scopes: "openid email".to_owned(),
            says_issuer: true,
        }
    }

    fn begun() -> Begun {
        Begun::new(&way(), PLACE, [[1; 32], [2; 32], [3; 32]]).unwrap()
    }

    #[test]
    fn the_secret_itself_stays_here_until_the_end() {
        let begun = begun();
        assert_eq!(begun.provider(), "login.example:8443");
        let asked: Vec<_> = begun.address.query_pairs().into_owned().collect();
        let said = |name: &str| asked.iter().find(|(this, _)| this == name).unwrap().1.clone();
        assert_eq!(said("tenant"), "1");
        assert_eq!(
            (said("redirect_uri").as_str(), said("scope").as_str()),
            (PLACE, "openid email")
        );
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(begun.verifier.as_bytes()));
        assert_eq!(
            (said("code_challenge"), said("code_challenge_method")),
            (challenge, "S256".to_owned())
        );
        assert!(!begun.address().contains(&begun.verifier));
        assert!((43..=128).contains(&begun.verifier.len()), "as RFC 7636 wants it");
        let written = format!("{begun:?}");
        assert!(
            ![&begun.verifier, &begun.state, &begun.nonce].iter().any(|it| written.contains(*it))
        );
    }

    #[test]
    fn a_browser_is_believed_that_was_sent_from_here_and_comes_from_there() {
        let begun = begun();
        let state = &begun.state;
        let iss = "iss=https%3A%2F%2Flogin.example%3A8443%2Frealm";
        let CameBack::With(wish) = begun.read(&format!("/sign-in?code=c%2F1&state={state}&{iss}"))
        else {
            panic!("it is the one");
        };
        assert_eq!((wish.code.as_str(), wish.redirect_uri.as_str()), ("c/1", PLACE));
        assert_eq!((wish.code_verifier, wish.nonce), (begun.verifier.clone(), begun.nonce.clone()));
        for other in [
            format!("/favicon.ico?code=c&state={state}&{iss}"),
            format!("/sign-in?code=c&state=guessed&{iss}"),
            format!("/sign-in?code=c&{iss}"),
            format!("/sign-in?code=c&state={state}"),
            format!("/sign-in?code=c&state={state}&iss=https%3A%2F%2Fevil.example"),
            format!("/sign-in?code=c&code=d&state={state}&{iss}"),
            format!("/sign-in?state={state}&{iss}"),
            format!("http://evil.example/sign-in?code=c&state={state}&{iss}"),
        ] {
            assert!(matches!(begun.read(&other), CameBack::Other), "{other}");
        }
        let no = format!("/sign-in?error=access_denied&state={state}&{iss}");
        assert!(matches!(begun.read(&no), CameBack::Without(said) if said.contains("cancelled")));
        let why =
            format!("/sign-in?error=server_error&error_description=a%0Ab&state={state}&{iss}");
        assert!(
            matches!(begun.read(&why), CameBack::Without(said) if said.ends_with("`server_error`: ab"))
        );
    }

    #[test]
    fn nothing_but_a_page_of_the_web_is_opened() {
        for place in
            ["file:///etc/passwd", "http://login.example/", "javascript:alert(1)", "calc:", ""]
        {
            let way = OidcWay { authorization_endpoint: Some(place.to_owned()), ..way() };
            assert!(Begun::new(&way, PLACE, [[1; 32]; 3]).is_err(), "{place}");
        }
        let away = OidcWay { authorization_endpoint: None, ..way() };
        let error = Begun::new(&away, PLACE, [[1; 32]; 3]).unwrap_err();
        assert!(error.to_string().contains("use a token"), "{error}");
    }
}
