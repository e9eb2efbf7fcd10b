//! An encrypted data folder, with and without its key.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod steps;

use std::fs;
use std::sync::{Arc, Mutex};

use kartei_app::{App, AppOptions, KeychainNeed, Workplace, read_recovery_key};
use kartei_keychain::{Keychain, KeychainError, MemoryKeychain};
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::Empty;
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::ProblemCode;
use serde_json::json;
use tempfile::TempDir;

use steps::{ask, ids, import, refused};

/// How every plain database begins.
const PLAIN: &[u8] = b"SQLite format 3\0";

struct Desk {
    folder: TempDir,
    keychain: Arc<MemoryKeychain>,
}

impl Desk {
    /// A home with one profile, encrypted.
    fn encrypted() -> Self {
        let desk = Self::plain();
        let workplace = desk.open();
        let security = ask(&workplace, "encrypt_store", json!({ "encrypted": true }));
        assert_eq!(security["encrypted"], true);
        workplace.shutdown();
        desk
    }

    fn plain() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
            keychain: Arc::new(MemoryKeychain::default()),
        };
        let workplace = desk.open();
        import(&workplace, desk.folder.path(), "first");
        workplace.shutdown();
        desk
    }

    fn home(&self) -> std::path::PathBuf {
        self.folder.path().join("home")
    }

    fn database(&self) -> Vec<u8> {
        fs::read(self.home().join("kartei.sqlite")).unwrap()
    }

    fn options(&self) -> AppOptions {
        let keychain = Arc::clone(&self.keychain) as Arc<dyn Keychain>;
        AppOptions { data_dir: self.home(), keychain: Some(keychain), ..AppOptions::default() }
    }

    fn open(&self) -> Arc<Workplace> {
        Workplace::open(self.options()).expect("the home opens, or is closed")
    }

    fn name(&self) -> String {
        let names = self.keychain.names();
        let [name] = &names[..] else { panic!("one key, not {names:?}") };
        name.clone()
    }
}

#[test]
fn encrypting_goes_on_without_a_break_and_the_next_start_asks_the_keychain() {
    let desk = Desk::plain();
    let workplace = desk.open();
    assert_eq!(ask(&workplace, "security", json!({}))["encrypted"], false);
    let shown = ask(&workplace, "recovery_key", json!({}))["key"].clone();
    ask(&workplace, "encrypt_store", json!({ "encrypted": true }));
    assert_eq!(ask(&workplace, "recovery_key", json!({}))["key"], shown, "the one that was kept");
    assert_eq!(ids(&workplace), ["first"]);
    import(&workplace, desk.folder.path(), "second");
    workplace.shutdown();
    // Another run of the program: the connections of this one would be in its way.
    drop(workplace);
    assert!(!desk.database().starts_with(PLAIN));
    assert_eq!(desk.keychain.get(&desk.name()).unwrap(), shown.as_str().map(str::to_owned));

    let workplace = desk.open();
    assert_eq!(ids(&workplace), ["first", "second"]);
    let security = ask(&workplace, "encrypt_store", json!({ "encrypted": false }));
    assert_eq!(security["encrypted"], false);
    assert_eq!(ids(&workplace), ["first", "second"]);
    workplace.shutdown();
    assert!(desk.database().starts_with(PLAIN));
    assert_eq!(desk.keychain.names().len(), 1, "backups of the time between still need it");
}

#[test]
fn a_keychain_that_does_not_take_the_key_leaves_everything_plain() {
    let desk = Desk::plain();
    let workplace = desk.open();
    desk.keychain.fail(Some(KeychainError::Locked("dismissed".to_owned())));
    let problem = refused(&workplace, "encrypt_store", json!({ "encrypted": true }));
    assert_eq!(problem.code, ProblemCode::Keychain);
    assert!(problem.message.contains("nothing was encrypted"), "{problem}");
    assert_eq!(ids(&workplace), ["first"]);
    workplace.shutdown();
    assert!(desk.database().starts_with(PLAIN));
}

#[test]
fn while_the_keychain_is_locked_the_workspace_is_closed_and_says_so() {
    let desk = Desk::encrypted();
    let before = desk.database();
    desk.keychain.fail(Some(KeychainError::Locked("dismissed".to_owned())));
    let workplace = desk.open();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    workplace.subscribe(move |event: &HostEvent| hears.lock().unwrap().push(event.clone()));
    for (name, payload) in [("list_profiles", json!({ "limit": 10 })), ("about", json!({}))] {
        let problem = refused(&workplace, name, payload);
        assert_eq!(problem.code, ProblemCode::StoreNeedsKey, "{name}");
        assert!(problem.message.contains("unlock"), "{problem}");
    }
    let file = desk.folder.path().join("first.ndjson").display().to_string();
    workplace.files_opened(vec![file.clone()]);
    assert_eq!(refused(&workplace, "unlock_store", json!({})).code, ProblemCode::StoreNeedsKey);
    assert!(desk.database() == before, "nothing was created or changed");

    desk.keychain.fail(None);
    ask(&workplace, "unlock_store", json!({}));
    assert_eq!(ids(&workplace), ["first"]);
    assert_eq!(ask(&workplace, "take_opened_files", json!({}))["paths"], json!([file]));
    assert!(heard.lock().unwrap().contains(&HostEvent::WorkspaceOpened), "the page loads anew");
    ask(&workplace, "unlock_store", json!({}));
    assert_eq!(ids(&workplace), ["first"], "once more changes nothing");
    workplace.shutdown();
}

