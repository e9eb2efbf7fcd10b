//! Secrets: encrypting the data folder and the way back, and a token that is not on the command line.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use kartei_app::{App, KeychainNeed};
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{BeginSignIn, Empty, SaveRecoveryKey, SyncStatus};
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

/// Signs in with the relay's provider; says where the browser is to go, on standard error.
pub(crate) fn sign_in(app: &App, url: String, open_browser: bool) -> Result<SyncStatus, Problem> {
    let begun = app.begin_sign_in(BeginSignIn { url, open_browser })?;
    let words = if begun.opened {
        "The browser opens. If it does not, open this address in one of this machine"
    } else {
        "Open this address in a browser of this machine"
    };
    eprintln!("Sign in with {}. {words}:\n{}", begun.provider, begun.address);
    app.end_sign_in(Empty {})
}

/// The token as it was given, or else as it is typed, or else the first line of standard input.
pub(crate) fn token(given: Option<String>) -> Result<String, Problem> {
    if let Some(given) = given {
        return Ok(given);
    }
    let mut line = String::new();
    let read = if io::stdin().is_terminal() {
        rpassword::prompt_password("Token (it is not shown): ").map(|typed| line = typed)
    } else {
        io::stdin().read_line(&mut line).map(drop)
    };
    read.map_err(|e| Problem::new(ProblemCode::FileUnreadable, format!("standard input: {e}")))?;
    let token = line.trim();
    if token.is_empty() {
        let message = "no token: type it, send it to standard input, or set KARTEI_TOKEN";
        return Err(Problem::new(ProblemCode::InvalidRequest, message));
    }
    Ok(token.to_owned())
}
