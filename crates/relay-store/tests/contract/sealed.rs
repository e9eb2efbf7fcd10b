//! Profiles that lie sealed: as they are written, and as they are brought in line with a wish.

use std::sync::Arc;

use kartei_relay_store::{
    Keyring, OrgId, Precondition, RelayStore, RelayStoreError, Resealing, RowSeal,
};
use serde_json::json;

use crate::stage::{Copy, NOW, Stage, ada, author, untouched};

/// Seals well enough for a test: what was changed, or belongs elsewhere, does not open.
#[derive(Debug)]
pub(crate) struct Toy([u8; 32]);

impl Toy {
    fn stream(&self, nonce: &[u8], context: &[u8], bytes: &mut [u8]) {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&context.len().to_be_bytes()).update(context).update(nonce);
        let mut stream = vec![0; bytes.len()];
        hasher.finalize_xof().fill(&mut stream);
        bytes.iter_mut().zip(stream).for_each(|(byte, other)| *byte ^= other);
    }

    fn tag(&self, context: &[u8], sealed: &[u8]) -> [u8; 32] {
        let parts = [&context.len().to_be_bytes(), context, sealed].concat();
        *blake3::keyed_hash(&self.0, &parts).as_bytes()
    }
}

impl RowSeal for Toy {
    fn seal(&self, bytes: &[u8], context: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).ok()?;
        let mut text = bytes.to_vec();
        self.stream(&nonce, context, &mut text);
        let sealed = [&nonce[..], &text].concat();
        Some([&self.tag(context, &sealed)[..], &sealed].concat())
    }

    fn open(&self, sealed: &[u8], context: &[u8]) -> Option<Vec<u8>> {
        let (tag, sealed) = sealed.split_first_chunk::<32>()?;
        let (nonce, text) = sealed.split_first_chunk::<16>()?;
        if *tag != self.tag(context, sealed) {
            return None;
        }
        let mut text = text.to_vec();
        self.stream(nonce, context, &mut text);
        Some(text)
    }
}

/// Wraps nothing: an organisation's key is what lies in the database.
#[derive(Debug)]
pub(crate) struct ToyRing;

impl Keyring for ToyRing {
    fn unwrap(&self, _: OrgId, wrapped: &[u8]) -> Option<Arc<dyn RowSeal>> {
        Some(Arc::new(Toy(wrapped.try_into().ok()?)))
    }
}

/// Gives an organisation a key, and the store whatever opens it.
pub(crate) fn unlock(store: &RelayStore, org: OrgId) {
    store.set_org_key(org, &[7; 32]).unwrap();
    store.unlock(Arc::new(ToyRing));
}

fn walk(store: &RelayStore, org: OrgId) -> u64 {
    let (mut rows, mut next) = (0, Some(Resealing::default()));
    while let Some(at) = next {
        let (some, further) = store.reseal(org, at).unwrap();
        (rows, next) = (rows + some, further);
    }
    rows
}

/// Everything that is told of a profile, in one text.
fn told(store: &RelayStore, org: OrgId, id: &str) -> Result<String, RelayStoreError> {
    let profile = store.profile(org, id)?;
    let history = store.history(org, id)?;
    let feed = store.rows_since(org, 0, 1_000, usize::MAX)?;
    let mut snapshot = store.snapshot(org)?;
    let rows = snapshot.next(1_000, usize::MAX)?;
    Ok(format!("{profile:?} {history:?} {feed:?} {rows:?}"))
}

/// Some profiles: one as it came, one that was edited twice, one in conflict with itself.
fn fill(stage: &Stage<'_>, org: OrgId) {
    let store = &stage.store;
    store.push(org, &ada(NOW), &[stage.untouched("still", &json!({"city": "Bern"}))]).unwrap();
    let record = stage.record("edited", &json!({"city": "Chur"}));
    let mut copy = Copy::of(&stage.schema, &record, 1);
    store.push(org, &ada(NOW), &[untouched(&record)]).unwrap();
    for city in ["Ulm", "Graz"] {
        store.push(org, &ada(NOW), &[copy.set("city", json!(city))]).unwrap();
    }
    let wanted = stage.record("edited", &json!({"city": "Graz", "plan": "pro"}));
    store.patch(org, &author(), "edited", &Precondition::There, &|_| Ok(wanted.clone())).unwrap();
}

