//! What can go wrong between a replica and its relay.

use kartei_protocol::problem::ProblemCode;
use reqwest::{Response, StatusCode};
use rustls::CertificateError as Fault;
use serde::Deserialize;
use serde_json::Value;

/// Bytes of an error answer that are read at most.
const ERROR_BODY_MAX: usize = 64 * 1024;

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The address is none.
    #[error("`{url}` is no address of a relay: {reason}")]
    Address {
        /// As given.
        url: String,
        /// Why.
        reason: String,
    },
    /// What is sent there could be read, and answers forged, by whoever is between.
    #[error(
        "`{0}` is not encrypted: everybody on the way could read the token and the profiles; use an \
         https:// address, or allow it with --insecure-http (KARTEI_INSECURE_HTTP=1)"
    )]
    Insecure(String),
    /// The file with authorities cannot be used.
    #[error("the authorities in `{file}` cannot be used: {reason}")]
    Authorities {
        /// Its path.
        file: String,
        /// Why.
        reason: String,
    },
    /// Who answers does not prove to be the relay.
    #[error("the relay's certificate is not accepted: {0}")]
    Certificate(CertificateFault),
    /// No connection, or it broke.
    #[error("the relay cannot be reached: {0}")]
    Unreachable(String),
    /// The answer ended before its last line.
    #[error("the relay's answer was cut off")]
    CutOff,
    /// The token is missing, unknown or revoked.
    #[error("the relay does not accept the token; ask your administrator for a new one")]
    Unauthorized,
    /// The token's role does not allow it.
    #[error("the relay does not allow this: {0}")]
    Forbidden(String),
    /// Nobody was signed in with the relay's provider.
    #[error("signing in did not work: {0}")]
    SignIn(String),
    /// The cursor belongs to another history.
    #[error("the relay began another history")]
    OtherHistory,
    /// Deletions after the cursor are forgotten at the relay.
    #[error("this replica was away for so long that the relay forgot deletions meanwhile")]
    CursorTooOld,
    /// The relay failed, or asks to come back later.
    #[error("the relay failed with status {status}")]
    Failed {
        /// The HTTP status.
        status: u16,
    },
    /// The relay refused the request, and would again.
    #[error("the relay refused the request with status {status}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The closed code, where the relay gave one.
        code: Option<ProblemCode>,
        /// What the relay says.
        detail: String,
    },
    /// An answer that this version does not understand.
    #[error("the relay's answer is not understood, perhaps it is of another version: {0}")]
    Incompatible(String),
}

/// What of a problem document is acted on. A code that this version does not know is kept as text: what the
/// relay says of it is told all the same.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Document {
    #[serde(default)]
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) detail: Option<String>,
}

impl Document {
    /// What a refusal says; nothing where it says nothing that can be read.
    pub(crate) async fn read(mut response: Response) -> Self {
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > ERROR_BODY_MAX {
                break;
            }
        }
        serde_json::from_slice(&body).unwrap_or_default()
    }
}

/// What an error of the system holds: that is not its cause, as it says, but the error itself.
fn held<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a (dyn std::error::Error + 'static)> {
    let held = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    Some(held)
}

/// Why a certificate is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come, or this machine's clock is wrong.
    #[error("it is not valid yet; is this machine's clock right?")]
    NotYet,
    /// Nobody who is trusted here signed it.
    #[error(
        "this machine does not know who issued it; name the file of a private authority with \
         --relay-ca (KARTEI_RELAY_CA)"
    )]
    Issuer,
    /// It was made for another name or address.
    #[error("it is the one of another address")]
    Address,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl CertificateFault {
    /// What is wrong with the relay's certificate, where an error is about it.
    fn of(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let tls = std::iter::successors(Some(error), |error| held(*error))
            .find_map(|error| error.downcast_ref::<rustls::Error>())?;
        let rustls::Error::InvalidCertificate(fault) = tls else { return None };
        Some(match fault {
            Fault::Expired | Fault::ExpiredContext { .. } => Self::Expired,
            Fault::NotValidYet | Fault::NotValidYetContext { .. } => Self::NotYet,
            Fault::UnknownIssuer => Self::Issuer,
            Fault::NotValidForName | Fault::NotValidForNameContext { .. } => Self::Address,
            Fault::Revoked => Self::Other("it was revoked".to_owned()),
            other => Self::Other(other.to_string()),
        })
    }

    /// The closed code that clients act on.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        match self {
            Self::Expired => ProblemCode::CertificateExpired,
            Self::NotYet => ProblemCode::CertificateNotYet,
            Self::Issuer => ProblemCode::CertificateIssuer,
            Self::Address => ProblemCode::CertificateAddress,
            Self::Other(_) => ProblemCode::CertificateRefused,
        }
    }
}

/// Whether a code is about what was asked for, whatever the status.
fn is_about_one(code: ProblemCode) -> bool {
    matches!(
        code,
        ProblemCode::FileLost
            | ProblemCode::UploadsOff
            | ProblemCode::Deleted
            | ProblemCode::QueueFull
    )
}

impl RelayError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        // A certificate is renewed by its relay, without anything done here.
        matches!(
            self,
            Self::Certificate(_) | Self::Unreachable(_) | Self::CutOff | Self::Failed { .. }
        )
    }

    pub(crate) fn from_http(error: &reqwest::Error) -> Self {
        // The innermost cause is the one that says something ("connection refused"); the outer
        // ones repeat the address.
        let mut cause: &dyn std::error::Error = error;
        loop {
            if let Some(fault) = CertificateFault::of(cause) {
                return Self::Certificate(fault);
            }
            let Some(inner) = cause.source() else { break };
            cause = inner;
        }
        Self::Unreachable(cause.to_string())
    }

    pub(crate) async fn from_answer(response: Response) -> Self {
        let status = response.status();
        let document = Document::read(response).await;
        let code: Option<ProblemCode> = serde_json::from_value(Value::String(document.code)).ok();
        let detail = document
            .detail
            .unwrap_or_else(|| status.canonical_reason().unwrap_or_default().to_owned());
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::FORBIDDEN => Self::Forbidden(detail),
            StatusCode::GONE if code == Some(ProblemCode::CursorTooOld) => Self::CursorTooOld,
            status if code.is_some_and(is_about_one) => {
                // Nothing that passes by itself, nor about the history of profiles.
                Self::Refused { status: status.as_u16(), code, detail }
            }
            StatusCode::GONE => Self::OtherHistory,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                Self::Failed { status: status.as_u16() }
            }
            status if status.is_server_error() => Self::Failed { status: status.as_u16() },
            status => Self::Refused { status: status.as_u16(), code, detail },
        }
    }
}
