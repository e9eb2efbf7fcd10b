import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';
import { ConflictList } from '$features/conflicts/conflicts.svelte';
import { Steps } from '$features/steps/steps.svelte';
import { Ipc, type ConflictRow } from '$lib/ipc';
import { FakeHost, fakeDetail, fakeDone, fakeProblem } from '$lib/ipc/fake';
import ConflictsView from './ConflictsView.svelte';

const row = (id: string): ConflictRow => ({
  id,
  display_name: null,
  changed_at: '2026-11-20T13:03:00Z',
  conflicts: [
    {
      pointer: '/attributes/city',
      base: 'Bern',
      values: [
        {
          value: 'Basel',
          removed: false,
          key: 'm',
          imported: false,
          mine: true,
          by: 'Anna',
          at: null,
        },
        {
          value: 'Zug',
          removed: false,
          key: 't',
          imported: false,
          mine: false,
          by: 'Ben',
          at: null,
        },
      ],
    },
  ],
});

let host: FakeHost;
let left: ConflictRow[];
let steps: Steps;
let list: ConflictList;

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  // The table draws what fits its height, which is none in a document without a layout.
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, value: 600 });
  left = [row('p-1'), row('p-2')];
  host = new FakeHost({
    list_conflicts: ({ search = '' }) => {
      const rows = left.filter((one) => one.id.includes(search));
      return { rows, total: rows.length };
    },
    decide_conflicts: ({ id }) => {
      left = left.filter((one) => one.id !== id);
      return fakeDetail({ id });
    },
    decide_many: ({ ids }) => {
      left = left.filter((one) => !ids.includes(one.id));
      return fakeDone({ changed: ids.length });
    },
    list_acts: () => ({ undo: null, redo: null, entries: [] }),
  });
  const ipc = new Ipc(host);
  steps = new Steps(ipc);
  list = new ConflictList(ipc);
  render(ConflictsView, { list, steps, href: (id: string) => `#/profiles/${id}` });
});

test('Enter on a row opens its conflicts, and deciding them takes the row away', async () => {
  const first = await screen.findByRole('row', { name: /p-1/ });
  expect(first.textContent).toMatch(/city.*Basel.*Zug.*Ben/s);
  await fireEvent.keyDown(first, { key: 'Enter' });
  await screen.findByRole('dialog', { name: 'Decide the conflicts of p-1' });
  await fireEvent.click(screen.getByRole('button', { name: 'All theirs' }));
  await fireEvent.click(screen.getByRole('button', { name: 'Decide the conflict' }));
  await expect.poll(() => screen.queryByRole('row', { name: /p-1/ })).toBeNull();
  expect(screen.queryByRole('dialog')).toBeNull();
  expect(steps.told).toMatchObject({ kind: 'step', id: 'p-1', href: '#/profiles/p-1' });
  expect(host.requests('decide_conflicts')[0]?.decisions).toEqual([
    { pointer: '/attributes/city', choice: { take: 'side', key: 't' } },
  ]);
});

test('several are picked and decided for one side as one step', async () => {
  await fireEvent.keyDown(await screen.findByRole('row', { name: /p-1/ }), { key: ' ' });
  await fireEvent.keyDown(screen.getByRole('row', { name: /p-2/ }), { key: 'a', ctrlKey: true });
  await screen.findByText('2 selected');
  await fireEvent.click(screen.getByRole('button', { name: 'All mine' }));
  await screen.findByText('No conflicts');
  expect(host.requests('decide_many')).toEqual([{ ids: ['p-1', 'p-2'], side: 'mine' }]);
  await expect.poll(() => steps.told).toMatchObject({ kind: 'bulk', done: { changed: 2 } });
});

test('words narrow the list', async () => {
  await screen.findByRole('row', { name: /p-1/ });
  await fireEvent.input(screen.getByRole('searchbox'), { target: { value: 'p-2' } });
  await expect.poll(() => screen.queryByRole('row', { name: /p-1/ })).toBeNull();
  expect(screen.getByRole('row', { name: /p-2/ })).toBeTruthy();
});

test('what cannot be fetched says why', async () => {
  host.answer('list_conflicts', () => Promise.reject(fakeProblem('store_damaged', 'page 7')));
  await list.load();
  await screen.findByText('page 7');
});
