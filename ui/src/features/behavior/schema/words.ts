import { formatNumber } from '$lib/format';
import { m } from '$lib/i18n.svelte';
import { rangeOf, textOf, type Members } from './model';
import { numberText } from './numbers';

const MEASURES: Record<string, () => string> = {
  value: m.schema_measure_value,
  per_year: m.schema_measure_per_year,
  days_since: m.schema_measure_days_since,
};

const KINDS: Record<string, () => string> = {
  level: m.schema_kind_level,
  rate: m.schema_kind_rate,
  binary: m.schema_kind_binary,
  duration: m.schema_kind_duration,
};

const DIRECTIONS: Record<string, () => string> = {
  '1': m.schema_direction_up,
  '-1': m.schema_direction_down,
};

const choices = (words: Record<string, () => string>) =>
  Object.entries(words).map(([key, label]) => ({ key, label: label() }));

export const measures = () => choices(MEASURES);
export const kinds = () => choices(KINDS);
/** The usual one first, which the order of numbers as keys is not. */
export const directions = () =>
  choices(DIRECTIONS).toSorted((a, b) => Number(b.key) - Number(a.key));

/** What is taken, where that says the kind as well; else the kind. */
export function kindText({ measure, kind }: Members): string {
  const taken = textOf(measure) || 'value';
  if (taken !== 'value') return MEASURES[taken]?.() ?? taken;
  return KINDS[textOf(kind)]?.() ?? textOf(kind);
}

const written = (value: unknown) =>
  typeof value === 'number' ? formatNumber(value) : numberText(value);

export const numberCell = (value: unknown): string => (value == null ? '' : written(value));

/** `1 – 6`. */
export function rangeText(members: Members): string {
  const [low, high] = rangeOf(members);
  return low === undefined && high === undefined ? '' : `${written(low)} – ${written(high)}`;
}
