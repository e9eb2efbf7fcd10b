import {
  problemOf,
  type ActDone,
  type Acts,
  type Edit,
  type ErasureReport,
  type ExportFormat,
  type ExportRun,
  type Ipc,
  type Problem,
  type Selection,
} from '$lib/ipc';

/** What a note at the edge of the window tells. */
export type Told =
  | { kind: 'bulk' | 'deleted' | 'import' | 'undone' | 'redone'; done: ActDone }
  | { kind: 'nothing'; what: 'undo' | 'redo' }
  /** A step on one profile, in words of its own; it can be undone. */
  | { kind: 'step'; id: string; words: () => string; href: string | null }
  /** Erased for good from here; the relay's account of it. */
  | { kind: 'erased'; id: string; report: ErasureReport }
  /** Erased for good by somebody else, while it was open here. */
  | { kind: 'erased_elsewhere' }
  | { kind: 'problem'; problem: Problem }
  | { kind: 'export'; run: ExportRun };

/** Long enough to read a sentence and reach for its button. */
export const TOLD_MS = 8_000;
/** While an import runs the store changes ten times a second; nobody undoes as often. */
export const ACTS_PAUSE_MS = 400;

/** Steps on many profiles, undo and redo, exports; and the note that tells how they went. */
export class Steps {
  told = $state.raw<Told | null>(null);
  busy = $state(false);
  /** The last steps, and what undo and redo would do; null before the first answer. */
  acts = $state.raw<Acts | null>(null);
  /** Why the last steps could not be fetched. */
  actsProblem = $state.raw<Problem | null>(null);
  /** The export that runs, whether the note shows it or not. */
  exporting = $state.raw<ExportRun | null>(null);
  /** The profiles that a step could not change, while somebody looks at them. */
  refused = $state.raw<ActDone | null>(null);

  readonly #ipc: Ipc;
  #leaving: ReturnType<typeof setTimeout> | undefined;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;
  #erasing: string | null = null;
  /** An export whose note was put away while it ran; its end is told all the same. */
  #putAway: number | null = null;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  async load(): Promise<void> {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    const asked = (this.#asked += 1);
    try {
      const acts = await this.#ipc.call('list_acts', {});
      if (asked !== this.#asked) return;
      this.acts = acts;
      this.actsProblem = null;
    } catch (thrown) {
      if (asked === this.#asked) this.actsProblem = problemOf(thrown);
    }
  }

  /** The store changed, perhaps by a step. */
  storeChanged(): void {
    this.#pause ??= setTimeout(() => void this.load(), ACTS_PAUSE_MS);
  }

  async undo(): Promise<void> {
    await this.#step('undo');
  }

  async redo(): Promise<void> {
    await this.#step('redo');
  }

  async bulk(selection: Selection, edits: Edit[]): Promise<boolean> {
    const done = await this.#run(async () =>
      this.#tell({ kind: 'bulk', done: await this.#ipc.call('bulk_edit', { selection, edits }) }),
    );
    await this.load();
    return done;
  }

