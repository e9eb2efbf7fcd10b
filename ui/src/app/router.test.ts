import { expect, test } from 'vitest';
import { parseRoute, routeHref, type Route } from './router.svelte';

test.each<[string, Route]>([
  ['#/profiles', { view: 'profiles', id: null, filter: null }],
  ['#/profiles/cdnow-00042', { view: 'profiles', id: 'cdnow-00042', filter: null }],
  ['#/profiles/a%40b.example%3A1', { view: 'profiles', id: 'a@b.example:1', filter: null }],
  [
    '#/profiles?filter=status%3Aconflict',
    { view: 'profiles', id: null, filter: 'status:conflict' },
  ],
  ['#/profiles/a?view=7f', { view: 'profiles', id: 'a', filter: null, saved: '7f' }],
  ['#/imports', { view: 'imports' }],
  ['#/sync', { view: 'sync' }],
  ['#/administration', { view: 'administration' }],
  ['#/settings/appearance', { view: 'settings', section: 'appearance' }],
  ['#/settings/log', { view: 'settings', section: 'log' }],
  ['#/deleted', { view: 'deleted' }],
])('%s names a view and is written again the same', (hash, route) => {
  expect(parseRoute(hash)).toEqual(route);
  expect(routeHref(route)).toBe(hash);
});

test.each(['', '#', '#/nowhere', '#/profiles/'])('%j leads to the list', (hash) => {
  expect(parseRoute(hash)).toEqual({ view: 'profiles', id: null, filter: null });
});

test('a stray per cent sign does not break the window', () => {
  expect(parseRoute('#/profiles/100%')).toMatchObject({ id: '100%' });
});
