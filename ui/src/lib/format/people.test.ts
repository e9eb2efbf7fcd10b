import { expect, test } from 'vitest';
import { locale } from '$lib/i18n.svelte';
import { formatNames, initials } from './people';

test('initials are of the first and the last part of a name', () => {
  for (const [name, letters] of [
    ['Anna Keller', 'AK'],
    ['Anna Maria Keller-Roth', 'AR'],
    ['ben', 'B'],
    ['jonas.weber@example.org', 'JW'],
    ['Élodie 東京', 'É東'],
    ['𝒜da', '𝒜'],
    ['—', '?'],
    ['', '?'],
  ] as const) {
    expect(initials(name), name).toBe(letters);
  }
});

test('names are joined as each language does', () => {
  expect(formatNames(['Ada', 'Ben'])).toBe('Ada and Ben');
  locale.choose('de');
  expect(formatNames(['Ada', 'Ben', 'Cleo'])).toBe('Ada, Ben und Cleo');
});
