//! What a data folder keeps of its relay.

use kartei_local_store::{Store, StoreOptions};
use kartei_protocol::sync::WhoAmI;

#[test]
fn the_role_is_what_the_relay_said_last_while_somebody_is_signed_in() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::open(folder.path(), StoreOptions::default()).unwrap();
    let store = open();
    let role = |store: &Store| store.sync_settings().unwrap().role;
    assert!(!store.note_role("admin").unwrap(), "without a token there is none");
    assert_eq!(role(&store), None);
    let who = WhoAmI {
        organisation: "Test".to_owned(),
        name: "Anna".to_owned(),
        role: "analyst".to_owned(),
        epoch: "e1".to_owned(),
    };
    store.sign_in("http://relay.example", "token", &who).unwrap();
    assert_eq!(role(&store).as_deref(), Some("analyst"));
    assert!(!store.note_role("analyst").unwrap(), "that is no news");
    assert!(store.note_role("admin").unwrap());
    drop(store);
    let store = open();
    assert_eq!(role(&store).as_deref(), Some("admin"), "it is kept");
    store.sign_out().unwrap();
    assert_eq!(role(&store), None);
}
