import { beforeEach, expect, test } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeProblem, fakeRun } from '$lib/ipc/fake';
import { Imports, LOOK_LINES, shareRead } from './imports.svelte';

let host: FakeHost;
let imports: Imports;

beforeEach(() => {
  host = new FakeHost({ import_files: () => fakeRun({ state: 'queued' }) });
  imports = new Imports(new Ipc(host));
});

test('a browser’s files are handed over and imported as one run', async () => {
  const files = [new File(['{}'], 'a.ndjson'), new File(['{}'], 'b.ndjson')];
  expect(await imports.startUploads(files)).toBe(true);
  expect(host.requests('import_files')).toEqual([
    { paths: ['/dropped/a.ndjson', '/dropped/b.ndjson'] },
  ]);
  expect(imports.uploading).toBe(0);
});

test('an upload that fails starts nothing and says why', async () => {
  host.files = {
    kind: 'uploads',
    upload: () => Promise.reject(fakeProblem('disk_full', 'no room')),
  };
  expect(await imports.startUploads([new File([''], 'a.ndjson')])).toBe(false);
  expect(imports.problem?.code).toBe('disk_full');
  expect(imports.uploading).toBe(0);
  expect(host.calls).toEqual([]);
});

test('an answer that events have overtaken does not turn the run back', () => {
  imports.take(fakeRun({ state: 'running', lines: 500 }));
  imports.take(fakeRun({ state: 'queued', lines: 0 }));
  expect(imports.latest?.lines).toBe(500);
  imports.take(fakeRun({ state: 'done', lines: 900 }));
  imports.take(fakeRun({ state: 'running', lines: 800 }));
  expect(imports.latest?.state).toBe('done');
});

test('the end of a run is told until it was seen', () => {
  imports.take(fakeRun({ state: 'running' }));
  expect(imports.unseen).toBeNull();
  imports.take(fakeRun({ state: 'done' }));
  expect(imports.unseen).toBe(1);
  imports.seen();
  imports.take(fakeRun({ state: 'done' }));
  expect(imports.unseen).toBeNull();
});

test('files the program was opened with are told once, or none', async () => {
  host.answer('take_opened_files', () => ({ paths: ['/data/a.ndjson'], sizes: [7] }));
  expect(await imports.opened()).toEqual({ paths: ['/data/a.ndjson'], sizes: [7] });
  host.answer('take_opened_files', () => {
    throw fakeProblem('internal', 'no');
  });
  expect(await imports.opened()).toEqual({ paths: [] });
  expect(imports.problem?.code).toBe('internal');
});

test('the share read is unknown until the size is known', () => {
  expect(shareRead(fakeRun({ bytes: 0, bytes_total: 0 }))).toBeNull();
  expect(shareRead(fakeRun({ bytes: 30, bytes_total: 60 }))).toBe(0.5);
  expect(shareRead(fakeRun({ state: 'done', bytes: 0, bytes_total: 0 }))).toBe(1);
});

test('a check writes nothing, and a quick look stops early', async () => {
  host.answer('import_files', () => fakeRun({ run: 9, dry_run: true, state: 'queued' }));
  await imports.start(['/data/a.ndjson'], 'check');
  expect(imports.looked.has(9)).toBe(false);
  await imports.start(['/data/a.ndjson'], 'look');
  expect(imports.looked.has(9)).toBe(true);
  expect(host.requests('import_files')).toEqual([
    { paths: ['/data/a.ndjson'], dry_run: true },
    { paths: ['/data/a.ndjson'], dry_run: true, lines_max: LOOK_LINES },
  ]);
});
