import type {
  Ipc,
  ListProfiles,
  Merged,
  Problem,
  ProfilePage,
  ProfileRow,
  Selection,
  SortKey,
  TableView,
} from '$lib/ipc';
import { Newest } from '$lib/state/newest';
import { PAGE_ROWS, PagedRows } from '$lib/state/paged-rows.svelte';
import { attributesOf, chosenColumns, columnsFor, scoreOf, sortColumn, sortKey } from './columns';
import type { AttributeColumn } from './columns';
import { Layout } from './layout.svelte';
import { PickedRows } from './picked-rows.svelte';

interface Query {
  filter: string;
  search: string;
  sort: SortKey;
  descending: boolean;
}

/**
 * How long the filter waits for the next letter: one that is half written is wrong, and saying so at
 * each letter would be noise.
 */
export const TYPING_PAUSE_MS = 120;
/** The most that the host hands out at once. */
const IDS_AT_ONCE = 1_000;
/** Names offered in menus; a store with more is searched by typing. */
const NAMES_MAX = 200;

/** The list of profiles: what is asked for, what is shown, and where the focus stands in it. */
export class ProfileList {
  filter = $state('');
  search = $state('');
  sort = $state<SortKey>('id');
  descending = $state(false);
  /** What is wrong with the filter as typed; the list still shows the last one that was right. */
  filterProblem = $state.raw<Problem | null>(null);
  /** The filter that is wrong: places in it mean nothing once other letters are typed. */
  wrongFilter = $state('');
  /** Why the latest query could not be answered, where the filter is not to blame. */
  queryProblem = $state.raw<Problem | null>(null);
  /** Where the search is the id of a profile that was merged into another one. */
  mergedFound = $state.raw<Merged | null>(null);
  /** Whether a filter or a search is in force. */
  narrowed = $state(false);
  /** The open profile, where the filter or the search hides it. */
  hidden = $state<string | null>(null);
  /** How many profiles wait for their scores. */
  unscored = $state(0);
  /** Position of the row that has the focus. */
  active = $state(0);
  attributes = $state.raw<AttributeColumn[]>([]);
  /** How the columns of all attributes stand that rows were seen with. */
  shapes = $state.raw<ReadonlyMap<string, AttributeColumn>>(new Map());
  /** How wide the table is; as many columns are chosen as fit. */
  width = $state(0);
  /** Grows when another query's rows take the place of those before: they start at the top. */
  answered = $state(0);
  /** Attribute keys and tags of the rows seen so far, sorted: what menus offer. */
  seenAttributes = $state.raw<string[]>([]);
  seenTags = $state.raw<string[]>([]);
  readonly rows: PagedRows<ProfileRow, Query>;
  readonly picked: PickedRows;
  readonly layout = new Layout(() => chosenColumns(this.attributes, this.width));

