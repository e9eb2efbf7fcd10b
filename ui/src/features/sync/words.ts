import type { Meaning } from '$lib/components/Shape.svelte';
import { formatAgo, formatClock, formatCount } from '$lib/format';
import { m } from '$lib/i18n.svelte';
import type { SyncStatus } from '$lib/ipc';
import { describeProblem } from '$lib/problem';

/**
 * How much of what is to be got is here, from 0 to 1; null where so little remains that it is not
 * worth a number.
 */
export function shareGot(status: SyncStatus): number | null {
  if (status.state !== 'syncing' || status.remaining < WORTH_TELLING) return null;
  return status.exchanged / (status.exchanged + status.remaining);
}

/** Fewer profiles than this are here before anybody has read the number. */
const WORTH_TELLING = 1_000;

function getting(status: SyncStatus): string | null {
  if (shareGot(status) === null) return null;
  return m.sync_getting({
    n: formatCount(status.exchanged),
    total: formatCount(status.exchanged + status.remaining),
  });
}

function exchanging({ exchanged }: SyncStatus): string {
  return exchanged > 0 ? m.sync_syncing_count({ n: formatCount(exchanged) }) : m.sync_syncing();
}

/** What the status bar and the sync page say about a state. Must never be rosier than the truth. */
export function syncWords(status: SyncStatus, now: number): { meaning: Meaning; text: string } {
  switch (status.state) {
    case 'local':
      return { meaning: 'none', text: m.sync_local() };
    case 'syncing':
      return {
        meaning: 'pending',
        text: getting(status) ?? exchanging(status),
      };
    case 'waiting':
      return { meaning: 'pending', text: m.sync_waiting() };
    case 'up_to_date':
      return {
        meaning: 'done',
        text: status.synced_at
          ? m.sync_up_to_date_as_of({ ago: formatAgo(status.synced_at, now) })
          : m.sync_up_to_date(),
      };
    case 'offline':
      return {
        meaning: 'pending',
        text: status.offline_since
          ? m.sync_offline_since({ time: formatClock(status.offline_since, now) })
          : m.sync_offline(),
      };
    case 'problem':
      return {
        meaning: 'rejected',
        text: status.problem ? describeProblem(status.problem).text : m.sync_problem(),
      };
  }
}
