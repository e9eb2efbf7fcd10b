import { expect, test } from 'vitest';
import { pointer, pointerParts } from './pointer';

test.each([
  [['attributes', 'city'], '/attributes/city'],
  [['attributes', 'a/b'], '/attributes/a~1b'],
  [['attributes', 'm~n'], '/attributes/m~0n'],
  [['attributes', '~1'], '/attributes/~01'],
  [['attributes', ''], '/attributes/'],
])('%j is written %s and read back', (parts, text) => {
  expect(pointer(...parts)).toBe(text);
  expect(pointerParts(text)).toEqual(parts);
});

test('the whole document has no parts', () => {
  expect(pointer()).toBe('');
  expect(pointerParts('')).toEqual([]);
});
