import { relayError, type RelayError } from './relay';

/**
 * Something that the relay was asked for. What is shown stays while it is asked for again, and where that
 * fails; only the newest answer counts.
 */
export class Loaded<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<RelayError | null>(null);
  #asked = 0;

  constructor(private readonly ask: () => Promise<T>) {}

  async load(): Promise<void> {
    const asked = ++this.#asked;
    try {
      const value = await this.ask();
      if (asked !== this.#asked) return;
      this.value = value;
      this.problem = null;
    } catch (thrown) {
      if (asked === this.#asked) this.problem = relayError(thrown);
    }
  }

  /** Shows what a change answered, over anything that is still on its way. */
  show(value: T): void {
    this.#asked += 1;
    this.value = value;
    this.problem = null;
  }
}

/** One change at a time: whether it is under way, and why the last one failed. */
export class Change {
  busy = $state(false);
  problem = $state.raw<RelayError | null>(null);

  /** Answers whether it went well. */
  async run(work: () => Promise<void>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.problem = null;
    try {
      await work();
      return true;
    } catch (thrown) {
      this.problem = relayError(thrown);
      return false;
    } finally {
      this.busy = false;
    }
  }
}
