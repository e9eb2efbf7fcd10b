import { expect, test } from 'vitest';
import { clampedWidth, dropTarget, frozenLefts, frozenWidth, leastWidth, tracksOf } from './table';
import type { Column } from './table';

const columns: Column[] = [
  { key: 'pick', label: '', width: 32, frozen: true },
  { key: 'id', label: 'ID', width: 128, grow: 1, frozen: true },
  { key: 'name', label: 'Name', width: 200 },
];

test('frozen columns stay one beside the other', () => {
  expect(frozenLefts(columns)).toEqual([0, 32, undefined]);
  expect(frozenWidth(columns)).toBe(160);
});

test('a column grows until somebody says how wide it is', () => {
  expect(tracksOf(columns)).toBe('32px minmax(128px, 1fr) 200px');
  expect(leastWidth(columns)).toBe(372);
});

test('a column lands before the one whose middle is not passed yet', () => {
  const heads = [
    { key: 'a', left: 0, right: 100 },
    { key: 'b', left: 100, right: 200 },
  ];
  expect(dropTarget(heads, 49)).toBe('a');
  expect(dropTarget(heads, 51)).toBe('b');
  expect(dropTarget(heads, 151)).toBeNull();
});

test('no column gets too narrow to be found again, or wider than a window', () => {
  expect(clampedWidth(3)).toBe(48);
  expect(clampedWidth(9_999)).toBe(800);
  expect(clampedWidth(120.4)).toBe(120);
});
