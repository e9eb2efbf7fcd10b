import { editableText, parseScalar } from '$lib/format/scalar';
import { textOf } from './model';

/** A number as the language writes it, for a field; what is no number as it was typed. */
export const numberText = (value: unknown): string =>
  typeof value === 'number' ? editableText(value) : textOf(value);

/** What a field says: a number, nothing, or the letters where they are no number, so that none is lost. */
export function numberTyped(text: string): number | string | undefined {
  if (text.trim() === '') return undefined;
  const value = parseScalar('number', text);
  return typeof value === 'number' ? value : text;
}
