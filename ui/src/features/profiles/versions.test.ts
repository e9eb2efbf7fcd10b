import { expect, test } from 'vitest';
import { versionRows } from './versions';

test('what differs comes first, attribute by attribute', () => {
  const then = { id: 'a', attributes: { city: 'Bern', orders: 3 }, tags: ['x'], notes: 'old' };
  const now = { id: 'a', attributes: { orders: 3, plan: 'plus' }, tags: ['x'] };
  const rows = versionRows(then, now);
  expect(rows.filter((row) => row.differs)).toEqual([
    { pointer: '/attributes/city', then: 'Bern', differs: true },
    { pointer: '/notes', then: 'old', differs: true },
    { pointer: '/attributes/plan', now: 'plus', differs: true },
  ]);
  expect(rows.slice(3).map((row) => row.pointer)).toEqual(['/attributes/orders', '/tags']);
});

test('the order of members is no difference, an absent one and null are', () => {
  const consent = { analytics: true, source: 'form' };
  const turned = { source: 'form', analytics: true };
  expect(versionRows({ consent }, { consent: turned })[0]?.differs).toBe(false);
  expect(versionRows({ notes: null }, {})[0]).toEqual({
    pointer: '/notes',
    then: null,
    differs: true,
  });
});

test('when it was updated is not what it was', () => {
  expect(versionRows({ updated_at: '2026-01-01T00:00:00Z' }, { updated_at: 'later' })).toEqual([]);
});
