import { m } from '$lib/i18n.svelte';
import type { ProblemText } from '$lib/problem';
import type { RelayError } from './relay';

/** What an administrator reads; codes that need no sentence of their own share the last one. */
const WORDS: Record<string, { text: () => string; action: () => string }> = {
  offline: { text: m.problem_offline, action: m.admin_offline_action },
  unauthorized: { text: m.problem_unauthorized, action: m.admin_unauthorized_action },
  forbidden: { text: m.admin_forbidden, action: m.admin_forbidden_action },
  last_administrator: {
    text: m.admin_last_administrator,
    action: m.admin_last_administrator_action,
  },
  not_administrator: {
    text: m.admin_not_administrator,
    action: m.admin_not_administrator_action,
  },
  not_admitted: { text: m.admin_not_admitted, action: m.admin_not_admitted_action },
  sign_in_failed: { text: m.admin_sign_in_failed, action: m.admin_sign_in_again },
  sign_in_other: { text: m.admin_sign_in_other, action: m.admin_sign_in_again },
  sign_in_denied: { text: m.admin_sign_in_denied, action: m.admin_sign_in_denied_action },
  sign_in_said: { text: m.admin_sign_in_said, action: m.admin_sign_in_again },
  provider_away: { text: m.admin_provider_away, action: m.admin_provider_away_action },
  provider_failed: { text: m.admin_provider_failed, action: m.admin_provider_failed_action },
  plan_stale: { text: m.admin_plan_stale, action: m.admin_plan_stale_action },
  restore_over: { text: m.admin_restore_over, action: m.admin_restore_over_action },
  too_many_requests: { text: m.admin_too_many, action: m.admin_too_many_action },
  not_found: { text: m.admin_not_found, action: m.admin_not_found_action },
};

export function wordsOf(error: RelayError): ProblemText {
  const { text, action } = WORDS[error.code] ?? {
    text: m.admin_refused,
    action: m.admin_refused_action,
  };
  return { text: text(), action: action() };
}
