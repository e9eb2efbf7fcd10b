import { copyText } from '$lib/clipboard';
import { formatCount } from '$lib/format';
import { m } from '$lib/i18n.svelte';
import { problemOf, type Ipc, type ProfileRow } from '$lib/ipc';
import { cellValue } from './cells';
import type { ProfileList } from './profile-list.svelte';

/** Long enough to be read, short enough not to be in the way. */
export const TOLD_MS = 2_500;

/** Puts what the table shows on the clipboard, and tells what was put there. */
export class Copies {
  /** What is told at the moment. */
  told = $state<string | null>(null);

  readonly #ipc: Ipc;
  readonly #list: ProfileList;
  #telling: ReturnType<typeof setTimeout> | undefined;

  constructor(ipc: Ipc, list: ProfileList) {
    this.#ipc = ipc;
    this.#list = list;
  }

  /** The value of a cell; the id where no cell is current. */
  async cell(row: ProfileRow, column: string | null): Promise<void> {
    const value = cellValue(row, column);
    if (value === '') this.#tell(m.copied_nothing());
    else await this.#put(value, () => m.copied_value());
  }

  /** The whole record, as it is kept. */
  async json(id: string): Promise<void> {
    const text = this.#ipc
      .call('get_profile', { id, whole: true })
      .then(({ record }) => JSON.stringify(record, null, 2));
    await this.#put(text, () => m.copied_json({ id }));
  }

  /** The picked rows with the columns that are shown. */
  async picked(): Promise<void> {
    const list = this.#list;
    const { sort, descending } = list.rows.query;
    const request = {
      selection: list.picked.selection(),
      columns: list.layout.shown,
      sort,
      descending,
    };
    let told = '';
    const text = this.#ipc.call('copy_rows', request).then(({ csv, rows, selected }) => {
      const counts = { count: rows, n: formatCount(rows), total: formatCount(selected) };
      told = rows < selected ? m.copied_part(counts) : m.copied_rows(counts);
      return csv;
    });
    await this.#put(text, () => told);
  }

  /** Nothing is awaited before the clipboard has it: see `copyText`. */
  async #put(text: string | Promise<string>, told: () => string): Promise<void> {
    try {
      this.#tell((await copyText(text)) ? told() : m.copied_not());
    } catch (thrown) {
      this.#tell(problemOf(thrown).message);
    }
  }

  #tell(text: string): void {
    this.told = text;
    clearTimeout(this.#telling);
    this.#telling = setTimeout(() => (this.told = null), TOLD_MS);
  }
}