#[test]
fn a_lost_key_is_made_up_for_by_the_recovery_key() {
    let desk = Desk::encrypted();
    let name = desk.name();
    let key = desk.keychain.get(&name).unwrap().unwrap();
    desk.keychain.remove(&name).unwrap();
    let workplace = desk.open();
    let unlock =
        |key: &str| refused(&workplace, "unlock_store", json!({ "recovery_key": { "key": key } }));
    assert_eq!(unlock("not a key").code, ProblemCode::InvalidRequest);
    let last = if key.ends_with('0') { '1' } else { '0' };
    let mistyped = unlock(&format!("{}{last}", &key[..key.len() - 1]));
    assert_eq!(mistyped.code, ProblemCode::InvalidRequest);
    // The key of another data folder.
    let other = Desk::encrypted();
    let others = other.keychain.get(&other.name()).unwrap().unwrap();
    let wrong = unlock(&others);
    assert_eq!(wrong.code, ProblemCode::WrongKey);
    for problem in [mistyped, wrong] {
        assert!(!problem.message.contains(&key[..8]), "{problem}");
        assert!(!problem.message.contains(&others[..8]), "{problem}");
    }
    let odd = refused(&workplace, "unlock_store", json!({ "recovery_key": key }));
    assert!(!odd.message.contains(&key[..8]), "{odd}");

    ask(&workplace, "unlock_store", json!({ "recovery_key": { "key": key } }));
    assert_eq!(ids(&workplace), ["first"]);
    workplace.shutdown();
    assert_eq!(desk.keychain.get(&name).unwrap(), Some(key), "for the next start");
    let workplace = desk.open();
    assert_eq!(ids(&workplace), ["first"]);
    workplace.shutdown();
}

#[test]
fn a_saved_recovery_key_opens_the_folder_without_a_keychain() {
    let desk = Desk::plain();
    let file = desk.folder.path().join("key.txt");
    let app = App::open(AppOptions { keychain: None, ..desk.options() }).unwrap();
    let needed = app.rewrite_store(true, KeychainNeed::Needed).unwrap_err();
    assert_eq!(needed.code, ProblemCode::Keychain);
    let to = json!({ "to": file.display().to_string() });
    app.save_recovery_key(serde_json::from_value(to).unwrap()).unwrap();
    assert!(app.rewrite_store(true, KeychainNeed::Optional).unwrap().encrypted);
    app.shutdown();
    drop(app);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "for this account only: {mode:o}");
    }
    let without = App::open(AppOptions { keychain: None, ..desk.options() }).unwrap_err();
    assert_eq!(without.code, ProblemCode::StoreNeedsKey);
    let recovery_key = Some(read_recovery_key(&file).unwrap());
    let options = AppOptions { keychain: None, recovery_key, ..desk.options() };
    assert!(!format!("{options:?}").contains(&fs::read_to_string(&file).unwrap()[..8]));
    let app = App::open(options).unwrap();
    assert!(app.security(Empty {}).unwrap().encrypted);
    app.shutdown();
    let missing = read_recovery_key(&desk.folder.path().join("none")).unwrap_err();
    assert_eq!(missing.code, ProblemCode::FileMissing);
}

#[test]
fn a_closed_workspace_can_be_left_for_another_one() {
    let desk = Desk::plain();
    let workplace = desk.open();
    ask(&workplace, "add_workspace", json!({ "name": "Study", "relay": null }));
    import(&workplace, desk.folder.path(), "in-study");
    ask(&workplace, "encrypt_store", json!({ "encrypted": true }));
    workplace.shutdown();
    desk.keychain.remove(&desk.name()).unwrap();

    let workplace = desk.open();
    let all = ask(&workplace, "list_workspaces", json!({}));
    let current = all["workspaces"].as_array().unwrap().iter().find(|one| one["current"] == true);
    let study = current.unwrap().clone();
    assert_eq!(study["name"], "Study", "the one that was open last is not passed over in silence");
    let problem = refused(&workplace, "list_profiles", json!({ "limit": 10 }));
    assert_eq!(problem.code, ProblemCode::StoreNeedsKey);
    ask(&workplace, "open_workspace", json!({ "id": "home" }));
    assert_eq!(ids(&workplace), ["first"]);
    ask(&workplace, "open_workspace", json!({ "id": study["id"] }));
    let problem = refused(&workplace, "list_profiles", json!({ "limit": 10 }));
    assert_eq!(problem.code, ProblemCode::StoreNeedsKey, "chosen, it is closed again");

    ask(&workplace, "open_workspace", json!({ "id": "home" }));
    let remove = |even: bool| json!({ "id": study["id"], "even_unsent": even });
    assert_eq!(
        refused(&workplace, "remove_workspace", remove(false)).code,
        ProblemCode::StoreNeedsKey,
        "nobody can say what would be lost"
    );
    ask(&workplace, "remove_workspace", remove(true));
    workplace.shutdown();
}

#[test]
fn removing_a_workspace_takes_its_key_along() {
    let desk = Desk::plain();
    let workplace = desk.open();
    let all = ask(&workplace, "add_workspace", json!({ "name": "Study", "relay": null }));
    let study = all["workspaces"][1]["id"].clone();
    ask(&workplace, "encrypt_store", json!({ "encrypted": true }));
    assert_eq!(desk.keychain.names().len(), 1);
    ask(&workplace, "open_workspace", json!({ "id": "home" }));
    ask(&workplace, "remove_workspace", json!({ "id": study, "even_unsent": false }));
    assert!(desk.keychain.names().is_empty());
    workplace.shutdown();
}
