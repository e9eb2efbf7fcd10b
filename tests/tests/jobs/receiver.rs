//! What a receiver of webhooks checks.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kartei_test_support::Came;
use sha2::{Digest as _, Sha256};

/// The delivery that came.
pub(crate) fn id_of(came: &Came) -> String {
    came.headers.get("webhook-id").cloned().unwrap_or_default()
}

/// What the signature has to be, by the specification, without the relay's own code.
pub(crate) fn check(came: &Came, secret: &str) -> Result<()> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").context("a secret has a prefix")?)?;
    assert_eq!(key.len(), 32);
    let moment = came.headers.get("webhook-timestamp").cloned().unwrap_or_default();
    let text = format!("{}.{moment}.{}", id_of(came), came.text());
    let signed = format!("v1,{}", STANDARD.encode(hmac(&key, text.as_bytes())));
    assert_eq!(came.headers.get("webhook-signature"), Some(&signed));
    moment.parse::<u64>().context("a moment in seconds")?;
    Ok(())
}

/// HMAC-SHA256 as RFC 2104 says, for keys up to a block.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let padded = |with: u8| -> Vec<u8> {
        let mut block = vec![with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::digest([padded(0x36).as_slice(), text].concat());
    Sha256::digest([padded(0x5c).as_slice(), inner.as_slice()].concat()).to_vec()
}
