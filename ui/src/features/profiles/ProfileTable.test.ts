import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, test, vi } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost } from '$lib/ipc/fake';
import { FakeRows } from '$lib/ipc/fake-rows';
import ProfileTable from './ProfileTable.svelte';
import { ProfileList } from './profile-list.svelte';

const opened = vi.fn();
const moved = vi.fn();
let list: ProfileList;

beforeEach(async () => {
  const rows = new FakeRows(1_000_000);
  list = new ProfileList(new Ipc(new FakeHost({ list_profiles: (request) => rows.page(request) })));
  await list.apply();
  render(ProfileTable, { list, selected: 'cdnow-00002', onOpen: opened, onMove: moved });
});

test('a million rows are told to assistive technology and not put into the document', () => {
  const grid = screen.getByRole('grid', { name: 'Profiles' });
  expect(grid.getAttribute('aria-rowcount')).toBe('1000001');
  expect(screen.getAllByRole('row').length).toBeLessThan(60);
});

test('rows say where they stand, which is open, and what their state is', () => {
  const row = screen.getByRole('row', { name: /cdnow-00002/ });
  expect(row.getAttribute('aria-rowindex')).toBe('3');
  expect(row.getAttribute('aria-selected')).toBe('true');
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
