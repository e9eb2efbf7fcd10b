import {
  problemOf,
  type ActDone,
  type ImportEntry,
  type ImportFile,
  type ImportReport,
  type ImportedNow,
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
  /** The file that was written last, and about which import. */
  saved = $state.raw<{ import: number; file: SavedFile } | null>(null);
  /** Whether an undo is under way. */
  busy = $state(false);
  /** Whether the history was asked for and has answered. */
  loaded = $state(false);

  readonly #ipc: Ipc;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  async load(): Promise<void> {
    await this.#try(async () => {
      const { entries } = await this.#ipc.call('list_imports', { limit: PAGE });
      // Older ones that were unfolded stay: the answer is the newest page.
      const last = entries.at(-1)?.import ?? 0;
      const older = this.entries.filter((one) => one.import < last);
      this.entries = [...entries, ...older];
      if (older.length === 0) this.more = entries.length === PAGE;
      this.loaded = true;
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
      const saved = await this.#ipc.call('save_import_file', { import: number, file });
      this.saved = { import: number, file: saved };
    });
  }

  isUndone(number: number | null): boolean {
    return this.entries.some((entry) => entry.import === number && entry.undone_at != null);
  }

  savedOf(number: number | null): SavedFile | null {
    return this.saved !== null && this.saved.import === number ? this.saved.file : null;
  }

  /** Takes an import back; answers what came of it, null where it could not even be tried. */
  async undo(number: number): Promise<ActDone | null> {
    if (this.busy) return null;
    this.busy = true;
    let done: ActDone | null = null;
    const tried = await this.#try(async () => {
      done = await this.#ipc.call('undo_import', { import: number });
    });
    this.busy = false;
    if (tried) await this.load();
    return done;
  }

  /** What is still here of what an import brought; null where that cannot be told. */
  async now(number: number): Promise<ImportedNow | null> {
    let now: ImportedNow | null = null;
    await this.#try(async () => {
      now = await this.#ipc.call('imported_now', { import: number });
    });
    return now;
  }

  get files() {
    return this.#ipc.files;
  }

  /** Watches a folder; rejects with the problem, which belongs to the field it was typed into. */
  async watch(path: string): Promise<void> {
    this.folders = (await this.#ipc.call('add_watched', { path })).folders;
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