  readonly #ipc: Ipc;
  readonly #searches = new Newest();
  #activeId: string | null = null;
  #located = 0;
  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
    this.rows = new PagedRows(this.#query(), (query, offset, limit, after) =>
      this.#fetch({ ...query, offset, limit, ...(after === null ? {} : { after }) }),
    );
    this.picked = new PickedRows({
      matching: () => this.rows.matching,
      ids: (first, end) => this.#ids(first, end),
      narrowing: () => this.rows.query,
    });
  }

  /**
   * A letter was typed into the search, which is right at each letter: asked at once, and again for
   * what was typed while the answer was on its way.
   */
  searched(): void {
    void this.#searches.run(() => this.apply());
  }

  /** A letter was typed into the filter. */
  typed(): void {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => void this.apply(), TYPING_PAUSE_MS);
  }

  /** A click on a column: another order, or the same one turned round. */
  sortBy(column: string): void {
    this.orderBy(column, sortColumn(this.sort) === column ? !this.descending : false);
  }

  orderBy(column: string, descending: boolean): void {
    this.descending = descending;
    this.sort = sortKey(column);
    void this.apply();
  }

  /** Whether a score is to be seen. */
  get showsScores(): boolean {
    return [...this.layout.shown, sortColumn(this.sort)].some((key) => scoreOf(key) !== null);
  }

  /** The profiles that the list shows, as commands name them. */
  selection(): Selection {
    const { filter, search } = this.rows.query;
    return { ids: null, filter, search };
  }

  /** What the table says now, as a view keeps it. */
  get view(): TableView {
    const { filter, search, sort, descending } = this;
    return { filter, search, sort, descending, layout: this.layout.plain };
  }

  /** Shows what a view says. */
  async show(view: TableView): Promise<void> {
    this.filter = view.filter ?? '';
    this.search = view.search ?? '';
    this.sort = view.sort ?? 'id';
    this.descending = view.descending ?? false;
    this.layout.take(view.layout ?? { widths: {} });
    await this.apply();
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
    const shown = this.rows.query;
    const outcome = await this.rows.setQuery(query);
    if (outcome === 'overtaken') return;
    const filterIsWrong = outcome?.code === 'invalid_filter';
    this.filterProblem = filterIsWrong ? outcome : null;
    this.wrongFilter = filterIsWrong ? query.filter : '';
    this.queryProblem = filterIsWrong ? null : outcome;
    // An address may begin with such a filter: then there is no list before it to keep.
    if (filterIsWrong && !this.rows.loaded) await this.rows.setQuery({ ...query, filter: '' });
    if (outcome !== null) return;
    // What is picked must be among what is shown, or a step would reach what nobody sees.
    if (query.filter !== shown.filter || query.search !== shown.search) this.picked.clear();
    this.picked.forgetAnchor();
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

  /**
   * Where a profile stands in the list, wherever that is; null where it is not in it. Says too whether
   * that is the filter's doing.
   */
  async locate(id: string): Promise<number | null> {
    const known = this.indexOf(id);
    if (known !== undefined) {
      this.hidden = null;
      return known;
    }
    const asked = (this.#located += 1);
    const { rows, narrowed } = this;
    const query = rows.query;
    const rank = await this.#ipc.call('find_place', { ...query, id }).then(
      (place) => place.rank ?? null,
      // What is wrong with the store is told where its rows are asked for.
      () => null,
    );
    if (asked !== this.#located || query !== rows.query) return null;
    this.hidden = rank === null && narrowed ? id : null;
    return rank;
  }

  /** No profile is open. */
  forgetOpen(): void {
    this.#located += 1;
    this.hidden = null;
  }

  /** Where a profile stands, if its page is here. */
  indexOf(id: string): number | undefined {
    if (this.rows.row(this.active)?.id === id) return this.active;
    return this.rows.find((row) => row.id === id);
  }

  async #fetch(request: ListProfiles): Promise<ProfilePage> {
    const page = await this.#ipc.call('list_profiles', { ...request, scores: this.showsScores });
    this.unscored = page.unscored ?? 0;
    if (request.search === this.search) this.mergedFound = page.merged ?? null;
    return page;
  }

  async #ids(first: number, end: number): Promise<string[]> {
    const ids: string[] = [];
    for (let at = first; at < end; at = first + ids.length) {
      const here = this.rows.row(at);
      if (here !== undefined) {
        ids.push(here.id);
        continue;
      }
      const limit = Math.min(IDS_AT_ONCE, end - at);
      const page = await this.#ipc.call('list_profiles', { ...this.rows.query, offset: at, limit });
      if (page.rows.length === 0) break;
      ids.push(...page.rows.map((row) => row.id));
    }
    return ids;
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

  #chooseColumns(): void {
    const first: ProfileRow[] = [];
    for (let index = 0; index < Math.min(PAGE_ROWS, this.rows.matching); index++) {
      const row = this.rows.row(index);
      if (row !== undefined) first.push(row);
    }
    if (first.length === 0) return;
    this.attributes = columnsFor(first, this.attributes, this.sort);
    // Rows that have no such attribute say nothing of how its column stands.
    const shapes = new Map(this.shapes);
    for (const shape of attributesOf(first)) shapes.set(shape.name, shape);
    this.shapes = shapes;
    this.seenAttributes = joined(
      this.seenAttributes,
      first.flatMap((row) => Object.keys(row.attributes)),
    );
    this.seenTags = joined(
      this.seenTags,
      first.flatMap((row) => row.tags),
    );
  }
}

/** Both lists as one, sorted; the very same list if it brings nothing new. */
function joined(known: string[], more: string[]): string[] {
  const all = new Set(known);
  for (const name of more) if (all.size < NAMES_MAX) all.add(name);
  return all.size === known.length ? known : [...all].sort((a, b) => (a < b ? -1 : 1));
}
