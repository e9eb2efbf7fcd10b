import { problemOf, type Analysis, type AnalysisDetail, type Ipc, type Problem } from '$lib/ipc';
import { Cohort } from '$lib/state/cohort.svelte';

/** Nothing more happens to these by itself. */
const OVER = new Set<Analysis['stage']>(['refused', 'completed', 'failed', 'canceled']);

export const isOver = ({ stage }: Analysis): boolean => OVER.has(stage);
export const mayTryAgain = ({ stage }: Analysis): boolean =>
  stage === 'refused' || stage === 'failed' || stage === 'canceled';

/** The analyses of the organisation. They come as events; this class keeps the latest of each. */
export class Analyses {
  /** Those that wait here, then the newest first. */
  all = $state.raw<Analysis[]>([]);
  loaded = $state(false);
  supported = $state(true);
  /** Why the last thing that was asked for did not happen. */
  problem = $state.raw<Problem | null>(null);
  /** The filter that a new analysis is asked for with, while somebody is asked; null: nobody is. */
  asking = $state<string | null>(null);
  /** What is asked for to begin with: an analysis with what it is told. */
  preset = $state.raw<{ analysis: string; params: Record<string, unknown> } | null>(null);
  /** The file whose records are asked for instead of the profiles. */
  dataset = $state.raw<{ id: string; name: string } | null>(null);
  /** The one that is looked at. */
  open = $state.raw<OpenAnalysis | null>(null);

  readonly #ipc: Ipc;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  readonly running = $derived(this.all.filter((analysis) => !isOver(analysis)));

  async load(): Promise<void> {
    try {
      const { analyses, supported } = await this.#ipc.call('list_analyses', {});
      this.all = analyses;
      this.supported = supported;
      this.problem = null;
    } catch (thrown) {
      const problem = problemOf(thrown);
      this.all = [];
      // Without a relay the page says so itself.
      this.problem = problem.code === 'not_signed_in' ? null : problem;
    }
    this.loaded = true;
  }

  take(analysis: Analysis): void {
    const at = this.all.findIndex((one) => one.id === analysis.id);
    this.all =
      at >= 0
        ? this.all.map((one) => (one.id === analysis.id ? analysis : one))
        : inOrder([analysis, ...this.all]);
    this.open?.take(analysis);
  }

  /** It is no more on the list; `now` is the id that it has at the relay, where it waited here. */
  gone(id: string, now: string | null): void {
    this.all = this.all.filter((one) => one.id !== id);
    if (this.open?.id === id) this.open.gone(now);
  }

  show(id: string | null): void {
    if (this.open?.id === id) return;
    this.open = id === null ? null : new OpenAnalysis(this.#ipc, id);
    void this.open?.load();
  }

  /** A filter for the profiles to analyse, or for the records of a file. */
  cohort(filter: string): Cohort {
    return new Cohort(this.#ipc, filter, this.dataset !== null);
  }

  /** Somebody is asked for a new analysis. */
  begin(filter: string, analysis?: string, params: Record<string, unknown> = {}): void {
    this.preset = analysis === undefined ? null : { analysis, params };
    this.dataset = null;
    this.problem = null;
    this.asking = filter;
  }

  /** Somebody is asked for a new analysis of a file's records. */
  beginWith(dataset: { id: string; name: string }): void {
    this.begin('');
    this.dataset = dataset;
  }

  /** Asks for an analysis; answers its id. */
  async ask(asked: {
    analysis: string;
    filter: string;
    params: Record<string, unknown>;
    here: boolean;
  }): Promise<string | null> {
    const { analysis: name, filter, params, here } = asked;
    try {
      const analysis = await this.#ipc.call('ask_analysis', {
        analysis: name,
        here,
        ...(filter.trim() === '' ? {} : { filter }),
        ...(Object.keys(params).length === 0 ? {} : { params }),
      });
      this.take(analysis);
      this.problem = null;
      return analysis.id;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return null;
    }
  }

  /** Asks for its end, or takes one that waits here off the list. */
  async cancel(id: string): Promise<void> {
    try {
      this.all = (await this.#ipc.call('cancel_analysis', { id })).analyses;
      this.problem = null;
    } catch (thrown) {
      this.problem = problemOf(thrown);
    }
  }

  /** Tries it again; answers the id of the one that does. */
  async retry(id: string): Promise<string | null> {
    try {
      const analysis = await this.#ipc.call('retry_analysis', { id });
      this.take(analysis);
      this.problem = null;
      return analysis.id;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return null;
    }
  }

  /** Saves what the window made of a result into the person's folder for downloads; answers where it lies. */
  async saveMade(made: Blob, name: string): Promise<string | null> {
    const bytes = base64Of(new Uint8Array(await made.arrayBuffer()));
    return this.#saved(() => this.#ipc.call('save_made', { name, bytes }));
  }

  /** Saves a table of a result as Parquet; answers where it lies. */
  async saveTable(id: string, table: string): Promise<string | null> {
    return this.#saved(() =>
      this.#ipc.call('save_result', { id, to: null, format: 'parquet', table }),
    );
  }

  async #saved(save: () => Promise<{ path: string }>): Promise<string | null> {
    try {
      const { path } = await save();
      this.problem = null;
      return path;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return null;
    }
  }

  /** Saves a result into the person's folder for downloads; answers where it lies. */
  async save(id: string): Promise<string | null> {
    return this.#saved(() => this.#ipc.call('save_result', { id, to: null }));
  }
}

/** Bytes that are turned into letters at once: more arguments than this a call may not have. */
const PART = 0x80_00;

function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += PART) {
    text += String.fromCharCode(...bytes.subarray(at, at + PART));
  }
  return btoa(text);
}

const waitsHere = ({ stage }: Analysis) => stage === 'waiting' || stage === 'refused';

function inOrder(all: Analysis[]): Analysis[] {
  const place = (analysis: Analysis) => (waitsHere(analysis) ? 0 : 1);
  return all.toSorted(
    (a, b) => place(a) - place(b) || b.created_at.localeCompare(a.created_at) || 0,
  );
}

/** One analysis that is looked at, by its id or its result's. */
export class OpenAnalysis {
  detail = $state.raw<AnalysisDetail | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** The id under which it goes on, where it only waited here. */
  now = $state<string | null>(null);
  readonly id: string;
  readonly #ipc: Ipc;
  #loading = false;
  /** Something happened while it was loaded. */
  #again = false;

  constructor(ipc: Ipc, id: string) {
    this.#ipc = ipc;
    this.id = id;
  }

  async load(): Promise<void> {
    if (this.#loading) {
      this.#again = true;
      return;
    }
    this.#loading = true;
    do {
      this.#again = false;
      try {
        this.detail = await this.#ipc.call('get_analysis', { id: this.id });
        // The relay had it before this was asked.
        const { id } = this.detail.analysis;
        if (this.id.startsWith('local-') && id !== this.id) this.now = id;
        this.problem = null;
      } catch (thrown) {
        this.problem = problemOf(thrown);
      }
    } while (this.#again);
    this.#loading = false;
  }

  take(analysis: Analysis): void {
    const known = this.detail?.analysis;
    if (analysis.id !== this.id && analysis.id !== known?.id) return;
    // What is said of it is shown at once, what it comes to as soon as it is there.
    if (this.detail !== null) this.detail = { ...this.detail, analysis };
    void this.load();
  }

  gone(now: string | null): void {
    this.now = now;
    if (now === null) void this.load();
  }
}
