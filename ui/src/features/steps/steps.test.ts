import { beforeEach, expect, test, vi } from 'vitest';
import { Ipc, type Act, type ActDone, type ExportRun } from '$lib/ipc';
import { FakeHost, fakeAct, fakeDone, fakeProblem } from '$lib/ipc/fake';
import { ACTS_PAUSE_MS, Steps, TOLD_MS } from './steps.svelte';
import { actSentence, obstacleWords } from './words';

let host: FakeHost;
let steps: Steps;
let done: ActDone;
let undoable: Act | null;

beforeEach(() => {
  vi.useFakeTimers();
  done = fakeDone({ changed: 3 });
  undoable = fakeAct();
  host = new FakeHost({
    list_acts: () => ({ undo: undoable, redo: null, entries: [] }),
    bulk_edit: () => done,
    undo: () => done,
    redo: () => done,
  });
  steps = new Steps(new Ipc(host));
});

const run = (change: Partial<ExportRun> = {}): ExportRun => ({
  run: 1,
  state: 'running',
  format: 'csv',
  path: '/downloads/profiles.csv',
  profiles: 0,
  profiles_total: 10,
  bytes: null,
  failure: null,
  ...change,
});

test('a step on many is told for a while, and what undo would do is asked anew', async () => {
  const selection = { ids: ['a'], filter: '', search: '' };
  expect(await steps.bulk(selection, [{ op: 'unset', pointer: '/notes' }])).toBe(true);
  expect(steps.told).toEqual({ kind: 'bulk', done });
  expect(steps.acts?.undo?.act).toBe(undoable?.act);
  await vi.advanceTimersByTimeAsync(TOLD_MS);
  expect(steps.told).toBeNull();
});

test('profiles that stayed as they were stay told', async () => {
  done = fakeDone({
    refused: 1,
    obstacles: [{ id: 'a', reason: 'too long', code: 'not_allowed' }],
  });
  await steps.undo();
  await vi.advanceTimersByTimeAsync(TOLD_MS * 2);
  expect(steps.told).toEqual({ kind: 'undone', done });
});

test('with nothing to undo it says so', async () => {
  undoable = null;
  host.answer('undo', () => Promise.reject(fakeProblem('blocked', 'there is nothing to undo')));
  host.answer('redo', () => Promise.reject(fakeProblem('blocked', 'there is nothing to redo')));
  await steps.undo();
  expect(steps.told).toEqual({ kind: 'nothing', what: 'undo' });
  await steps.redo();
  expect(steps.told).toEqual({ kind: 'nothing', what: 'redo' });
});

test('a step that is under way is not asked for twice', async () => {
  await Promise.all([steps.undo(), steps.undo()]);
  expect(host.requests('undo')).toHaveLength(1);
});

test('a problem is told and stays', async () => {
  host.answer('undo', () => Promise.reject(fakeProblem('blocked', 'an import runs')));
  await steps.undo();
  await vi.advanceTimersByTimeAsync(TOLD_MS * 2);
  expect(steps.told).toMatchObject({ kind: 'problem', problem: { code: 'blocked' } });
  steps.dismiss();
  expect(steps.told).toBeNull();
});

test('while the store changes all the time the last steps are asked for now and then', async () => {
  for (let change = 0; change < 20; change++) steps.storeChanged();
  await vi.advanceTimersByTimeAsync(ACTS_PAUSE_MS);
  expect(host.requests('list_acts')).toHaveLength(1);
  steps.storeChanged();
  await vi.advanceTimersByTimeAsync(ACTS_PAUSE_MS);
  expect(host.requests('list_acts')).toHaveLength(2);
});

test('an export’s answer that events have overtaken does not turn it back', () => {
  steps.take(run({ profiles: 8 }));
  steps.take(run({ profiles: 0 }));
  expect(steps.told).toMatchObject({ run: { profiles: 8 } });
  steps.take(run({ state: 'done', profiles: 10 }));
  steps.take(run({ profiles: 9 }));
  expect(steps.told).toMatchObject({ run: { state: 'done' } });
});

test('an export whose note was put away runs on in the status bar, and its end is told', () => {
  steps.take(run({ profiles: 1 }));
  steps.dismiss();
  steps.take(run({ profiles: 4 }));
  expect([steps.told, steps.exporting?.profiles]).toEqual([null, 4]);
  steps.showExport();
  expect(steps.told).toMatchObject({ kind: 'export', run: { profiles: 4 } });
  steps.dismiss();
  steps.take(run({ state: 'done', profiles: 10, bytes: 512 }));
  expect(steps.told).toMatchObject({ kind: 'export', run: { state: 'done' } });
  expect(steps.exporting).toBeNull();
});

test('after a gap in the events an export that ran is asked for', async () => {
  host.answer('get_export', () => run({ state: 'done', profiles: 10, bytes: 512 }));
  steps.take(run({ profiles: 8 }));
  await steps.catchUp();
  expect(host.requests('get_export')).toEqual([{ run: 1 }]);
  expect(steps.told).toMatchObject({ run: { state: 'done' } });
});

test('a step is named by what it did, to whom and to which fields', () => {
  expect(actSentence(fakeAct())).toBe('Edited: cdnow-00042 · city');
  const many = fakeAct({
    kind: 'bulk',
    id: null,
    profiles: 1_200,
    fields: ['/tags/vip', '/notes'],
  });
  expect(actSentence(many)).toBe('Edited together: 1,200 profiles · Tags: vip, Notes');
});

test('a reason that is not known is left to the host’s own words', () => {
  const obstacle = { id: 'a', reason: 'because', code: 'edited_since' };
  expect(obstacleWords(obstacle)).toEqual({ words: 'Somebody edited it since.', detail: false });
  expect(obstacleWords({ ...obstacle, code: 'new_code' })).toEqual({ words: null, detail: true });
  expect(obstacleWords({ ...obstacle, code: 'not_allowed' }).detail).toBe(true);
});
