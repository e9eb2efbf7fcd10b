import {
  problemOf,
  type ActDone,
  type ImportEntry,
  type ImportFile,
  type ImportReport,
  type Ipc,
  type Problem,
  type SavedFile,
  type WatchedFolder,
} from '$lib/ipc';

/** A screenful and a half. */
export const PAGE = 30;

/** Imports of the past and the watched folders. */
export class Past {
  entries = $state.raw<ImportEntry[]>([]);
  /** Whether there are older ones. */
  more = $state(false);
  /** The report that is unfolded. */
  open = $state.raw<{ import: number; report: ImportReport } | null>(null);
  folders = $state.raw<WatchedFolder[]>([]);
  problem = $state.raw<Problem | null>(null);
  /** The file that was written last. */
  saved = $state.raw<SavedFile | null>(null);
  /** How the last undo went. */
  undone = $state.raw<{ import: number; done: ActDone } | null>(null);

  readonly #ipc: Ipc;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  async load(): Promise<void> {
    await this.#try(async () => {
      const { entries } = await this.#ipc.call('list_imports', { limit: PAGE });
      this.entries = entries;
      this.more = entries.length === PAGE;
      this.folders = (await this.#ipc.call('list_watched', {})).folders;
    });
  }

  async loadMore(): Promise<void> {
    const before = this.entries.at(-1)?.import;
    if (before === undefined) return;
    await this.#try(async () => {
      const { entries } = await this.#ipc.call('list_imports', { before, limit: PAGE });
      this.entries = [...this.entries, ...entries];
      this.more = entries.length === PAGE;
    });
  }

  async toggle(number: number): Promise<void> {
    if (this.open?.import === number) {
      this.open = null;
      return;
    }
    await this.#try(async () => {
      const report = await this.#ipc.call('import_report', { import: number });
      this.open = { import: number, report };
    });
  }

  async save(number: number, file: ImportFile): Promise<void> {
    await this.#try(async () => {
      this.saved = await this.#ipc.call('save_import_file', { import: number, file });
    });
  }

  async undo(number: number): Promise<void> {
    await this.#try(async () => {
      const done = await this.#ipc.call('undo_import', { import: number });
      this.undone = { import: number, done };
    });
    await this.load();
  }

  async watch(path: string): Promise<boolean> {
    return this.#try(async () => {
      this.folders = (await this.#ipc.call('add_watched', { path })).folders;
    });
  }

  async unwatch(id: number): Promise<void> {
    await this.#try(async () => {
      this.folders = (await this.#ipc.call('remove_watched', { id })).folders;
    });
  }

  async #try(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      this.problem = null;
      return true;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return false;
    }
  }
}
