//! What can fail. Every error says the operation, the blob and the place, and none holds a secret:
//! of a server's answer only its code and message are taken, never its copy of the request.

use std::error::Error as StdError;
use std::fmt;

use object_store::client::{HttpError, HttpErrorKind};

use crate::limits::REASON_CHARS_MAX;
use crate::{BlobName, BlobNameError, Digest, SealError};

/// An error of whatever gives the bytes of a blob.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Storing a blob.
    Put,
    /// Reading a blob.
    Get,
    /// Asking for a blob's size.
    Head,
    /// Deleting a blob.
    Delete,
    /// Listing names.
    List,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Put => "store",
            Self::Get => "read",
            Self::Head => "look up",
            Self::Delete => "delete",
            Self::List => "list",
        })
    }
}

/// Why a blob store refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The address of the store cannot be used.
    #[error("the address of the blob store, `{address}`, {problem}; {advice}")]
    Address {
        /// The address without anything that may be secret.
        address: String,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
        /// What to write instead.
        advice: String,
    },
    /// The credentials for S3 are missing or cannot be read.
    #[error("the credentials of the blob store are unusable: {problem}; {advice}")]
    Credentials {
        /// What is wrong.
        problem: String,
        /// What to set.
        advice: String,
    },
    /// A name breaks the rules.
    #[error(transparent)]
    Name(#[from] BlobNameError),
    /// No blob has this name.
    #[error("there is no blob `{name}` in {place}")]
    NotFound {
        /// The name.
        name: BlobName,
        /// Where it was looked for.
        place: String,
    },
    /// A blob was to be created, and the name is taken.
    #[error("the blob `{name}` is in {place} already, and was left as it is")]
    AlreadyExists {
        /// The name.
        name: BlobName,
        /// Where it is.
        place: String,
    },
    /// A blob is larger than this operation takes.
    #[error("cannot {operation} the blob `{name}`: it has more than {limit_bytes} bytes; {advice}")]
    TooLarge {
        /// What was being done.
        operation: Operation,
        /// The blob.
        name: BlobName,
        /// The most that this operation takes.
        limit_bytes: u64,
        /// What to do instead.
        advice: &'static str,
    },
    /// A range begins after the blob's last byte, or is empty.
    #[error("cannot read the range {range} of the blob `{name}`, which has {size_bytes} bytes")]
    Range {
        /// The blob.
        name: BlobName,
        /// The range, in the notation of HTTP.
        range: String,
        /// The blob's size.
        size_bytes: u64,
    },
    /// The bytes are not those that were announced; nothing was stored.
    #[error(
        "the blob `{name}` was not stored: its SHA-256 is {found}, not {expected}; send it again"
    )]
    DigestDiffers {
        /// The blob.
        name: BlobName,
        /// What was announced.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// Whatever gives the bytes failed; nothing was stored.
    #[error("the blob `{name}` was not stored: its bytes broke off")]
    Body {
        /// The blob.
        name: BlobName,
        /// What the giver of the bytes said.
        source: BoxError,
    },
    /// The store does not let these credentials do this.
    #[error(
        "cannot {operation} `{subject}` in {place}: access is refused ({reason}); check the \
         credentials and what they may do"
    )]
    Refused {
        /// What was being done.
        operation: Operation,
        /// The blob, or the beginning of names.
        subject: String,
        /// The store.
        place: String,
        /// The store's own words.
        reason: String,
    },
    /// The server does not answer.
    #[error(
        "cannot {operation} `{subject}` in {place}: the server does not answer ({reason}); check \
         the endpoint and that it runs"
    )]
    Unreachable {
        /// What was being done.
        operation: Operation,
        /// The blob, or the beginning of names.
        subject: String,
        /// The store.
        place: String,
        /// What happened instead.
        reason: String,
    },
    /// The server has trouble of its own: it answers 5xx, again and again.
    #[error(
        "cannot {operation} `{subject}` in {place}: the server has trouble of its own ({reason}); see \
         what it logs, and try again"
    )]
    Troubled {
        /// What was being done.
        operation: Operation,
        /// The blob, or the beginning of names.
        subject: String,
        /// The store.
        place: String,
        /// The store's own words.
        reason: String,
    },
    /// The disk does not take as much.
    #[error(
        "cannot {operation} `{subject}` in {place}: the disk does not take as much (no space is left, \
         a quota is used up, or it has no files as large); free some space or take another disk"
    )]
    Full {
        /// What was being done.
        operation: Operation,
        /// The blob.
        subject: String,
        /// The store.
        place: String,
    },
    /// A draft is gone: it was aborted, or finished under another size, or its place is lost.
    #[error("the draft of the blob `{name}` is not in {place} any more; begin it anew")]
    DraftNotFound {
        /// The blob that it would have been.
        name: BlobName,
        /// Where it was looked for.
        place: String,
    },
    /// What a draft's finish was told is not the whole blob; nothing was published.
    #[error(
        "the draft of the blob `{name}` is not whole: its pieces reach from 0 to {reached} of {size} \
         bytes without a gap; write the rest"
    )]
    DraftIncomplete {
        /// The blob.
        name: BlobName,
        /// Up to where the pieces reach without a gap or an overlap.
        reached: u64,
        /// The size that was told.
        size: u64,
    },
    /// Sealed bytes do not open, or are not as many as they should be.
    #[error(
        "the blob `{name}` in {place} cannot be opened at byte {offset}: {reason}; restore it from a \
         backup"
    )]
    Damaged {
        /// The blob.
        name: BlobName,
        /// The store.
        place: String,
        /// The first byte of the file that cannot be given.
        offset: u64,
        /// What was found.
        reason: String,
    },
    /// Nothing could be sealed.
    #[error("the blob `{name}` was not stored: {source}")]
    NotSealed {
        /// The blob.
        name: BlobName,
        /// Why.
        source: SealError,
    },
    /// Anything else.
    #[error("cannot {operation} `{subject}` in {place}: {reason}")]
    Failed {
        /// What was being done.
        operation: Operation,
        /// The blob, or the beginning of names.
        subject: String,
        /// The store.
        place: String,
        /// What happened.
        reason: String,
    },
}

