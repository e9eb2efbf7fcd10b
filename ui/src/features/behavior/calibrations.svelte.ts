import {
  problemOf,
  type CalibrationDetail,
  type CalibrationRun,
  type Calibrations as All,
  type CheckedSchema,
  type FitCalibration,
  type Ipc,
  type Problem,
} from '$lib/ipc';
import { Cohort } from '$lib/state/cohort.svelte';

const NONE: All = { schemas: [], calibrations: [], acts: [], running: null };

/** Schemas and calibrations, what runs, and the one that is looked at. */
export class Calibrations {
  all = $state.raw<All>(NONE);
  loaded = $state(false);
  /** What runs now, or ended last and was not looked at. */
  run = $state.raw<CalibrationRun | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** The schema that a new calibration is asked for with, while somebody is asked; null: nobody is. */
  asking = $state<string | null>(null);
  /** The text of a schema, while somebody looks at it; empty: a new one; null: nobody does. */
  editing = $state<string | null>(null);
  /** The version that is looked at. */
  shown = $state<string | null>(null);
  detail = $state.raw<CalibrationDetail | null>(null);
  /** Why it cannot be shown. */
  detailProblem = $state.raw<Problem | null>(null);

  readonly #ipc: Ipc;
  #asked = 0;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  readonly busy = $derived(this.run?.state === 'running');

  async load(): Promise<void> {
    try {
      this.#take(await this.#ipc.call('list_calibrations', {}));
      this.problem = null;
    } catch (thrown) {
      this.problem = problemOf(thrown);
    }
  }

  /** A run advanced or ended; answers the calibration that is there now. */
  take(run: CalibrationRun): string | null {
    this.run = run;
    if (run.state === 'running') return null;
    void this.load();
    if (run.version != null && run.version === this.shown) void this.loadDetail();
    return run.version ?? null;
  }

  /** Scores are by other calibrations now. */
  changed(): void {
    void this.load();
    if (this.shown !== null) void this.loadDetail();
  }

  show(version: string | null): void {
    if (version === this.shown) return;
    this.shown = version;
    this.detail = null;
    this.detailProblem = null;
    if (version !== null) void this.loadDetail();
  }

  async loadDetail(): Promise<void> {
    const version = this.shown;
    if (version === null) return;
    const asked = (this.#asked += 1);
    try {
      const detail = await this.#ipc.call('get_calibration', { version });
      if (asked !== this.#asked) return;
      this.detail = detail;
      this.detailProblem = null;
    } catch (thrown) {
      if (asked === this.#asked) this.detailProblem = problemOf(thrown);
    }
  }

  /** A filter for the people to compare with. */
  cohort(filter: string): Cohort {
    return new Cohort(this.#ipc, filter);
  }

  /** Starts a calibration; answers whether it runs. */
  async fit(asked: FitCalibration): Promise<boolean> {
    return this.#start(() => this.#ipc.call('fit_calibration', asked));
  }

  /** Looks anew whom a calibration moves, against another one or the one that is active. */
  async compare(version: string, other?: string): Promise<boolean> {
    const asked = other === undefined ? { version } : { version, with: other };
    return this.#start(() => this.#ipc.call('compare_calibration', asked));
  }

  async stop(): Promise<void> {
    if (this.run === null) return;
    // It ended already where it is not there any more; its event says so.
    await this.#ipc.call('cancel_calibration', { run: this.run.run }).catch(() => null);
  }

  async activate(version: string, accept: boolean): Promise<void> {
    await this.#act(() => this.#ipc.call('activate_calibration', { version, accept }));
    if (this.shown !== null) await this.loadDetail();
  }

  /** Deletes one; answers whether it is gone. */
  async remove(version: string): Promise<boolean> {
    return this.#act(() => this.#ipc.call('delete_calibration', { version }));
  }

  /** Looks at the text of a schema; where it is good it can be kept. */
  async check(text: string, keep: boolean): Promise<CheckedSchema | { problem: Problem }> {
    try {
      const checked = await this.#ipc.call('check_behavior_schema', { text, keep });
      if (keep && checked.schema != null) await this.load();
      return checked;
    } catch (thrown) {
      return { problem: problemOf(thrown) };
    }
  }

  #take(all: All): void {
    this.all = all;
    this.loaded = true;
    if (all.running != null) this.run = all.running;
  }

  async #start(start: () => Promise<CalibrationRun>): Promise<boolean> {
    try {
      const run = await start();
      // It may have ended before this was answered.
      if (this.run?.run !== run.run) this.run = run;
      this.problem = null;
      return true;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return false;
    }
  }

  async #act(act: () => Promise<All>): Promise<boolean> {
    try {
      this.#take(await act());
      this.problem = null;
      return true;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return false;
    }
  }
}
