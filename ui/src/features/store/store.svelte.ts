import {
  problemOf,
  type Compacted,
  type Ipc,
  type Problem,
  type SavedFile,
  type StoreCheck,
  type StoreInfo,
} from '$lib/ipc';

export type Doing = 'check' | 'repair' | 'backup' | 'compact';

/** Looking after the data folder. */
export class DataFolder {
  info = $state.raw<StoreInfo | null>(null);
  doing = $state<Doing | null>(null);
  check = $state.raw<StoreCheck | null>(null);
  saved = $state.raw<SavedFile | null>(null);
  compacted = $state.raw<Compacted | null>(null);
  problem = $state.raw<Problem | null>(null);

  readonly #ipc: Ipc;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  async load(): Promise<void> {
    try {
      this.info = await this.#ipc.call('store_info', {});
    } catch (thrown) {
      this.problem = problemOf(thrown);
    }
  }

  async run(doing: Doing): Promise<void> {
    if (this.doing !== null) return;
    this.doing = doing;
    this.problem = null;
    try {
      if (doing === 'backup') this.saved = await this.#ipc.call('backup_store', {});
      else if (doing === 'compact') this.compacted = await this.#ipc.call('compact_store', {});
      else this.check = await this.#ipc.call('check_store', { repair: doing === 'repair' });
    } catch (thrown) {
      this.problem = problemOf(thrown);
    } finally {
      this.doing = null;
    }
    await this.load();
  }
}
