import { beforeEach, expect, test } from 'vitest';
import { Ipc } from '$lib/ipc';
import type { ExportRun, ImportReport } from '$lib/ipc';
import { FakeHost, fakeEntry, fakeRun, fakeStatus } from '$lib/ipc/fake';
import { Notices } from './notices.svelte';

let host: FakeHost;
let now: number;
let notices: Notices;

beforeEach(() => {
  localStorage.clear();
  host = new FakeHost({ show_notice: () => ({ shown: true }) });
  now = 0;
  notices = new Notices(new Ipc(host), () => now);
});

const shown = () => host.requests('show_notice');

const report = (seconds: number): ImportReport => ({
  import: 1,
  file: '/data/cdnow.ndjson.gz',
  counts: fakeEntry().counts,
  problems: [],
  kinds: [],
  seconds,
  failure: null,
  has_files: false,
});

test('an import that took long is told with its file and counts', () => {
  notices.take({ kind: 'import', run: fakeRun({ state: 'running' }) });
  notices.take({ kind: 'import', run: fakeRun({ state: 'done', reports: [report(11)] }) });
  expect(shown()).toEqual([
    {
      kind: 'import',
      title: 'Import finished',
      text: 'cdnow.ndjson.gz: 194 profiles, 6 lines rejected',
    },
  ]);
});

test('what was waited for, tried out or stopped is not told', () => {
  notices.take({ kind: 'import', run: fakeRun({ state: 'done', reports: [report(9)] }) });
  const dry = fakeRun({ state: 'done', dry_run: true, reports: [report(11)] });
  notices.take({ kind: 'import', run: dry });
  notices.take({ kind: 'import', run: fakeRun({ state: 'cancelled', reports: [report(11)] }) });
  expect(shown()).toEqual([]);
});

test('an export that took long is told, one that did not is not', () => {
  const run: ExportRun = {
    run: 1,
    state: 'running',
    format: 'csv',
    path: '/data/profiles.csv',
    profiles: 0,
    profiles_total: 10,
    bytes: null,
    failure: null,
  };
  notices.take({ kind: 'export', run });
  now = 9_000;
  notices.take({ kind: 'export', run: { ...run, state: 'done' } });
  expect(shown()).toEqual([]);
  notices.take({ kind: 'export', run: { ...run, run: 2 } });
  now = 20_000;
  notices.take({ kind: 'export', run: { ...run, run: 2, state: 'failed' } });
  expect(shown()).toEqual([{ kind: 'export', title: 'Export failed', text: 'profiles.csv' }]);
});

test('the first sync is told once, later ones are not', () => {
  const sync = (change: Parameters<typeof fakeStatus>[0]) =>
    notices.take({ kind: 'sync', status: fakeStatus({ profiles: 26_370, ...change }) });
  sync({ state: 'syncing' });
  now = 30_000;
  sync({ state: 'up_to_date', synced_at: '2026-11-20T13:03:00Z' });
  expect(shown().map(({ kind, text }) => [kind, text])).toEqual([
    ['sync', '26,370 profiles are here now.'],
  ]);
  sync({ state: 'syncing', synced_at: '2026-11-20T13:03:00Z' });
  now = 90_000;
  sync({ state: 'up_to_date', synced_at: '2026-11-20T13:04:00Z' });
  expect(shown()).toHaveLength(1);
});

test('conflicts are told when there are more than before', () => {
  const sync = (conflicts: number) =>
    notices.take({ kind: 'sync', status: fakeStatus({ state: 'up_to_date', conflicts }) });
  sync(3);
  expect(shown(), 'those were there when the window opened').toEqual([]);
  sync(4);
  sync(4);
  sync(2);
  expect(shown().map(({ title }) => title)).toEqual(['4 profiles wait for a decision']);
});

test('they can be turned off, and stay so', () => {
  notices.choose(false);
  notices.take({ kind: 'import', run: fakeRun({ state: 'done', reports: [report(11)] }) });
  expect(shown()).toEqual([]);
  expect(new Notices(new Ipc(host)).on).toBe(false);
});
