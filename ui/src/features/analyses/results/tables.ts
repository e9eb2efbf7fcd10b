// The tables of a report, by the same rule as the engine's own (crates/analysis/src/tables.rs).

export type Cell = string | number | boolean | null;

export interface Table {
  /** The report's member. */
  name: string;
  /** Of what stands in an object of a row: `outer.inner`. */
  columns: string[];
  /** Each with a cell for every column. */
  rows: Cell[][];
}

/** Columns that say what a row is about stand first, in this order. */
const FIRST = [
  'kind',
  'dimension',
  'segment',
  'component',
  'id',
  'name',
  'other_id',
  'other_name',
  'from',
  'to',
];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** By code points, as the engine orders names; not as a language would. */
const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

const place = (column: string) => {
  const at = FIRST.indexOf(column);
  return at === -1 ? FIRST.length : at;
};

/** The members of a report that are lists of objects, by name; findings are sentences and no table. */
export function tablesOf(report: unknown): Table[] {
  if (!isObject(report)) return [];
  return Object.entries(report)
    .sort(([a], [b]) => byName(a, b))
    .flatMap(([name, rows]) =>
      name !== 'findings' && Array.isArray(rows) && rows.length > 0 && rows.every(isObject)
        ? [tableOf(name, rows)]
        : [],
    );
}

function tableOf(name: string, rows: Record<string, unknown>[]): Table {
  const flat = rows.map(flatOf);
  const all = [...new Set(flat.flatMap((row) => [...row.keys()]))].sort(byName);
  // An object that is missing in a row leaves its name behind as a column of nothing.
  const outer = new Set(all.flatMap(outersOf));
  const columns = all
    .filter((column) => !outer.has(column))
    .sort((a, b) => place(a) - place(b) || byName(a, b));
  return {
    name,
    columns,
    rows: flat.map((row) => columns.map((column) => row.get(column) ?? null)),
  };
}

/** `a` and `a.b` of `a.b.c`. */
function outersOf(column: string): string[] {
  const parts = column.split('.');
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join('.'));
}

function flatOf(row: Record<string, unknown>): Map<string, Cell> {
  const cells = new Map<string, Cell>();
  const put = (name: string, value: unknown): void => {
    // A pair of numbers has two columns, and so on; lists in a cell would be no table.
    if (Array.isArray(value)) value.forEach((one, at) => put(`${name}.${at + 1}`, one));
    else if (isObject(value)) {
      for (const [inner, one] of Object.entries(value)) put(`${name}.${inner}`, one);
    } else cells.set(name, cellOf(value));
  };
  for (const [name, value] of Object.entries(row)) put(name, value);
  return cells;
}

const cellOf = (value: unknown): Cell =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : null;

/** How a text begins that a spreadsheet would take for a formula. */
const FORMULA = /^\s*[=+\-@]/;

/** A table as CSV (RFC 4180): numbers as they are, with a point, whatever the language. */
export function csvOf({ columns, rows }: Table): string {
  return [columns, ...rows].map((row) => row.map(csvCell).join(',') + '\r\n').join('');
}

function csvCell(cell: Cell): string {
  if (typeof cell !== 'string') return cell === null ? '' : String(cell);
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
