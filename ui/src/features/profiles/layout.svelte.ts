import type { TableLayout } from '$lib/ipc';

/** As many as a data folder keeps. */
export const COLUMNS_MAX = 200;

/**
 * Which columns the table has after the id, and how wide they are. As long as nobody has said which,
 * the window chooses; whatever is changed then starts from what it has chosen.
 */
export class Layout {
  /** The columns in order; null: those that the window chooses. */
  columns = $state.raw<string[] | null>(null);
  /** Widths that somebody chose, by column. */
  widths = $state.raw<Record<string, number>>({});
  /** Whether the data folder has said what it was left with. */
  ready = $state(true);
  /** Called after each change that a person makes. */
  onChange: () => void = () => undefined;

  /** The columns that the window chooses at the moment. */
  readonly #chosen: () => string[];

  constructor(chosen: () => string[]) {
    this.#chosen = chosen;
  }

  /** The columns that are shown. */
  get shown(): string[] {
    return this.columns ?? this.#chosen();
  }

  /** Whether nothing was ever changed. */
  get isPlain(): boolean {
    return this.columns === null && Object.keys(this.widths).length === 0;
  }

  /** What is kept of it. */
  get plain(): TableLayout {
    const widths = { ...this.widths };
    return this.columns === null ? { widths } : { columns: [...this.columns], widths };
  }

  /** Takes over what was kept, without telling anybody. */
  take(layout: TableLayout): void {
    this.columns = layout.columns ?? null;
    this.widths = { ...layout.widths };
  }

  /** Adds a column at the end, or before another one. */
  add(key: string, before: string | null = null): void {
    if (this.shown.includes(key) || this.shown.length >= COLUMNS_MAX) return;
    this.#set(placed(this.shown, key, before));
  }

  hide(key: string): void {
    if (this.shown.includes(key)) this.#set(this.shown.filter((one) => one !== key));
  }

  /** Puts a column before another one; null: to the end. */
  move(key: string, before: string | null): void {
    if (key === before) return;
    const moved = placed(
      this.shown.filter((one) => one !== key),
      key,
      before,
    );
    if (moved.some((one, at) => one !== this.shown[at])) this.#set(moved);
  }

  /** Moves a column by one place. */
  step(key: string, by: -1 | 1): void {
    const at = this.shown.indexOf(key);
    const to = at + by;
    if (at < 0 || to < 0 || to >= this.shown.length) return;
    this.move(key, this.shown[by < 0 ? to : to + 1] ?? null);
  }

  resize(key: string, width: number): void {
    this.widths = { ...this.widths, [key]: width };
    this.onChange();
  }

  /** Back to what the window chooses. */
  reset(): void {
    this.take({ widths: {} });
    this.onChange();
  }

  #set(columns: string[]): void {
    this.columns = columns;
    this.onChange();
  }
}

function placed(columns: string[], key: string, before: string | null): string[] {
  const at = before === null ? -1 : columns.indexOf(before);
  return at < 0 ? [...columns, key] : columns.toSpliced(at, 0, key);
}
