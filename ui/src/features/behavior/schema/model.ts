// A schema as the form edits it. Whatever a text says stays in it, members that no form knows included:
// only what somebody changes is changed. Weights name their signal by its row, not by its name, so that they
// follow while a name is being typed, through every name on the way. Knows no component and no words.
import { pretty } from '../pretty';

/** Members of an object as they were written: nobody has looked yet whether they are what they should be. */
export interface Members {
  readonly [name: string]: unknown;
  readonly name?: unknown;
  readonly version?: unknown;
  readonly title?: unknown;
  readonly from?: unknown;
  readonly measure?: unknown;
  readonly kind?: unknown;
  readonly direction?: unknown;
  readonly half_life_days?: unknown;
  readonly range?: unknown;
  readonly reliability?: unknown;
  readonly signals?: unknown;
  readonly dimensions?: unknown;
  readonly weights?: unknown;
}

export interface Signal {
  /** Tells rows apart, for as long as the schema is edited. */
  readonly id: number;
  readonly members: Members;
}

export interface Weight {
  /** The row of the signal; null: there was none of that name. */
  readonly signal: number | null;
  /** The name as it was written. */
  readonly name: string;
  /** What was typed, where that is no number. */
  readonly weight: unknown;
}

export interface Dimension {
  readonly id: number;
  /** All but the weights. */
  readonly members: Members;
  readonly weights: readonly Weight[];
}

export interface SchemaModel {
  /** All but signals and dimensions. */
  readonly head: Members;
  readonly signals: readonly Signal[];
  readonly dimensions: readonly Dimension[];
}

export type List = 'signals' | 'dimensions';
export type Language = 'en' | 'de';

/**
 * Why a form cannot show a text: it is no JSON, has another shape, or says something that reading and writing
 * it again would lose (a member twice, a number with more digits than are kept).
 */
export type Unreadable = 'syntax' | 'shape' | 'lossy';

let ids = 0;
const nextId = () => (ids += 1);

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The text of a member: nothing where there is none, JSON where it is something else. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value == null ? '' : JSON.stringify(value);
}

export const nameOf = (row: { readonly members: Members }): string => textOf(row.members.name);

/** What observations a signal is made of. */
export const sourceOf = (signal: Signal): string => textOf(signal.members.from) || nameOf(signal);

export const titleText = (members: Members, language: Language): string =>
  isObject(members.title) ? textOf(members.title[language]) : '';

/** Both ends of a range, as they are. */
export function rangeOf(members: Members): [unknown, unknown] {
  const range: unknown[] = Array.isArray(members.range) ? members.range : [];
  return [range[0] ?? undefined, range[1] ?? undefined];
}

/** Reads a text; rows keep the ids of those that stood at their place in the schema `before`. */
export function readSchema(text: string, before?: SchemaModel): SchemaModel | Unreadable {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'syntax';
  }
  if (!isObject(value)) return 'shape';
  const { signals = [], dimensions = [], ...head } = value;
  const fits = isRows(signals) && isRows(dimensions) && isTitled(head);
  if (!fits || !signals.every(isSignal) || !dimensions.every(isDimension)) return 'shape';
  if (isLossy(text, value)) return 'lossy';
  const rows = signals.map((members, at) => ({
    id: before?.signals[at]?.id ?? nextId(),
    members,
  }));
  const named = new Map(rows.map((row) => [nameOf(row), row.id]));
  return {
    head,
    signals: rows,
    dimensions: dimensions.map(({ weights = {}, ...members }, at) => ({
      id: before?.dimensions[at]?.id ?? nextId(),
      members,
      weights: Object.entries(weights as Members).map(([name, weight]) => ({
        signal: named.get(name) ?? null,
        name,
        weight,
      })),
    })),
  };
}

const isRows = (value: unknown): value is Members[] =>
  Array.isArray(value) && value.every(isObject);
const isTitled = ({ title }: Members) => title == null || isObject(title);
const isSignal = (members: Members) =>
  isTitled(members) &&
  (members.range == null || (Array.isArray(members.range) && members.range.length <= 2));
const isDimension = (members: Members) =>
  isTitled(members) && (members.weights === undefined || isObject(members.weights));

/** Whether a text says more than what was read of it. */
function isLossy(text: string, value: unknown): boolean {
  const bare = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  const numbers = bare.match(/-?\d[\d.eE+-]*/g) ?? [];
  const isKept = (written: string) => {
    const number = Number(written);
    return Number.isFinite(number) && Math.abs(number) <= Number.MAX_SAFE_INTEGER;
  };
  return (bare.match(/""\s*:/g)?.length ?? 0) !== membersIn(value) || !numbers.every(isKept);
}

function membersIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inside = Object.values(value).reduce<number>((sum, one) => sum + membersIn(one), 0);
  return Array.isArray(value) ? inside : inside + Object.keys(value).length;
}

/** The text of a schema, as a person reads it. */
export function schemaText({ head, signals, dimensions }: SchemaModel): string {
  const names = new Map(signals.map((signal) => [signal.id, nameOf(signal)]));
  const written = dimensions.map(({ members, weights }) => ({
    ...members,
    weights: Object.fromEntries(
      weights.map(({ signal, name, weight }) => [names.get(signal ?? 0) ?? name, weight]),
    ),
  }));
  const members = signals.map((signal) => signal.members);
  return pretty(JSON.stringify({ ...head, signals: members, dimensions: written }));
}

/** A schema to begin with: one signal, and one dimension that is made of it. */
export function newSchema(): SchemaModel {
  const signal = nextId();
  return {
    head: { schema: 'behavior_schema.v1', name: '', version: 1 },
    signals: [{ id: signal, members: { name: '', kind: 'level' } }],
    dimensions: [
      { id: nextId(), members: { name: '' }, weights: [{ signal, name: '', weight: 1 }] },
    ],
  };
}

/** With a member, or without it where it is undefined. */
export function withMember(members: Members, name: string, value: unknown): Members {
  if (value !== undefined) return { ...members, [name]: value };
  return Object.fromEntries(Object.entries(members).filter(([own]) => own !== name));
}

/** With a title in a language; a title that says nothing in either is left out. */
export function withTitle(members: Members, language: Language, text: string): Members {
  const before = isObject(members.title) ? members.title : {};
  const title = { en: '', de: '', ...before, [language]: text };
  const isEmpty = Object.values(title).every((one) => one === '');
  return withMember(members, 'title', isEmpty ? undefined : title);
}

/** With an end of the range; without any where both are empty. */
export function withEnd(members: Members, end: 0 | 1, value: unknown): Members {
  const range = rangeOf(members);
  range[end] = value;
  const isEmpty = range[0] === undefined && range[1] === undefined;
  return withMember(members, 'range', isEmpty ? undefined : range.map((one) => one ?? null));
}

/** With what is taken of the observations, and the kind and the half-life that this asks for. */
export function withMeasure(members: Members, measure: string): Members {
  const kind = KINDS_OF[measure];
  const taken = withMember(members, 'measure', measure === 'value' ? undefined : measure);
  const fits = kind === undefined ? taken : withMember(taken, 'kind', kind);
  return measure === 'days_since' ? withMember(fits, 'half_life_days', undefined) : fits;
}

/** The kind that a measure is of, where it is not any. */
export const KINDS_OF: Readonly<Record<string, string>> = {
  per_year: 'rate',
  days_since: 'duration',
};

/** What a member is where it is left out: it is not written. */
const DEFAULTS: Members = { direction: 1, reliability: 1, from: '' };

/** With a member of a signal, which is left out where it says the same. */
export function withSignalMember(members: Members, name: string, value: unknown): Members {
  const isDefault = value === DEFAULTS[name] || (name === 'from' && value === members.name);
  return withMember(members, name, isDefault ? undefined : value);
}

export const changeHead = (model: SchemaModel, head: Members): SchemaModel => ({ ...model, head });

export function changeSignal(model: SchemaModel, id: number, members: Members): SchemaModel {
  const signals = model.signals.map((one) => (one.id === id ? { ...one, members } : one));
  return { ...model, signals };
}

export function changeDimension(
  model: SchemaModel,
  id: number,
  change: Partial<Dimension>,
): SchemaModel {
  const dimensions = model.dimensions.map((one) => (one.id === id ? { ...one, ...change } : one));
  return { ...model, dimensions };
}

/** With another signal at the end. */
export function addSignal(model: SchemaModel): [SchemaModel, id: number] {
  const added = { id: nextId(), members: { name: '', kind: 'level' } };
  return [{ ...model, signals: [...model.signals, added] }, added.id];
}

/** With another dimension at the end. */
export function addDimension(model: SchemaModel): [SchemaModel, id: number] {
  const added = { id: nextId(), members: { name: '' }, weights: [] };
  return [{ ...model, dimensions: [...model.dimensions, added] }, added.id];
}

/** With a copy below a signal: of the same observations, and in no dimension yet. */
export function copySignal(model: SchemaModel, id: number): [SchemaModel, id: number] {
  const at = model.signals.findIndex((one) => one.id === id);
  const signal = model.signals[at]!;
  const name = freeName(nameOf(signal), model.signals);
  const from = sourceOf(signal);
  const members = { ...withSignalMember(signal.members, 'from', from), name, from };
  const copy = { id: nextId(), members };
  return [{ ...model, signals: model.signals.toSpliced(at + 1, 0, copy) }, copy.id];
}

