import { expect, test } from 'vitest';
import { fit, parts } from './fuzzy';

const ranked = (words: string, names: string[]) =>
  names
    .map((name) => ({ name, score: fit(words, name)?.score ?? null }))
    .filter((one) => one.score !== null)
    .sort((a, b) => b.score! - a.score!)
    .map(({ name }) => name);

test('beginnings of words come before letters inside of them', () => {
  const names = ['Export profiles…', 'Import files…', 'Compact the data folder'];
  expect(ranked('imf', names)).toEqual(['Import files…']);
  expect(ranked('pro', names)[0]).toBe('Export profiles…');
  expect(ranked('data comp', names)).toEqual(['Compact the data folder']);
});

test('a whole beginning wins over the same letters elsewhere', () => {
  expect(ranked('set', ['Reset', 'Settings', 'Select all that match'])[0]).toBe('Settings');
});

test('accents and capitals make no difference, and marks stay at their letters', () => {
  const name = 'Übersicht öffnen';
  const found = fit('uber off', name);
  expect(parts(name, found!.marks)).toEqual([
    { text: 'Über', marked: true },
    { text: 'sicht ', marked: false },
    { text: 'öff', marked: true },
    { text: 'nen', marked: false },
  ]);
});

test('letters beyond the basic plane count as one', () => {
  expect(parts('a😀b', fit('b', 'a😀 b')?.marks ?? [])).toEqual([{ text: 'a😀b', marked: false }]);
  expect(fit('b', '😀 b')!.marks).toEqual([2]);
});

test('scattered letters are no find, and no words find everything', () => {
  expect(fit('tsd', 'Sync has stopped and waits')).toBeNull();
  expect(fit('x', 'Settings')).toBeNull();
  expect(fit('  ', 'Settings')!.marks).toEqual([]);
});
