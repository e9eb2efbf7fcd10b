import { problemOf, type ActDone, type Ipc, type Problem, type SampleData } from '$lib/ipc';

/** While an import runs the store changes ten times a second; the answer changes twice in a life. */
export const SAMPLE_PAUSE_MS = 400;

/** The sample data: whether it is here, getting it, and letting it go. */
export class Sample {
  data = $state.raw<SampleData | null>(null);
  /** What is under way. */
  doing = $state<'loading' | 'removing' | null>(null);
  /** Why the last of it did not work. */
  problem = $state.raw<Problem | null>(null);
  /** What keeps the import from being undone, while it is asked whether to delete that. */
  inTheWay = $state.raw<ActDone | null>(null);

  readonly #ipc: Ipc;
  #pause: ReturnType<typeof setTimeout> | undefined;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  /** How many sample profiles are in the data folder. */
  readonly here = $derived(this.data?.here ?? 0);

  async load(): Promise<void> {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    try {
      this.data = await this.#ipc.call('sample_data', {});
    } catch (thrown) {
      this.problem = problemOf(thrown);
    }
  }

  /** The store changed, perhaps by the sample. */
  storeChanged(): void {
    this.#pause ??= setTimeout(() => void this.load(), SAMPLE_PAUSE_MS);
  }

  /** An import has ended, perhaps that of the sample. */
  async importEnded(): Promise<void> {
    await this.load();
    if (this.doing === 'loading') this.doing = null;
  }

  /** Starts its import; the import tells the rest, like that of any file. */
  async bring(): Promise<boolean> {
    if (this.doing !== null) return false;
    this.doing = 'loading';
    this.problem = null;
    try {
      await this.#ipc.call('import_sample', {});
      return true;
    } catch (thrown) {
      this.doing = null;
      this.problem = problemOf(thrown);
      return false;
    }
  }

  /** Undoes its import; answers what that did. Where profiles of it were edited, `inTheWay` is set. */
  async remove(): Promise<ActDone | null> {
    const done = await this.#remove(() => Promise.resolve());
    this.inTheWay = done !== null && done.refused > 0 ? done : null;
    return this.inTheWay === null ? done : null;
  }

  /** Deletes what is in the way, then undoes the import. */
  async removeEdited(): Promise<ActDone | null> {
    const refused = this.inTheWay;
    this.inTheWay = null;
    if (refused === null) return null;
    // Only the first obstacles are named; of many, all of the sample is deleted.
    const all = refused.obstacles.length < refused.refused;
    const ids = all ? null : refused.obstacles.map(({ id }) => id);
    const selection = { ids, filter: this.data?.filter ?? '', search: '' };
    return this.#remove(async () => void (await this.#ipc.call('delete_profiles', { selection })));
  }

  async #remove(first: () => Promise<void>): Promise<ActDone | null> {
    const number = this.data?.import;
    if (number == null || this.doing !== null) return null;
    this.doing = 'removing';
    this.problem = null;
    try {
      await first();
      return await this.#ipc.call('undo_import', { import: number });
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return null;
    } finally {
      this.doing = null;
      await this.load();
    }
  }
}
