import { problemOf, type Problem } from '$lib/ipc';

export interface Page<Row> {
  rows: Row[];
  matching: number;
  total: number;
  /** Names the last row, for reading on after it. */
  next?: string | null;
}

export type FetchPage<Row, Query> = (
  query: Query,
  offset: number,
  limit: number,
  /** `next` of the page before, where that page is here and as fresh. */
  after: string | null,
) => Promise<Page<Row>>;

/** Large enough for four screens, small enough to arrive within a frame or two. */
export const PAGE_ROWS = 200;
/** A few screens in both directions; everything else is fetched again when it is scrolled to. */
export const PAGES_KEPT = 12;
/** While an import runs the store changes ten times a second; the list follows four times. */
export const REFRESH_PAUSE_MS = 250;

/**
 * The rows of a list that stays in the store. Holds a few pages around what is visible, drops what
 * comes too late, and replaces stale pages in place, so that the list neither flickers nor jumps.
 */
export class PagedRows<Row, Query> {
  /** How many rows match the query. */
  matching = $state(0);
  /** How many rows there are at all. */
  total = $state(0);
  /** Whether any answer has come yet. */
  loaded = $state(false);
  /** Why the last page could not be fetched. */
  problem = $state.raw<Problem | null>(null);

  readonly #fetch: FetchPage<Row, Query>;
  #query: Query;
  #pages = $state.raw(new Map<number, Row[]>());
  /** The generation as of which a page was fetched. */
  readonly #freshAs = new Map<number, number>();
  /** What names the last row of a page. */
  readonly #ends = new Map<number, string>();
  readonly #inFlight = new Set<number>();
  /** Grows with each query that was taken over: answers to older ones are dropped. */
  #epoch = 0;
  /** Grows with each attempt to change the query: only the latest may be taken over. */
  #attempt = 0;
  /** Grows with each change of the store. */
  #generation = 0;
  #visible = { first: 0, end: 1 };
  #pause: ReturnType<typeof setTimeout> | undefined;
  #refreshAgain = false;

  constructor(query: Query, fetch: FetchPage<Row, Query>) {
    this.#query = query;
    this.#fetch = fetch;
  }

  /** The query whose rows are shown. */
  get query(): Query {
    return this.#query;
  }

  /** The row at a position, if its page is here. */
  row(index: number): Row | undefined {
    return this.#pages.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS];
  }

  /** Where a row stands among the pages that are here. */
  find(matches: (row: Row) => boolean): number | undefined {
    for (const [page, rows] of this.#pages) {
      const at = rows.findIndex(matches);
      if (at >= 0) return page * PAGE_ROWS + at;
    }
    return undefined;
  }

  /** Says which rows are on screen; fetches what is missing of them. */
  show(first: number, end: number): void {
    this.#visible = { first, end };
    this.#fetchVisible();
  }

  /** Fetches the row at a position unless it is here. */
  async ensure(index: number): Promise<Row | undefined> {
    if (this.row(index) === undefined) await this.#fetchPage(Math.floor(index / PAGE_ROWS));
    return this.row(index);
  }

  /** The store changed: fetches the visible pages again and leaves the old ones up meanwhile. */
  refresh(): void {
    if (this.#pause !== undefined) {
      this.#refreshAgain = true;
      return;
    }
    this.#generation += 1;
    this.#fetchVisible();
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (!this.#refreshAgain) return;
      this.#refreshAgain = false;
      this.refresh();
    }, REFRESH_PAUSE_MS);
  }

  /**
   * Takes over another query once its first page is here. Answers the problem if there is one, and
   * then keeps showing the rows of the query before; answers `overtaken` if a later query came.
   */
  async setQuery(query: Query): Promise<Problem | 'overtaken' | null> {
    const attempt = (this.#attempt += 1);
    const generation = this.#generation;
    try {
      const page = await this.#fetch(query, 0, PAGE_ROWS, null);
      if (attempt !== this.#attempt) return 'overtaken';
      this.#query = query;
      this.#epoch += 1;
      this.#inFlight.clear();
      this.#freshAs.clear();
      this.#ends.clear();
      this.#pages = new Map();
      this.#visible = { first: 0, end: 1 };
      this.#take(0, page, generation);
      this.#fetchVisible();
      return null;
    } catch (thrown) {
      return attempt === this.#attempt ? problemOf(thrown) : 'overtaken';
    }
  }

  #fetchVisible(): void {
    const last = Math.max(this.#visible.first, this.#visible.end - 1);
    for (let page = Math.floor(this.#visible.first / PAGE_ROWS); page * PAGE_ROWS <= last; page++) {
      if (this.#freshAs.get(page) === this.#generation) this.#touch(page);
      else void this.#fetchPage(page);
    }
  }

  async #fetchPage(page: number): Promise<void> {
    if (this.#inFlight.has(page)) return;
    this.#inFlight.add(page);
    const epoch = this.#epoch;
    const generation = this.#generation;
    try {
      const offset = page * PAGE_ROWS;
      const answer = await this.#fetch(this.#query, offset, PAGE_ROWS, this.#endBefore(page));
      if (epoch !== this.#epoch) return;
      this.#inFlight.delete(page);
      this.#take(page, answer, generation);
      // The store may have changed on the way: what is visible must not stay stale.
      if (generation !== this.#generation) this.#fetchVisible();
    } catch (thrown) {
      if (epoch !== this.#epoch) return;
      this.#inFlight.delete(page);
      this.problem = problemOf(thrown);
    }
  }

  /** Reading on is cheaper than counting rows off, and right only as of the same generation. */
  #endBefore(page: number): string | null {
    if (this.#freshAs.get(page - 1) !== this.#generation) return null;
    return this.#ends.get(page - 1) ?? null;
  }

  #take(page: number, answer: Page<Row>, generation: number): void {
    const pages = new Map(this.#pages);
    pages.delete(page);
    pages.set(page, answer.rows);
    // A map keeps the order of insertion, so its first key is the page used longest ago.
    for (const oldest of pages.keys()) {
      if (pages.size <= PAGES_KEPT) break;
      pages.delete(oldest);
      this.#freshAs.delete(oldest);
      this.#ends.delete(oldest);
    }
    if (answer.next == null) this.#ends.delete(page);
    else this.#ends.set(page, answer.next);
    this.#freshAs.set(page, generation);
    this.#pages = pages;
    this.matching = answer.matching;
    this.total = answer.total;
    this.loaded = true;
    this.problem = null;
  }

  /** Marks a page as used, without telling anyone: its rows are the same. */
  #touch(page: number): void {
    const rows = this.#pages.get(page);
    if (rows === undefined) return;
    this.#pages.delete(page);
    this.#pages.set(page, rows);
  }
}
