import { locale } from '$lib/i18n.svelte';
import { formatNumber } from './index';

export type Scalar = string | number | boolean | null;
/** A date is a text of the form `2026-11-20`; records know no other dates. */
export type ScalarKind = 'text' | 'number' | 'boolean' | 'date' | 'null';

export const SCALAR_KINDS: readonly ScalarKind[] = ['text', 'number', 'boolean', 'date', 'null'];

export function kindOf(value: Scalar): ScalarKind {
  if (value === null) return 'null';
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean') return 'boolean';
  return isDate(value) ? 'date' : 'text';
}

/** Whether a text is a day of the calendar, written as ISO 8601 does. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const day = new Date(`${text}T00:00:00Z`);
  // The 31st of February becomes a day of March, and is no date.
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

/** Digits in groups of three, as the language writes them. */
const GROUPED = {
  en: { whole: /^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$/, sign: /,/g },
  de: { whole: /^[-+]?\d{1,3}(\.\d{3})+(,\d+)?$/, sign: /\./g },
};

/** The text that an editor starts from; a number without groups, with the language's decimal sign. */
export function editableText(value: Scalar): string {
  if (value === null) return '';
  const text = String(value);
  return typeof value === 'number' && locale.current === 'de' ? text.replace('.', ',') : text;
}

/**
 * Reads what was typed as a value of the chosen kind; undefined if it is none. A single decimal
 * comma is taken for a point, since German keyboards write one; groups are as the language has them.
 */
export function parseScalar(kind: ScalarKind, text: string): Scalar | undefined {
  switch (kind) {
    case 'text':
      return text;
    case 'null':
      return null;
    case 'date':
      return isDate(text.trim()) ? text.trim() : undefined;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'number': {
      const grouped = GROUPED[locale.current];
      const typed = text.trim();
      const trimmed = grouped.whole.test(typed) ? typed.replace(grouped.sign, '') : typed;
      const plain = /^[-+]?\d+,\d+$/.test(trimmed) ? trimmed.replace(',', '.') : trimmed;
      const value = plain === '' ? Number.NaN : Number(plain);
      return Number.isFinite(value) ? value : undefined;
    }
  }
}

/** Any JSON value as one line of text, for tables and comparisons. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return formatNumber(value);
  return JSON.stringify(value) ?? '';
}
