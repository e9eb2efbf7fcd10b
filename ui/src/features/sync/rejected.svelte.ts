import {
  problemOf,
  type Ipc,
  type Problem,
  type RejectedProfiles,
  type RelaysProfile,
} from '$lib/ipc';

/** How many rows come at once: more than anybody mends in one go. */
export const PART = 100;

/** What the relay refused, with the reasons, and the way to send it once more. */
export class Rejected {
  found = $state.raw<RejectedProfiles | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** The relay's state of a profile, while somebody is asked whether to take it. */
  relays = $state.raw<RelaysProfile | null>(null);
  /** The id that is being sent again or compared, or `all`. */
  sending = $state<string | null>(null);

  readonly #ipc: Ipc;
  #limit = PART;
  #asked = 0;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  async load(): Promise<void> {
    const asked = (this.#asked += 1);
    try {
      const found = await this.#ipc.call('list_rejected', { offset: 0, limit: this.#limit });
      if (asked !== this.#asked) return;
      this.found = found;
      this.problem = null;
    } catch (thrown) {
      if (asked === this.#asked) this.problem = problemOf(thrown);
    }
  }

  async more(): Promise<void> {
    this.#limit += PART;
    await this.load();
  }

  /** Sends one profile once more, or all. What is refused again comes back into the list. */
  async sendAgain(id: string | null): Promise<void> {
    if (this.sending !== null) return;
    this.sending = id ?? 'all';
    try {
      await this.#ipc.call('send_again', { id });
      await this.load();
    } catch (thrown) {
      this.problem = problemOf(thrown);
    } finally {
      this.sending = null;
    }
  }

  /** Asks the relay for its state of a profile, to show what taking it would give up. */
  async compare(id: string): Promise<void> {
    if (this.sending !== null) return;
    this.sending = id;
    try {
      this.relays = await this.#ipc.call('compare_with_relays', { id });
      this.problem = null;
    } catch (thrown) {
      this.problem = problemOf(thrown);
    } finally {
      this.sending = null;
    }
  }

  /** Puts the relay's state in the place of the refused one. Answers whether that was done. */
  async takeRelays(): Promise<boolean> {
    const id = this.relays?.id;
    if (id === undefined || this.sending !== null) return false;
    this.sending = id;
    try {
      await this.#ipc.call('take_relays', { id });
      await this.load();
      return true;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return false;
    } finally {
      this.sending = null;
      this.relays = null;
    }
  }
}
