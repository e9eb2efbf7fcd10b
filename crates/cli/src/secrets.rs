//! Encrypting the data folder, and the way back.

use std::path::Path;

use kartei_app::{App, KeychainNeed};
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{Empty, SaveRecoveryKey};
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::output::Output;

pub(crate) fn encrypt(
    app: &App,
    file: &Path,
    without_keychain: bool,
    output: &Output,
) -> Result<(), Problem> {
    if app.security(Empty {})?.encrypted {
        let message = "the data folder's database is encrypted already; nothing was changed";
        return Err(Problem::new(ProblemCode::Blocked, message));
    }
    // First of all: nothing is encrypted whose key is not in somebody's hands.
    let saved = app.save_recovery_key(SaveRecoveryKey { to: Some(file.display().to_string()) })?;
    let need = if without_keychain { KeychainNeed::Optional } else { KeychainNeed::Needed };
    let security = app.rewrite_store(true, need)?;
    if output.json() {
        return output.value(&security);
    }
    output.lines(&[
        "The database is encrypted. Reports of imports, exports and logs are not.".to_owned(),
        format!(
            "Keep {} apart from this computer: it opens the data without the keychain.",
            saved.path
        ),
    ])
}

pub(crate) fn decrypt(app: &App, output: &Output) -> Result<(), Problem> {
    let security = app.rewrite_store(false, KeychainNeed::Needed)?;
    if output.json() {
        return output.value(&security);
    }
    output.lines(&["The database is not encrypted.".to_owned()])
}
