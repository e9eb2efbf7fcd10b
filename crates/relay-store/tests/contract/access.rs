use kartei_relay_store::{RelayStoreError, Role};

use crate::stage::{NOW, Stage};

pub(crate) fn organisations_have_names_of_their_own(stage: &Stage<'_>) {
    let taken = stage.store.create_organisation("One", NOW);
    assert!(matches!(taken, Err(RelayStoreError::OrganisationExists(name)) if name == "One"));
    assert_eq!(stage.store.organisation("Other").unwrap().id, stage.other);
    let missing = stage.store.organisation("Nobody");
    assert!(matches!(missing, Err(RelayStoreError::OrganisationMissing(name)) if name == "Nobody"));
}

pub(crate) fn a_token_is_known_by_its_hash(stage: &Stage<'_>) {
    let token = stage.store.create_token(stage.org, Role::Analyst, "Ada", NOW).unwrap();
    let access = stage.again().authenticate(&token, NOW + 1).unwrap().unwrap();
    assert_eq!((access.org, access.role), (stage.org, Role::Analyst));
    assert_eq!((access.organisation.as_str(), access.name.as_str()), ("One", "Ada"));
    assert!(!access.epoch.is_empty());
    // Using it a second time within the minute writes nothing, and answers the same.
    assert_eq!(stage.store.authenticate(&token, NOW + 2).unwrap(), Some(access));
    assert_eq!(stage.store.authenticate("kartei_unknown", NOW).unwrap(), None);
}

pub(crate) fn a_revoked_token_is_unknown(stage: &Stage<'_>) {
    let store = &stage.store;
    let token = |org, name: &str| store.create_token(org, Role::Analyst, name, NOW).unwrap();
    let (ada, again, ben) =
        (token(stage.org, "Ada"), token(stage.org, "Ada"), token(stage.org, "Ben"));
    let elsewhere = token(stage.other, "Ada");
    assert_eq!(
        store.revoke_tokens(stage.org, "Ada", "Chef", NOW + 1).unwrap(),
        2,
        "all of that name"
    );
    assert_eq!(store.revoke_tokens(stage.org, "Ada", "Chef", NOW + 2).unwrap(), 0, "once");
    for (token, is_known) in [(ada, false), (again, false), (ben, true), (elsewhere, true)] {
        let access = stage.again().authenticate(&token, NOW + 3).unwrap();
        assert_eq!(access.is_some(), is_known);
    }
}
