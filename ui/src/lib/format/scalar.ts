import { formatNumber } from './index';

export type Scalar = string | number | boolean | null;
export type ScalarKind = 'text' | 'number' | 'boolean' | 'null';

export const SCALAR_KINDS: readonly ScalarKind[] = ['text', 'number', 'boolean', 'null'];

export function kindOf(value: Scalar): ScalarKind {
  if (value === null) return 'null';
  if (typeof value === 'number') return 'number';
  return typeof value === 'boolean' ? 'boolean' : 'text';
}

/** The text that an editor starts from; a number as it is written in JSON. */
export function editableText(value: Scalar): string {
  return value === null ? '' : String(value);
}

/**
 * Reads what was typed as a value of the chosen kind; undefined if it is none. A single decimal
 * comma is taken for a point, since German keyboards write one.
 */
export function parseScalar(kind: ScalarKind, text: string): Scalar | undefined {
  switch (kind) {
    case 'text':
      return text;
    case 'null':
      return null;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'number': {
      const trimmed = text.trim();
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
