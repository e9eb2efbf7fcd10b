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
const copied = vi.fn();
const menus = vi.fn();
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
    onCopy: copied,
    onMenu: menus,
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

const focused = () => document.activeElement as HTMLElement;
const key = (name: string, more: object = {}) =>
  fireEvent.keyDown(focused(), { key: name, ...more });

test('arrows go into the cells of a row and out again, and Ctrl+C copies the current one', async () => {
  copied.mockClear();
  screen.getByRole('row', { name: /cdnow-00001/ }).focus();
  await key('c', { ctrlKey: true });
  await key('ArrowRight');
  await expect.poll(() => focused().role).toBe('gridcell');
  await key('End');
  await expect.poll(() => focused().dataset['column']).toBe('changed');
  expect(focused().tabIndex).toBe(0);
  await key('c', { metaKey: true });
  await key('Home');
  await expect.poll(() => focused().dataset['column']).toBe('status');
  await key('ArrowLeft');
  await expect.poll(() => focused().role).toBe('row');
  expect(copied.mock.calls).toEqual([
    [0, null],
    [0, 'changed'],
  ]);
});

test('the menu of a row opens at a click and by keys, with the cell that is meant', async () => {
  menus.mockClear();
  const row = screen.getByRole('row', { name: /cdnow-00003/ });
  const cell = row.querySelector('[data-column=name]')!;
  await fireEvent.contextMenu(cell, { clientX: 30, clientY: 40 });
  expect(menus).toHaveBeenCalledWith(2, 'name', { x: 30, y: 40 });
  screen.getByRole('row', { name: /cdnow-00001/ }).focus();
  await key('F10', { shiftKey: true });
  await key('ContextMenu');
  expect(menus).toHaveBeenCalledTimes(3);
  expect(menus.mock.calls[1]![0]).toBe(0);
});

test('columns are moved, widened and hidden by keys, and the focus stays on them', async () => {
  const names = () => screen.getAllByRole('columnheader').map((head) => head.textContent.trim());
  list.width = 600;
  screen.getByRole('button', { name: 'Tags' }).focus();
  await key('ArrowLeft', { altKey: true });
  await expect.poll(() => list.layout.shown[0]).toBe('tags');
  await expect.poll(() => focused().dataset['head']).toBe('tags');
  expect(names().indexOf('Tags')).toBeLessThan(names().indexOf('Name'));
  await key('ArrowRight', { shiftKey: true });
  expect(list.layout.widths['tags']).toBeGreaterThan(0);
  await key('Delete');
  expect(list.layout.shown).not.toContain('tags');
});

test('one label of the header can be tabbed to, and arrows go to the others', async () => {
  const labels = () => [...document.querySelectorAll<HTMLElement>('button[data-head]')];
  const stops = () => labels().filter((label) => label.tabIndex === 0);
  expect(stops().map((label) => label.dataset['head'])).toEqual(['id']);
  stops()[0]!.focus();
  await key('ArrowRight');
  await expect.poll(() => stops().map((label) => label.dataset['head'])).toEqual(['name']);
  expect(focused().dataset['head']).toBe('name');
});

test('the menu of a column sorts, moves and hides it', async () => {
  screen.getByRole('button', { name: 'Name' }).focus();
  await key('F10', { shiftKey: true });
  const menu = await screen.findByRole('menu', { name: 'Column Name' });
  await fireEvent.click(within(menu).getByRole('menuitemradio', { name: 'Descending' }));
  await expect.poll(() => list.rows.query.sort).toBe('name');
  expect(list.descending).toBe(true);
  await expect.poll(() => focused().dataset['head']).toBe('name');
});
