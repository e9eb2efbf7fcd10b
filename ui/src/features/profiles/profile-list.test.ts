import { beforeEach, expect, test, vi } from 'vitest';
import { Ipc, type ListProfiles, type ProfileRow, type SortKey } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import { columnsFor, frequentAttributes, orderLabel, sortColumn, sortKey } from './columns';
import { ProfileList, TYPING_PAUSE_MS } from './profile-list.svelte';

const row = (id: string, attributes: Record<string, unknown> = {}): ProfileRow => ({
  id,
  display_name: null,
  attributes,
  tags: [],
  observations: 0,
  status: 'synced',
  changed_at: '2026-11-20T13:00:00Z',
});

let host: FakeHost;
let list: ProfileList;
let ids: string[];

beforeEach(() => {
  vi.useFakeTimers();
  ids = ['a', 'b', 'c'];
  host = new FakeHost({
    list_profiles: ({ filter }: ListProfiles) => {
      if (filter === 'tag:') throw fakeProblem('invalid_filter', '`tag:` needs a value');
      return { rows: ids.map((id) => row(id)), offset: 0, matching: ids.length, total: 9 };
    },
  });
  list = new ProfileList(new Ipc(host));
});

test('a search is asked at its first letter, and again for what was typed meanwhile', async () => {
  for (const text of ['v', 'vi', 'vip']) {
    list.search = text;
    list.searched();
  }
  await vi.advanceTimersByTimeAsync(0);
  const asked = host.requests('list_profiles').map((query) => query.search);
  expect(asked).toEqual(['v', 'vip']);
  list.search = 'vipe';
  list.searched();
  expect(host.requests('list_profiles').at(-1)?.search).toBe('vipe');
});

test('typing a filter asks once, after a pause', async () => {
  for (const text of ['v', 'vi', 'vip']) {
    list.filter = text;
    list.typed();
    await vi.advanceTimersByTimeAsync(TYPING_PAUSE_MS - 1);
  }
  expect(host.calls).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(host.requests('list_profiles')).toMatchObject([{ filter: 'vip', offset: 0 }]);
});

test('a filter that cannot be read is told, and the list stays', async () => {
  await list.apply();
  list.filter = 'tag:';
  await list.apply();
  expect(list.filterProblem?.message).toBe('`tag:` needs a value');
  expect(list.rows.matching).toBe(3);
  list.filter = '';
  await list.apply();
  expect(list.filterProblem).toBeNull();
});

test('a problem that is not the filter’s is not blamed on it', async () => {
  host.answer('list_profiles', () => Promise.reject(fakeProblem('store_damaged', 'page 7')));
  list.filter = 'tag:vip';
  await list.apply();
  expect(list.filterProblem).toBeNull();
  expect(list.queryProblem?.code).toBe('store_damaged');
});

test('sorting by the same column turns the order round', async () => {
  list.sortBy('name');
  list.sortBy('name');
  await vi.advanceTimersByTimeAsync(0);
  expect(host.requests('list_profiles').at(-1)).toMatchObject({ sort: 'name', descending: true });
  list.sortBy('changed');
  expect(list.descending).toBe(false);
});

test('the focus stays on its profile when a refresh moves it', async () => {
  await list.apply();
  await list.moveTo(1);
  ids = ['0', 'a', 'b', 'c'];
  list.refresh();
  await vi.advanceTimersByTimeAsync(0);
  list.settle();
  expect(list.rows.row(list.active)?.id).toBe('b');
});

test('moving stops at both ends', async () => {
  await list.apply();
  expect(await list.moveTo(99)).toBe('c');
  expect(await list.moveTo(-1)).toBe('a');
});