impl BlobError {
    /// Whether no blob has the name, or the draft is gone.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::DraftNotFound { .. })
    }

    /// Whether the disk is full, its quota used up, or the file larger than its file system has them.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// Whether the store is away or in trouble just now; nothing is known to be wrong with what was asked.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Troubled { .. })
    }

    /// Whether the name was taken already.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::AlreadyExists { .. })
    }
}

/// What an operation is about, for its errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Act<'a> {
    pub operation: Operation,
    pub name: &'a BlobName,
    pub place: &'a str,
}

impl Act<'_> {
    /// An error of the store.
    pub(crate) fn failed(&self, error: &object_store::Error) -> BlobError {
        use object_store::Error;
        let (name, place) = (self.name.clone(), self.place.to_owned());
        match error {
            // Where something is written, only the bucket itself can be missing.
            Error::NotFound { .. } if self.operation != Operation::Put && !lacks_bucket(error) => {
                BlobError::NotFound { name, place }
            }
            // In a folder, a file can be where this name has a folder.
            _ if self.operation != Operation::Put && lies_below_a_file(error) => {
                BlobError::NotFound { name, place }
            }
            Error::AlreadyExists { .. } if self.operation == Operation::Put => {
                BlobError::AlreadyExists { name, place }
            }
            _ => classify(self.operation, self.name.as_str(), self.place, error),
        }
    }

    /// An error of the file system.
    pub(crate) fn io(&self, error: &std::io::Error) -> BlobError {
        let (name, place) = (self.name.clone(), self.place.to_owned());
        match error.kind() {
            std::io::ErrorKind::NotFound if self.operation != Operation::Put => {
                BlobError::NotFound { name, place }
            }
            std::io::ErrorKind::AlreadyExists => BlobError::AlreadyExists { name, place },
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge => {
                BlobError::Full { operation: self.operation, subject: name.to_string(), place }
            }
            _ => self.reason(error.to_string()),
        }
    }

    /// Anything else.
    pub(crate) fn reason(&self, reason: String) -> BlobError {
        BlobError::Failed {
            operation: self.operation,
            subject: self.name.to_string(),
            place: self.place.to_owned(),
            reason,
        }
    }
}

