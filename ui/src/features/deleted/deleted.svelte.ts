import { problemOf, type DeletedProfiles, type Ipc, type Problem } from '$lib/ipc';

/** How many rows come at once. */
export const PART = 200;

/** Deleted profiles, and the way back for each of them. */
export class Deleted {
  found = $state.raw<DeletedProfiles | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** The profile that is being brought back. */
  restoring = $state<string | null>(null);

  readonly #ipc: Ipc;
  #limit = PART;
  #asked = 0;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  async load(): Promise<void> {
    const asked = (this.#asked += 1);
    try {
      const found = await this.#ipc.call('list_deleted', { offset: 0, limit: this.#limit });
      if (asked !== this.#asked) return;
      this.found = found;
      this.problem = null;
    } catch (thrown) {
      if (asked === this.#asked) this.problem = problemOf(thrown);
    }
  }

  /** The store changed: asks again where the list was looked at. */
  refresh(): void {
    if (this.found !== null) void this.load();
  }

  async more(): Promise<void> {
    this.#limit += PART;
    await this.load();
  }

  /** Nobody looks any more. */
  leave(): void {
    this.#asked += 1;
    this.#limit = PART;
    this.found = null;
    this.problem = null;
  }

  /** Brings a profile back as it was when it was deleted: as a step, so that it can be undone. */
  async restore(id: string): Promise<boolean> {
    if (this.restoring !== null) return false;
    this.restoring = id;
    try {
      const { entries } = await this.#ipc.call('profile_history', { id });
      // The newest state: what the profile was, since a deletion changes nothing in it.
      const change = entries[0]?.change;
      if (change === undefined) throw new Error(`\`${id}\` has no history`);
      await this.#ipc.call('restore_profile', { id, change });
      await this.load();
      return true;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return false;
    } finally {
      this.restoring = null;
    }
  }
}
