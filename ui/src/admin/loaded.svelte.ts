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

/** One change at a time: whether one is under way, and why the last one failed. */
export class Change {
  problem = $state.raw<RelayError | null>(null);
  #waiting = $state(0);
  #last: Promise<unknown> = Promise.resolve();

  get busy(): boolean {
    return this.#waiting > 0;
  }

  /** Answers whether it went well; nothing is done while another one is under way, as of a second click. */
  run(work: () => Promise<void>): Promise<boolean> {
    return this.busy ? Promise.resolve(false) : this.next(work);
  }

  /** The same after what is under way: for settings, of which none may be lost. */
  next(work: () => Promise<void>): Promise<boolean> {
    if (!this.busy) this.problem = null;
    this.#waiting += 1;
    const done = this.#last.then(() => this.#do(work));
    this.#last = done;
    return done;
  }

  async #do(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (thrown) {
      this.problem = relayError(thrown);
      return false;
    } finally {
      this.#waiting -= 1;
    }
  }
}
