use kartei_relay_store::{
    Access, AuditEvent, AuditQuery, NewlyMade, OrgId, RelayStore, Role, SignedIn, TokenRevoked,
    TokenRow, TokenWish,
};
use serde_json::{Value, json};

use crate::stage::{self, NOW, Stage};
use crate::uploads::races::at_once;

const DAY: i64 = 24 * 60 * 60 * 1_000;

fn made(store: &RelayStore, org: OrgId, name: &str, role: Role, days: Option<i64>) -> NewlyMade {
    store.make_token(org, &TokenWish { name, role, days, by: "Chef" }, NOW).unwrap()
}

fn access(store: &RelayStore, made: &NewlyMade, now: i64) -> Option<Access> {
    store.authenticate(&made.token, now).unwrap()
}

fn listed(store: &RelayStore, org: OrgId, now: i64, ended: bool) -> Vec<TokenRow> {
    store.tokens(org, now, ended).unwrap()
}

pub(crate) fn a_token_ends_when_it_was_said(stage: &Stage<'_>) {
    let store = &stage.store;
    let short = made(store, stage.org, "Ada", Role::Analyst, Some(1));
    let long = made(store, stage.org, "Ada", Role::Analyst, Some(3_650));
    let endless = made(store, stage.org, "Ada", Role::Analyst, None);
    assert_eq!(short.row.expires_at, Some(NOW + DAY));
    let known = |now| [&short, &long, &endless].map(|one| access(store, one, now).is_some());
    assert_eq!(known(NOW + DAY - 1), [true, true, true]);
    assert_eq!(known(NOW + DAY), [false, true, true], "not any more when its moment has come");
    assert_eq!(known(NOW + 3_650 * DAY), [false, false, true]);
    let tokens = [short.token.clone(), endless.token.clone()];
    let standings = stage.again().standings(&tokens, NOW + DAY).unwrap();
    assert_eq!(standings.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
}

pub(crate) fn tokens_are_listed_with_what_is_known(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let first = made(store, org, "Ada, laptop", Role::Analyst, Some(1));
    let second = made(store, org, "Ben", Role::Viewer, None);
    let foreign = made(store, stage.other, "Foreign", Role::Admin, None);
    assert_eq!(listed(store, org, NOW, false), [second.row.clone(), first.row.clone()]);
    assert_eq!((first.row.created_by.as_deref(), first.row.created_at), (Some("Chef"), NOW));
    let ben = access(store, &second, NOW + 5).unwrap();
    assert_eq!(ben.token, second.row.id);
    store.confirm_erasures(&ben, 0, NOW + 6).unwrap();
    let used = TokenRow { last_used_at: Some(NOW + 5), device: Some(0), ..second.row };
    let [holds] = listed(store, org, NOW + DAY, false).try_into().unwrap();
    assert_eq!(holds, used, "what ended is left out");
    store.revoke_tokens(org, "Ben", "Chef", NOW + 9).unwrap();
    assert_eq!(listed(store, org, NOW + DAY, false), []);
    let ended = [TokenRow { revoked_at: Some(NOW + 9), ..used }, first.row];
    assert_eq!(listed(&stage.again(), org, NOW + DAY, true), ended);
    assert_eq!(listed(store, stage.other, NOW, true), [foreign.row]);
    // One that was made before anybody noted by whom.
    stage.sql("UPDATE tokens SET created_by = NULL");
    assert_eq!(listed(store, stage.other, NOW, true).remove(0).created_by, None);
}

pub(crate) fn one_token_is_revoked_by_its_number(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let (one, other) = (
        made(store, org, "Ada", Role::Analyst, None),
        made(store, org, "Ada", Role::Analyst, None),
    );
    let revoke = |org, id| store.revoke_token(org, id, "Chef", false, NOW + 1).unwrap();
    assert_eq!(revoke(stage.other, one.row.id), TokenRevoked::Missing, "another organisation's");
    assert_eq!(revoke(org, i64::MAX), TokenRevoked::Missing);
    assert!(access(store, &one, NOW + 1).is_some());
    assert_eq!(revoke(org, one.row.id), TokenRevoked::Now);
    assert_eq!(revoke(org, one.row.id), TokenRevoked::Before);
    assert!(access(store, &one, NOW + 2).is_none());
    assert!(access(store, &other, NOW + 2).is_some(), "one of the same name stays");
    let [kept] = listed(store, org, NOW, false).try_into().unwrap();
    assert_eq!(kept.id, other.row.id);
}

pub(crate) fn an_administrator_is_left(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let revoke = |id, also_last, now| store.revoke_token(org, id, "Chef", also_last, now).unwrap();
    let chef = made(store, org, "Chef", Role::Admin, None).row.id;
    made(store, org, "Ada", Role::Analyst, None);
    made(store, stage.other, "Chef", Role::Admin, None);
    assert_eq!(revoke(chef, false, NOW), TokenRevoked::LastAdministrator);
    let short = made(store, org, "Deputy", Role::Admin, Some(1)).row.id;
    assert_eq!(revoke(chef, false, NOW + DAY), TokenRevoked::LastAdministrator, "it has ended");
    assert_eq!(revoke(short, false, NOW + DAY), TokenRevoked::Now, "what ended is not the last");
    let deputy = made(store, org, "Deputy", Role::Admin, None).row.id;
    assert_eq!(revoke(chef, false, NOW), TokenRevoked::Now);
    assert_eq!(revoke(chef, false, NOW), TokenRevoked::Before);
    assert_eq!(revoke(deputy, false, NOW), TokenRevoked::LastAdministrator);
    assert_eq!(revoke(deputy, true, NOW), TokenRevoked::Now, "at the relay's own machine");
}

pub(crate) fn of_two_that_revoke_the_last_two_one_is_refused(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for round in 0..10 {
        let ids = [0, 1].map(|_| made(store, org, "Chef", Role::Admin, None).row.id);
        at_once(stage, 2, |relay, store| {
            if let Some(id) = ids.get(relay) {
                store.revoke_token(org, *id, "Chef", false, NOW).unwrap();
            }
        });
        let left = listed(store, org, NOW, false);
        assert_eq!(left.len(), 1, "round {round}");
        for token in left {
            store.revoke_token(org, token.id, "Chef", true, NOW).unwrap();
        }
    }
}

fn events(store: &RelayStore, org: OrgId, query: AuditQuery) -> Vec<AuditEvent> {
    store.audit(org, &AuditQuery { limit: 100, ..query }).unwrap()
}

pub(crate) fn what_is_done_with_tokens_is_audited(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let ada = made(store, org, "Ada", Role::Analyst, Some(2));
    let chef = made(store, org, "Chef", Role::Admin, None);
    store.revoke_token(org, ada.row.id, "Ben", false, NOW).unwrap();
    store.revoke_token(org, ada.row.id, "Ben", false, NOW).unwrap();
    store.revoke_token(org, chef.row.id, "Ben", false, NOW).unwrap();
    store.create_token(org, Role::Viewer, "Grace", NOW).unwrap();
    store.revoke_tokens(org, "Grace", "administrator", NOW).unwrap();
    store.revoke_tokens(org, "Nobody", "administrator", NOW).unwrap();
    store.set_quota(org, "Chef", Some(7)).unwrap();
    store.set_quota(org, "Chef", Some(7)).unwrap();
    store.set_quota(org, "Chef", None).unwrap();
    let told = events(store, org, AuditQuery::default());
    let lines: Vec<String> = told
        .iter()
        .rev()
        .map(|event| format!("{} {} {}", event.actor, event.action, event.subject))
        .collect();
    assert_eq!(
        lines,
        [
            "Chef token.created Ada",
            "Chef token.created Chef",
            "Ben token.revoked Ada",
            "administrator token.created Grace",
            "administrator token.revoked Grace",
            "Chef quota.set files",
            "Chef quota.set files",
        ]
    );
    let data: Value = serde_json::from_str(&told.last().unwrap().data).unwrap();
    let id = ada.row.id.to_string();
    assert_eq!(data, json!({"token_id": id, "role": "analyst", "expires_at": NOW + 2 * DAY}));
    for event in &told {
        let kept = format!("{event:?}");
        assert!(!kept.contains("kartei_") && !kept.contains(&ada.token), "{kept}");
    }
    assert!(!format!("{ada:?}").contains(&ada.token), "nor where it is written by mistake");
    store.check_audit(org).unwrap().unwrap();
    assert_eq!(events(store, stage.other, AuditQuery::default()), []);
}

pub(crate) fn who_signed_in_has_a_token_for_hours(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let person = SignedIn {
        name: "ada@example.org",
        role: Role::Analyst,
        hours: 12,
        provider: "login.example.org",
        subject: "248289761001",
    };
    let ada = store.make_signed_in(org, &person, NOW).unwrap();
    let end = NOW + DAY / 2;
    assert_eq!(ada.row.expires_at, Some(end));
    assert_eq!(access(store, &ada, end - 1).unwrap().name, "ada@example.org");
    assert!(access(store, &ada, end).is_none(), "it ends by itself");
    assert!(listed(store, org, end, false).is_empty(), "and is not in the list then");
    let again = store.make_signed_in(org, &person, NOW).unwrap();
    assert_ne!(again.token, ada.token, "each time another one");
    store.revoke_token(org, ada.row.id, "Chef", false, NOW).unwrap();
    assert!(access(store, &ada, NOW).is_none() && access(store, &again, NOW).is_some());
    let row = &listed(store, org, NOW, false)[0];
    assert_eq!(row.created_by.as_deref(), Some("login.example.org"));
    let told = events(store, org, AuditQuery::default());
    let first = told.last().unwrap();
    let said = (first.actor.as_str(), first.action.as_str(), first.subject.as_str());
    assert_eq!(said, ("ada@example.org", "token.signed_in", "ada@example.org"));
    let data: Value = serde_json::from_str(&first.data).unwrap();
    assert_eq!(
        data,
        json!({"token_id": ada.row.id.to_string(), "role": "analyst", "expires_at": end,
               "provider": "login.example.org", "subject": "248289761001"})
    );
    store.check_audit(org).unwrap().unwrap();
}

pub(crate) fn an_organisation_is_seen_from_above(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let empty = store.overview(org, NOW).unwrap();
    assert_eq!((empty.created_at, empty.head_rev, empty.tokens, empty.devices), (NOW, 0, 0, 0));
    let ada = made(store, org, "Ada", Role::Analyst, Some(1));
    made(store, org, "Ben", Role::Viewer, None);
    store.confirm_erasures(&access(store, &ada, NOW).unwrap(), 0, NOW).unwrap();
    let items: Vec<_> = ["p", "q", "r"].iter().map(|id| stage.untouched(id, &json!({}))).collect();
    store.push(org, &stage::ada(NOW), &items).unwrap();
    stage.sql("UPDATE profiles SET deleted = (1 = 1) WHERE id = 'q'");
    store.set_quota(org, "Chef", Some(100)).unwrap();
    let seen = stage.again().overview(org, NOW).unwrap();
    assert_eq!((seen.profiles, seen.deleted, seen.head_rev), (2, 1, 3));
    assert_eq!((seen.tokens, seen.devices, seen.usage.quota), (2, 1, Some(100)));
    assert_eq!(seen.epoch, access(store, &ada, NOW).unwrap().epoch);
    let later = store.overview(org, NOW + DAY).unwrap();
    assert_eq!((later.tokens, later.devices), (1, 0), "one has ended");
    assert_eq!(store.overview(stage.other, NOW).unwrap().profiles, 0);
}

pub(crate) fn the_audit_is_found_by_who_and_when(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for (actor, bytes) in [("Ada", 1), ("Ben", 2), ("Ada", 3), ("Chef", 4)] {
        store.set_quota(org, actor, Some(bytes)).unwrap();
    }
    let all = events(store, org, AuditQuery::default());
    let seqs = |query: AuditQuery| -> Vec<u64> {
        events(store, org, query).iter().map(|event| event.seq).collect()
    };
    let of = |actor: &str| AuditQuery { actor: Some(actor.to_owned()), ..AuditQuery::default() };
    assert_eq!(seqs(of("Ada")), [3, 1]);
    assert_eq!(seqs(of("ada")), [0_u64; 0]);
    assert_eq!(seqs(AuditQuery { before: Some(3), ..of("Ada") }), [1]);
    let (first, last) = (all.last().unwrap().at, all.first().unwrap().at);
    let within = |since, until| AuditQuery { since, until, ..AuditQuery::default() };
    assert_eq!(seqs(within(Some(first), Some(last + 1))), [4, 3, 2, 1]);
    assert_eq!(seqs(within(Some(last + 1), None)), [0_u64; 0]);
    assert_eq!(seqs(within(None, Some(first))), [0_u64; 0], "before it, without it");
}
