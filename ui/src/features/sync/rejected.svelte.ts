import { problemOf, type Ipc, type Problem, type RejectedProfiles } from '$lib/ipc';

/** How many rows come at once: more than anybody mends in one go. */
export const PART = 100;

/** What the relay refused, with the reasons, and the way to send it once more. */
export class Rejected {
  found = $state.raw<RejectedProfiles | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** The id that is being sent again, or `all`. */
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
}
