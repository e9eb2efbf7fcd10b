//! Each invariant must be able to fail: something is broken on purpose, and noticed.

use crate::broken::Invariant;
use crate::plan::Plan;
use crate::relays::Sabotage;
use crate::runs;
use crate::upkeep::OnDifference;

/// Seeds that are tried until the sabotage finds its moment.
const TRIES: u64 = 8;

/// Some seed has the moment at which it matters, and it is noticed as this.
fn is_noticed(sabotage: Sabotage, by: Invariant) {
    // What is looked at while people work ends a run, before the end could be looked at.
    let looked_at = if by == Invariant::Complete { 1_000 } else { 0 };
    let mut seen = Vec::new();
    for seed in 0..TRIES {
        // Digests would end the run first.
        let on_difference =
            if by == Invariant::Digest { OnDifference::Tell } else { OnDifference::Ignore };
        let plan = Plan { sabotage: Some(sabotage), looked_at, on_difference, ..Plan::calm(seed) };
        let (found, _) = runs::broken(plan);
        if found.iter().any(|broken| broken.invariant == by) {
            return;
        }
        seen.extend(found.iter().map(ToString::to_string));
    }
    panic!("{by:?} did not notice {sabotage:?}; noticed was: {seen:?}");
}

#[test]
fn a_calm_run_breaks_nothing() {
    for seed in 0..TRIES {
        let (found, _) = runs::broken(Plan::calm(seed));
        assert!(found.is_empty(), "seed {seed}: {found:?}");
    }
}

#[test]
fn a_profile_that_a_page_lacks_is_noticed() {
    is_noticed(Sabotage::PageWithoutLine, Invariant::Records);
}

#[test]
fn a_page_that_lacks_a_profile_is_noticed_while_people_still_work() {
    is_noticed(Sabotage::PageWithoutLine, Invariant::Complete);
}

#[test]
fn a_page_that_lacks_a_profile_is_noticed_by_digests() {
    is_noticed(Sabotage::PageWithoutLine, Invariant::Digest);
}

#[test]
fn a_page_that_lacks_a_profile_is_mended_by_digests() {
    let mut mended = 0;
    for seed in 0..TRIES {
        let sabotage = Some(Sabotage::PageWithoutLine);
        let on_difference = OnDifference::Mend;
        let (found, counts) =
            runs::broken(Plan { sabotage, looked_at: 0, on_difference, ..Plan::calm(seed) });
        assert!(found.is_empty(), "seed {seed}: {found:?}");
        mended += counts.mended;
    }
    assert!(mended > 0, "some seed has the moment at which it matters");
}

#[test]
fn a_change_that_is_acknowledged_and_forgotten_is_noticed() {
    is_noticed(Sabotage::ChangeForgotten, Invariant::Edits);
    is_noticed(Sabotage::ChangeForgotten, Invariant::History);
}

#[test]
fn another_hash_is_noticed() {
    is_noticed(Sabotage::HashChanged, Invariant::Records);
}

#[test]
fn a_conflict_that_is_none_is_noticed() {
    is_noticed(Sabotage::ConflictInvented, Invariant::Conflicts);
}

#[test]
fn a_revision_that_nothing_has_is_noticed() {
    is_noticed(Sabotage::RevisionSkipped, Invariant::Holes);
}

#[test]
fn a_revision_that_goes_back_is_noticed() {
    is_noticed(Sabotage::RevisionTakenBack, Invariant::Forward);
}

#[test]
fn a_push_to_another_organisation_is_noticed() {
    is_noticed(Sabotage::OtherOrganisation, Invariant::Apart);
}

#[test]
fn a_relay_that_is_never_content_is_noticed() {
    is_noticed(Sabotage::NeverContent, Invariant::Rest);
}

#[test]
fn an_answer_that_another_replica_takes_is_noticed() {
    is_noticed(Sabotage::WrongReplica, Invariant::Records);
}

#[test]
fn an_observation_that_is_gone_is_noticed() {
    is_noticed(Sabotage::ObservationRemoved, Invariant::Observations);
}

#[test]
fn a_value_that_is_overwritten_is_noticed() {
    is_noticed(Sabotage::ValueOverwritten, Invariant::Edits);
}
