import { formatCount, formatRough, formatRounded, formatShare } from '$lib/format';
import { locale, m } from '$lib/i18n.svelte';
import type { Cell, Table } from './tables';
import {
  numberOf,
  titleOf,
  type CompareResult,
  type Dataset,
  type Finding,
  type ResultBase,
} from './types';

/** A finding in parts; every second one is a name. A statistic and its value stay on one line. */
export function findingParts(finding: Finding): string[] {
  const text = finding[locale.current] ?? finding.en ?? finding.de ?? '';
  return text.replaceAll(' = ', '\u00a0=\u00a0').split('`');
}

/** `0.48`: with so many decimals, whatever they are. */
export const fixed = (value: number, decimals = 2): string =>
  formatRounded(value, decimals).replace('-', '−');

/** The same with its sign, `+0.48` or `−0.48`. */
export function signed(value: number, decimals = 2): string {
  const text = fixed(Math.abs(value), decimals);
  if (Number(value.toFixed(decimals)) === 0) return text;
  return (value < 0 ? '−' : '+') + text;
}

/** `0.40 to 0.56`, where there are bounds. */
export function between(low: unknown, high: unknown, text = fixed): string | null {
  const [from, to] = [numberOf(low), numberOf(high)];
  return from === null || to === null
    ? null
    : m.result_between({ low: text(from), high: text(to) });
}

/** A p: below a thousandth its digits tell nothing. */
export const pWords = (p: number): string =>
  p < 0.001 ? `< ${fixed(0.001, 3)}` : `= ${fixed(p, 3)}`;

/** How much a population moved, in the words that are customary for its PSI. */
export function psiWord(psi: number): string {
  if (psi < 0.1) return m.result_psi_little();
  return psi <= 0.25 ? m.result_psi_some() : m.result_psi_much();
}

/** What both sides of a comparison are called. */
export function sidesOf(report: CompareResult): [string, string] {
  const { filter_a: a, filter_b: b } = report.input ?? {};
  return [a ?? m.result_everybody(), b ?? m.result_everybody_else()];
}

/** Words for columns, and for the parts of those that are `outer.inner`. */
const COLUMNS: Record<string, () => string> = {
  kind: m.result_col_kind,
  dimension: m.result_col_dimension,
  segment: m.result_col_segment,
  component: m.result_col_component,
  id: m.result_col_id,
  name: m.result_col_name,
  other_id: m.result_col_other_id,
  other_name: m.result_col_other_name,
  from: m.result_col_from,
  to: m.result_col_to,
  people: m.result_col_people,
  people_from: m.result_col_people_from,
  people_to: m.result_col_people_to,
  both: m.result_col_both,
  before: m.result_col_before,
  after: m.result_col_after,
  missing: m.result_col_missing,
  uncertain: m.result_col_uncertain,
  mean: m.result_col_mean,
  mean_from: m.result_col_mean_from,
  mean_to: m.result_col_mean_to,
  change: m.result_col_change,
  median: m.result_col_median,
  deviation: m.result_col_deviation,
  rest: m.result_col_rest,
  share: m.result_col_share,
  together: m.result_col_together,
  variance: m.result_col_variance,
  weight: m.result_col_weight,
  count: m.result_col_count,
  low: m.result_col_low,
  high: m.result_col_high,
  value: m.result_col_value,
  code: m.result_col_code,
  a: () => 'A',
  b: () => 'B',
  n: () => 'n',
  g: () => 'g',
  hedges_g: () => 'g',
  cliffs_delta: () => 'δ',
  adjusted: m.result_col_adjusted,
  of: m.result_col_test,
  difference: m.result_col_difference,
  out_of_range: m.result_col_out_of_range,
  score: m.result_col_score,
  confidence: m.result_col_confidence,
  distance: m.result_col_distance,
  nearer_than: m.result_col_nearer_than,
  alike: m.result_col_alike,
  apart: m.result_col_apart,
  apart_by: m.result_col_apart_by,
  part: m.result_col_part,
  beyond: m.result_col_beyond,
  probability: m.result_col_probability,
  names: m.result_col_names,
  observations: m.result_col_observations,
  attributes: m.result_col_attributes,
  equal: m.result_col_equal,
  field: m.result_col_field,
  level: m.result_col_level,
  silhouette: m.result_col_silhouette,
  psi: () => 'PSI',
  js: () => 'JS',
  ks: () => 'KS',
  mad: () => 'MAD',
  wasserstein: () => 'Wasserstein',
  welch: () => 'Welch',
  mann_whitney: () => 'Mann–Whitney',
  kolmogorov_smirnov: () => 'Kolmogorov–Smirnov',
  'bands.low': m.result_col_band_low,
  'bands.middle': m.result_col_band_middle,
  'bands.high': m.result_col_band_high,
};

