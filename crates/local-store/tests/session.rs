//! What a data folder keeps of its relay.

use std::path::Path;

use kartei_local_store::{Store, StoreOptions, TokenAt};
use kartei_protocol::sync::WhoAmI;

fn anna() -> WhoAmI {
    WhoAmI {
        organisation: "Test".to_owned(),
        name: "Anna".to_owned(),
        role: "analyst".to_owned(),
        epoch: "e1".to_owned(),
    }
}

/// Whether a file of the folder holds this text.
fn holds(folder: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(folder).expect("the folder is there");
    files.flatten().any(|entry| {
        let bytes = std::fs::read(entry.path()).expect("a file of the store");
        bytes.windows(text.len()).any(|part| part == text.as_bytes())
    })
}

#[test]
fn a_token_that_moves_to_the_keychain_leaves_nothing_in_the_files() {
    const SECRET: &str = "kartei_0123456789abcdef0123456789abcdef";
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    store.sign_in("http://relay.example", TokenAt::Database(SECRET), &anna()).unwrap();
    assert!(holds(folder.path(), SECRET), "the token is in the database at first");
    store.move_token(TokenAt::Keychain("relay token 1")).unwrap();
    assert!(!holds(folder.path(), SECRET), "no file holds it any more");
    let settings = store.sync_settings().unwrap();
    assert!(settings.is_signed_in());
    assert_eq!((settings.token, settings.token_name.as_deref()), (None, Some("relay token 1")));
    store.move_token(TokenAt::Database(SECRET)).unwrap();
    store.sign_out().unwrap();
    assert!(!holds(folder.path(), SECRET), "nor after signing out");
    assert!(!store.sync_settings().unwrap().is_signed_in());
}

#[test]
fn the_role_is_what_the_relay_said_last_while_somebody_is_signed_in() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::open(folder.path(), StoreOptions::default()).unwrap();
    let store = open();
    let role = |store: &Store| store.sync_settings().unwrap().role;
    assert!(!store.note_role("admin").unwrap(), "without a token there is none");
    assert_eq!(role(&store), None);
    let who = anna();
    store.sign_in("http://relay.example", TokenAt::Database("token"), &who).unwrap();
    assert_eq!(role(&store).as_deref(), Some("analyst"));
    assert!(!store.note_role("analyst").unwrap(), "that is no news");
    assert!(store.note_role("admin").unwrap());
    drop(store);
    let store = open();
    assert_eq!(role(&store).as_deref(), Some("admin"), "it is kept");
    store.sign_out().unwrap();
    assert_eq!(role(&store), None);
}
