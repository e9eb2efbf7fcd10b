import { m } from '$lib/i18n.svelte';
import type { CheckedSchema, Problem } from '$lib/ipc';
import { Newest } from '$lib/state/newest';
import { titleOf } from '../titles';
import type { Calibrations } from '../calibrations.svelte';
import { pretty } from '../pretty';
import { fieldPointer, mistakesIn, rowAt } from './mistakes';
import * as schema from './model';
import type { List, Removed, SchemaModel, Unreadable } from './model';

export type Shown = 'form' | 'json';

/** What is wrong at a field; `lang` where it is not the reader's language. */
export interface Wrong {
  text: string;
  lang?: 'en';
}

/**
 * A schema that is being written, as a form and as text. Whichever was changed last is what counts: the text as it
 * was typed, or what the form makes of it.
 */
export class SchemaDraft {
  shown = $state<Shown>('form');
  model = $state.raw<SchemaModel>(schema.newSchema());
  /** Why the form cannot show the text, once somebody asked it to. */
  unreadable = $state<Unreadable | null>(null);
  checked = $state.raw<CheckedSchema | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** Rows that show all of their fields. */
  open = $state.raw<ReadonlySet<number>>(new Set());
  /** Rows that nobody has filled in yet: what they lack is no mistake so far. */
  fresh = $state.raw<ReadonlySet<number>>(new Set());
  /** What was taken out last, which can be put back. */
  removed = $state.raw<Removed | null>(null);
  /** Said to who does not see it. */
  said = $state('');
  readonly isNew: boolean;

  readonly #calibrations: Calibrations;
  readonly #checking = new Newest();
  readonly #before: string;
  /** The text as it was typed; null: what the form makes. */
  #typed = $state<string | null>(null);
  /** Whether the form is behind the text. */
  #isBehind = false;

  constructor(calibrations: Calibrations, text: string) {
    this.#calibrations = calibrations;
    this.isNew = text === '';
    if (this.isNew) {
      const { signals, dimensions } = this.model;
      this.fresh = new Set([0, ...[...signals, ...dimensions].map(({ id }) => id)]);
      this.open = new Set(this.fresh);
      this.#before = this.text;
    } else {
      this.#typed = this.#before = pretty(text);
      this.#isBehind = true;
      this.shown = 'json';
      this.show('form');
      this.unreadable = null;
    }
    void this.check();
  }

