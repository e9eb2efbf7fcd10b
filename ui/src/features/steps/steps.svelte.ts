import {
  problemOf,
  type ActDone,
  type Edit,
  type ExportFormat,
  type ExportRun,
  type Ipc,
  type Problem,
  type Selection,
} from '$lib/ipc';

/** What a note at the edge of the window tells. */
export type Told =
  | { kind: 'bulk' | 'undone' | 'redone'; done: ActDone }
  | { kind: 'problem'; problem: Problem }
  | { kind: 'export'; run: ExportRun };

/** Long enough to read a sentence and reach for its button. */
export const TOLD_MS = 8_000;

/** Steps on many profiles, undo and redo, exports; and the note that tells how they went. */
export class Steps {
  told = $state.raw<Told | null>(null);
  busy = $state(false);

  readonly #ipc: Ipc;
  #leaving: ReturnType<typeof setTimeout> | undefined;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  async undo(): Promise<void> {
    await this.#run(async () =>
      this.#tell({ kind: 'undone', done: await this.#ipc.call('undo', {}) }),
    );
  }

  async redo(): Promise<void> {
    await this.#run(async () =>
      this.#tell({ kind: 'redone', done: await this.#ipc.call('redo', {}) }),
    );
  }

  async bulk(selection: Selection, edits: Edit[]): Promise<boolean> {
    return this.#run(async () =>
      this.#tell({ kind: 'bulk', done: await this.#ipc.call('bulk_edit', { selection, edits }) }),
    );
  }

  async export(selection: Selection, format: ExportFormat): Promise<boolean> {
    return this.#run(async () =>
      this.take(await this.#ipc.call('export_profiles', { selection, format })),
    );
  }

  async cancelExport(run: number): Promise<void> {
    await this.#run(async () => this.take(await this.#ipc.call('cancel_export', { run })));
  }

  /** An export advanced or ended. */
  take(run: ExportRun): void {
    const shown = this.told;
    // The answer may come after the events that overtook it.
    if (shown?.kind === 'export' && shown.run.run === run.run && shown.run.state !== 'running')
      return;
    this.#tell({ kind: 'export', run });
  }

  dismiss(): void {
    clearTimeout(this.#leaving);
    this.told = null;
  }

  #tell(told: Told): void {
    clearTimeout(this.#leaving);
    this.told = told;
    const stays = told.kind === 'export' || (told.kind !== 'problem' && told.done.refused > 0);
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
