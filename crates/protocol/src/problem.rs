//! Problems as a front end sees them: a closed code, what failed, and for what.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The closed list of problem codes. The UI maps each to a text and an action in one table; a code
/// is added only when some client acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// The call itself is wrong: a parameter, an unknown field.
    InvalidRequest,
    /// A filter does not parse; `range` says where.
    InvalidFilter,
    /// Something stands in the way: it was changed since, or it runs already.
    Blocked,
    /// No such command.
    UnknownCommand,
    /// No profile (or other thing) with this id, here or for this token.
    NotFound,
    /// The edit would make a record that its schema does not allow.
    InvalidRecord,
    /// The file does not exist.
    FileMissing,
    /// The path names a folder or something else that is no regular file.
    NotAFile,
    /// The file may not be read.
    FileUnreadable,
    /// The file is not text (NDJSON) nor a compression this program knows.
    NotNdjson,
    /// The compressed stream is damaged or ends early.
    DamagedArchive,
    /// The file goes beyond a limit: inflated size or ratio, number of records.
    FileLimit,
    /// The file cannot be written.
    FileUnwritable,
    /// There is no room left on the disk.
    DiskFull,
    /// Another program holds the data folder's database.
    StoreLocked,
    /// The data folder was written by a newer version.
    StoreTooNew,
    /// The data folder's database is damaged or unreadable.
    StoreDamaged,
    /// The data folder's database is encrypted, and its key is not to be had.
    StoreNeedsKey,
    /// The data folder's database is encrypted with another key.
    WrongKey,
    /// No relay is configured.
    NotSignedIn,
    /// The relay does not know this token, or it was revoked or has expired.
    Unauthorized,
    /// Signing in with the relay's provider did not work; it can be begun again.
    SignInFailed,
    /// The token's role does not allow this.
    Forbidden,
    /// The relay cannot be reached.
    Offline,
    /// The certificate of who answers for the relay has expired.
    CertificateExpired,
    /// That certificate's time has not come, or this machine's clock is wrong.
    CertificateNotYet,
    /// Nobody who is trusted here issued that certificate.
    CertificateIssuer,
    /// That certificate is the one of another address.
    CertificateAddress,
    /// That certificate is not accepted for another reason.
    CertificateRefused,
    /// The relay answered something that this version does not understand.
    RelayIncompatible,
    /// The relay answered with an error of its own.
    RelayFailed,
    /// The profile was erased for good; its id cannot be used again.
    Erased,
    /// It was deleted by the organisation's rules of retention.
    Deleted,
    /// The body or one line of it is larger than the limit.
    TooLarge,
    /// The relay knows no such upload, for this token.
    UnknownUpload,
    /// The upload was ended, or nobody went on with it for too long.
    UploadGone,
    /// Bytes of the upload are missing.
    UploadIncomplete,
    /// A chunk begins or ends where none may.
    OffsetInvalid,
    /// More bytes than were announced, or than a file may have.
    SizeExceeded,
    /// The organisation has no room left for the file.
    QuotaExceeded,
    /// Too many uploads of this organisation are open.
    TooManyUploads,
    /// As many analyses of this organisation wait as may.
    QueueFull,
    /// The relay is busy with other uploads.
    UploadBusy,
    /// Bytes came too slowly, and the relay gave the connection up.
    TooSlow,
    /// Another request goes on with the upload.
    TakenOver,
    /// The relay keeps no files: its operator named no key for them.
    UploadsOff,
    /// Bytes go to the relay here, or to S3, and it is the other way.
    DirectOff,
    /// The bytes of a file at the relay were lost.
    FileLost,
    /// What arrived is not what was sent, or not what was announced.
    DigestMismatch,
    /// The file on this computer is no longer what it was when it was chosen.
    FileChanged,
    /// A cursor is so old that deletions after it were forgotten: read from the start.
    CursorTooOld,
    /// This replica and the relay hold different things, and a repair did not help.
    Differs,
    /// None of the profiles has an observation that the schema is made of.
    NothingObserved,
    /// The calibration does not pass its gates, and nobody accepted that.
    Gates,
    /// The system's keychain does not answer, is locked, or no longer has what was put into it.
    Keychain,
    /// A fault in this program.
    Internal,
}

/// What failed, for which id or file, and what to do. Never holds a record's contents or a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The closed code a client acts on.
    pub code: ProblemCode,
    /// One sentence in English: what failed, for which id or path.
    pub message: String,
    /// The id, path or pointer that the problem is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Where in a text of the request the mistake is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<TextRange>,
}

/// A part of a text, in UTF-16 units as browsers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TextRange {
    /// The first unit.
    pub start: u32,
    /// The unit after the last one.
    pub end: u32,
}

impl Problem {
    /// A problem about nothing in particular.
    pub fn new(code: ProblemCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), subject: None, range: None }
    }

    /// Names what the problem is about.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}
