//! An OpenID Connect provider on a port of its own: real codes, checked verifiers, signed tokens; and every way of
//! answering wrongly that a client has to notice.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;
use url::form_urlencoded::{byte_serialize, parse};

use crate::Http;

/// What it knows the relay as.
const CLIENT: &str = "kartei";

/// Bytes of a request to it at most.
const REQUEST_BYTES_MAX: u64 = 64 * 1024;

/// How tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// With its key, which it names.
    Well,
    /// Not at all: `none`.
    Not,
    /// With the public key as a shared secret.
    ByPublicKey,
    /// With a key of somebody else under its key's name.
    ByAnother,
    /// With a key that it names nowhere.
    ByUnnamed,
}

struct Key {
    kid: String,
    pair: EcdsaKeyPair,
}

struct Given {
    claims: Map<String, Value>,
    challenge: String,
    place: String,
}

struct State {
    url: String,
    secret: Option<String>,
    keys: Vec<Key>,
    codes: HashMap<String, Given>,
    person: Value,
    twist: Map<String, Value>,
    signed: Signed,
    denies: bool,
    is_away: bool,
    redeemed: usize,
}

/// A provider with one person before its browser.
pub struct Provider {
    state: Arc<Mutex<State>>,
    url: String,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("url", &self.url).finish_non_exhaustive()
    }
}

fn random() -> Result<String> {
    let mut bytes = [0; 24];
    SystemRandom::new().fill(&mut bytes).ok().context("random bytes")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn new_key() -> Result<Key> {
    let (rng, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &rng).ok().context("make a key")?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &rng);
    Ok(Key { kid: random()?, pair: pair.ok().context("read a key")? })
}

impl Provider {
    /// A provider whose clients have no secret.
    ///
    /// # Errors
    /// Where no port is free.
    pub fn start() -> Result<Self> {
        Self::with_secret(None)
    }

    /// One that gave the relay a secret.
    ///
    /// # Errors
    /// Where no port is free.
    pub fn with_secret(secret: Option<&str>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = State {
            url: url.clone(),
            secret: secret.map(str::to_owned),
            keys: vec![new_key()?],
            codes: HashMap::new(),
            person: json!({}),
            twist: Map::new(),
            signed: Signed::Well,
            denies: false,
            is_away: false,
            redeemed: 0,
        };
        let state = Arc::new(Mutex::new(state));
        let answering = Arc::clone(&state);
        // Ends with the test's process, as every thread does that waits for connections.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(std::result::Result::ok) {
                let state = Arc::clone(&answering);
                thread::spawn(move || {
                    // Clients go away.
                    let _ = serve(&stream, &state);
                });
            }
        });
        Ok(Self { state, url })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its address, which is its name.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What a relay is told of it in its environment; `roles` are values of the claim `groups`.
    #[must_use]
    pub fn settings<'a>(&'a self, roles: &'a str) -> [(&'static str, &'a str); 4] {
        [
            ("KARTEI_OIDC_ISSUER", &self.url),
            ("KARTEI_OIDC_CLIENT_ID", CLIENT),
            ("KARTEI_OIDC_ORGANISATION", "Test"),
            ("KARTEI_OIDC_ROLES", roles),
        ]
    }

    /// Who is before the browser from now on, as claims.
    pub fn person(&self, claims: Value) {
        self.state().person = claims;
    }

    /// Claims that tokens have from now on whatever else is right; `null` leaves one out.
    pub fn twist(&self, claims: &Value) {
        self.state().twist = claims.as_object().cloned().unwrap_or_default();
    }

    /// How tokens are signed from now on.
    pub fn sign(&self, signed: Signed) {
        self.state().signed = signed;
    }

    /// Whether the person says no.
    pub fn deny(&self, denies: bool) {
        self.state().denies = denies;
    }

    /// Whether nobody gets an answer.
    pub fn away(&self, is_away: bool) {
        self.state().is_away = is_away;
    }

    /// From now on it signs with another key, and names no other.
    ///
    /// # Errors
    /// Where no key can be made.
    pub fn rotate(&self) -> Result<()> {
        let key = new_key()?;
        self.state().keys = vec![key];
        Ok(())
    }

    /// How often somebody came with a code.
    #[must_use]
    pub fn redeemed(&self) -> usize {
        self.state().redeemed
    }

    /// Opens an address of it as a browser does, with the person before it: answers where that leads.
    ///
    /// # Errors
    /// Where it leads nowhere.
    pub fn follow(&self, address: &str) -> Result<Url> {
        let path = address.strip_prefix(&self.url).context("an address of the provider")?;
        let reply = Http::new(&self.url, None).get(path)?.expect(302)?;
        Ok(Url::parse(reply.header("location").context("a place to go to")?)?)
    }

    /// A code for somebody who began with this challenge's verifier, as the browser brings it.
    ///
    /// # Errors
    /// Where the provider gives none.
    pub fn code(&self, place: &str, verifier: &str, nonce: &str) -> Result<String> {
        let challenge = challenge(verifier);
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let address = format!(
            "{}/authorize?response_type=code&client_id={CLIENT}&scope=openid&state=s&code_challenge_method=S256\
             &code_challenge={challenge}&nonce={nonce}&redirect_uri={}",
            self.url,
            encoded(place)
        );
        let led = self.follow(&address)?;
        let code = led.query_pairs().find(|(name, _)| name == "code");
        Ok(code.context("a code")?.1.into_owned())
    }
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

