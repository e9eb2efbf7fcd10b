import { fieldLabel } from '$features/profiles/words';
import { formatCount } from '$lib/format';
import { m } from '$lib/i18n.svelte';
import type { Act, ActKind, Obstacle } from '$lib/ipc';

const KINDS: Record<ActKind, () => string> = {
  edit: m.act_edit,
  bulk: m.act_bulk,
  resolve: m.act_resolve,
  restore: m.act_restore,
  delete: m.act_delete,
  merge: m.act_merge,
  take_relays: m.act_take_relays,
  import: m.act_import,
  undo: m.act_undo,
};

/** What a step did, without saying to whom: "Edited". */
export function actKind(act: Act): string {
  return KINDS[act.kind]?.() ?? act.kind;
}

/** To which profiles: an id, or how many. */
export function actReach(act: Act): string {
  if (act.id != null) return act.id;
  return m.act_profiles({ count: act.profiles, n: formatCount(act.profiles) });
}

/**
 * The fields of a step as people call them, without repetitions. That the profile itself was deleted
 * or brought back is said by the kind of step.
 */
export function actFields(act: Act): string {
  const fields = act.fields.filter((pointer) => pointer !== '');
  return [...new Set(fields.map(fieldLabel))].join(', ');
}

/** A step in one line: "Edited cdnow-00042 · city". */
export function actSentence(act: Act): string {
  const fields = actFields(act);
  const whom = `${actKind(act)}: ${actReach(act)}`;
  return fields === '' ? whom : `${whom} · ${fields}`;
}

const REASONS: Record<string, () => string> = {
  edited_since: m.obstacle_edited_since,
  deleted: m.obstacle_deleted,
  at_relay: m.obstacle_at_relay,
  imported_since: m.obstacle_imported_since,
  not_allowed: m.obstacle_not_allowed,
  no_such_side: m.obstacle_no_such_side,
  survivor_gone: m.obstacle_survivor_gone,
};

/**
 * Why a profile stayed as it is. `detail` says whether the host's own sentence tells more: which
 * rule a result would break, or a reason that is not known here.
 */
export function obstacleWords(obstacle: Obstacle): { words: string | null; detail: boolean } {
  const words = REASONS[obstacle.code]?.() ?? null;
  return { words, detail: words === null || obstacle.code === 'not_allowed' };
}
