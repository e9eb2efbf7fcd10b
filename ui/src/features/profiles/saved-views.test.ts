import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, test, vi } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import { FakeRows } from '$lib/ipc/fake-rows';
import { fakeView, tableAnswers } from '$lib/ipc/fake-table';
import { ProfileList } from './profile-list.svelte';
import { KEEP_PAUSE_MS, SavedViews } from './saved-views.svelte';
import ViewSwitcher from './ViewSwitcher.svelte';

const bern = fakeView('Bern', {
  filter: 'city:Bern',
  layout: { columns: ['attribute:city'], widths: { name: 200 } },
});
let host: FakeHost;
let list: ProfileList;
let views: SavedViews;

beforeEach(async () => {
  vi.useRealTimers();
  const rows = new FakeRows(1_000);
  host = new FakeHost({
    ...tableAnswers(rows),
    list_profiles: (request) => rows.page(request),
    list_views: () => ({ views: [bern] }),
    table_layout: () => ({ columns: ['tags'], widths: {} }),
  });
  const ipc = new Ipc(host);
  list = new ProfileList(ipc);
  views = new SavedViews(ipc, list);
  await views.load();
});

test('the table comes up with the columns that it was left with', () => {
  expect(list.layout.ready).toBe(true);
  expect(list.layout.shown).toEqual(['tags']);
});

test('a view shows its filter and columns, and leaving it brings the own columns back', async () => {
  await views.open(bern.id);
  expect(list.filter).toBe('city:Bern');
  expect(list.layout.shown).toEqual(['attribute:city']);
  expect(views.isEdited).toBe(false);
  await views.open(null);
  expect(list.filter).toBe('');
  expect(list.layout.shown).toEqual(['tags']);
});

test('what differs from a view counts as edited until it is updated or reset', async () => {
  await views.open(bern.id);
  list.layout.resize('name', 300);
  expect(views.isEdited).toBe(true);
  await views.reset();
  expect(views.isEdited).toBe(false);
  list.filter = 'city:Basel';
  expect(views.isEdited).toBe(true);
  expect(await views.update()).toBeNull();
  expect(views.isEdited).toBe(false);
  expect(host.requests('save_view')[0]).toMatchObject({ id: bern.id, name: 'Bern' });
});

test('columns that belong to no view are kept, once a hand has come to rest', async () => {
  vi.useFakeTimers();
  list.layout.resize('tags', 100);
  list.layout.resize('tags', 110);
  await vi.advanceTimersByTimeAsync(KEEP_PAUSE_MS);
  expect(host.requests('keep_table_layout')).toEqual([
    { columns: ['tags'], widths: { tags: 110 } },
  ]);
  vi.useRealTimers();
  await views.open(bern.id);
  vi.useFakeTimers();
  list.layout.hide('attribute:city');
  await vi.advanceTimersByTimeAsync(KEEP_PAUSE_MS);
  expect(host.requests('keep_table_layout')).toHaveLength(1);
});

test('an unknown view leaves the table as it is', async () => {
  await views.open('nothing');
  expect(views.current).toBeNull();
  expect(list.layout.shown).toEqual(['tags']);
});

test('a view is saved under a new name from the menu, and a taken name is told at once', async () => {
  const shown = vi.fn();
  list.filter = 'tag:vip';
  render(ViewSwitcher, { views, onShow: shown });
  await fireEvent.click(screen.getByRole('button', { name: 'Views: Profiles' }));
  await fireEvent.click(screen.getByRole('menuitem', { name: 'Save as new view…' }));
  const name = screen.getByLabelText('Name');
  await fireEvent.input(name, { target: { value: ' bern' } });
  expect(screen.getByRole('alert').textContent).toContain('Another view has this name');
  await fireEvent.input(name, { target: { value: 'VIP' } });
  await fireEvent.submit(name.closest('form')!);
  await expect.poll(() => views.current?.name).toBe('VIP');
  expect(host.requests('save_view')[0]).toMatchObject({ name: 'VIP', view: { filter: 'tag:vip' } });
  expect(shown).toHaveBeenCalledWith(views.currentId);
});

test('why a view was not saved is told where its name was typed', async () => {
  host.answer('save_view', () => Promise.reject(fakeProblem('blocked', 'the disk is full')));
  render(ViewSwitcher, { views, onShow: vi.fn() });
  await fireEvent.click(screen.getByRole('button', { name: 'Views: Profiles' }));
  await fireEvent.click(screen.getByRole('menuitem', { name: 'Save as new view…' }));
  await fireEvent.input(screen.getByLabelText('Name'), { target: { value: 'VIP' } });
  await fireEvent.submit(screen.getByLabelText('Name').closest('form')!);
  await screen.findByText('the disk is full');
});

test('deleting a view asks, forgets it and leaves the table as it is', async () => {
  await views.open(bern.id);
  const shown = vi.fn();
  host.answer('delete_view', () => ({ views: [] }));
  render(ViewSwitcher, { views, onShow: shown });
  await fireEvent.click(screen.getByRole('button', { name: 'Views: Bern' }));
  await fireEvent.click(screen.getByRole('menuitem', { name: 'Delete…' }));
  await fireEvent.click(screen.getByRole('button', { name: 'Delete view' }));
  await expect.poll(() => views.all).toEqual([]);
  expect(shown).toHaveBeenCalledWith(null);
  expect(list.filter).toBe('city:Bern');
});
