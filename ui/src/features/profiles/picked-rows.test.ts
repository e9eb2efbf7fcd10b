import { beforeEach, expect, test, vi } from 'vitest';
import { PickedRows, quoted, RANGE_MAX } from './picked-rows.svelte';

const id = (index: number) => `p-${index}`;
const ids = vi.fn((first: number, end: number) =>
  Promise.resolve(Array.from({ length: end - first }, (_, at) => id(first + at))),
);
let matching: number;
let narrowing: { filter: string; search: string };
let picked: PickedRows;

beforeEach(() => {
  ids.mockClear();
  matching = 1_000_000;
  narrowing = { filter: '', search: '' };
  picked = new PickedRows({ matching: () => matching, ids, narrowing: () => narrowing });
});

test('picking a row again lets go of it', () => {
  picked.toggle(3, id(3));
  expect(picked.has(id(3))).toBe(true);
  expect(picked.selection()).toEqual({ ids: [id(3)], filter: '', search: '' });
  picked.toggle(3, id(3));
  expect(picked.count).toBe(0);
});

test('a range goes from the row picked last, both ways, and shrinks again', async () => {
  picked.toggle(9, id(9));
  picked.toggle(3, id(3));
  await picked.rangeTo(5);
  expect(picked.selection().ids).toEqual([id(9), id(3), id(4), id(5)]);
  await picked.rangeTo(2);
  expect(picked.selection().ids).toEqual([id(9), id(2), id(3)]);
});

test('without a row picked before, a range starts at the focus', async () => {
  await picked.rangeTo(2, 1);
  await picked.rangeTo(3, 2);
  expect(picked.selection().ids).toEqual([id(1), id(2), id(3)]);
});

test('a range over a million rows is cut rather than fetched', async () => {
  picked.toggle(0, id(0));
  await picked.rangeTo(999_999);
  expect(picked.count).toBe(RANGE_MAX);
  picked.toggle(500_000, id(500_000));
  await picked.rangeTo(0);
  expect(ids).toHaveBeenLastCalledWith(500_000 - RANGE_MAX + 1, 500_001);
});

test('a range that a later one has overtaken changes nothing', async () => {
  let late!: (found: string[]) => void;
  ids.mockImplementationOnce(() => new Promise((resolve) => (late = resolve)));
  picked.toggle(0, id(0));
  const slow = picked.rangeTo(50);
  await picked.rangeTo(1);
  late([id(0), id(50)]);
  await slow;
  expect(picked.selection().ids).toEqual([id(0), id(1)]);
});

test('all that match are a filter and no list of ids', () => {
  narrowing = { filter: 'tag:vip', search: 'anna' };
  picked.toggle(3, id(3));
  picked.pickAll();
  expect(picked.count).toBe(1_000_000);
  expect(picked.share).toBe('all');
  expect(picked.has('anyone')).toBe(true);
  expect(picked.selection()).toEqual({ ids: null, filter: 'tag:vip', search: 'anna' });
  expect(ids).not.toHaveBeenCalled();
});

test('rows let go of after picking all become exceptions in the filter', () => {
  narrowing = { filter: 'tag:vip or tag:new', search: '' };
  picked.pickAll();
  picked.toggle(3, 'a"b');
  expect(picked.share).toBe('some');
  expect(picked.count).toBe(999_999);
  expect(picked.has('a"b')).toBe(false);
  expect(picked.selection().filter).toBe(String.raw`(tag:vip or tag:new) -id:"a\"b"`);
  narrowing = { filter: ' ', search: '' };
  expect(picked.selection().filter).toBe(String.raw`-id:"a\"b"`);
});

test('letting go of the last row leaves nothing picked', () => {
  matching = 1;
  picked.pickAll();
  picked.toggle(0, id(0));
  expect([picked.count, picked.all, picked.share]).toEqual([0, false, 'none']);
});

test('an empty list has nothing to pick', () => {
  matching = 0;
  picked.pickAll();
  expect(picked.all).toBe(false);
});

test('signs of the filter language are plain in quotes', () => {
  expect(quoted('a*b\\c"d')).toBe(String.raw`"a\*b\\c\"d"`);
});
