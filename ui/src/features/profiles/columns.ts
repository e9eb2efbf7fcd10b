import type { Column } from '$lib/components/VirtualTable.svelte';
import { m } from '$lib/i18n.svelte';
import type { ProfileRow, SortKey } from '$lib/ipc';
import { scoreNames } from './score-names.svelte';

/** More would squeeze names; the inspector shows them all. */
export const ATTRIBUTE_COLUMNS_MAX = 4;
/** What all columns but attributes need at least. */
const FIXED_WIDTH = 688;
const ATTRIBUTE_WIDTH = 96;
/** Beyond this, a column of measured values would be nothing but zeroes. */
const DECIMALS_MAX = 4;

/** An attribute that got a column of its own. */
export interface AttributeColumn {
  name: string;
  numeric: boolean;
  /** How many decimals its numbers are shown with at least, so that their points line up. */
  decimals: number;
}

function decimalsOf(value: number): number {
  const [, decimals = ''] = String(value).split('.');
  return Math.min(DECIMALS_MAX, decimals.length);
}

/** The attributes that most of these rows have; on a tie in the order of their names. */
export function frequentAttributes(rows: ProfileRow[]): AttributeColumn[] {
  return attributesOf(rows).slice(0, ATTRIBUTE_COLUMNS_MAX);
}

/** All attributes that these rows have, with how their columns stand; the most frequent first. */
export function attributesOf(rows: ProfileRow[]): AttributeColumn[] {
  const counts = new Map<string, { rows: number; numbers: number; decimals: number }>();
  for (const row of rows) {
    for (const [name, value] of Object.entries(row.attributes)) {
      const count = counts.get(name) ?? { rows: 0, numbers: 0, decimals: 0 };
      count.rows += 1;
      if (typeof value === 'number') {
        count.numbers += 1;
        count.decimals = Math.max(count.decimals, decimalsOf(value));
      }
      counts.set(name, count);
    }
  }
  return [...counts]
    .sort(([a, x], [b, y]) => y.rows - x.rows || (a < b ? -1 : 1))
    .map(([name, { rows: all, numbers, decimals }]) => ({
      name,
      numeric: numbers * 2 > all,
      decimals,
    }));
}

/**
 * Columns stay while any row shown has a value for one of them, so that typing does not move them;
 * a list in which they would all be empty chooses its own. What the list is ordered by is shown.
 */
export function columnsFor(
  rows: ProfileRow[],
  before: AttributeColumn[],
  sort: SortKey,
): AttributeColumn[] {
  const fit = before.some(({ name }) => rows.some((row) => Object.hasOwn(row.attributes, name)));
  const columns = fit ? before : frequentAttributes(rows);
  if (typeof sort === 'string' || 'score' in sort) return columns;
  if (columns.some(({ name }) => name === sort.attribute)) return columns;
  const values = rows.filter((row) => Object.hasOwn(row.attributes, sort.attribute));
  const ordered = frequentAttributes(
    values.map((row) => ({
      ...row,
      attributes: { [sort.attribute]: row.attributes[sort.attribute] },
    })),
  );
  const first = ordered[0] ?? { name: sort.attribute, numeric: false, decimals: 0 };
  return [first, ...columns].slice(0, ATTRIBUTE_COLUMNS_MAX);
}

const ATTRIBUTE = 'attribute:';
const SCORE = 'score:';

/** The orders that every list can have, in the order in which menus offer them. */
export const PLAIN_ORDERS: { column: string; label: () => string }[] = [
  { column: 'id', label: m.column_id },
  { column: 'name', label: m.column_name },
  { column: 'observations', label: m.column_observations },
  { column: 'last_observation', label: m.column_last_observation },
  { column: 'changed', label: m.column_changed },
];

export const attributeOrder = (name: string) => ATTRIBUTE + name;
export const scoreOrder = (name: string) => SCORE + name;

/** What a list is ordered by, as people call it. */
export function orderLabel(key: SortKey): string {
  if (typeof key !== 'string') return columnLabel(sortColumn(key));
  return PLAIN_ORDERS.find(({ column }) => column === key)?.label() ?? key;
}

/** The column that a list is sorted by. */
export function sortColumn(key: SortKey): string {
  if (typeof key === 'string') return key;
  return 'score' in key ? SCORE + key.score : ATTRIBUTE + key.attribute;
}

