//! Random bytes of the operating system.

use std::fmt::Write as _;

use kartei_protocol::problem::{Problem, ProblemCode};

/// So many bytes that nobody can foresee.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| {
        let message = format!("the operating system gave no random bytes: {e}");
        Problem::new(ProblemCode::Internal, message)
    })?;
    Ok(bytes)
}

/// The same as twice as many hexadecimal digits.
pub(crate) fn hex<const N: usize>() -> Result<String, Problem> {
    Ok(bytes::<N>()?.iter().fold(String::with_capacity(2 * N), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
