//! Names that nobody guesses.

use std::io;

/// Any number.
pub(crate) fn chance() -> u64 {
    let mut bytes = [0; 8];
    // Without it everybody waits equally long, which is worse and not wrong.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// A name: the prefix, and 96 random bits as hex digits.
///
/// # Errors
/// Where the system gives no random bytes.
pub(crate) fn random_id(prefix: &str) -> io::Result<String> {
    let mut random = [0_u8; 12];
    getrandom::fill(&mut random).map_err(|e| io::Error::other(e.to_string()))?;
    Ok(format!("{prefix}{}", crate::uploads::hex(&random)))
}
