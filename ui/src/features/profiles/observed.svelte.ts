import { problemOf, type Ipc, type ObservationPage, type Problem, type Series } from '$lib/ipc';

/** Points of a lane: more than twice what a pane has pixels for, so that a wider one needs no other. */
const POINTS = 1_600;
/** Rows of the table that come at once. */
export const ROWS = 200;

/** A stretch of time, in seconds since 1970. */
export interface Span {
  from: number;
  to: number;
}

/** The observations of one profile, as lanes and as rows. Both come in parts from the host. */
export class Observations {
  series = $state.raw<Series | null>(null);
  page = $state.raw<ObservationPage | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** The stretch of time that is looked at; null for all of it. */
  span = $state.raw<Span | null>(null);
  /** The signal that the table is narrowed to. */
  signal = $state<string | null>(null);

  readonly #ipc: Ipc;
  readonly #id: string;
  #limit = ROWS;
  #seriesAsked = 0;
  #pageAsked = 0;

  constructor(ipc: Ipc, id: string) {
    this.#ipc = ipc;
    this.#id = id;
  }

  async load(): Promise<void> {
    await Promise.all([this.#loadSeries(), this.page === null ? null : this.#loadPage()]);
  }

  async look(span: Span | null): Promise<void> {
    this.span = span;
    await this.#loadSeries();
  }

  /** The table is looked at. */
  async showRows(): Promise<void> {
    if (this.page === null) await this.#loadPage();
  }

  async narrow(signal: string | null): Promise<void> {
    this.signal = signal;
    this.#limit = ROWS;
    await this.#loadPage();
  }

  async more(): Promise<void> {
    this.#limit += ROWS;
    await this.#loadPage();
  }

  async #loadSeries(): Promise<void> {
    const asked = (this.#seriesAsked += 1);
    const { from = null, to = null } = this.span ?? {};
    try {
      const request = { id: this.#id, from, to, points_max: POINTS };
      const series = await this.#ipc.call('observation_series', request);
      if (asked !== this.#seriesAsked) return;
      this.series = series;
      this.problem = null;
    } catch (thrown) {
      if (asked === this.#seriesAsked) this.problem = problemOf(thrown);
    }
  }

  async #loadPage(): Promise<void> {
    const asked = (this.#pageAsked += 1);
    const { signal } = this;
    try {
      const rows: ObservationPage['rows'] = [];
      let total = 0;
      while (rows.length < this.#limit) {
        const offset = rows.length;
        const part = { id: this.#id, signal, offset, limit: ROWS };
        const page = await this.#ipc.call('list_observations', part);
        if (asked !== this.#pageAsked) return;
        rows.push(...page.rows);
        total = page.total;
        if (page.rows.length < ROWS) break;
      }
      this.page = { rows, total };
      this.problem = null;
    } catch (thrown) {
      if (asked === this.#pageAsked) this.problem = problemOf(thrown);
    }
  }
}
