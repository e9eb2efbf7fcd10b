import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';
import { Steps } from '$features/steps/steps.svelte';
import { Ipc, type ActDone, type ImportEntry } from '$lib/ipc';
import { FakeHost, fakeAct, fakeDone, fakeEntry, fakeProblem } from '$lib/ipc/fake';
import { PAGE, Past } from './past.svelte';
import PastImports from './PastImports.svelte';

let host: FakeHost;
let past: Past;
let steps: Steps;
let entries: ImportEntry[];
let done: ActDone;

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  entries = [fakeEntry()];
  done = fakeDone({ act: fakeAct({ kind: 'import' }), changed: 194 });
  host = new FakeHost({
    list_imports: ({ before, limit }) => ({
      entries: entries.filter((one) => before == null || one.import < before).slice(0, limit),
    }),
    list_watched: () => ({ folders: [] }),
    list_acts: () => ({ undo: null, redo: null, entries: [] }),
    undo_import: () => done,
  });
  const ipc = new Ipc(host);
  past = new Past(ipc);
  steps = new Steps(ipc);
});

test('older imports are read on from the last one, and stay when newer ones come', async () => {
  entries = Array.from({ length: PAGE + 5 }, (_, at) => fakeEntry({ import: 100 - at }));
  await past.load();
  expect([past.entries.length, past.more]).toEqual([PAGE, true]);
  await past.loadMore();
  expect([past.entries.length, past.more]).toEqual([PAGE + 5, false]);
  entries = [fakeEntry({ import: 101 }), ...entries];
  await past.load();
  expect(past.entries.map((one) => one.import)).toEqual(entries.map((one) => one.import));
});

test('an undo is asked about first, with how many profiles it changes', async () => {
  await past.load();
  render(PastImports, { past, steps });
  await fireEvent.click(screen.getByRole('button', { name: 'Undo import of cdnow.ndjson.gz' }));
  expect(host.requests('undo_import')).toEqual([]);
  expect(screen.getByRole('dialog').textContent).toContain('194 profiles');
  await fireEvent.click(screen.getByRole('button', { name: 'Undo import' }));
  await expect.poll(() => steps.told).toEqual({ kind: 'import', done });
  expect(host.requests('undo_import')).toEqual([{ import: 1 }]);
  expect(screen.queryByRole('dialog')).toBeNull();
});

test('what stands in the way of an undo is shown', async () => {
  const obstacle = { id: 'cdnow-00042', reason: 'edited by Ben', code: 'edited_since' };
  done = fakeDone({ act: null, refused: 1, obstacles: [obstacle] });
  await past.load();
  render(PastImports, { past, steps });
  await fireEvent.click(screen.getByRole('button', { name: 'Undo import of cdnow.ndjson.gz' }));
  await fireEvent.click(screen.getByRole('button', { name: 'Undo import' }));
  await expect.poll(() => steps.refused?.obstacles).toEqual([obstacle]);
});

test('what was undone, runs or brought nothing cannot be undone', async () => {
  const nothing = { ...fakeEntry().counts, created: 0, updated: 0 };
  entries = [
    fakeEntry({ import: 3, undone_at: '2026-11-20T14:00:00Z' }),
    fakeEntry({ import: 2, state: 'running', ended_at: null }),
    fakeEntry({ import: 1, counts: nothing }),
  ];
  await past.load();
  render(PastImports, { past, steps });
  expect(screen.queryByRole('button', { name: /^Undo/ })).toBeNull();
  expect(screen.getByText('Undone')).toBeTruthy();
});

test('a saved file is told at its own import', async () => {
  host.answer('save_import_file', () => ({ path: '/downloads/rejected.ndjson', bytes: 512 }));
  await past.save(7, 'rejected');
  expect(past.savedOf(7)?.path).toBe('/downloads/rejected.ndjson');
  expect(past.savedOf(8)).toBeNull();
});

test('a folder that cannot be watched is the field’s problem, not the page’s', async () => {
  host.answer('add_watched', () => Promise.reject(fakeProblem('file_missing', 'no such folder')));
  await expect(past.watch('/nowhere')).rejects.toMatchObject({ problem: { code: 'file_missing' } });
  expect(past.problem).toBeNull();
});
