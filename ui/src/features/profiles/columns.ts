import type { Column } from '$lib/components/VirtualTable.svelte';
import { m } from '$lib/i18n.svelte';
import type { ProfileRow, SortKey } from '$lib/ipc';

/** More would squeeze names; the inspector shows them all. */
export const ATTRIBUTE_COLUMNS_MAX = 4;
const FIXED_WIDTH = 692;
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
    .slice(0, ATTRIBUTE_COLUMNS_MAX)
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
  if (typeof sort === 'string') return columns;
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

/** The orders that every list can have, in the order in which menus offer them. */
export const PLAIN_ORDERS: { column: string; label: () => string }[] = [
  { column: 'id', label: m.column_id },
  { column: 'name', label: m.column_name },
  { column: 'observations', label: m.column_observations },
  { column: 'last_observation', label: m.column_last_observation },
  { column: 'changed', label: m.column_changed },
];

export const attributeOrder = (name: string) => ATTRIBUTE + name;

/** What a list is ordered by, as people call it. */
export function orderLabel(key: SortKey): string {
  if (typeof key !== 'string') return key.attribute;
  return PLAIN_ORDERS.find(({ column }) => column === key)?.label() ?? key;
}

/** The column that a list is sorted by. */
export function sortColumn(key: SortKey): string {
  return typeof key === 'string' ? key : ATTRIBUTE + key.attribute;
}

/** The order that a click on a column asks for. */
export function sortKey(column: string): SortKey {
  if (!column.startsWith(ATTRIBUTE)) return column as SortKey;
  return { attribute: column.slice(ATTRIBUTE.length) };
}

/** The columns that fit: attributes give way first, since they were chosen by us. */
export function profileColumns(attributes: AttributeColumn[], width: number): Column[] {
  const room = Math.max(0, Math.floor((width - FIXED_WIDTH) / ATTRIBUTE_WIDTH));
  return [
    { key: 'pick', label: m.pick_column(), track: '16px', hasHead: true },
    { key: 'status', label: m.column_status(), track: '12px', hidesLabel: true },
    { key: 'id', label: m.column_id(), track: 'minmax(112px, 1fr)', mono: true, sort: 'id' },
    { key: 'name', label: m.column_name(), track: 'minmax(112px, 1.4fr)', sort: 'name' },
    ...attributes.slice(0, room).map(({ name, numeric }): Column => ({
      key: ATTRIBUTE + name,
      label: name,
      sort: ATTRIBUTE + name,
      track: 'minmax(64px, 0.7fr)',
      align: numeric ? 'end' : 'start',
    })),
    { key: 'tags', label: m.column_tags(), track: 'minmax(80px, 1fr)' },
    {
      key: 'observations',
      label: m.column_observations(),
      track: '104px',
      align: 'end',
      sort: 'observations',
    },
    { key: 'changed', label: m.column_changed(), track: '128px', align: 'end', sort: 'changed' },
  ];
}
