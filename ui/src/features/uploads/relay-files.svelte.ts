import { problemOf, type DownloadRun, type Ipc, type Problem, type RelayFile } from '$lib/ipc';

/** What was last done with a file, for one line of words. */
export interface Done {
  kind: 'deleted' | 'importing';
  name: string;
}

/** A profile that may be meant. */
export interface Suggestion {
  id: string;
  name: string;
}

const SUGGESTIONS = 8;

/** The relay's files. */
export class RelayFiles {
  /** Newest first; null until the relay has answered. */
  files = $state.raw<RelayFile[] | null>(null);
  supported = $state(true);
  filter = $state('');
  next = $state<string | null>(null);
  problem = $state.raw<Problem | null>(null);
  done = $state.raw<Done | null>(null);
  /** The newest download of each file, by the file's id. */
  downloads = $state.raw<ReadonlyMap<string, DownloadRun>>(new Map());

  readonly #ipc: Ipc;
  /** Grows with each question: an answer to an earlier one comes too late. */
  #question = 0;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  async load(): Promise<void> {
    await this.#ask(null);
  }

  async more(): Promise<void> {
    if (this.next !== null) await this.#ask(this.next);
  }

  async find(filter: string): Promise<void> {
    this.filter = filter;
    await this.load();
  }

  async #ask(cursor: string | null): Promise<void> {
    const question = ++this.#question;
    try {
      const page = await this.#ipc.call('list_files', { filter: this.filter, cursor });
      if (question !== this.#question) return;
      const before = cursor === null ? [] : (this.files ?? []);
      this.files = [...before, ...page.files];
      this.supported = page.supported;
      this.next = page.next ?? null;
      this.problem = null;
    } catch (thrown) {
      if (question === this.#question) this.problem = problemOf(thrown);
    }
  }

  /** Whether the file has the name now. */
  async rename(id: string, name: string): Promise<boolean> {
    return this.#try(async () => {
      const renamed = await this.#ipc.call('rename_file', { id, name });
      this.files = (this.files ?? []).map((file) => (file.id === id ? renamed : file));
    });
  }

  async remove({ id, name }: RelayFile): Promise<boolean> {
    return this.#try(async () => {
      await this.#ipc.call('delete_file', { id });
      this.files = (this.files ?? []).filter((file) => file.id !== id);
      this.done = { kind: 'deleted', name };
    });
  }

  async importThere({ id, name }: RelayFile): Promise<boolean> {
    return this.#try(async () => {
      await this.#ipc.call('import_file_on_relay', { id });
      this.done = { kind: 'importing', name };
    });
  }

  async attach(id: string, profile: string): Promise<boolean> {
    return this.#try(async () => {
      const file = await this.#ipc.call('attach_file', { id, profile });
      this.files = (this.files ?? []).map((one) => (one.id === id ? file : one));
    });
  }

  /** Profiles with these words, a few of them: an id is rarely known by heart. */
  async suggest(words: string): Promise<Suggestion[]> {
    if (words.trim() === '') return [];
    const page = await this.#ipc.call('list_profiles', { search: words, limit: SUGGESTIONS });
    return page.rows.map(({ id, display_name }) => ({ id, name: display_name ?? '' }));
  }

  async download(id: string): Promise<boolean> {
    return this.#try(async () => this.take(await this.#ipc.call('download_file', { id })));
  }

  async stop(run: number): Promise<boolean> {
    return this.#try(async () => void (await this.#ipc.call('cancel_download', { run })));
  }

  take(run: DownloadRun): void {
    const known = this.downloads.get(run.file);
    // The answer to `download_file` may come after the events that overtook it.
    if (known?.run === run.run && known.stage !== 'running' && run.stage === 'running') return;
    this.downloads = new Map(this.downloads).set(run.file, run);
  }

  async #try(act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      this.problem = null;
      return true;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return false;
    }
  }
}
