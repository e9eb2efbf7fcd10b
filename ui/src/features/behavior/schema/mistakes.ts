// What a form sees to be wrong before anybody is asked, at the same JSON pointers at which the program tells it.
// It says the frequent mistakes in the reader's language; what it does not see the program still does.
import { pointer, pointerParts } from '$lib/format/pointer';
import { m } from '$lib/i18n.svelte';
import {
  KINDS_OF,
  nameOf,
  rangeOf,
  textOf,
  titleText,
  weightSum,
  type List,
  type Members,
  type SchemaModel,
} from './model';

/** What is said, by where. */
export type Mistakes = ReadonlyMap<string, string>;

const NAME_MAX = 64;
const TITLE_MAX = 120;
const VERSION_MAX = 4_294_967_295;
const ROWS_MAX: Record<List, number> = { signals: 512, dimensions: 64 };

const length = (text: string) => [...text].length;

/** Looks over a schema. */
export function mistakesIn(model: SchemaModel): Mistakes {
  const found = new Map<string, string>();
  const { head, signals, dimensions } = model;
  checkName(found, '', head, 'name');
  checkTitle(found, '', head);
  const { version } = head;
  const isVersion = Number.isInteger(version) && Number(version) >= 1;
  if (!isVersion || Number(version) > VERSION_MAX) found.set('/version', m.schema_wrong_version());
  checkMany(found, 'signals', signals.length);
  checkMany(found, 'dimensions', dimensions.length);
  const names = new Set<string>();
  for (const [at, row] of signals.entries()) {
    checkRow(found, `/signals/${at}`, row.members, names);
    checkSignal(found, `/signals/${at}`, row.members);
  }
  const traits = new Set<string>();
  for (const [at, { members, weights }] of dimensions.entries()) {
    const place = `/dimensions/${at}`;
    checkRow(found, place, members, traits);
    for (const { signal, name, weight } of weights) {
      const of = weightPointer(at, signal, name);
      if (signal === null && !names.has(name)) found.set(of, m.schema_wrong_signal({ name }));
      else if (typeof weight !== 'number') found.set(of, m.not_a_number());
      else if (weight < 0) found.set(of, m.schema_wrong_weight());
    }
    const isNone = !weights.some(({ weight }) => typeof weight === 'number' && weight > 0);
    if (weights.length === 0) found.set(`${place}/weights`, m.schema_wrong_no_weights());
    else if (isNone && weightSum(weights) >= 0) {
      found.set(`${place}/weights`, m.schema_wrong_weights());
    }
  }
  return found;
}

/** Where the weight of a signal stands: by its row, since two may have one name for a while. */
export const weightPointer = (dimension: number, signal: number | null, name: string): string =>
  pointer('dimensions', String(dimension), 'weights', signal === null ? name : `#${signal}`);

function checkMany(found: Map<string, string>, list: List, many: number): void {
  const max = ROWS_MAX[list];
  if (many > 0 && many <= max) return;
  const says = { signals: m.schema_wrong_signals, dimensions: m.schema_wrong_traits };
  found.set(`/${list}`, says[list]({ max: String(max) }));
}

function checkRow(
  found: Map<string, string>,
  place: string,
  members: Members,
  names: Set<string>,
): void {
  checkName(found, place, members, 'name');
  checkTitle(found, place, members);
  const name = nameOf({ members });
  if (name !== '' && names.has(name)) found.set(`${place}/name`, m.schema_wrong_twice({ name }));
  names.add(name);
}

function checkName(
  found: Map<string, string>,
  place: string,
  members: Members,
  member: 'name' | 'from',
): void {
  const name = textOf(members[member]);
  const says =
    name === ''
      ? m.schema_wrong_no_name
      : length(name) > NAME_MAX
        ? () => m.schema_wrong_long({ max: String(NAME_MAX) })
        : name.trim() === name
          ? null
          : m.schema_wrong_blanks;
  if (says !== null) found.set(`${place}/${member}`, says());
}

function checkTitle(found: Map<string, string>, place: string, members: Members): void {
  if (members.title == null) return;
  for (const language of ['en', 'de'] as const) {
    const text = titleText(members, language);
    const at = `${place}/title/${language}`;
    if (text.trim() === '') found.set(at, m.schema_wrong_title());
    else if (length(text) > TITLE_MAX) {
      found.set(at, m.schema_wrong_long({ max: String(TITLE_MAX) }));
    }
  }
}

function checkSignal(found: Map<string, string>, place: string, members: Members): void {
  if (members.from != null) checkName(found, place, members, 'from');
  const kind = KINDS_OF[textOf(members.measure)];
  if (kind !== undefined && kind !== members.kind)
    found.set(`${place}/kind`, m.schema_wrong_kind());
  const { half_life_days: days, reliability } = members;
  if (days != null) {
    const at = `${place}/half_life_days`;
    if (typeof days !== 'number') found.set(at, m.not_a_number());
    else if (days <= 0) found.set(at, m.schema_wrong_half_life());
    else if (members.measure === 'days_since') found.set(at, m.schema_no_half_life());
  }
  if (members.range != null) {
    const [low, high] = rangeOf(members);
    const at = `${place}/range`;
    const isText = typeof low === 'string' || typeof high === 'string';
    if (isText) found.set(at, m.not_a_number());
    else if (low === undefined || high === undefined) found.set(at, m.schema_wrong_half_range());
    else if (Number(low) >= Number(high)) found.set(at, m.schema_wrong_range());
  }
  if (reliability != null) {
    const at = `${place}/reliability`;
    if (typeof reliability !== 'number') found.set(at, m.not_a_number());
    else if (reliability < 0 || reliability > 1) found.set(at, m.schema_wrong_reliability());
  }
}

/** The field of the form that a pointer means: the member, without what is inside of it, as of a range. */
export function fieldPointer(told: string): string {
  const parts = pointerParts(told);
  const list = parts[0] === 'signals' || parts[0] === 'dimensions';
  const at = list ? 2 : 0;
  const depth = parts[at] === 'title' ? at + 2 : at + 1;
  return pointer(...parts.slice(0, depth));
}

/** The row that a pointer leads to; null where it means no row. */
export function rowAt(told: string): { list: List; at: number } | null {
  const [list, at] = pointerParts(told);
  if ((list !== 'signals' && list !== 'dimensions') || at === undefined) return null;
  return { list, at: Number(at) };
}