/** The order that a click on a column asks for. */
export function sortKey(column: string): SortKey {
  const [attribute, score] = [attributeOf(column), scoreOf(column)];
  if (attribute !== null) return { attribute };
  return score === null ? (column as SortKey) : { score };
}

/** The attribute that a column shows; null for the other columns. */
export const attributeOf = (key: string) =>
  key.startsWith(ATTRIBUTE) ? key.slice(ATTRIBUTE.length) : null;

/** The score that a column shows, by its name; null for the other columns. */
export const scoreOf = (key: string) => (key.startsWith(SCORE) ? key.slice(SCORE.length) : null);

/** Columns that are no attributes and no scores, in the order in which menus offer them. */
export const PLAIN_COLUMNS: Record<string, () => string> = {
  name: m.column_name,
  tags: m.column_tags,
  observations: m.column_observations,
  last_observation: m.column_last_observation,
  changed: m.column_changed,
};

/** A column as people call it. */
export function columnLabel(key: string): string {
  const score = scoreOf(key);
  if (score !== null) return scoreNames.title(score);
  return attributeOf(key) ?? PLAIN_COLUMNS[key]?.() ?? key;
}

/** What gives way first where the table is too narrow for the plain columns. */
const SPARE = ['changed', 'tags', 'observations'];

/** What the window shows as long as nobody has said: what fits; attributes give way first. */
export function chosenColumns(attributes: AttributeColumn[], width: number): string[] {
  const room = Math.max(0, Math.floor((width - FIXED_WIDTH) / ATTRIBUTE_WIDTH));
  const names = attributes.slice(0, room).map(({ name }) => ATTRIBUTE + name);
  const chosen = ['name', ...names, 'tags', 'observations', 'changed'];
  // Before the table is laid out nobody knows how wide it is.
  if (width === 0 || names.length > 0) return chosen;
  let missing = FIXED_WIDTH - width;
  const spare = SPARE.filter((key) => {
    const givesWay = missing > 0;
    if (givesWay) missing -= SHAPES[key]?.width ?? 0;
    return givesWay;
  });
  return chosen.filter((key) => !spare.includes(key));
}

/** How each column stands as long as nobody has made it wider or narrower. */
const SHAPES: Record<string, Pick<Column, 'width' | 'grow' | 'align' | 'sort'>> = {
  name: { width: 128, grow: 1.4, sort: 'name' },
  tags: { width: 96, grow: 1 },
  observations: { width: 120, align: 'end', sort: 'observations' },
  last_observation: { width: 144, align: 'end', sort: 'last_observation' },
  changed: { width: 144, align: 'end', sort: 'changed' },
};

function shapeOf(key: string, numeric: (name: string) => boolean) {
  if (scoreOf(key) !== null) return { width: 120, align: 'end', sort: key } as const;
  const name = attributeOf(key);
  if (name === null) return SHAPES[key];
  return { width: 80, grow: 0.7, align: numeric(name) ? 'end' : 'start', sort: key } as const;
}

/** The columns of the table: what says which row it is stays, the others are as somebody wants them. */
export function profileColumns(
  shown: string[],
  widths: Record<string, number>,
  numeric: (name: string) => boolean,
): Column[] {
  const chosen = (key: string, width: number, grow?: number) => {
    const own = widths[key];
    if (own !== undefined) return { width: own };
    return grow === undefined ? { width } : { width, grow };
  };
  const id: Column = {
    key: 'id',
    label: m.column_id(),
    ...chosen('id', 128, 1),
    mono: true,
    sort: 'id',
    frozen: true,
    resizable: true,
  };
  return [
    { key: 'pick', label: m.pick_column(), width: 32, hasHead: true, frozen: true },
    { key: 'status', label: m.column_status(), width: 28, hidesLabel: true, frozen: true },
    id,
    ...shown.flatMap((key): Column[] => {
      const shape = shapeOf(key, numeric);
      // A later version knows columns that this one does not.
      if (shape === undefined) return [];
      const { width, grow, ...rest } = shape as Omit<Column, 'key' | 'label'>;
      const label = columnLabel(key);
      return [{ key, label, ...rest, ...chosen(key, width, grow), movable: true, resizable: true }];
    }),
  ];
}
