import { COMMANDS, type CommandId } from '$lib/commands';

const STORED_AS = 'kartei.recent-commands';
/** As many as one takes in at a glance. */
export const RECENT_MAX = 5;

/**
 * The commands that were run last, the newest first. Only commands: a profile's id would stay here
 * after the profile was erased.
 */
export function recentCommands(): CommandId[] {
  const known = new Map(COMMANDS);
  const stored = (localStorage.getItem(STORED_AS) ?? '').split(' ') as CommandId[];
  // Another version of the program may have had others.
  return stored.filter((id) => known.has(id)).slice(0, RECENT_MAX);
}

export function noteRecent(id: CommandId): void {
  const others = recentCommands().filter((one) => one !== id);
  localStorage.setItem(STORED_AS, [id, ...others].slice(0, RECENT_MAX).join(' '));
}
