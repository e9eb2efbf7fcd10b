import { fireEvent, render, screen } from '@testing-library/svelte';
import { createRawSnippet } from 'svelte';
import { beforeEach, expect, test, vi } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost } from '$lib/ipc/fake';
import { FakeRows } from '$lib/ipc/fake-rows';
import { tableAnswers } from '$lib/ipc/fake-table';
import { AttributeCatalog } from './attribute-catalog.svelte';
import ListHeader from './ListHeader.svelte';
import { ProfileList } from './profile-list.svelte';
import { SavedViews } from './saved-views.svelte';

const onBulk = vi.fn();
const onMerge = vi.fn();
let list: ProfileList;
let host: FakeHost;

beforeEach(async () => {
  const rows = new FakeRows(26_370);
  host = new FakeHost({ ...tableAnswers(rows), list_profiles: (request) => rows.page(request) });
  const ipc = new Ipc(host);
  list = new ProfileList(ipc);
  await list.apply();
  const children = createRawSnippet(() => ({ render: () => '<span>import</span>' }));
  render(ListHeader, {
    list,
    views: new SavedViews(ipc, list),
    catalog: new AttributeCatalog(ipc),
    onView: vi.fn(),
    isEmpty: false,
    onBulk,
    onDelete: vi.fn(),
    onExport: vi.fn(),
    onMerge,
    children,
  });
});

test('while rows are picked the header says how many and offers what can be done', async () => {
  expect(screen.getByText('26,370 of 26,370')).toBeTruthy();
  list.picked.toggle(0, 'cdnow-00001');
  const bar = await screen.findByRole('toolbar', { name: 'Selection' });
  expect(bar.textContent).toContain('1 selected');
  await fireEvent.click(screen.getByRole('button', { name: 'Select all 26,370' }));
  await screen.findByText('26,370 selected');
  expect(screen.queryByRole('button', { name: /Select all/ })).toBeNull();
  await fireEvent.click(screen.getByRole('button', { name: 'Edit…' }));
  expect(onBulk).toHaveBeenCalled();
  await fireEvent.click(screen.getByRole('button', { name: 'Clear selection' }));
  await screen.findByText('26,370 of 26,370');
});

test('two that are picked can be merged, and no more and no fewer', async () => {
  const merge = () => screen.queryByRole('button', { name: 'Merge…' });
  list.picked.toggle(0, 'cdnow-00001');
  await screen.findByText('1 selected');
  expect(merge()).toBeNull();
  list.picked.toggle(1, 'cdnow-00002');
  await screen.findByText('2 selected');
  await fireEvent.click(merge()!);
  expect(onMerge).toHaveBeenCalledWith(['cdnow-00001', 'cdnow-00002']);
  list.picked.toggle(2, 'cdnow-00003');
  await screen.findByText('3 selected');
  expect(merge()).toBeNull();
});

test('the order menu offers attributes that were seen and tells which is chosen', async () => {
  await fireEvent.click(screen.getByRole('button', { name: 'Order: ID' }));
  const items = () => screen.getAllByRole('menuitemradio').map((item) => item.textContent.trim());
  expect(items()).toEqual(
    expect.arrayContaining(['Descending', 'Last observation', 'city', 'revenue', 'segment']),
  );
  await fireEvent.click(screen.getByRole('menuitemradio', { name: 'segment' }));
  await screen.findByRole('button', { name: 'Order: segment' });
  expect(host.requests('list_profiles').at(-1)).toMatchObject({
    sort: { attribute: 'segment' },
    descending: false,
  });
  await expect.poll(() => list.attributes[0]?.name).toBe('segment');
  await fireEvent.click(screen.getByRole('button', { name: 'Order: segment' }));
  await fireEvent.click(screen.getByRole('menuitemradio', { name: 'Descending' }));
  await expect
    .poll(() => host.requests('list_profiles').at(-1))
    .toMatchObject({ sort: { attribute: 'segment' }, descending: true });
});

test('arrows, letters and Escape work in the menu, and the focus comes back', async () => {
  const button = screen.getByRole('button', { name: 'Order: ID' });
  await fireEvent.click(button);
  const focused = () => document.activeElement?.textContent?.trim();
  expect(focused()).toBe('Ascending');
  const press = (key: string) => fireEvent.keyDown(document.activeElement!, { key });
  await press('ArrowUp');
  expect(focused()).toBe('segment');
  await press('ArrowDown');
  expect(focused()).toBe('Ascending');
  await press('l');
  expect(focused()).toBe('Last observation');
  await press('Escape');
  expect(document.activeElement).toBe(button);
  expect(screen.queryByRole('menu')).toBeNull();
});

test('columns are found by name, added with their counts in sight, moved by keys and hidden', async () => {
  await fireEvent.click(screen.getByRole('button', { name: 'Columns' }));
  list.width = 1_000;
  const find = screen.getByLabelText('Find a column');
  await fireEvent.input(find, { target: { value: 'seg' } });
  const add = await screen.findByRole('button', { name: 'Show segment' });
  expect(add.querySelector('small')?.dataset['hint']).toBe('6,593');
  await fireEvent.click(add);
  expect(list.layout.shown.at(-1)).toBe('attribute:segment');
  const shown = await screen.findByRole('button', { name: 'Hide segment' });
  await expect.poll(() => document.activeElement).toBe(shown);
  await fireEvent.keyDown(shown, { key: 'ArrowUp', altKey: true });
  expect(list.layout.shown.at(-2)).toBe('attribute:segment');
  await fireEvent.click(screen.getByRole('button', { name: 'Hide segment' }));
  expect(list.layout.shown).not.toContain('attribute:segment');
  await fireEvent.click(screen.getByRole('button', { name: 'Reset' }));
  expect(list.layout.isPlain).toBe(true);
});