struct Asked {
    method: String,
    target: String,
    authorization: Option<String>,
    body: Vec<u8>,
}

struct Told {
    status: &'static str,
    headers: String,
    body: String,
}

fn told(status: &'static str, body: &Value) -> Told {
    let headers = "content-type: application/json\r\n".to_owned();
    Told { status, headers, body: body.to_string() }
}

fn serve(mut stream: &TcpStream, state: &Mutex<State>) -> Result<()> {
    let state = || state.lock().unwrap_or_else(PoisonError::into_inner);
    if state().is_away {
        stream.shutdown(Shutdown::Both)?;
        return Ok(());
    }
    let asked = read(stream)?;
    let Told { status, headers, body } = answer(&mut state(), &asked)?;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes())?;
    Ok(())
}

fn read(stream: &TcpStream) -> Result<Asked> {
    let mut lines = BufReader::new(stream.take(REQUEST_BYTES_MAX));
    let mut line = String::new();
    lines.read_line(&mut line)?;
    let mut words = line.split_ascii_whitespace();
    let mut word = || words.next().context("a request").map(str::to_owned);
    let (method, target) = (word()?, word()?);
    let (mut authorization, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body)?;
    Ok(Asked { method, target, authorization, body })
}

fn answer(state: &mut State, asked: &Asked) -> Result<Told> {
    let target = Url::parse(&state.url)?.join(&asked.target)?;
    match (asked.method.as_str(), target.path()) {
        ("GET", "/.well-known/openid-configuration") => {
            let at = |path: &str| format!("{}{path}", state.url);
            let about = json!({
                "issuer": state.url,
                "authorization_endpoint": at("/authorize"),
                "token_endpoint": at("/token"),
                "jwks_uri": at("/keys"),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "authorization_response_iss_parameter_supported": true,
            });
            Ok(told("200 OK", &about))
        }
        ("GET", "/keys") => Ok(told("200 OK", &named(&state.keys))),
        ("GET", "/authorize") => authorize(state, &target),
        ("POST", "/token") => redeem(state, asked),
        _ => Ok(told("404 Not Found", &json!({}))),
    }
}

fn named(keys: &[Key]) -> Value {
    let keys = keys.iter().map(|key| {
        let point = key.pair.public_key().as_ref();
        let half =
            |from: usize| URL_SAFE_NO_PAD.encode(point.get(from..from + 32).unwrap_or_default());
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key.kid,
               "x": half(1), "y": half(33)})
    });
    // Others than those for signatures are in a real one, too.
    let others = [json!({"kty": "oct", "k": "AAAA"}), json!({"kty": "RSA", "use": "enc"})];
    json!({"keys": keys.chain(others).collect::<Vec<_>>()})
}

