//! The key of an encrypted database, and how a person keeps it.

use std::fmt::{self, Write as _};

use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// SQLCipher's AES-256.
const KEY_BYTES: usize = 32;

/// Bytes of the check at the end of a recovery key: a mistyped one passes once in 65,536 times, and
/// is told as a wrong key then.
const CHECK_BYTES: usize = 2;

/// Digits in a group: what one compares at a glance.
const GROUP_DIGITS: usize = 8;

/// Before which character the rest of a line is for the reader.
const COMMENT: char = '#';

/// The key of an encrypted database: 256 random bits. It never shows itself in logs or errors.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct DatabaseKey([u8; KEY_BYTES]);

/// Why a text is no recovery key. Holds nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryKeyError {
    /// Too short, too long, or with letters that none has.
    #[error("this is no recovery key: it has 68 digits of 0-9 and a-f, in groups")]
    Form,
    /// The check at its end does not agree.
    #[error("a digit of the recovery key is wrong: its last group does not agree with the others")]
    Mistyped,
}

impl DatabaseKey {
    /// A key of random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key as a person keeps it: groups of digits, the last of which checks the others.
    #[must_use]
    pub fn recovery_key(&self) -> Zeroizing<String> {
        let mut digits = hex(&self.0);
        digits.push_str(&hex(&check(&self.0)));
        let mut text = Zeroizing::new(String::with_capacity(digits.len() * 2));
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && at % GROUP_DIGITS == 0 {
                text.push('-');
            }
            text.push(digit);
        }
        text
    }

    /// Reads a recovery key. Spaces, dashes, line breaks and case do not matter, nor does what
    /// stands behind a `#`.
    ///
    /// # Errors
    /// [`RecoveryKeyError`].
    pub fn parse(text: &str) -> Result<Self, RecoveryKeyError> {
        let lines = text.lines().map(|line| line.split(COMMENT).next().unwrap_or_default());
        let digits: Zeroizing<Vec<u32>> = lines
            .flat_map(str::chars)
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| c.to_digit(16).ok_or(RecoveryKeyError::Form))
            .collect::<Result<_, _>>()
            .map(Zeroizing::new)?;
        if digits.len() != (KEY_BYTES + CHECK_BYTES) * 2 {
            return Err(RecoveryKeyError::Form);
        }
        let byte = |at: usize| u8::try_from(digits[at * 2] * 16 + digits[at * 2 + 1]);
        let mut key = Self([0; KEY_BYTES]);
        for (at, target) in key.0.iter_mut().enumerate() {
            *target = byte(at).map_err(|_| RecoveryKeyError::Form)?;
        }
        for (at, expected) in check(&key.0).into_iter().enumerate() {
            if byte(KEY_BYTES + at) != Ok(expected) {
                return Err(RecoveryKeyError::Mistyped);
            }
        }
        Ok(key)
    }

    /// The key as SQLCipher takes it without deriving another one from it, with the salt that the
    /// file begins with where that is chosen.
    pub(crate) fn spec(&self, salt: Option<&Salt>) -> Zeroizing<String> {
        let salt = salt.map_or_else(Zeroizing::default, |salt| hex(&salt.0));
        Zeroizing::new(format!("x'{}{}'", *hex(&self.0), *salt))
    }
}

impl fmt::Debug for DatabaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseKey(..)")
    }
}

/// The bytes that an encrypted file begins with. No secret; they tell one encrypted database from
/// another, and stay for as long as it is encrypted, in its backups too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub(crate) [u8; Self::BYTES]);

impl Salt {
    pub(crate) const BYTES: usize = 16;

    /// A salt of random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

fn hex(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn check(key: &[u8]) -> [u8; CHECK_BYTES] {
    let digest = Sha256::new().chain_update(b"kartei recovery key").chain_update(key).finalize();
    [digest[0], digest[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> DatabaseKey {
        DatabaseKey::from_bytes(std::array::from_fn(|at| u8::try_from(at * 7).unwrap()))
    }

    #[test]
    fn a_recovery_key_is_read_as_people_write_it() {
        let text = key().recovery_key().to_string();
        assert_eq!(text.split('-').count(), 9, "{text}");
        let typed = format!("# of my laptop\n{}\n", text.to_uppercase().replace('-', " "));
        for written in [&text, &typed, &text.replace('-', ""), &format!("{text} # kept")] {
            assert_eq!(DatabaseKey::parse(written), Ok(key()));
        }
    }

    #[test]
    fn a_mistyped_one_is_told_from_one_that_is_none() {
        let text = key().recovery_key().to_string();
        let other = text.replacen('7', "8", 1);
        assert_ne!(other, text);
        assert_eq!(DatabaseKey::parse(&other), Err(RecoveryKeyError::Mistyped));
        for none in ["", "kartei", &text[1..], &format!("{text}0"), &text.replacen('7', "g", 1)] {
            assert_eq!(DatabaseKey::parse(none), Err(RecoveryKeyError::Form), "{none}");
        }
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let shown = format!("{:?} {:?}", key(), Some(key()));
        let secret = key().recovery_key();
        assert!(!shown.contains(&secret[..GROUP_DIGITS]), "{shown}");
        assert!(key().spec(None).contains(&secret[..GROUP_DIGITS]));
    }
}
