// What could stand at the cursor of a filter: a field, or a value of the field before it.
import type { Field, FieldValue } from '$lib/ipc';

/** The part of a filter that is being written. */
export interface Writing {
  /** What would be replaced. */
  start: number;
  end: number;
  typed: string;
  /** The filter without the term that is being written. */
  rest: string;
  /** Null: the name of a field; else a value of this one, or `has` for the name of an attribute. */
  of: Field | 'has' | null;
}

/** Something that could stand there: the text, and what is said beside it. */
export interface Offer {
  text: string;
  label: string;
  hint: string;
}

/** Fields that are not attributes, with the sign that usually follows. */
const FIELDS = [
  'tag:',
  'status:',
  'has:',
  'name:',
  'id:',
  'after:',
  'before:',
  'changed>=',
  'observed:',
  'observations>=',
];
/** What begins the name of a score. */
const SCORE = 'score.';
const RESERVED = new Set([...FIELDS.map((one) => one.replace(/\W+$/, '')), 'attributes']);
const VALUED: Record<string, Field | 'has'> = { tag: 'tags', status: 'status', has: 'has' };
/** More would be a list to read, not a word to pick. */
export const OFFERED_MAX = 8;

/** Reads back from the cursor; null where nothing is offered, as in a quoted word that stands alone. */
export function writingAt(filter: string, cursor: number): Writing | null {
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < cursor; at++) {
    const sign = filter[at]!;
    if (isQuoted && sign === '\\') at += 1;
    else if (sign === '"') isQuoted = !isQuoted;
    else if (!isQuoted && /[\s()]/.test(sign)) start = at + 1;
  }
  if (filter[start] === '-' && start < cursor) start += 1;
  const word = filter.slice(start, cursor);
  const behind = isQuoted ? /^[^"]*"?/ : /^[^\s()]*/;
  const end = cursor + behind.exec(filter.slice(cursor))![0].length;
  const term = filter[start - 1] === '-' ? start - 1 : start;
  const rest = (filter.slice(0, term) + filter.slice(end)).trim();
  const parts = /^(attributes\.)?("(?:[^"\\]|\\.)*"|[^\s:=!<>"]+)(:|=|!=|>=?|<=?)(.*)$/s.exec(word);
  if (parts === null) {
    const isWord = !isQuoted && /^[^"]+$/.test(word);
    return isWord ? { start, end, typed: word, rest, of: null } : null;
  }
  const [, prefix, name = '', operator = '', value = ''] = parts;
  if (operator.startsWith('<') || operator.startsWith('>')) return null;
  const plain = name.replaceAll('"', '');
  const isField = prefix === undefined && RESERVED.has(plain);
  const of = isField ? VALUED[plain] : { attribute: plain };
  if (of === undefined) return null;
  return { start: cursor - value.length, end, typed: value.replaceAll('"', ''), rest, of };
}

/** Signs that would have to be written in another way; such a name or value is left to be typed. */
const isPlain = (text: string) => !/["\\*]/.test(text);

/** An attribute as the filter names it, where it can be compared. */
export function attributeText(name: string): string {
  if (!/^\p{L}[\p{L}\p{N}_]*$/u.test(name)) return `attributes."${name}"`;
  return RESERVED.has(name) ? `attributes.${name}` : name;
}

const fits = (text: string, typed: string) =>
  text.toLocaleLowerCase().startsWith(typed.toLocaleLowerCase());

/** Fields that begin with what is typed: those of every profile, then attributes. */
export function fieldOffers(
  typed: string,
  attributes: { name: string; hint: string }[],
  hint: string,
  scores: { name: string; hint: string }[] = [],
): Offer[] {
  const own = FIELDS.filter((text) => fits(text, typed)).map((text) => ({
    text,
    label: text,
    hint,
  }));
  const others = attributes
    .filter(({ name }) => isPlain(name))
    .map(({ name, hint: count }) => ({ name, text: `${attributeText(name)}:`, hint: count }))
    .filter(({ name, text }) => fits(name, typed) || fits(text, typed))
    .map(({ text, hint: count }) => ({ text, label: text, hint: count }));
  const scored = scores
    .map(({ name, hint: title }) => ({ text: `${SCORE}${name}>`, title }))
    .filter(({ text, title }) => fits(text, typed) || (typed !== '' && fits(title, typed)))
    .map(({ text, title }) => ({ text, label: text, hint: title }));
  return [...own, ...scored, ...others].filter(({ text }) => text !== typed).slice(0, OFFERED_MAX);
}

/** Names of attributes, after `has:`. */
export function nameOffers(typed: string, attributes: { name: string; hint: string }[]): Offer[] {
  return attributes
    .filter(({ name }) => isPlain(name) && fits(name, typed) && name !== typed)
    .map(({ name, hint }) => ({ text: written(name), label: name, hint }))
    .slice(0, OFFERED_MAX);
}

/** Values that profiles have there, as they are written. */
export function valueOffers(values: { value: FieldValue; hint: string }[], typed: string): Offer[] {
  return values
    .flatMap(({ value, hint }) => {
      if (value === 'missing') return [];
      const { is } = value;
      if (typeof is === 'number' || typeof is === 'boolean') {
        return [{ text: String(is), label: String(is), hint }];
      }
      if (typeof is !== 'string' || !isPlain(is)) return [];
      return [{ text: written(is), label: is, hint }];
    })
    .filter(({ label }) => label !== typed)
    .slice(0, OFFERED_MAX);
}

/** In quotes, unless it is a plain word that could be nothing else. */
function written(text: string): string {
  const isWord = /^\p{L}[\p{L}\p{N}_-]*$/u.test(text);
  return isWord && !/^(true|false|null|and|or|not)$/i.test(text) ? text : `"${text}"`;
}
