import { problemOf, type Ipc, type SavedView, type TableView } from '$lib/ipc';
import type { ProfileList } from './profile-list.svelte';

/** A drag along a column's edge is many changes; one of them is kept. */
export const KEEP_PAUSE_MS = 400;

const PLAIN: TableView = {
  filter: '',
  search: '',
  sort: 'id',
  descending: false,
  layout: { widths: {} },
};

/** Equal views are equal texts: members in one order, and what is left out filled in. */
function textOf(view: TableView): string {
  const { filter, search, sort, descending, layout } = { ...PLAIN, ...view };
  const widths = Object.entries(layout?.widths ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    filter?.trim(),
    search?.trim(),
    sort,
    descending,
    layout?.columns ?? null,
    widths,
  ]);
}

/**
 * Views of the table that were saved under a name, and which of them is shown. Columns that belong
 * to no view are kept in the data folder as they are changed; those of a view when it is updated.
 */
export class SavedViews {
  /** In the order of their names. */
  all = $state.raw<SavedView[]>([]);
  currentId = $state<string | null>(null);

  readonly #ipc: Ipc;
  readonly #list: ProfileList;
  /** What the list said before a view was shown: it comes back when the view is left. */
  #before: TableView = PLAIN;
  #keeping: ReturnType<typeof setTimeout> | undefined;
  #loaded: Promise<void> | null = null;

  constructor(ipc: Ipc, list: ProfileList) {
    this.#ipc = ipc;
    this.#list = list;
    list.layout.onChange = () => this.#layoutChanged();
  }

  /** The view that is shown. */
  get current(): SavedView | null {
    return this.all.find((view) => view.id === this.currentId) ?? null;
  }

  /** Whether the table says something else than the view that is shown. */
  get isEdited(): boolean {
    const { current } = this;
    return current !== null && textOf(current.view) !== textOf(this.#list.view);
  }

  /** Asks for the views and the columns that the table was left with; once. */
  load(): Promise<void> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  async #load(): Promise<void> {
    const { layout } = this.#list;
    layout.ready = false;
    try {
      const [kept, { views }] = await Promise.all([
        this.#ipc.call('table_layout', {}),
        this.#ipc.call('list_views', {}),
      ]);
      layout.take(kept);
      this.#before = { ...PLAIN, layout: kept };
      this.all = views;
    } catch {
      // The table stands without: its columns are chosen, and saving says what is wrong.
      this.#loaded = null;
    } finally {
      layout.ready = true;
    }
  }

  /** Shows a view; null: all profiles, as the list was before. */
  async open(id: string | null): Promise<void> {
    await this.load();
    if (id === this.currentId) return;
    const view = this.all.find((one) => one.id === id);
    if (id !== null && view === undefined) return;
    if (this.currentId === null) this.#before = this.#list.view;
    this.currentId = id;
    await this.#list.show(
      view?.view ?? { ...PLAIN, layout: this.#before.layout ?? { widths: {} } },
    );
  }

  /** The address asks for a filter of its own: no view is shown any more. */
  leave(): void {
    this.currentId = null;
  }

  /** Back to what the view says. */
  async reset(): Promise<void> {
    if (this.current !== null) await this.#list.show(this.current.view);
  }

  /** Saves what the table says as a new view. Answers why not, where that failed. */
  saveAs(name: string): Promise<string | null> {
    return this.#save(null, name, this.#list.view);
  }

  /** Saves what the table says in the view that is shown. */
  update(): Promise<string | null> {
    const { current } = this;
    if (current === null) return Promise.resolve(null);
    return this.#save(current.id, current.name, this.#list.view);
  }

  rename(name: string): Promise<string | null> {
    const { current } = this;
    if (current === null) return Promise.resolve(null);
    return this.#save(current.id, name, current.view);
  }

  /** Deletes the view that is shown; the table stays as it is. */
  async delete(): Promise<string | null> {
    if (this.currentId === null) return null;
    try {
      const { views } = await this.#ipc.call('delete_view', { id: this.currentId });
      this.all = views;
      this.currentId = null;
      return null;
    } catch (thrown) {
      return problemOf(thrown).message;
    }
  }

  async #save(id: string | null, name: string, view: TableView): Promise<string | null> {
    try {
      const saved = await this.#ipc.call('save_view', { id, name, view });
      const others = this.all.filter((one) => one.id !== saved.id);
      this.all = [...others, saved].sort((a, b) => a.name.localeCompare(b.name));
      // The columns were the folder's own until now: they stay what they were.
      if (this.currentId === null) this.#before = this.#list.view;
      this.currentId = saved.id;
      return null;
    } catch (thrown) {
      return problemOf(thrown).message;
    }
  }

  #layoutChanged(): void {
    if (this.currentId !== null) return;
    clearTimeout(this.#keeping);
    this.#keeping = setTimeout(() => {
      // What cannot be kept is chosen anew at the next start.
      void this.#ipc.call('keep_table_layout', this.#list.layout.plain).catch(() => undefined);
    }, KEEP_PAUSE_MS);
  }
}