fn authorize(state: &mut State, target: &Url) -> Result<Told> {
    let asked: HashMap<String, String> = target.query_pairs().into_owned().collect();
    let said = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let is_right = said("response_type") == "code"
        && said("client_id") == CLIENT
        && said("scope").split(' ').any(|scope| scope == "openid")
        && said("code_challenge_method") == "S256";
    if !is_right {
        return Ok(told("400 Bad Request", &json!({"error": "invalid_request"})));
    }
    let mut place = Url::parse(&said("redirect_uri"))?;
    if state.denies {
        place
            .query_pairs_mut()
            .append_pair("error", "access_denied")
            .append_pair("error_description", "The person <b>said</b> no.");
    } else {
        let code = random()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut claims = state.person.as_object().cloned().unwrap_or_default();
        let usual = json!({"iss": state.url, "aud": CLIENT, "sub": "248289761001", "iat": now,
                           "exp": now + 300, "nonce": said("nonce")});
        for (name, value) in usual.as_object().into_iter().flatten().chain(&state.twist) {
            claims.insert(name.clone(), value.clone());
        }
        claims.retain(|_, value| !value.is_null());
        place.query_pairs_mut().append_pair("code", &code);
        let given =
            Given { claims, challenge: said("code_challenge"), place: said("redirect_uri") };
        state.codes.insert(code, given);
    }
    place.query_pairs_mut().append_pair("state", &said("state")).append_pair("iss", &state.url);
    let headers = format!("location: {place}\r\n");
    Ok(Told { status: "302 Found", headers, body: String::new() })
}

fn redeem(state: &mut State, asked: &Asked) -> Result<Told> {
    state.redeemed += 1;
    let form: HashMap<String, String> = parse(&asked.body).into_owned().collect();
    let said = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let is_client = match &state.secret {
        None => said("client_id") == CLIENT && asked.authorization.is_none(),
        Some(secret) => {
            let encoded: String = byte_serialize(secret.as_bytes()).collect();
            let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{encoded}")));
            asked.authorization.as_deref() == Some(&basic)
        }
    };
    if !is_client {
        return Ok(told("401 Unauthorized", &json!({"error": "invalid_client"})));
    }
    // Once, whatever comes of it.
    let given = state.codes.remove(said("code"));
    let fits = |given: &Given| {
        said("grant_type") == "authorization_code"
            && given.place == said("redirect_uri")
            && given.challenge == challenge(said("code_verifier"))
    };
    let Some(given) = given.filter(fits) else {
        return Ok(told("400 Bad Request", &json!({"error": "invalid_grant"})));
    };
    let id_token = token(state, &given.claims)?;
    let tokens = json!({"access_token": random()?, "token_type": "Bearer", "id_token": id_token});
    Ok(told("200 OK", &tokens))
}

fn token(state: &State, claims: &Map<String, Value>) -> Result<String> {
    let key = state.keys.last().context("a key")?;
    let other = new_key()?;
    let (alg, kid) = match state.signed {
        Signed::Not => ("none", &key.kid),
        Signed::ByPublicKey => ("HS256", &key.kid),
        Signed::ByUnnamed => ("ES256", &other.kid),
        Signed::Well | Signed::ByAnother => ("ES256", &key.kid),
    };
    let header = json!({"alg": alg, "kid": kid, "typ": "JWT"});
    let part = |value: String| URL_SAFE_NO_PAD.encode(value);
    let signed =
        format!("{}.{}", part(header.to_string()), part(Value::from(claims.clone()).to_string()));
    let by = |pair: &EcdsaKeyPair| {
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).ok();
        signature.map(|signature| signature.as_ref().to_vec()).context("sign")
    };
    let signature = match state.signed {
        Signed::Not => Vec::new(),
        Signed::ByPublicKey => {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, key.pair.public_key().as_ref());
            hmac::sign(&secret, signed.as_bytes()).as_ref().to_vec()
        }
        Signed::Well => by(&key.pair)?,
        Signed::ByAnother | Signed::ByUnnamed => by(&other.pair)?,
    };
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