  readonly text = $derived.by(() => this.#typed ?? schema.schemaText(this.model));
  readonly used = $derived.by(() => schema.usedSignals(this.model));
  readonly #mistakes = $derived.by(() => mistakesIn(this.model));
  readonly #told = $derived.by(() => {
    const { pointer, reason } = this.checked ?? {};
    return pointer == null || reason == null ? null : { at: fieldPointer(pointer), reason };
  });
  /** Rows in which something is wrong, as `signals/3`. */
  readonly #wrongRows = $derived.by(() => {
    const pointers = [...this.#mistakes.keys(), ...(this.#told === null ? [] : [this.#told.at])];
    return new Set(pointers.map(rowAt).map((row) => (row === null ? '' : `${row.list}/${row.at}`)));
  });

  get isChanged(): boolean {
    return this.text !== this.#before;
  }

  /** Whether the version is kept already: of the schema that was checked. */
  get isKept(): boolean {
    return this.checked?.schema != null && this.#has(this.checked.schema);
  }

  /** Whether name and version of the form are. */
  get isFormKept(): boolean {
    return this.#has(this.model.head);
  }

  #has({ name, version }: { readonly name?: unknown; readonly version?: unknown }): boolean {
    const { schemas } = this.#calibrations.all;
    return schemas.some((one) => one.name === name && one.version === version);
  }

  /** The first version that no schema of this name has. */
  get nextVersion(): number {
    const { name } = this.model.head;
    const own = this.#calibrations.all.schemas.filter((one) => one.name === name);
    return Math.max(0, ...own.map(({ version }) => version)) + 1;
  }

  /** What is wrong at a pointer: in the reader's words, else in the program's. */
  wrongAt(pointer: string): Wrong | null {
    const own = this.#mistakes.get(pointer);
    if (own !== undefined) return { text: own };
    return this.#told?.at === pointer ? { text: this.#told.reason, lang: 'en' } : null;
  }

  /** What the program told first, as the form says it: of which row, and why. */
  get told(): (Wrong & { row: string }) | null {
    const { reason } = this.checked ?? {};
    if (reason == null) return null;
    const at = this.#told?.at ?? '';
    const row = rowAt(at);
    const wrong = this.wrongAt(at) ?? { text: reason, lang: 'en' as const };
    if (row === null) return { ...wrong, row: '' };
    const unnamed = row.list === 'signals' ? m.schema_unnamed_signal() : m.schema_unnamed_trait();
    const named = this.model[row.list][row.at];
    return { ...wrong, row: (named === undefined ? '' : schema.nameOf(named)) || unnamed };
  }

  isWrong(list: List, at: number): boolean {
    return this.#wrongRows.has(`${list}/${at}`);
  }

  /** Shows the form or the text; text that no form can show stays, and says why. */
  show(shown: Shown): void {
    if (shown === this.shown) return;
    if (shown === 'form' && this.#isBehind) {
      const read = schema.readSchema(this.text, this.model);
      this.unreadable = typeof read === 'string' ? read : null;
      if (typeof read === 'string') return;
      this.model = read;
      this.#isBehind = false;
      this.fresh = new Set();
      this.removed = null;
    }
    this.unreadable = null;
    this.shown = shown;
    if (shown === 'form') this.reveal();
  }

  /** The text was typed into. */
  type(text: string): void {
    this.#typed = text;
    this.#isBehind = true;
    this.unreadable = null;
    void this.check();
  }

  /** Something was written in a field. */
  write(model: SchemaModel): void {
    this.model = model;
    this.#typed = null;
    void this.check();
  }

  /** Rows were added, moved or taken out: what was told of a place may mean another one now. */
  #arrange(model: SchemaModel): void {
    this.checked = null;
    this.write(model);
  }

  async check(): Promise<void> {
    await this.#checking.run(async (isWanted) => {
      const answer = await this.#calibrations.check(this.text, false);
      if (isWanted()) this.#take(answer);
    });
  }

  /** Keeps it; answers whether it is kept. */
  async keep(): Promise<boolean> {
    const answer = await this.#calibrations.check(this.text, true);
    this.#take(answer);
    return !('problem' in answer) && answer.schema != null;
  }

  #take(answer: CheckedSchema | { problem: Problem }): void {
    this.problem = 'problem' in answer ? answer.problem : null;
    this.checked = 'problem' in answer ? null : answer;
    // Whoever types is not moved away from; the row is marked, and one press leads there.
    const isTyping = document.activeElement?.matches('input, textarea') ?? false;
    if (this.shown === 'form' && !isTyping) this.reveal();
  }

  /** Opens the row that the program's reason means; answers where it is. */
  reveal(): string | null {
    const { at } = this.#told ?? {};
    if (at === undefined) return null;
    const row = rowAt(at);
    if (row === null) return at;
    const { id } = this.model[row.list][row.at] ?? {};
    if (id !== undefined && !this.open.has(id)) this.open = new Set([...this.open, id]);
    return at;
  }

  toggle(id: number, isOpen = !this.open.has(id)): void {
    const open = new Set(this.open);
    if (isOpen) open.add(id);
    else open.delete(id);
    this.open = open;
  }

  takeNextVersion(): void {
    const { model } = this;
    const head = schema.withMember(model.head, 'version', this.nextVersion);
    this.write(schema.changeHead(model, head));
  }

  /** Whoever leaves a new row has seen what it lacks. */
  settle(id: number): void {
    if (!this.fresh.has(id)) return;
    this.fresh = new Set([...this.fresh].filter((one) => one !== id));
  }

  add(list: List): number {
    const add = list === 'signals' ? schema.addSignal : schema.addDimension;
    const [model, id] = add(this.model);
    this.fresh = new Set([...this.fresh, id]);
    this.toggle(id, true);
    this.#arrange(model);
    return id;
  }

  copy(list: List, id: number): number {
    const copy = list === 'signals' ? schema.copySignal : schema.copyDimension;
    const [model, copied] = copy(this.model, id);
    this.toggle(id, false);
    this.toggle(copied, true);
    this.#arrange(model);
    return copied;
  }

  move(list: List, id: number, to: number): void {
    const rows = this.model[list];
    this.#arrange(schema.moveRow(this.model, list, id, to));
    const name = schema.nameOf(rows.find((one) => one.id === id) ?? { members: {} });
    this.said = m.schema_moved({ name, n: String(to + 1), total: String(rows.length) });
  }

  remove(list: List, id: number): void {
    const remove = list === 'signals' ? schema.removeSignal : schema.removeDimension;
    const [model, removed] = remove(this.model, id);
    this.removed = removed;
    this.#arrange(model);
  }

  /** Puts back what was taken out; answers its row. */
  restore(): number | null {
    const { removed } = this;
    if (removed === null) return null;
    this.removed = null;
    this.#arrange(schema.restore(this.model, removed));
    return removed.row.id;
  }

  /** What was taken out of a list, and of what else; empty where nothing was. */
  removedText(list: List): string {
    const { removed } = this;
    if (removed?.list !== list) return '';
    const name = schema.nameOf(removed.row);
    const traits = removed.list === 'signals' ? removed.from.map((one) => one.dimension) : [];
    if (traits.length === 0) return m.schema_removed({ name });
    return m.schema_removed_from({ name, traits: this.titles(traits) });
  }

  /** Dimensions as people read them. */
  titles(ids: number[]): string {
    return this.model.dimensions
      .filter(({ id }) => ids.includes(id))
      .map(traitTitle)
      .join(', ');
  }
}

/** What a row is called for people. */
export function traitTitle({ members }: { members: schema.Members }): string {
  const title = { en: schema.titleText(members, 'en'), de: schema.titleText(members, 'de') };
  const name = schema.nameOf({ members });
  return titleOf({ name, title }) || name;
}
