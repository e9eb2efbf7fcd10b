import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';
import { Ipc, type ExportRun } from '$lib/ipc';
import { FakeHost, fakeAct, fakeDone } from '$lib/ipc/fake';
import { Steps } from './steps.svelte';
import StepButtons from './StepButtons.svelte';
import Told from './Told.svelte';

const OBSTACLE = { id: 'a', reason: 'tags: at most 64', code: 'not_allowed' };
let host: FakeHost;
let steps: Steps;

beforeEach(() => {
  host = new FakeHost({
    list_acts: () => ({ undo: fakeAct(), redo: null, entries: [] }),
    bulk_edit: () => fakeDone({ changed: 5, refused: 1, obstacles: [OBSTACLE] }),
    undo: () => fakeDone({ changed: 5 }),
    redo: () => fakeDone({ changed: 5 }),
  });
  steps = new Steps(new Ipc(host));
});

test('a step offers its undo, the undo its redo, and refused ones their reasons', async () => {
  render(Told, { steps, deletedHref: '#/deleted' });
  await steps.bulk({ ids: ['a'], filter: '', search: '' }, []);
  await screen.findByText('5 profiles changed');
  await screen.findByText('1 profile stayed as it was');
  await fireEvent.click(screen.getByRole('button', { name: 'Show why' }));
  expect(steps.refused?.obstacles).toEqual([OBSTACLE]);
  await fireEvent.click(screen.getByRole('button', { name: 'Undo' }));
  await screen.findByText('Undone for 5 profiles');
  await fireEvent.click(screen.getByRole('button', { name: 'Redo' }));
  await screen.findByText('Done again for 5 profiles');
});

test('a decision that is taken back says that the conflict is open again', async () => {
  host.answer('undo', () => fakeDone({ changed: 2, reopened: 1 }));
  render(Told, { steps, deletedHref: '#/deleted' });
  await steps.undo();
  await screen.findByText('Undone for 2 profiles');
  await screen.findByText('1 profile is in conflict again, for everyone');
});

test('an undone import can only be imported again', async () => {
  render(Told, { steps, deletedHref: '#/deleted' });
  steps.tellImport(fakeDone({ changed: 5 }));
  await screen.findByText('Import undone, 5 profiles');
  expect(screen.queryByRole('button', { name: /Undo|Redo/ })).toBeNull();
});

test('an export shows how far it is, can be cancelled, and ends with its path', async () => {
  const run: ExportRun = {
    run: 4,
    state: 'running',
    format: 'parquet',
    path: '/downloads/profiles.parquet',
    profiles: 250,
    profiles_total: 1_000,
    bytes: null,
    failure: null,
  };
  host.answer('cancel_export', () => ({ ...run, state: 'cancelled' }));
  render(Told, { steps, deletedHref: '#/deleted' });
  steps.take(run);
  const bar = await screen.findByRole('progressbar', { name: 'Progress of profiles.parquet' });
  expect(bar.getAttribute('aria-valuenow')).toBe('25');
  steps.take({ ...run, state: 'done', profiles: 1_000, bytes: 2_048 });
  await screen.findByText('/downloads/profiles.parquet');
  steps.take({ ...run, run: 5 });
  await fireEvent.click(
    await screen.findByRole('button', { name: 'Cancel export of profiles.parquet' }),
  );
  await screen.findByText('Export cancelled; no file was left');
});

test('the buttons say what they would do, and nothing where there is nothing', async () => {
  render(StepButtons, { steps, onOpen: () => undefined });
  const none = screen.getByRole('button', { name: 'Nothing to undo' });
  expect(none.getAttribute('aria-disabled')).toBe('true');
  await fireEvent.click(none);
  expect(host.requests('undo')).toEqual([]);
  await steps.load();
  await fireEvent.click(
    await screen.findByRole('button', { name: 'Undo: Edited: cdnow-00042 · city' }),
  );
  await expect.poll(() => host.requests('undo').length).toBe(1);
});