pub(crate) fn what_is_sealed_is_read_like_anything_else(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    unlock(store, org);
    assert!(store.set_seal_wish(org, "Ada", true).unwrap());
    assert!(!store.set_seal_wish(org, "Ada", true).unwrap(), "it was said before");
    fill(stage, org);
    unlock(store, stage.other);
    assert!(!store.seal_wish(stage.other).unwrap().asked, "each for itself");
    fill(stage, stage.other);
    for id in ["still", "edited"] {
        let (sealed, plain) = (store.profile(org, id).unwrap(), store.profile(stage.other, id));
        assert_eq!(sealed.unwrap().hash, plain.unwrap().unwrap().hash);
    }
    assert!(store.profile(org, "edited").unwrap().unwrap().record.contains("Graz"));
    assert_eq!(store.history(org, "edited").unwrap().unwrap().len(), 4);
    let keyless = stage.again();
    assert!(matches!(keyless.profile(org, "still"), Err(RelayStoreError::Sealed)));
    assert!(matches!(keyless.history(org, "edited"), Err(RelayStoreError::Sealed)));
    let written = keyless.push(org, &ada(NOW), &[stage.untouched("new", &json!({}))]);
    assert!(matches!(written, Err(RelayStoreError::Sealed)), "nothing is written plain");
    assert!(keyless.profile(stage.other, "still").unwrap().is_some());
    assert_eq!(walk(store, org), 0, "all of it was sealed as it came");
    assert!(store.check(org, false, NOW).unwrap().findings.is_empty());
    assert_eq!(stage.audited(), ["Ada profiles.sealed profiles"]);
}

pub(crate) fn a_wish_turns_what_was_there(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    fill(stage, org);
    let keyless = stage.again();
    assert!(matches!(keyless.set_seal_wish(org, "Ada", true), Err(RelayStoreError::Sealed)));
    let before = told(store, org, "edited").unwrap();
    unlock(store, org);
    store.set_seal_wish(org, "Ada", true).unwrap();
    assert!(!store.seal_wish(org).unwrap().settled);
    // Two records, what one began with, its document, and three changes.
    assert_eq!(walk(store, org), 7);
    assert_eq!(walk(store, org), 0);
    store.settle_seal(org, true).unwrap();
    assert!(store.seal_wish(org).unwrap().settled);
    assert_eq!(told(store, org, "edited").unwrap(), before);
    assert!(matches!(told(&keyless, org, "edited"), Err(RelayStoreError::Sealed)));
    assert!(store.check(org, false, NOW).unwrap().findings.is_empty());
    store.set_seal_wish(org, "Ada", false).unwrap();
    assert_eq!(walk(store, org), 7);
    assert_eq!(told(&keyless, org, "edited").unwrap(), before);
    store.settle_seal(org, true).unwrap();
    assert!(!store.seal_wish(org).unwrap().settled, "that is not the wish any more");
    store.settle_seal(org, false).unwrap();
    assert!(store.seal_wish(org).unwrap().settled);
}

pub(crate) fn what_lies_elsewhere_does_not_open(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    unlock(store, org);
    store.set_seal_wish(org, "Ada", true).unwrap();
    for id in ["a", "b"] {
        store.push(org, &ada(NOW), &[stage.untouched(id, &json!({"city": id}))]).unwrap();
    }
    fill(stage, org);
    stage.sql(
        "UPDATE profiles SET record = (SELECT record FROM profiles WHERE id = 'b') \
         WHERE id IN ('a', 'edited')",
    );
    let read = store.profile(org, "a");
    assert!(matches!(read, Err(RelayStoreError::Damaged { id, .. }) if id == "a"));
    assert!(store.profile(org, "b").unwrap().is_some());
    // A check names them all, and mends what a document tells.
    let checked = store.check(org, true, NOW).unwrap();
    let mended: Vec<_> = checked.findings.iter().map(|f| (f.mended, f.ids.clone())).collect();
    assert!(mended.contains(&(true, vec!["edited".to_owned()])), "{checked:?}");
    assert!(mended.contains(&(false, vec!["a".to_owned()])), "{checked:?}");
    assert!(store.profile(org, "edited").unwrap().unwrap().record.contains("pro"));
}
