import { problemOf, type ImportRun, type Ipc, type OpenedFiles, type Problem } from '$lib/ipc';

/** What hovers over the window and could be dropped. */
export interface Hover {
  /** Empty in a browser, which names files only once they are dropped. */
  names: string[];
  count: number;
}

/** Whether files are imported, checked, or checked at their beginning. */
export type Manner = 'import' | 'check' | 'look';

/** A quick look's lines: enough to see what a file is made of, read in a blink. */
export const LOOK_LINES = 1_000;

const ENDED = new Set<ImportRun['state']>(['done', 'cancelled', 'failed']);

export function hasEnded(run: ImportRun): boolean {
  return ENDED.has(run.state);
}

/** Share of the current file that was read, 0 to 1; null while its size is not known. */
export function shareRead(run: ImportRun): number | null {
  if (hasEnded(run)) return 1;
  return run.bytes_total > 0 ? run.bytes / run.bytes_total : null;
}

/** The imports of this session. Runs come as events; this class only keeps the latest of each. */
export class Imports {
  /** Newest first. */
  runs = $state.raw<ImportRun[]>([]);
  hover = $state.raw<Hover | null>(null);
  /** How many files are on their way from the browser to the host. */
  uploading = $state(0);
  /** Runs that only looked at the beginning of their files. */
  looked = $state.raw<ReadonlySet<number>>(new Set());
  /** Why the last import could not be started. */
  problem = $state.raw<Problem | null>(null);
  /** The run whose end the status bar tells until someone has seen it. */
  unseen = $state<number | null>(null);

  readonly #ipc: Ipc;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  readonly running = $derived(this.runs.find((run) => run.state === 'running') ?? null);
  readonly latest = $derived(this.runs[0] ?? null);

  get files() {
    return this.#ipc.files;
  }

  /** Files that the program was opened with: whoever takes them first has them, once. */
  async opened(): Promise<OpenedFiles> {
    try {
      return await this.#ipc.call('take_opened_files', {});
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return { paths: [] };
    }
  }

  async start(paths: string[], manner: Manner = 'import'): Promise<boolean> {
    if (paths.length === 0) return false;
    const checks = manner === 'import' ? {} : { dry_run: true };
    const looks = manner === 'look' ? { lines_max: LOOK_LINES } : {};
    try {
      const run = await this.#ipc.call('import_files', { paths, ...checks, ...looks });
      if (manner === 'look') this.looked = new Set([...this.looked, run.run]);
      this.take(run);
      this.problem = null;
      return true;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return false;
    }
  }

  /** Hands a browser's files to the host and imports them as one run. */
  async startUploads(files: readonly File[], manner: Manner = 'import'): Promise<boolean> {
    const paths = await this.hand(files);
    return paths !== null && this.start(paths, manner);
  }

  /** Hands a browser's files to the host; null where that failed. */
  async hand(files: readonly File[]): Promise<string[] | null> {
    const source = this.#ipc.files;
    if (source.kind !== 'uploads' || files.length === 0) return null;
    this.uploading += files.length;
    const paths: string[] = [];
    try {
      // One after another: they come from the same disk and go to the same disk.
      for (const file of files) paths.push(await source.upload(file));
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return null;
    } finally {
      this.uploading -= files.length;
    }
    return paths;
  }

  async cancel(run: number): Promise<void> {
    try {
      this.take(await this.#ipc.call('cancel_import', { run }));
    } catch (thrown) {
      this.problem = problemOf(thrown);
    }
  }

  /** After a gap in the events: asks for what they would have told. */
  async catchUp(): Promise<void> {
    for (const { run } of this.runs.filter((one) => !hasEnded(one))) {
      try {
        this.take(await this.#ipc.call('get_import', { run }));
      } catch (thrown) {
        this.problem = problemOf(thrown);
      }
    }
  }

  take(run: ImportRun): void {
    const known = this.runs.find((one) => one.run === run.run);
    // The answer to `import_files` may come after the events that overtook it.
    if (known !== undefined && hasEnded(known) && !hasEnded(run)) return;
    if (known !== undefined && known.lines > run.lines && known.file_index === run.file_index) {
      if (!hasEnded(run)) return;
    }
    const others = this.runs.filter((one) => one.run !== run.run);
    this.runs = [...others, run].sort((a, b) => b.run - a.run);
    if (hasEnded(run) && (known === undefined || !hasEnded(known))) this.unseen = run.run;
  }

  seen(): void {
    this.unseen = null;
  }
}
