import type { Ipc, Problem, ProfileRow, Selection, SortKey } from '$lib/ipc';
import { PAGE_ROWS, PagedRows } from '$lib/state/paged-rows.svelte';
import { frequentAttributes, sortColumn, sortKey, type AttributeColumn } from './columns';

interface Query {
  filter: string;
  search: string;
  sort: SortKey;
  descending: boolean;
}

/** Long enough for the next letter of a word, short enough to feel immediate. */
export const TYPING_PAUSE_MS = 120;

/** The list of profiles: what is asked for, what is shown, and where the focus stands in it. */
export class ProfileList {
  filter = $state('');
  search = $state('');
  sort = $state<SortKey>('id');
  descending = $state(false);
  /** What is wrong with the filter as typed; the list still shows the last one that was right. */
  filterProblem = $state.raw<Problem | null>(null);
  /** Why the latest query could not be answered, where the filter is not to blame. */
  queryProblem = $state.raw<Problem | null>(null);
  /** Whether a filter or a search is in force. */
  narrowed = $state(false);
  /** Position of the row that has the focus. */
  active = $state(0);
  attributes = $state.raw<AttributeColumn[]>([]);
  /** Grows when another query's rows take the place of those before: they start at the top. */
  answered = $state(0);
  readonly rows: PagedRows<ProfileRow, Query>;

  #activeId: string | null = null;
  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor(ipc: Ipc) {
    this.rows = new PagedRows(this.#query(), (query, offset, limit) =>
      ipc.call('list_profiles', { ...query, offset, limit }),
    );
  }

  /** A letter was typed into one of the fields. */
  typed(): void {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => void this.apply(), TYPING_PAUSE_MS);
  }

  sortBy(column: string): void {
    this.descending = sortColumn(this.sort) === column ? !this.descending : false;
    this.sort = sortKey(column);
    void this.apply();
  }

  /** The profiles that match, as commands name them. */
  selection(): Selection {
    return { ids: null, filter: this.filter, search: this.search.trim() };
  }

  clear(): void {
    this.filter = '';
    this.search = '';
    void this.apply();
  }

  /** Asks for what the fields say now. */
  async apply(): Promise<void> {
    clearTimeout(this.#typing);
    const query = this.#query();
    const outcome = await this.rows.setQuery(query);
    if (outcome === 'overtaken') return;
    const filterIsWrong = outcome?.code === 'invalid_filter';
    this.filterProblem = filterIsWrong ? outcome : null;
    this.queryProblem = filterIsWrong ? null : outcome;
    if (outcome !== null) return;
    this.narrowed = query.filter.trim() !== '' || query.search !== '';
    this.answered += 1;
    this.#activate(0);
    this.#chooseColumns();
  }

  /** The store changed. */
  refresh(): void {
    if (!this.rows.loaded || this.queryProblem !== null) void this.apply();
    else this.rows.refresh();
  }

  /** Pages came: an empty store may have got its first rows, and rows may have moved. */
  settle(): void {
    this.#chooseColumns();
    this.#follow();
  }

  /** Puts the focus on a row; answers its id once its page is here. */
  async moveTo(index: number): Promise<string | undefined> {
    if (this.rows.matching === 0) return undefined;
    const to = Math.min(Math.max(0, index), this.rows.matching - 1);
    this.#activate(to);
    const row = await this.rows.ensure(to);
    if (this.active !== to) return undefined;
    this.#activeId = row?.id ?? null;
    return row?.id;
  }

  /** Where a profile stands, if its page is here. */
  indexOf(id: string): number | undefined {
    if (this.rows.row(this.active)?.id === id) return this.active;
    return this.rows.find((row) => row.id === id);
  }

  /** Follows the focused profile to where a refresh has put it. */
  #follow(): void {
    if (this.#activeId === null || this.rows.row(this.active)?.id === this.#activeId) return;
    const moved = this.rows.find((row) => row.id === this.#activeId);
    if (moved !== undefined) this.active = moved;
    else this.active = Math.min(this.active, Math.max(0, this.rows.matching - 1));
  }

  #activate(index: number): void {
    this.active = index;
    this.#activeId = this.rows.row(index)?.id ?? null;
  }

  #query(): Query {
    return {
      // As typed: places of mistakes are counted in it.
      filter: this.filter,
      search: this.search.trim(),
      sort: this.sort,
      descending: this.descending,
    };
  }

  /**
   * Columns stay while any row shown has a value for one of them, so that typing does not move
   * them; a list in which they would all be empty chooses its own.
   */
  #chooseColumns(): void {
    const first: ProfileRow[] = [];
    for (let index = 0; index < Math.min(PAGE_ROWS, this.rows.matching); index++) {
      const row = this.rows.row(index);
      if (row !== undefined) first.push(row);
    }
    if (first.length === 0) return;
    const stillFit = this.attributes.some(({ name }) =>
      first.some((row) => Object.hasOwn(row.attributes, name)),
    );
    if (!stillFit) this.attributes = frequentAttributes(first);
  }
}