/** With a copy below a dimension, of the same weights. */
export function copyDimension(model: SchemaModel, id: number): [SchemaModel, id: number] {
  const at = model.dimensions.findIndex((one) => one.id === id);
  const dimension = model.dimensions[at]!;
  const name = freeName(nameOf(dimension), model.dimensions);
  const copy = { ...dimension, id: nextId(), members: { ...dimension.members, name } };
  return [{ ...model, dimensions: model.dimensions.toSpliced(at + 1, 0, copy) }, copy.id];
}

function freeName(name: string, rows: readonly { readonly members: Members }[]): string {
  const taken = new Set(rows.map(nameOf));
  for (let number = 2; ; number += 1) {
    if (!taken.has(`${name}_${number}`)) return `${name}_${number}`;
  }
}

/** With a row at another place of its list. */
export function moveRow(model: SchemaModel, list: List, id: number, to: number): SchemaModel {
  const move = <Row extends { readonly id: number }>(rows: readonly Row[]) => {
    const row = rows.find((one) => one.id === id);
    return row === undefined ? rows : rows.filter((one) => one !== row).toSpliced(to, 0, row);
  };
  return list === 'signals'
    ? { ...model, signals: move(model.signals) }
    : { ...model, dimensions: move(model.dimensions) };
}

/** What was taken out, and from where: enough to put it back. */
export type Removed =
  | { list: 'signals'; at: number; row: Signal; from: { dimension: number; weight: Weight }[] }
  | { list: 'dimensions'; at: number; row: Dimension };

/** Without a signal, nor its weights. */
export function removeSignal(model: SchemaModel, id: number): [SchemaModel, Removed] {
  const at = model.signals.findIndex((one) => one.id === id);
  const from = model.dimensions.flatMap((dimension) =>
    dimension.weights
      .filter(({ signal }) => signal === id)
      .map((weight) => ({ dimension: dimension.id, weight })),
  );
  const dimensions = model.dimensions.map((dimension) =>
    from.some((one) => one.dimension === dimension.id)
      ? { ...dimension, weights: dimension.weights.filter(({ signal }) => signal !== id) }
      : dimension,
  );
  const removed = { list: 'signals' as const, at, row: model.signals[at]!, from };
  return [{ ...model, signals: model.signals.toSpliced(at, 1), dimensions }, removed];
}

export function removeDimension(model: SchemaModel, id: number): [SchemaModel, Removed] {
  const at = model.dimensions.findIndex((one) => one.id === id);
  const removed = { list: 'dimensions' as const, at, row: model.dimensions[at]! };
  return [{ ...model, dimensions: model.dimensions.toSpliced(at, 1) }, removed];
}

/** Puts back what was taken out; what was changed meanwhile stays. */
export function restore(model: SchemaModel, removed: Removed): SchemaModel {
  if (removed.list === 'dimensions') {
    return { ...model, dimensions: model.dimensions.toSpliced(removed.at, 0, removed.row) };
  }
  const dimensions = model.dimensions.map((dimension) => {
    const own = removed.from.filter((one) => one.dimension === dimension.id);
    const weights = [...dimension.weights, ...own.map(({ weight }) => weight)];
    return own.length === 0 ? dimension : { ...dimension, weights };
  });
  return { ...model, signals: model.signals.toSpliced(removed.at, 0, removed.row), dimensions };
}

/** With the weight of a signal in a dimension; undefined takes it out. */
export function weigh(
  model: SchemaModel,
  dimension: number,
  signal: Signal,
  weight: unknown,
): SchemaModel {
  const weights = model.dimensions.find((one) => one.id === dimension)?.weights ?? [];
  const written = { signal: signal.id, name: nameOf(signal), weight };
  const at = weights.findIndex((one) => one.signal === signal.id);
  const others = at < 0 ? weights : weights.toSpliced(at, 1);
  const next =
    weight === undefined ? others : others.toSpliced(at < 0 ? weights.length : at, 0, written);
  return changeDimension(model, dimension, { weights: next });
}

/** Signals that a dimension is made of. */
export function usedSignals(model: SchemaModel): Set<number> {
  return new Set(
    model.dimensions.flatMap(({ weights }) => weights.flatMap(({ signal }) => signal ?? [])),
  );
}

/** All weights together; what is no number counts nothing. */
export const weightSum = (weights: readonly Weight[]): number =>
  weights.reduce((sum, { weight }) => sum + (typeof weight === 'number' ? weight : 0), 0);
