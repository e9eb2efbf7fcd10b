//! What the window needs of the system around it: links, native notes, where secrets lie.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// A link that the program was opened with and that nobody has followed yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpenedLink {
    /// The profile that it names.
    pub profile: Option<String>,
    /// The result of an analysis that it names.
    pub result: Option<String>,
    /// Why it leads nowhere.
    pub problem: Option<Problem>,
}

/// What a native note is about. A newer one takes the place of an older one of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// An import ended.
    Import,
    /// An export ended.
    Export,
    /// Everything was got from the relay for the first time.
    Sync,
    /// Conflicts came.
    Conflicts,
    /// An analysis ended.
    Analysis,
}

/// Asks for a native note. Its words are the window's, which knows the language; they name counts
/// and files, never what a record holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowNotice {
    /// What it is about.
    pub kind: NoticeKind,
    /// The first line; at most 200 characters.
    pub title: String,
    /// The second line, which may be empty; at most 200 characters.
    pub text: String,
}

/// Whether a native note was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoticeShown {
    /// No where the window has the focus, or where there is nothing that shows notes.
    pub shown: bool,
}

/// Where the relay's token lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    /// There is none: nobody is signed in.
    Nowhere,
    /// In the system's keychain.
    Keychain,
    /// In the data folder's database, readable for whoever can read the folder.
    Database,
}

/// Whether the system's keychain answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeychainState {
    /// It does.
    Ready,
    /// It is there, and locked.
    Locked,
    /// There is none, or it does not answer.
    Absent,
}

/// How secrets are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Security {
    /// Where the relay's token lies.
    pub token: TokenPlace,
    /// Whether the person chose the database for it.
    pub database_chosen: bool,
    /// Whether there is a keychain to put it into.
    pub keychain: KeychainState,
    /// What the keychain said, where it did not answer as it should.
    pub keychain_says: Option<String>,
    /// Whether the data folder's database is encrypted.
    pub encrypted: bool,
}

/// Chooses where the relay's token lies, now and after later sign-ins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepToken {
    /// In the keychain, or in the data folder's database.
    pub in_keychain: bool,
}

/// A recovery key: it opens an encrypted data folder where the keychain does not.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoveryKey {
    /// Groups of digits, to be kept apart from the computer.
    pub key: String,
}

impl std::fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key must never reach a log.
        f.write_str("RecoveryKey(..)")
    }
}

/// Where the recovery key is saved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SaveRecoveryKey {
    /// A new file; else one in the folder for downloads.
    pub to: Option<String>,
}

/// Encrypts the data folder's database, or writes it plain again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EncryptStore {
    /// Which of both.
    pub encrypted: bool,
}

/// Opens a workspace whose key was not there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UnlockStore {
    /// Its recovery key; nothing asks the keychain again.
    pub recovery_key: Option<RecoveryKey>,
}
