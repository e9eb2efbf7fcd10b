import type { Selection } from '$lib/ipc';

/** Beyond this a range is cut: whoever wants more picks all that match and narrows the filter. */
export const RANGE_MAX = 10_000;

/** What the selection needs to know of the list. */
export interface PickableList {
  /** How many rows match. */
  matching(): number;
  /** The ids of the rows from `first` to before `end`, whether or not they are loaded. */
  ids(first: number, end: number): Promise<string[]>;
  /** The filter and the words that the list shows. */
  narrowing(): { filter: string; search: string };
}

/** A value of the filter language that stands for these letters and no others. */
export function quoted(text: string): string {
  return `"${text.replaceAll(/[\\"*]/g, '\\$&')}"`;
}

/**
 * The rows that are picked for a step on many: some by their ids, or all that match but for some.
 * "All" is a filter and no list of ids, so that a million cost nothing.
 */
export class PickedRows {
  /** Whether all that match are picked, but for the exceptions. */
  all = $state(false);
  /** The picked ids; the exceptions where all are picked. */
  #ids = $state.raw<ReadonlySet<string>>(new Set());
  readonly #list: PickableList;
  /** Where a range starts, and what was picked beside it. */
  #anchor: { index: number; beside: ReadonlySet<string> } | null = null;
  #asked = 0;

  constructor(list: PickableList) {
    this.#list = list;
  }

  get count(): number {
    return this.all ? Math.max(0, this.#list.matching() - this.#ids.size) : this.#ids.size;
  }

  /** For the box above all rows. */
  get share(): 'none' | 'some' | 'all' {
    if (this.count === 0) return 'none';
    return this.count >= this.#list.matching() ? 'all' : 'some';
  }

  /** The two that are picked, where it is two and no more. */
  get pair(): readonly [string, string] | null {
    const [id, other] = this.#ids;
    if (this.all || this.#ids.size !== 2 || id === undefined || other === undefined) return null;
    return [id, other];
  }

  has(id: string): boolean {
    return this.#ids.has(id) !== this.all;
  }

  toggle(index: number, id: string): void {
    this.#asked += 1;
    const ids = new Set(this.#ids);
    if (!ids.delete(id)) ids.add(id);
    this.#anchor = { index, beside: this.#ids };
    this.#ids = ids;
    if (this.all && this.count === 0) this.clear();
  }

  /** Picks the rows from the one that was picked last (else from `from`) to this one. */
  async rangeTo(index: number, from = index): Promise<void> {
    if (this.all) return;
    this.#anchor ??= { index: from, beside: this.#ids };
    const { index: start, beside } = this.#anchor;
    const first = Math.max(Math.min(start, index), start - RANGE_MAX + 1);
    const end = Math.min(Math.max(start, index) + 1, start + RANGE_MAX);
    const asked = (this.#asked += 1);
    const ids = await this.#list.ids(first, end);
    if (asked === this.#asked) this.#ids = new Set([...beside, ...ids]);
  }

  pickAll(): void {
    this.#asked += 1;
    this.all = this.#list.matching() > 0;
    this.#ids = new Set();
    this.#anchor = null;
  }

  /** Picks these and no others. */
  pick(ids: string[]): void {
    this.clear();
    this.#ids = new Set(ids);
  }

  clear(): void {
    this.#asked += 1;
    this.all = false;
    this.#anchor = null;
    if (this.#ids.size > 0) this.#ids = new Set();
  }

  /** Rows moved: the next range starts anew. */
  forgetAnchor(): void {
    this.#anchor = null;
  }

  /** What is picked, as commands name it. */
  selection(): Selection {
    const { filter, search } = this.#list.narrowing();
    if (!this.all) return { ids: [...this.#ids], filter: '', search: '' };
    const but = [...this.#ids].map((id) => `-id:${quoted(id)}`);
    const plain = filter.trim();
    const whole = but.length === 0 || plain === '' ? plain : `(${plain})`;
    return { ids: null, filter: [whole, ...but].join(' ').trim(), search };
  }
}