  async delete(selection: Selection): Promise<boolean> {
    const done = await this.#run(async () =>
      this.#tell({ kind: 'deleted', done: await this.#ipc.call('delete_profiles', { selection }) }),
    );
    await this.load();
    return done;
  }

  /** Deletes what an import brought; a step like any other deletion. */
  async deleteImported(number: number, withEdited: boolean): Promise<boolean> {
    const request = { import: number, with_edited: withEdited };
    const done = await this.#run(async () =>
      this.#tell({ kind: 'deleted', done: await this.#ipc.call('delete_imported', request) }),
    );
    await this.load();
    return done;
  }

  /**
   * Has the relay erase a profile for good. Answers null, or why nothing was erased: whoever asked
   * still stands in front of the question, so it is told there.
   */
  async erase(id: string): Promise<Problem | null> {
    this.#erasing = id;
    try {
      this.#tell({ kind: 'erased', id, report: await this.#ipc.call('erase_profile', { id }) });
      return null;
    } catch (thrown) {
      return problemOf(thrown);
    } finally {
      this.#erasing = null;
      void this.load();
    }
  }

  /** Asks once more which devices have confirmed. The relay answers the same request with that. */
  async checkErased(): Promise<void> {
    const shown = this.told;
    if (shown?.kind !== 'erased') return;
    await this.#run(async () => {
      const report = await this.#ipc.call('erase_profile', { id: shown.id });
      if (this.told === shown) this.#tell({ ...shown, report });
    });
  }

  /** The open profile turned out to be erased. Who erased it here is told so by the answer. */
  tellErased(id: string): void {
    const own = this.#erasing === id || (this.told?.kind === 'erased' && this.told.id === id);
    if (!own) this.#tell({ kind: 'erased_elsewhere' });
  }

  async export(selection: Selection, format: ExportFormat): Promise<boolean> {
    return this.#run(async () =>
      this.take(await this.#ipc.call('export_profiles', { selection, format })),
    );
  }

  async cancelExport(run: number): Promise<void> {
    await this.#run(async () => this.take(await this.#ipc.call('cancel_export', { run })));
  }

  /** After a gap in the events: asks for what they would have told. */
  async catchUp(): Promise<void> {
    const shown = this.told;
    void this.load();
    const running = shown?.kind === 'export' ? shown.run : this.exporting;
    if (running?.state !== 'running') return;
    try {
      this.take(await this.#ipc.call('get_export', { run: running.run }));
    } catch (thrown) {
      this.#tell({ kind: 'problem', problem: problemOf(thrown) });
    }
  }

  /** An export advanced or ended. */
  take(run: ExportRun): void {
    const shown = this.told;
    // The answer may come after the events that overtook it.
    if (shown?.kind === 'export' && shown.run.run === run.run) {
      if (shown.run.state !== 'running') return;
      if (run.state === 'running' && run.profiles < shown.run.profiles) return;
    }
    this.exporting = run.state === 'running' ? run : null;
    if (run.state === 'running' && this.#putAway === run.run) return;
    this.#tell({ kind: 'export', run });
  }

  dismiss(): void {
    clearTimeout(this.#leaving);
    if (this.told?.kind === 'export') this.#putAway = this.told.run.run;
    this.told = null;
  }

  /** A step on one profile was taken. */
  tellStep(id: string, words: () => string, href: string | null = null): void {
    this.#tell({ kind: 'step', id, words, href });
    void this.load();
  }

  /** A step on many profiles was taken elsewhere than here. */
  tellBulk(done: ActDone): void {
    this.#tell({ kind: 'bulk', done });
    void this.load();
  }

  /** Shows the note of the export that runs again. */
  showExport(): void {
    this.#putAway = null;
    if (this.exporting !== null) this.#tell({ kind: 'export', run: this.exporting });
  }

  /** An import was undone. No step takes that back: the file can be imported again. */
  tellImport(done: ActDone): void {
    this.#tell({ kind: 'import', done });
    void this.load();
  }

  /** Something that no step of a list did went wrong. */
  tellProblem(problem: Problem): void {
    this.#tell({ kind: 'problem', problem });
  }

  async #step(what: 'undo' | 'redo'): Promise<void> {
    await this.#run(async () => {
      try {
        const done = await this.#ipc.call(what, {});
        this.#tell({ kind: what === 'undo' ? 'undone' : 'redone', done });
      } catch (thrown) {
        // The host refuses where there is nothing; that is an answer and no problem.
        await this.load();
        if (this.acts === null || this.acts[what] != null) throw thrown;
        this.#tell({ kind: 'nothing', what });
      }
    });
    await this.load();
  }

  #tell(told: Told): void {
    clearTimeout(this.#leaving);
    this.told = told;
    // What names a file or a reason stays until somebody has read it.
    const stays =
      told.kind === 'export' ||
      told.kind === 'problem' ||
      told.kind === 'erased' ||
      told.kind === 'erased_elsewhere' ||
      ('done' in told && told.done.refused > 0);
    if (!stays) this.#leaving = setTimeout(() => (this.told = null), TOLD_MS);
  }

  async #run(work: () => Promise<void>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    try {
      await work();
      return true;
    } catch (thrown) {
      this.#tell({ kind: 'problem', problem: problemOf(thrown) });
      return false;
    } finally {
      this.busy = false;
    }
  }
}
