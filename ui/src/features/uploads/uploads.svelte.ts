import { problemOf, type CommandName, type Ipc, type Problem, type Upload } from '$lib/ipc';

const OPEN = new Set<Upload['stage']>(['waiting', 'running', 'completing']);

export function isOpen(upload: Upload): boolean {
  return OPEN.has(upload.stage);
}

/** Files that might be meant for an import or for the relay: a person says which. */
export interface Asked {
  paths: string[];
}

type Act = Extract<
  CommandName,
  'pause_upload' | 'resume_upload' | 'retry_upload' | 'cancel_upload' | 'forget_upload'
>;

/** The uploads of the data folder. They come as events; this class keeps the latest of each. */
export class Uploads {
  /** Newest first. */
  all = $state.raw<Upload[]>([]);
  loaded = $state(false);
  /** Why the last thing that was asked for did not happen. */
  problem = $state.raw<Problem | null>(null);
  asked = $state.raw<Asked | null>(null);
  /** How many files are on their way from the browser to the host. */
  handing = $state(0);

  readonly #ipc: Ipc;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  readonly open = $derived(this.all.filter(isOpen));

  get files() {
    return this.#ipc.files;
  }

  async load(): Promise<void> {
    try {
      this.all = (await this.#ipc.call('list_uploads', {})).uploads;
      this.loaded = true;
    } catch (thrown) {
      this.problem = problemOf(thrown);
    }
  }

  take(upload: Upload): void {
    const known = this.all.some((one) => one.id === upload.id);
    this.all = known
      ? this.all.map((one) => (one.id === upload.id ? upload : one))
      : [upload, ...this.all].sort((a, b) => b.id - a.id);
  }

  async add(paths: string[]): Promise<boolean> {
    if (paths.length === 0) return false;
    try {
      this.all = (await this.#ipc.call('add_uploads', { paths })).uploads;
      this.problem = null;
      return true;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return false;
    }
  }

  /** Hands a browser's files to the host, which sends them. */
  async addFiles(files: readonly File[]): Promise<boolean> {
    const source = this.#ipc.files;
    if (source.kind !== 'uploads' || files.length === 0) return false;
    this.handing += files.length;
    const paths: string[] = [];
    try {
      for (const file of files) paths.push(await source.upload(file));
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return false;
    } finally {
      this.handing -= files.length;
    }
    return this.add(paths);
  }

  pause = (id: number) => this.#act('pause_upload', id);
  resume = (id: number) => this.#act('resume_upload', id);
  retry = (id: number) => this.#act('retry_upload', id);
  cancel = (id: number) => this.#act('cancel_upload', id);
  forget = (id: number) => this.#act('forget_upload', id);

  async #act(name: Act, id: number): Promise<void> {
    try {
      const answer = await this.#ipc.call(name, { id });
      if ('uploads' in answer) this.all = answer.uploads;
      else this.take(answer);
      this.problem = null;
    } catch (thrown) {
      this.problem = problemOf(thrown);
    }
  }
}
