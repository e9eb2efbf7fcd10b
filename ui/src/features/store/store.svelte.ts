import {
  problemOf,
  type About,
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
  about = $state.raw<About | null>(null);
  /** What is under way; one thing at a time. */
  doing = $state<Doing | null>(null);
  check = $state.raw<StoreCheck | null>(null);
  saved = $state.raw<SavedFile | null>(null);
  compacted = $state.raw<Compacted | null>(null);
  /** What did not work, and which of them it was; `null` for the numbers themselves. */
  problem = $state.raw<{ of: Doing | null; problem: Problem } | null>(null);

  readonly #ipc: Ipc;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  async load(): Promise<void> {
    try {
      const [info, about] = await Promise.all([
        this.#ipc.call('store_info', {}),
        this.#ipc.call('about', {}),
      ]);
      this.info = info;
      this.about = about;
      if (this.problem?.of === null) this.problem = null;
    } catch (thrown) {
      this.problem = { of: null, problem: problemOf(thrown) };
    }
  }

  /** Whether there is a file manager beside the window: a browser's host has none. */
  get hasFileManager(): boolean {
    return this.#ipc.files.kind === 'paths';
  }

  async openFolder(): Promise<void> {
    try {
      await this.#ipc.call('open_data_folder', {});
    } catch (thrown) {
      this.problem = { of: null, problem: problemOf(thrown) };
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
      this.problem = { of: doing, problem: problemOf(thrown) };
    } finally {
      this.doing = null;
    }
    if (this.problem === null) await this.load();
  }
}