/** What a column is called; of one that is not known the name, as it is. */
export function columnTitle(column: string): string {
  const whole = COLUMNS[column];
  if (whole !== undefined) return whole();
  const bound = /^(.+)_(low|high)$/.exec(column);
  if (bound?.[1] !== undefined && COLUMNS[bound[1]] !== undefined) {
    return columnTitle(`${bound[1]}.${bound[2]}`);
  }
  // The longest beginning that has a word, then the rest.
  for (let end = column.lastIndexOf('.'); end > 0; end = column.lastIndexOf('.', end - 1)) {
    const outer = COLUMNS[column.slice(0, end)];
    if (outer !== undefined) return `${outer()} · ${columnTitle(column.slice(end + 1))}`;
  }
  return column;
}

const TABLES: Record<string, () => string> = {
  bins: m.result_table_bins,
  dimensions: m.result_table_dimensions,
  variables: m.result_table_variables,
  segments: m.result_table_segments,
  profile: m.result_table_profile,
  points: m.result_table_points,
  silhouettes: m.result_table_silhouettes,
  components: m.result_table_components,
  weights: m.result_table_weights,
  outliers: m.result_table_outliers,
  similar: m.result_table_similar,
  scores: m.result_table_scores,
  distances: m.result_table_distances,
  about: m.result_table_about,
  pairs: m.result_table_pairs,
  fields: m.result_table_fields,
};

export const tableTitle = (name: string): string => TABLES[name]?.() ?? name;

/** Tables that a reader wants first; points and bins are what charts are drawn of. */
const LATER = new Set(['bins', 'points', 'distances', 'fields', 'silhouettes', 'about']);
const SOONER = new Set(['segments', 'similar', 'pairs', 'outliers', 'components']);
const rank = ({ name }: Table) => (LATER.has(name) ? 2 : SOONER.has(name) ? 0 : 1);

export const inReadingOrder = (tables: Table[]): Table[] =>
  [...tables].sort((a, b) => rank(a) - rank(b));

const SHARES = new Set(['share', 'together', 'probability', 'nearer_than', 'part', 'expected']);
const isShare = (column: string) => SHARES.has(column.slice(column.lastIndexOf('.') + 1));

/** How the numbers of a column are written: all with as many decimals, so that they line up. */
export function columnFormat(column: string, cells: Cell[]): (value: number) => string {
  const numbers = cells.filter((cell) => typeof cell === 'number');
  if (isShare(column)) return formatShare;
  if (numbers.every(Number.isInteger)) return (value) => formatCount(value).replace('-', '−');
  const most = numbers.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
  const needed = most === 0 ? 0 : 2 - Math.floor(Math.log10(most));
  // A column may have both scores from 0 to 1 and what people are measured in.
  const decimals = Math.min(6, Math.max(most < 1000 ? 2 : 0, needed));
  const least = 10 ** -decimals;
  return (value) => {
    if (Math.abs(value) >= 1e12) return formatRough(value);
    if (value !== 0 && Math.abs(value) < least / 2) {
      return value > 0 ? `< ${fixed(least, decimals)}` : `> −${fixed(least, decimals)}`;
    }
    return fixed(value, decimals);
  };
}

/** Words for texts that are none of people's own, by column. */
const WORDS: Record<string, Record<string, () => string>> = {
  kind: {
    dimension: m.result_col_dimension,
    signal: m.result_signal,
    attribute: m.result_attribute,
  },
  code: {
    compared: m.result_code_compared,
    too_few: m.result_code_few,
    constant: m.result_code_constant,
    out_of_range: m.result_code_range,
    too_many_values: m.result_code_many,
  },
  of: { mann_whitney: () => 'Mann–Whitney', welch: () => 'Welch' },
};

/** Columns whose texts are names of dimensions. */
const DIMENSIONS = new Set(['dimension', 'alike', 'apart']);

/** A cell as a person reads it; `kind` says whether a name is that of a dimension. */
export function cellText(
  report: ResultBase,
  column: string,
  cell: Cell,
  kind: Cell,
  format: (value: number) => string,
): string {
  if (cell === null) return '–';
  if (typeof cell === 'number') return format(cell);
  if (typeof cell === 'boolean') return cell ? m.result_yes() : m.result_no();
  const isDimension = DIMENSIONS.has(column) || (column === 'name' && kind === 'dimension');
  if (isDimension) return titleOf(report, cell);
  return WORDS[column.slice(column.lastIndexOf('.') + 1)]?.[cell]?.() ?? cell;
}

/** A table as a person reads it: without columns in which nothing is. */
export function readable(table: Table) {
  const kind = table.columns.indexOf('kind');
  const columns = table.columns.flatMap((name, at) => {
    const cells = table.rows.map((row) => row[at] ?? null);
    if (cells.every((cell) => cell === null)) return [];
    const isNumber = cells.some((cell) => typeof cell === 'number');
    return [{ name, at, title: columnTitle(name), isNumber, format: columnFormat(name, cells) }];
  });
  const text = (report: ResultBase, row: Cell[], { name, at, format }: (typeof columns)[number]) =>
    cellText(report, name, row[at] ?? null, row[kind] ?? null, format);
  return { columns, text };
}

/** The file that a result is of, with what was left out of it. */
export function datasetWords({ name, rejected, erased }: Dataset): string {
  const left = rejected + erased;
  return left === 0 ? name : m.result_dataset_left({ name, count: left, n: formatCount(left) });
}
