//! What every engine of the relay's store must do, run on SQLite and on a Postgres of the test's own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod calibrations;
mod erasure;
mod feed;
mod jobs;
mod leases;
mod merging;
mod postgres;
mod presence;
mod push;
mod rest;
mod sealed;
mod segments;
mod stage;
mod tokens;
mod upkeep;
mod uploads;
mod writers;

use std::sync::Arc;

use kartei_relay_store::RelayStore;
use kartei_test_support::Postgres;
use sealed::ToyRing;
use stage::Stage;

type Case = (&'static str, fn(&Stage<'_>));

const CASES: &[Case] = &[
    ("organisations_have_names_of_their_own", access::organisations_have_names_of_their_own),
    ("a_token_is_known_by_its_hash", access::a_token_is_known_by_its_hash),
    ("a_revoked_token_is_unknown", access::a_revoked_token_is_unknown),
    ("a_token_ends_when_it_was_said", tokens::a_token_ends_when_it_was_said),
    ("tokens_are_listed_with_what_is_known", tokens::tokens_are_listed_with_what_is_known),
    ("one_token_is_revoked_by_its_number", tokens::one_token_is_revoked_by_its_number),
    ("an_administrator_is_left", tokens::an_administrator_is_left),
    (
        "of_two_that_revoke_the_last_two_one_is_refused",
        tokens::of_two_that_revoke_the_last_two_one_is_refused,
    ),
    ("what_is_done_with_tokens_is_audited", tokens::what_is_done_with_tokens_is_audited),
    ("who_signed_in_has_a_token_for_hours", tokens::who_signed_in_has_a_token_for_hours),
    ("an_organisation_is_seen_from_above", tokens::an_organisation_is_seen_from_above),
    ("the_audit_is_found_by_who_and_when", tokens::the_audit_is_found_by_who_and_when),
    ("a_push_is_numbered_without_holes", push::a_push_is_numbered_without_holes),
    ("a_push_sent_again_changes_nothing", push::a_push_sent_again_changes_nothing),
    ("edits_are_kept_as_changes", push::edits_are_kept_as_changes),
    ("one_profile_twice_in_a_push", push::one_profile_twice_in_a_push),
    ("another_beginning_is_answered_with_ours", push::another_beginning_is_answered_with_ours),
    ("a_change_on_a_lost_one_is_wanted_whole", push::a_change_on_a_lost_one_is_wanted_whole),
    ("what_is_refused_holds_nothing_up", push::what_is_refused_holds_nothing_up),
    ("organisations_see_nothing_of_each_other", push::organisations_see_nothing_of_each_other),
    ("a_feed_is_read_in_pages", feed::a_feed_is_read_in_pages),
    ("a_page_ends_where_it_is_heavy_enough", feed::a_page_ends_where_it_is_heavy_enough),
    ("a_profile_that_moves_up_owes_all_changes", feed::a_profile_that_moves_up_owes_all_changes),
    ("a_cursor_of_another_history_is_refused", feed::a_cursor_of_another_history_is_refused),
    ("rows_are_read_by_key_and_by_revision", feed::rows_are_read_by_key_and_by_revision),
    ("a_record_is_put_where_the_precondition_holds", rest::a_record_is_put),
    ("a_patch_is_one_change_with_an_author", rest::a_patch_is_one_change_with_an_author),
    (
        "history_tells_who_sent_what_names_somebody_else",
        rest::history_tells_who_sent_what_names_somebody_else,
    ),
    ("every_state_can_be_read_by_revision", rest::every_state_can_be_read_by_revision),
    ("a_merge_keeps_what_both_sides_did", rest::a_merge_keeps_what_both_sides_did),
    ("a_merge_from_an_unknown_state_is_refused", rest::a_merge_from_an_unknown_state_is_refused),
    ("a_seat_is_seen_until_it_is_left", presence::a_seat_is_seen_until_it_is_left),
    ("a_seat_nobody_holds_expires", presence::a_seat_nobody_holds_expires),
    ("one_token_has_few_seats", presence::one_token_has_few_seats),
    ("of_two_that_build_at_once_one_wins", segments::of_two_that_build_at_once_one_wins),
    ("a_dropped_chain_takes_nothing_more", segments::a_dropped_chain_takes_nothing_more),
    (
        "a_worn_chain_is_renewed_and_the_old_one_stays_a_while",
        segments::a_worn_chain_is_renewed_and_the_old_one_stays_a_while,
    ),
    (
        "a_profile_that_moves_while_segments_are_made_is_not_missed",
        segments::a_profile_that_moves_while_segments_are_made_is_not_missed,
    ),
    ("of_a_schema_one_calibration_is_active", calibrations::of_a_schema_one_calibration_is_active),
    (
        "only_drafts_are_deleted_and_all_is_told",
        calibrations::only_drafts_are_deleted_and_all_is_told,
    ),
    ("an_import_is_run_by_one_relay", leases::an_import_is_run_by_one_relay),
    (
        "progress_is_kept_with_the_records_that_it_counts",
        leases::progress_is_kept_with_the_records_that_it_counts,
    ),
    (
        "hoping_for_new_records_changes_nothing_but_the_way",
        leases::hoping_for_new_records_changes_nothing_but_the_way,
    ),
    ("a_snapshot_stays_what_it_was", leases::a_snapshot_stays_what_it_was),
    ("a_merged_profile_leads_to_the_other_one", merging::a_merged_profile_leads_to_the_other_one),
    ("who_became_an_erased_profile_is_erased", merging::who_became_an_erased_profile_is_erased),
    ("an_id_without_a_profile_can_be_erased", erasure::an_id_without_a_profile_can_be_erased),
    ("an_erasure_is_a_revision_of_its_own", erasure::an_erasure_is_a_revision_of_its_own),
    ("erasures_of_another_copy_are_done_again", erasure::erasures_of_another_copy_are_done_again),
    ("erasures_come_in_the_order_of_the_feed", erasure::erasures_come_in_the_order_of_the_feed),
    ("an_erased_profile_does_not_come_back", erasure::an_erased_profile_does_not_come_back),
    (
        "keys_of_erased_profiles_are_not_given_again",
        erasure::keys_of_erased_profiles_are_not_given_again,
    ),
    (
        "who_writes_beside_an_erasure_does_not_undo_it",
        erasure::who_writes_beside_an_erasure_does_not_undo_it,
    ),
    ("each_device_confirms_once", erasure::each_device_confirms_once),
    (
        "what_is_to_be_cleaned_up_is_known_until_it_is",
        erasure::what_is_to_be_cleaned_up_is_known_until_it_is,
    ),
    ("digests_are_those_of_the_rows", upkeep::digests_are_those_of_the_rows),
    (
        "a_relay_that_knows_no_digests_leaves_none",
        upkeep::a_relay_that_knows_no_digests_leaves_none,
    ),
    ("a_check_finds_what_was_planted", upkeep::a_check_finds_what_was_planted),
    ("old_deletions_are_forgotten", upkeep::old_deletions_are_forgotten),
    ("buckets_are_listed_and_profiles_fetched", upkeep::buckets_are_listed_and_profiles_fetched),
    ("a_new_history_refuses_old_cursors", upkeep::a_new_history_refuses_old_cursors),
    ("an_upload_becomes_a_file", uploads::sessions::an_upload_becomes_a_file),
    ("one_key_of_a_token_is_one_session", uploads::sessions::one_key_of_a_token_is_one_session),
    ("a_session_ends_once", uploads::sessions::a_session_ends_once),
    (
        "sessions_that_nobody_goes_on_with_are_due",
        uploads::sessions::sessions_that_nobody_goes_on_with_are_due,
    ),
    (
        "drafts_are_known_until_they_are_gone",
        uploads::sessions::drafts_are_known_until_they_are_gone,
    ),
    ("sizes_and_places_are_said_once", uploads::sessions::sizes_and_places_are_said_once),
    (
        "no_more_begin_than_there_is_room_for",
        uploads::sessions::no_more_begin_than_there_is_room_for,
    ),
    (
        "a_smaller_quota_is_found_when_completing",
        uploads::sessions::a_smaller_quota_is_found_when_completing,
    ),
    ("organisations_never_meet_in_uploads", uploads::sessions::organisations_never_meet_in_uploads),
    (
        "a_whole_upload_is_what_the_steps_make",
        uploads::whole::a_whole_upload_is_what_the_steps_make,
    ),
    ("many_whole_uploads_are_one_call", uploads::whole::many_whole_uploads_are_one_call),
    ("what_would_not_begin_is_foreseen", uploads::whole::what_would_not_begin_is_foreseen),
    (
        "whole_uploads_at_once_stay_within_the_quota",
        uploads::whole::whole_uploads_at_once_stay_within_the_quota,
    ),
    ("one_call_notes_many_sessions", uploads::landing::one_call_notes_many_sessions),
    ("what_landed_is_never_replaced", uploads::landing::what_landed_is_never_replaced),
    ("a_tail_belongs_to_its_note", uploads::landing::a_tail_belongs_to_its_note),
    ("equal_content_is_kept_once", uploads::contents::equal_content_is_kept_once),
    ("bytes_go_after_the_last_file", uploads::contents::bytes_go_after_the_last_file),
    (
        "lost_bytes_come_back_with_the_same_upload",
        uploads::contents::lost_bytes_come_back_with_the_same_upload,
    ),
    ("an_organisation_has_one_key", uploads::contents::an_organisation_has_one_key),
    ("files_are_listed_and_found", uploads::files::files_are_listed_and_found),
    (
        "files_are_attached_to_profiles_that_are_there",
        uploads::files::files_are_attached_to_profiles_that_are_there,
    ),
    ("an_erased_profile_has_no_files", uploads::files::an_erased_profile_has_no_files),
    ("reads_are_kept", uploads::files::reads_are_kept),
    ("an_import_says_which_file_it_reads", uploads::files::an_import_says_which_file_it_reads),
    ("usage_is_always_what_a_recount_says", uploads::usage::usage_is_always_what_a_recount_says),
    (
        "a_recount_mends_what_was_counted_wrong",
        uploads::usage::a_recount_mends_what_was_counted_wrong,
    ),
    (
        "many_that_begin_at_once_stay_within_the_quota",
        uploads::races::many_that_begin_at_once_stay_within_the_quota,
    ),
    ("one_key_at_once_is_one_session", uploads::races::one_key_at_once_is_one_session),
    ("two_that_complete_make_one_file", uploads::races::two_that_complete_make_one_file),
    ("of_completing_and_ending_one_wins", uploads::races::of_completing_and_ending_one_wins),
    (
        "what_comes_while_the_same_goes_is_not_lost",
        uploads::races::what_comes_while_the_same_goes_is_not_lost,
    ),
    ("two_that_land_the_same_pieces_agree", uploads::races::two_that_land_the_same_pieces_agree),
    (
        "what_lands_beside_an_end_leaves_nothing",
        uploads::races::what_lands_beside_an_end_leaves_nothing,
    ),
    (
        "who_attaches_beside_an_erasure_leaves_nothing",
        uploads::races::who_attaches_beside_an_erasure_leaves_nothing,
    ),
    ("a_job_goes_through_its_life", jobs::life::a_job_goes_through_its_life),
    ("one_key_of_a_token_is_one_job", jobs::life::one_key_of_a_token_is_one_job),
    ("no_more_wait_than_may", jobs::life::no_more_wait_than_may),
    (
        "a_worker_that_was_taken_for_dead_writes_nothing",
        jobs::life::a_worker_that_was_taken_for_dead_writes_nothing,
    ),
    ("a_cancel_is_heard_once", jobs::life::a_cancel_is_heard_once),
    ("what_fails_in_passing_is_tried_again", jobs::life::what_fails_in_passing_is_tried_again),
    ("ends_are_kept_by_the_database_itself", jobs::life::ends_are_kept_by_the_database_itself),
    ("organisations_never_meet_in_jobs", jobs::life::organisations_never_meet_in_jobs),
    ("an_organisation_has_its_room", jobs::room::an_organisation_has_its_room),
    ("turns_are_shared_by_weight", jobs::room::turns_are_shared_by_weight),
    (
        "many_that_claim_at_once_stay_within_the_room",
        jobs::room::many_that_claim_at_once_stay_within_the_room,
    ),
    (
        "of_completing_cancelling_and_reaping_one_wins",
        jobs::room::of_completing_cancelling_and_reaping_one_wins,
    ),
    (
        "any_sequence_comes_to_what_the_model_says",
        jobs::random::any_sequence_comes_to_what_the_model_says,
    ),
    ("what_administrators_do_is_audited", jobs::audit::what_administrators_do_is_audited),
    (
        "the_audit_is_kept_by_the_database_itself",
        jobs::audit::the_audit_is_kept_by_the_database_itself,
    ),
    (
        "many_that_are_audited_at_once_make_one_chain",
        jobs::audit::many_that_are_audited_at_once_make_one_chain,
    ),
    ("a_plan_is_a_dry_run", jobs::retention::a_plan_is_a_dry_run),
    (
        "what_imports_left_is_needed_for_its_time",
        jobs::retention::what_imports_left_is_needed_for_its_time,
    ),
    (
        "a_plan_that_became_another_one_is_refused",
        jobs::retention::a_plan_that_became_another_one_is_refused,
    ),
    ("what_runs_or_is_held_is_not_touched", jobs::retention::what_runs_or_is_held_is_not_touched),
    (
        "a_restored_run_is_byte_for_byte_what_it_was",
        jobs::retention::a_restored_run_is_byte_for_byte_what_it_was,
    ),
    ("a_purge_leaves_no_row_and_no_blob", jobs::retention::a_purge_leaves_no_row_and_no_blob),
    ("only_the_purge_takes_anything_away", jobs::retention::only_the_purge_takes_anything_away),
    (
        "many_that_apply_and_purge_at_once_take_each_job_once",
        jobs::retention::many_that_apply_and_purge_at_once_take_each_job_once,
    ),
    (
        "each_person_is_told_once_over_each_channel",
        jobs::deliveries::each_person_is_told_once_over_each_channel,
    ),
    (
        "a_relay_that_was_taken_for_dead_settles_nothing",
        jobs::deliveries::a_relay_that_was_taken_for_dead_settles_nothing,
    ),
    (
        "what_does_not_arrive_is_tried_and_given_up",
        jobs::deliveries::what_does_not_arrive_is_tried_and_given_up,
    ),
    ("what_is_too_much_is_one_digest", jobs::deliveries::what_is_too_much_is_one_digest),
    (
        "many_that_tell_at_once_take_each_thing_once",
        jobs::deliveries::many_that_tell_at_once_take_each_thing_once,
    ),
    (
        "any_sequence_takes_what_the_model_says",
        jobs::keeping::any_sequence_takes_what_the_model_says,
    ),
    ("many_writers_lose_nothing", writers::many_writers_lose_nothing),
    ("what_is_new_to_many_is_there_once", writers::what_is_new_to_many_is_there_once),
    ("a_reader_beside_writers_misses_no_row", writers::a_reader_beside_writers_misses_no_row),
    (
        "what_is_sealed_is_read_like_anything_else",
        sealed::what_is_sealed_is_read_like_anything_else,
    ),
    ("a_wish_turns_what_was_there", sealed::a_wish_turns_what_was_there),
    ("what_lies_elsewhere_does_not_open", sealed::what_lies_elsewhere_does_not_open),
];

