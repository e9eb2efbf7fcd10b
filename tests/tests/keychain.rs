//! The token in a real Secret Service: a session bus and an unlocked keychain of its own, in a folder
//! that goes with the test.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use kartei_test_support::{Stage, program};
use serde_json::Value;

/// Runs the commands of `script` in a session with a keychain; `$KARTEI` is the program with its data
/// folder. Answers what they print, a line for each.
fn in_a_session(stage: &Stage, data: &Path, script: &str) -> Result<Vec<Value>> {
    let home = stage.path("session");
    std::fs::create_dir_all(&home)?;
    let whole = format!(
        "set -eu\n\
         printf test | gnome-keyring-daemon --unlock --components=secrets >/dev/null\n\
         kartei() {{ \"$KARTEI\" --data \"$DATA\" --json \"$@\"; }}\n\
         {script}"
    );
    let output = Command::new("dbus-run-session")
        .args(["--", "sh", "-c", &whole])
        .env("KARTEI", program("kartei")?)
        .env("DATA", data)
        .env("HOME", &home)
        .env("XDG_DATA_HOME", home.join("data"))
        .env("XDG_RUNTIME_DIR", &home)
        .env_remove("KARTEI_KEYCHAIN")
        .env_remove("KARTEI_DATA_DIR")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .stdin(Stdio::null())
        .output()
        .context("dbus-run-session cannot be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{}: {printed}{said}", output.status);
    printed.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Whether a file below the folder holds this text.
fn holds(folder: &Path, text: &str) -> Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let found = if entry.file_type()?.is_dir() {
            holds(&entry.path(), text)?
        } else {
            let bytes = std::fs::read(entry.path())?;
            bytes.windows(text.len()).any(|part| part == text.as_bytes())
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

#[test]
fn the_token_lies_in_the_keychain_and_goes_with_signing_out() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let token = home.token("analyst", "Anna")?;
    let data = stage.path("data");
    let login = format!("kartei login {} --token {token}", relay.url());
    // One session: a keychain that was unlocked by hand is locked again in the next one.
    let script = format!(
        "{login}; kartei sync; cp -r \"$DATA\" \"$DATA-signed-in\"; kartei logout; kartei status"
    );
    let said = in_a_session(&stage, &data, &script)?;
    let states: Vec<&str> = said.iter().filter_map(|one| one["state"].as_str()).collect();
    assert_eq!(states.len(), 4, "{said:?}");
    assert_eq!(states[1], "up_to_date", "the token came out of the keychain: {said:?}");
    assert_eq!(states[3], "local");
    let signed_in = stage.path("data-signed-in");
    assert!(!holds(&signed_in, &token)?, "no file of the data folder holds the token");

    // The same folder where no keychain answers: a problem that says what to do.
    let stranded = Command::new(program("kartei")?)
        .arg("--data")
        .arg(&signed_in)
        .args(["--json", "sync"])
        .env("KARTEI_KEYCHAIN", "off")
        .output()?;
    let problem: Value = serde_json::from_slice(&stranded.stdout)?;
    assert_eq!(problem["problem"]["code"], "keychain", "{problem}");

    // And after signing out the keychain has nothing for it either.
    let script = "kartei sync || true".to_owned();
    let said = in_a_session(&stage, &signed_in, &script)?;
    assert_eq!(said[0]["problem"]["code"], "keychain", "{said:?}");
    Ok(())
}

#[test]
fn an_encrypted_folder_opens_with_the_keychains_key_or_the_recovery_key() -> Result<()> {
    let stage = Stage::new()?;
    let data = stage.path("data");
    std::fs::create_dir_all(&data)?;
    let people = stage.path("people.ndjson");
    std::fs::write(&people, "{\"schema\":\"user_profile.v1\",\"id\":\"zaphod-beeblebrox\"}\n")?;
    let key = stage.path("key.txt");
    // One session, as above.
    let script = format!(
        "kartei import {}; kartei encrypt --save-recovery-key {}; kartei list; \
         KARTEI_KEYCHAIN=off kartei list || true",
        people.display(),
        key.display(),
    );
    let said = in_a_session(&stage, &data, &script)?;
    assert_eq!(said[1]["encrypted"], true, "{said:?}");
    assert_eq!(said[2]["total"], 1, "the key came out of the keychain: {said:?}");
    assert_eq!(said[3]["problem"]["code"], "store_needs_key", "{said:?}");
    let database = std::fs::read(data.join("kartei.sqlite"))?;
    let shows = |text: &[u8]| database.windows(text.len()).any(|part| part == text);
    assert!(!shows(b"zaphod-beeblebrox") && !shows(b"SQLite format"));

    let kartei = |arguments: &[&str]| -> Result<Value> {
        let mut command = Command::new(program("kartei")?);
        command.arg("--data").arg(&data).arg("--json").args(arguments);
        let output = command.env("KARTEI_KEYCHAIN", "off").output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(said.is_empty(), "what is wrong is told once, as a problem: {said}");
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    let key = key.display().to_string();
    assert_eq!(kartei(&["--recovery-key-file", &key, "list"])?["total"], 1);
    let other = stage.path("other.txt").display().to_string();
    let digits = std::fs::read_to_string(&key)?;
    let last = digits.lines().last().context("the key is the last line")?;
    std::fs::write(&other, last.replace('-', " ").to_uppercase())?;
    assert_eq!(kartei(&["--recovery-key-file", &other, "list"])?["total"], 1, "written by hand");
    std::fs::write(&other, &last[1..])?;
    let refused = kartei(&["--recovery-key-file", &other, "list"])?;
    assert_eq!(refused["problem"]["code"], "invalid_request", "{refused}");
    let plain = kartei(&["--recovery-key-file", &key, "decrypt"])?;
    assert_eq!(plain["encrypted"], false, "{plain}");
    assert_eq!(kartei(&["list"])?["total"], 1);
    Ok(())
}
