import type { Ipc, Presence } from '$lib/ipc';

/** Who else has which profile open, and the word to the host which one is open here. */
export class Elsewhere {
  /** Names by profile. */
  #people = $state.raw<ReadonlyMap<string, string[]>>(new Map());

  readonly #ipc: Ipc;
  #told = 0;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  /** The names of the others who have a profile open. */
  at(id: string): string[] {
    return this.#people.get(id) ?? [];
  }

  /** An event's presence; it is newer than any answer that is still on its way. */
  take(presence: Presence): void {
    this.#told += 1;
    this.#people = new Map(presence.profiles.map(({ id, people }) => [id, people]));
  }

  /** This window shows a profile, or none. */
  async show(id: string | null): Promise<void> {
    const told = this.#told;
    try {
      const presence = await this.#ipc.call('open_profile', { id });
      if (told === this.#told) this.take(presence);
    } catch {
      // Who else looks is a courtesy: without an answer nobody is shown, and nothing else suffers.
      if (told === this.#told) this.take({ profiles: [] });
    }
  }
}
