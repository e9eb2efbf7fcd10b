import { m } from '$lib/i18n.svelte';
import type { Problem, ProblemCode } from '$lib/ipc';

export interface ProblemText {
  /** What happened and what is safe, in one sentence. */
  text: string;
  /** What to do about it. */
  action: string;
}

type Words = { text: () => string; action: () => string };

/** The one table from code to words. A code without an entry does not compile. */
const TABLE: Record<ProblemCode, Words> = {
  invalid_request: { text: m.problem_invalid_request, action: m.problem_invalid_request_action },
  invalid_filter: { text: m.problem_invalid_filter, action: m.problem_invalid_filter_action },
  blocked: { text: m.problem_blocked, action: m.problem_blocked_action },
  unknown_command: { text: m.problem_unknown_command, action: m.problem_unknown_command_action },
  not_found: { text: m.problem_not_found, action: m.problem_not_found_action },
  invalid_record: { text: m.problem_invalid_record, action: m.problem_invalid_record_action },
  file_missing: { text: m.problem_file_missing, action: m.problem_file_missing_action },
  not_a_file: { text: m.problem_not_a_file, action: m.problem_not_a_file_action },
  file_unreadable: { text: m.problem_file_unreadable, action: m.problem_file_unreadable_action },
  not_ndjson: { text: m.problem_not_ndjson, action: m.problem_not_ndjson_action },
  damaged_archive: { text: m.problem_damaged_archive, action: m.problem_damaged_archive_action },
  file_limit: { text: m.problem_file_limit, action: m.problem_file_limit_action },
  file_unwritable: { text: m.problem_file_unwritable, action: m.problem_file_unwritable_action },
  disk_full: { text: m.problem_disk_full, action: m.problem_disk_full_action },
  store_locked: { text: m.problem_store_locked, action: m.problem_store_locked_action },
  store_too_new: { text: m.problem_store_too_new, action: m.problem_store_too_new_action },
  store_damaged: { text: m.problem_store_damaged, action: m.problem_store_damaged_action },
  store_needs_key: {
    text: m.problem_store_needs_key,
    action: m.problem_store_needs_key_action,
  },
  wrong_key: { text: m.problem_wrong_key, action: m.problem_wrong_key_action },
  not_signed_in: { text: m.problem_not_signed_in, action: m.problem_not_signed_in_action },
  sign_in_failed: {
    text: m.problem_sign_in_failed,
    action: m.problem_sign_in_failed_action,
  },
  unauthorized: { text: m.problem_unauthorized, action: m.problem_unauthorized_action },
  forbidden: { text: m.problem_forbidden, action: m.problem_forbidden_action },
  offline: { text: m.problem_offline, action: m.problem_offline_action },
  certificate_expired: {
    text: m.problem_certificate_expired,
    action: m.problem_certificate_expired_action,
  },
  certificate_not_yet: {
    text: m.problem_certificate_not_yet,
    action: m.problem_certificate_not_yet_action,
  },
  certificate_issuer: {
    text: m.problem_certificate_issuer,
    action: m.problem_certificate_issuer_action,
  },
  certificate_address: {
    text: m.problem_certificate_address,
    action: m.problem_certificate_address_action,
  },
  certificate_refused: {
    text: m.problem_certificate_refused,
    action: m.problem_certificate_refused_action,
  },
  relay_incompatible: {
    text: m.problem_relay_incompatible,
    action: m.problem_relay_incompatible_action,
  },
  relay_failed: { text: m.problem_relay_failed, action: m.problem_relay_failed_action },
  erased: { text: m.problem_erased, action: m.problem_erased_action },
  deleted: { text: m.problem_deleted, action: m.problem_deleted_action },
  too_large: { text: m.problem_too_large, action: m.problem_too_large_action },
  cursor_too_old: { text: m.problem_cursor_too_old, action: m.problem_cursor_too_old_action },
  differs: { text: m.problem_differs, action: m.problem_differs_action },
  nothing_observed: {
    text: m.problem_nothing_observed,
    action: m.problem_nothing_observed_action,
  },
  gates: { text: m.problem_gates, action: m.problem_gates_action },
  keychain: { text: m.problem_keychain, action: m.problem_keychain_action },
  unknown_upload: { text: m.problem_unknown_upload, action: m.problem_unknown_upload_action },
  upload_gone: { text: m.problem_upload_gone, action: m.problem_upload_gone_action },
  upload_incomplete: {
    text: m.problem_upload_incomplete,
    action: m.problem_upload_incomplete_action,
  },
  offset_invalid: { text: m.problem_offset_invalid, action: m.problem_offset_invalid_action },
  size_exceeded: { text: m.problem_size_exceeded, action: m.problem_size_exceeded_action },
  quota_exceeded: { text: m.problem_quota_exceeded, action: m.problem_quota_exceeded_action },
  too_many_uploads: { text: m.problem_too_many_uploads, action: m.problem_too_many_uploads_action },
  queue_full: { text: m.problem_queue_full, action: m.problem_queue_full_action },
  upload_busy: { text: m.problem_upload_busy, action: m.problem_upload_busy_action },
  too_slow: { text: m.problem_too_slow, action: m.problem_too_slow_action },
  taken_over: { text: m.problem_taken_over, action: m.problem_taken_over_action },
  uploads_off: { text: m.problem_uploads_off, action: m.problem_uploads_off_action },
  direct_off: { text: m.problem_direct_off, action: m.problem_direct_off_action },
  file_lost: { text: m.problem_file_lost, action: m.problem_file_lost_action },
  digest_mismatch: { text: m.problem_digest_mismatch, action: m.problem_digest_mismatch_action },
  file_changed: { text: m.problem_file_changed, action: m.problem_file_changed_action },
  internal: { text: m.problem_internal, action: m.problem_internal_action },
};

/** Words for a problem. A code of a newer host falls back to `internal`. */
export function describeProblem(problem: Problem): ProblemText {
  const words = TABLE[problem.code] ?? TABLE.internal;
  return { text: words.text(), action: words.action() };
}
