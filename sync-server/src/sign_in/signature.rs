//! Whether a token is from whoever holds a key (RFC 7515, 7517, 7518, 8037). It knows nothing of what a token says.
//!
//! Only signatures with a public key are known here. That `none` and those with a shared secret are not is therefore no
//! check that could be left out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Keys of a provider that are looked at: those of now, and some that went or come.
const KEYS_MAX: usize = 64;

/// Characters of a token at most; one with hundreds of groups fits.
const TOKEN_CHARS_MAX: usize = 128 * 1024;

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Disbelief {
    #[error("the provider's ID token is none that can be read")]
    Malformed,
    #[error("the provider's ID token is signed in a way that is not accepted")]
    Algorithm,
    #[error("the provider's ID token is signed with a key that the provider does not name")]
    UnknownKey,
    #[error("the signature of the provider's ID token does not fit")]
    Signature,
}

/// A way to sign (RFC 7518, 3.1; RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// A public key as a provider names it (RFC 7517).
#[derive(Debug, Clone)]
pub(super) struct Key {
    kid: Option<String>,
    /// What it is for, where that is said.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Debug, Clone)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Named {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct NamedKeys {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// What has to be understood, of which nothing is.
    crit: Option<Value>,
}

/// The keys of a set that can be used; others in it are for other purposes or of kinds that are not known here.
pub(super) fn keys(text: &[u8]) -> Option<Vec<Key>> {
    let NamedKeys { keys } = serde_json::from_slice(text).ok()?;
    let named = keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
    Some(named.filter_map(usable).take(KEYS_MAX).collect())
}

fn usable(named: Named) -> Option<Key> {
    if named.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
    let point = |size: usize| {
        let (x, y) = (bytes(&named.x)?, bytes(&named.y)?);
        (x.len() == size && y.len() == size).then(|| [&[4_u8][..], &x, &y].concat())
    };
    let material = match (named.kty.as_str(), named.crv.as_deref()) {
        ("RSA", _) => Material::Rsa { n: number(bytes(&named.n)?), e: number(bytes(&named.e)?) },
        ("EC", Some("P-256")) => Material::P256(point(32)?),
        ("EC", Some("P-384")) => Material::P384(point(48)?),
        ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(&named.x)?),
        _ => return None,
    };
    Some(Key { kid: named.kid, algorithm: named.alg, material })
}

/// Without zeros in front, which some providers write.
fn number(bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.into_iter().skip(zeros).collect()
}

impl Key {
    /// Whether it made the signature; nothing where it cannot make one of this kind.
    fn made(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        let made = match (&self.material, algorithm) {
            (Material::Rsa { n, e }, _) => {
                let parameters = match algorithm {
                    RS256 => &RSA_PKCS1_2048_8192_SHA256,
                    RS384 => &RSA_PKCS1_2048_8192_SHA384,
                    RS512 => &RSA_PKCS1_2048_8192_SHA512,
                    PS256 => &RSA_PSS_2048_8192_SHA256,
                    PS384 => &RSA_PSS_2048_8192_SHA384,
                    PS512 => &RSA_PSS_2048_8192_SHA512,
                    ES256 | ES384 | EdDSA => return None,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            (Material::P256(point), ES256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Material::P384(point), ES384) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature)
            }
            (Material::Ed25519(point), EdDSA) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
            _ => return None,
        };
        Some(made.is_ok())
    }
}

/// What a signed token says.
///
/// # Errors
/// [`Disbelief`].
pub(super) fn believed(token: &str, keys: &[Key]) -> Result<Map<String, Value>, Disbelief> {
    if token.len() > TOKEN_CHARS_MAX {
        return Err(Disbelief::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Disbelief::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Disbelief::Malformed)?;
    let read = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Disbelief::Malformed);
    let Header { alg, kid, crit } =
        serde_json::from_slice(&read(header)?).map_err(|_| Disbelief::Malformed)?;
    if crit.is_some() {
        return Err(Disbelief::Malformed);
    }
    let algorithm = serde_json::from_value(Value::String(alg.clone()));
    let algorithm: Algorithm = algorithm.map_err(|_| Disbelief::Algorithm)?;
    // Without a name it may be any key of the provider.
    let named: Vec<&Key> = keys.iter().filter(|key| kid.is_none() || key.kid == kid).collect();
    if named.is_empty() {
        return Err(Disbelief::UnknownKey);
    }
    let signature = read(signature)?;
    let fitting = named
        .iter()
        .filter(|key| key.algorithm.as_ref().is_none_or(|only| *only == alg))
        .filter_map(|key| key.made(algorithm, signed.as_bytes(), &signature));
    let mut seen = false;
    for is_made in fitting {
        if is_made {
            return serde_json::from_slice(&read(claims)?).map_err(|_| Disbelief::Malformed);
        }
        seen = true;
    }
    Err(if seen { Disbelief::Signature } else { Disbelief::Algorithm })
}