/// Cases of which sealing is the subject, or keys: they begin without.
const ABOUT_KEYS: &[&str] = &[
    "an_organisation_has_one_key",
    "what_is_sealed_is_read_like_anything_else",
    "a_wish_turns_what_was_there",
    "what_lies_elsewhere_does_not_open",
];

/// All others hold as well where both organisations' profiles lie sealed.
fn sealed_cases() -> impl Iterator<Item = &'static Case> {
    cases().into_iter().filter(|(name, _)| !ABOUT_KEYS.contains(name))
}

/// All cases, or those whose names contain `KARTEI_CASES`: for looking at some by hand.
fn cases() -> Vec<&'static Case> {
    let wanted = std::env::var("KARTEI_CASES").unwrap_or_default();
    let cases: Vec<&Case> = CASES.iter().filter(|(name, _)| name.contains(&wanted)).collect();
    assert!(!cases.is_empty(), "no case is called so");
    cases
}

#[test]
fn sqlite() {
    for (name, case) in cases() {
        println!("{name}");
        let folder = tempfile::tempdir().unwrap();
        let open = || RelayStore::open(folder.path()).unwrap();
        let sql = |sql: &str| {
            let database = rusqlite::Connection::open(folder.path().join("relay.sqlite")).unwrap();
            database.execute_batch(sql).unwrap();
        };
        case(&Stage::new(&open, None, &sql));
    }
}

