import { problemOf, type Ipc, type Problem } from '$lib/ipc';
import { Newest } from './newest';

/** A filter that is being written, and how many profiles it holds for. */
export class Cohort {
  filter = $state('');
  /** Nothing before the first answer, or where the filter cannot be read. */
  matching = $state<number | null>(null);
  wrong = $state.raw<Problem | null>(null);

  readonly #ipc: Ipc;
  readonly #counting = new Newest();
  readonly #isElsewhere: boolean;

  /** `isElsewhere`: it is of records that are not here, so that nothing is counted. */
  constructor(ipc: Ipc, filter: string, isElsewhere = false) {
    this.#ipc = ipc;
    this.filter = filter;
    this.#isElsewhere = isElsewhere;
    void this.count();
  }

  async count(): Promise<void> {
    if (this.#isElsewhere) return;
    const asked = { filter: this.filter, search: '' };
    await this.#counting.run(async (isWanted) => {
      try {
        const page = { sort: 'id', descending: false, offset: 0, limit: 0 } as const;
        const { matching } = await this.#ipc.call('list_profiles', { ...asked, ...page });
        if (!isWanted()) return;
        this.matching = matching;
        this.wrong = null;
      } catch (thrown) {
        if (!isWanted()) return;
        this.matching = null;
        this.wrong = problemOf(thrown);
      }
    });
  }
}