/// An error of the store about something that is there.
pub(crate) fn classify(
    operation: Operation,
    subject: &str,
    place: &str,
    error: &object_store::Error,
) -> BlobError {
    let (subject, place) = (subject.to_owned(), place.to_owned());
    let http = sources(error).find_map(|source| source.downcast_ref::<HttpError>());
    let reason = reason(error);
    match (error, http.map(HttpError::kind)) {
        // A connection that broke in the middle counts as well; an answer that makes no sense does not.
        (
            _,
            Some(
                HttpErrorKind::Connect
                | HttpErrorKind::Timeout
                | HttpErrorKind::Request
                | HttpErrorKind::Interrupted,
            ),
        ) => BlobError::Unreachable { operation, subject, place, reason },
        _ if is_server_trouble(error) => BlobError::Troubled { operation, subject, place, reason },
        (
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. },
            _,
        ) => BlobError::Refused { operation, subject, place, reason },
        _ => BlobError::Failed { operation, subject, place, reason },
    }
}

fn lies_below_a_file(error: &object_store::Error) -> bool {
    let io = sources(error).find_map(|source| source.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::NotADirectory)
}

/// Whether the server answered 5xx, or 200 with an error in its body, as S3 does after it began to answer.
/// `object_store` tells it by its words alone.
fn is_server_trouble(error: &object_store::Error) -> bool {
    let text = error.to_string();
    text.contains("non-2xx status code: 5") || text.contains("Server returned error response:")
}

fn lacks_bucket(error: &object_store::Error) -> bool {
    error.to_string().contains("NoSuchBucket")
}

/// The one sentence that helps: the code and message of S3, or the innermost cause.
fn reason(error: &object_store::Error) -> String {
    let text = error.to_string();
    let words = match (element(&text, "Code"), element(&text, "Message")) {
        (Some(code), Some(message)) if !message.is_empty() => format!("{code}: {message}"),
        (Some(code), _) => code.to_owned(),
        _ => sources(error).last().map_or(text.clone(), ToString::to_string),
    };
    match words.char_indices().nth(REASON_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// The text of the first XML element of this name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner.trim())
}

fn sources(error: &object_store::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&source| source.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn of_a_servers_answer_only_code_and_message_are_told() {
        let answer = generic(
            "status 403: <Error><Code>SignatureDoesNotMatch</Code><Message>No match.</Message>\
             <StringToSign>private</StringToSign></Error>",
        );
        assert_eq!(reason(&answer), "SignatureDoesNotMatch: No match.");
    }

    #[test]
    fn a_server_in_trouble_is_told_from_one_that_refuses() {
        let told = |text: &str| classify(Operation::Put, "a/b", "the bucket x", &generic(text));
        let busy = told(
            "Error performing PUT http://h/a in 3s, after 5 retries - Server returned non-2xx status \
             code: 503 Service Unavailable: <Error><Code>SlowDown</Code></Error>",
        );
        assert!(busy.is_away() && busy.to_string().contains("SlowDown"), "{busy}");
        let wrong =
            told("Server returned non-2xx status code: 400 Bad Request: 500 things are wrong");
        assert!(!wrong.is_away(), "{wrong}");
    }

    #[cfg(unix)]
    #[test]
    fn a_full_disk_is_told_apart() {
        let name = BlobName::new("a/b").unwrap();
        let act = Act { operation: Operation::Put, name: &name, place: "the folder x" };
        // ENOSPC and EFBIG on every unix.
        for code in [28, 27] {
            let error = act.io(&std::io::Error::from_raw_os_error(code));
            assert!(error.is_full() && error.to_string().contains("a/b"), "{error}");
        }
        assert!(!act.io(&std::io::Error::from_raw_os_error(5)).is_full(), "EIO is something else");
    }

    #[test]
    fn long_answers_are_cut() {
        let answer = generic(&"é".repeat(REASON_CHARS_MAX * 2));
        assert_eq!(reason(&answer).chars().count(), REASON_CHARS_MAX + 1);
    }
}