#[test]
fn sqlite_sealed() {
    for (name, case) in sealed_cases() {
        println!("{name}");
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let store = RelayStore::open(folder.path()).unwrap();
            store.unlock(Arc::new(ToyRing));
            store
        };
        let sql = |sql: &str| {
            let database = rusqlite::Connection::open(folder.path().join("relay.sqlite")).unwrap();
            database.execute_batch(sql).unwrap();
        };
        case(&Stage::new(&open, None, &sql).sealed());
    }
}

#[test]
fn postgres_15() {
    on_postgres(cases(), false);
}

#[test]
fn postgres_15_sealed() {
    on_postgres(sealed_cases().collect(), true);
}

fn on_postgres(cases: Vec<&'static Case>, is_sealed: bool) {
    let cluster = Postgres::start(false).unwrap();
    for (at, (name, case)) in cases.into_iter().enumerate() {
        println!("{name}");
        let database = cluster.database(&format!("case{at}")).unwrap();
        RelayStore::migrate(&database.owner_url, Some(&database.relay_role)).unwrap();
        let open = || {
            let store = RelayStore::connect(&database.relay_url).unwrap();
            if is_sealed {
                store.unlock(Arc::new(ToyRing));
            }
            store
        };
        let slow_down = || postgres::slow_inserts_down(&cluster, &format!("case{at}"));
        let sql = |sql: &str| {
            let sql = format!("SET search_path = kartei; {sql}");
            cluster.sql(&format!("case{at}"), &sql).unwrap();
        };
        let stage = Stage::new(&open, Some(&slow_down), &sql);
        case(&if is_sealed { stage.sealed() } else { stage });
    }
}
