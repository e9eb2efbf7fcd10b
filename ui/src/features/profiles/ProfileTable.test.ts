import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { tick } from 'svelte';
import { beforeEach, expect, test, vi } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost } from '$lib/ipc/fake';
import { FakeRows } from '$lib/ipc/fake-rows';
import ProfileTable from './ProfileTable.svelte';
import { Elsewhere } from './presence.svelte';
import { ProfileList } from './profile-list.svelte';

const opened = vi.fn();
const moved = vi.fn();
const picked = vi.fn();
let list: ProfileList;
let elsewhere: Elsewhere;

beforeEach(async () => {
  const rows = new FakeRows(1_000_000);
  list = new ProfileList(new Ipc(new FakeHost({ list_profiles: (request) => rows.page(request) })));
  elsewhere = new Elsewhere(new Ipc(new FakeHost()));
  await list.apply();
  render(ProfileTable, {
    list,
    elsewhere,
    selected: 'cdnow-00002',
    onOpen: opened,
    onMove: moved,
    onPick: picked,
  });
});

test('a million rows are told to assistive technology and not put into the document', () => {
  const grid = screen.getByRole('grid', { name: 'Profiles' });
  expect(grid.getAttribute('aria-rowcount')).toBe('1000001');
  expect(screen.getAllByRole('row').length).toBeLessThan(60);
});

test('rows say where they stand, which is open, and what their state is', () => {
  const row = screen.getByRole('row', { name: /cdnow-00002/ });
  expect(row.getAttribute('aria-rowindex')).toBe('3');
  expect(row.getAttribute('aria-current')).toBe('true');
  expect(row.getAttribute('aria-selected')).toBe('false');
  const conflict = screen.getByRole('row', { name: /cdnow-00004/ });
  expect(conflict.querySelector('[role=img]')?.getAttribute('aria-label')).toBe('conflict');
});

test('one row at a time can be tabbed to, and keys move from it', async () => {
  const stops = screen.getAllByRole('row').filter((row) => row.tabIndex === 0);
  expect(stops.map((row) => row.getAttribute('aria-rowindex'))).toEqual(['2']);
  await fireEvent.keyDown(stops[0]!, { key: 'j' });
  await fireEvent.keyDown(stops[0]!, { key: 'End' });
  await fireEvent.keyDown(stops[0]!, { key: 'k' });
  expect(moved.mock.calls.map(([index]) => index as number)).toEqual([1, 999_999, 0]);
  await fireEvent.keyDown(stops[0]!, { key: 'Enter' });
  expect(opened).toHaveBeenCalledWith(0);
});

test('the header tells and changes the order', async () => {
  const header = () => screen.getByRole('columnheader', { name: 'Observations' });
  expect(header().getAttribute('aria-sort')).toBe('none');
  await fireEvent.click(screen.getByRole('button', { name: 'Observations' }));
  await expect.poll(() => header().getAttribute('aria-sort')).toBe('ascending');
});

test('rows are picked with the box, with Ctrl and Shift, with Space and with Shift and arrows', async () => {
  picked.mockClear();
  opened.mockClear();
  const row = (id: string) => screen.getByRole('row', { name: new RegExp(id) });
  await fireEvent.click(row('cdnow-00002').querySelector('[role=checkbox]')!);
  await fireEvent.click(row('cdnow-00003'), { ctrlKey: true });
  await fireEvent.click(row('cdnow-00005'), { shiftKey: true });
  await fireEvent.keyDown(row('cdnow-00001'), { key: ' ' });
  await fireEvent.keyDown(row('cdnow-00001'), { key: 'ArrowDown', shiftKey: true });
  expect(picked.mock.calls).toEqual([
    [1, 'toggle'],
    [2, 'toggle'],
    [4, 'range'],
    [0, 'toggle'],
    [1, 'range'],
  ]);
  expect(opened).not.toHaveBeenCalled();
});

test('picked rows say so, and the box above says all, some or none', async () => {
  const above = () => screen.getByRole('checkbox', { name: /that match|Clear selection/ });
  expect(above().getAttribute('aria-checked')).toBe('false');
  list.picked.toggle(0, 'cdnow-00001');
  await expect.poll(() => above().getAttribute('aria-checked')).toBe('mixed');
  expect(screen.getByRole('row', { name: /cdnow-00001/ }).getAttribute('aria-selected')).toBe(
    'true',
  );
  const first = screen.getByRole('row', { name: /cdnow-00001/ });
  await fireEvent.keyDown(first, { key: 'a', ctrlKey: true });
  await expect.poll(() => above().getAttribute('aria-checked')).toBe('true');
  await fireEvent.click(above());
  expect(list.picked.count).toBe(0);
});

test('a row says who else has its profile open, as long as they have', async () => {
  const row = () => screen.getByRole('row', { name: /cdnow-00003/ });
  elsewhere.take({ profiles: [{ id: 'cdnow-00003', people: ['Ada', 'Ben'] }] });
  await tick();
  expect(within(row()).getByRole('img', { name: 'Also viewing: Ada and Ben' })).toBeTruthy();
  elsewhere.take({ profiles: [] });
  await tick();
  expect(within(row()).queryByRole('img', { name: /Also viewing/ })).toBeNull();
});
