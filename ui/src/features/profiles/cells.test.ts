import { expect, test } from 'vitest';
import type { ProfileRow } from '$lib/ipc';
import { cellValue, filterables } from './cells';

const row: ProfileRow = {
  id: 'a-1',
  display_name: null,
  attributes: { city: 'Bern', revenue: 1234.5, vip: true, segment: null },
  tags: ['new', 'vip'],
  observations: 3,
  status: 'pending',
  changed_at: '2026-11-20T13:03:00Z',
};

test('a copied value is the one in the data, not the one as it is shown', () => {
  expect(cellValue(row, null)).toBe('a-1');
  expect(cellValue(row, 'attribute:revenue')).toBe('1234.5');
  expect(cellValue(row, 'attribute:segment')).toBe('null');
  expect(cellValue(row, 'attribute:nowhere')).toBe('');
  expect(cellValue(row, 'tags')).toBe('new, vip');
  expect(cellValue(row, 'changed')).toBe('2026-11-20T13:03:00Z');
});

test('a cell offers its values to filter by, and a missing one too', () => {
  expect(filterables(row, 'tags').map(({ value }) => value)).toEqual([
    { is: 'new' },
    { is: 'vip' },
  ]);
  expect(filterables(row, 'attribute:vip')[0]).toMatchObject({
    field: { attribute: 'vip' },
    value: { is: true },
  });
  expect(filterables(row, 'attribute:nowhere')[0]?.value).toBe('missing');
  expect(filterables(row, 'name')).toEqual([]);
  expect(filterables(row, 'changed')).toEqual([]);
});