test('columns go to the attributes that most rows have', () => {
  const rows = [
    row('a', { city: 'Bern', orders: 3, rare: 1 }),
    row('b', { city: 'Graz', orders: 4.25 }),
    row('c', { city: 'Lyon', a: 1, b: 1, c: 1, d: 1 }),
  ];
  expect(frequentAttributes(rows)).toEqual([
    { name: 'city', numeric: false, decimals: 0 },
    { name: 'orders', numeric: true, decimals: 2 },
    { name: 'a', numeric: true, decimals: 0 },
    { name: 'b', numeric: true, decimals: 0 },
  ]);
});

test('columns stay while they fit and are chosen anew where all would be empty', async () => {
  const answer = (rows: ProfileRow[]) =>
    host.answer('list_profiles', () => ({ rows, offset: 0, matching: rows.length, total: 9 }));
  const names = () => list.attributes.map(({ name }) => name);
  answer([row('a', { age: 1, gender: 'x' })]);
  await list.apply();
  expect(names()).toEqual(['age', 'gender']);
  answer([row('b', { age: 2, orders: 3 })]);
  await list.apply();
  expect(names()).toEqual(['age', 'gender']);
  answer([row('c', { orders: 3 })]);
  await list.apply();
  expect(names()).toEqual(['orders']);
  answer([]);
  await list.apply();
  expect(names()).toEqual(['orders']);
});

test('what is picked goes with its filter, and stays where only the order changes', async () => {
  await list.apply();
  list.picked.toggle(0, 'a');
  list.sortBy('name');
  await vi.advanceTimersByTimeAsync(0);
  expect(list.picked.count).toBe(1);
  list.filter = 'tag:';
  await list.apply();
  expect(list.picked.count).toBe(1);
  list.filter = 'tag:vip';
  await list.apply();
  expect(list.picked.count).toBe(0);
});

test('a step means the filter that is shown, not the one being typed', async () => {
  list.filter = 'tag:vip';
  await list.apply();
  list.filter = 'tag:v';
  expect(list.selection()).toEqual({ ids: null, filter: 'tag:vip', search: '' });
});

test('what the list is ordered by has a column', () => {
  const rows = [row('a', { city: 'Bern', age: 3.5 }), row('b', { city: 'Graz' })];
  const city = { name: 'city', numeric: false, decimals: 0 };
  const names = (sort: SortKey) => columnsFor(rows, [city], sort).map(({ name }) => name);
  expect(names('id')).toEqual(['city']);
  expect(columnsFor(rows, [city], { attribute: 'age' })).toEqual([
    { name: 'age', numeric: true, decimals: 1 },
    city,
  ]);
  expect(names({ attribute: 'city' })).toEqual(['city']);
  expect(names({ attribute: 'nowhere' })).toEqual(['nowhere', 'city']);
});

test('orders are named as people call them', () => {
  expect(orderLabel('last_observation')).toBe('Last observation');
  expect(orderLabel({ attribute: 'changed' })).toBe('changed');
  expect(sortColumn({ attribute: 'changed' })).not.toBe(sortColumn('changed'));
  expect(sortKey(sortColumn({ attribute: 'a:b' }))).toEqual({ attribute: 'a:b' });
});

test('an open profile is found where its page is not here, and a filter that hides it is told', async () => {
  const places: Record<string, number | null> = { far: 700, hidden: null };
  host.answer('find_place', ({ id }) => ({ rank: places[id] ?? null }));
  await list.apply();
  expect(await list.locate('b')).toBe(1);
  expect(host.requests('find_place')).toEqual([]);
  expect(await list.locate('far')).toBe(700);
  expect(host.requests('find_place')).toMatchObject([{ id: 'far', filter: '', sort: 'id' }]);
  // Without a filter it is simply not here.
  expect(await list.locate('hidden')).toBeNull();
  expect(list.hidden).toBeNull();
  list.filter = 'vip';
  await list.apply();
  expect(await list.locate('hidden')).toBeNull();
  expect(list.hidden).toBe('hidden');
  list.forgetOpen();
  expect(list.hidden).toBeNull();
});
