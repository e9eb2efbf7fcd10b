import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RelayFiles } from '$features/uploads/relay-files.svelte';
import { Sync } from '$features/sync/sync.svelte';
import { Uploads } from '$features/uploads/uploads.svelte';
import { areRecords } from '$features/uploads/words';
import { Ipc, type RelayFile } from '$lib/ipc';
import { FakeHost, fakeProblem, fakeStatus } from '$lib/ipc/fake';
import { FakeRows } from '$lib/ipc/fake-rows';
import { fakeUpload, uploadAnswers } from '$lib/ipc/fake-uploads';
import UploadsView from './UploadsView.svelte';

let host: FakeHost;
let uploads: Uploads;
let files: RelayFiles;
let analysed: string[];

beforeEach(() => {
  analysed = [];
  host = new FakeHost(uploadAnswers(new URLSearchParams(), () => host));
});
afterEach(cleanup);

function show(relay: string | null = 'https://relay.example'): void {
  const ipc = new Ipc(host);
  uploads = new Uploads(ipc);
  files = new RelayFiles(ipc);
  const sync = new Sync(ipc);
  sync.take(fakeStatus({ relay, role: 'analyst', state: relay === null ? 'local' : 'up_to_date' }));
  const onAnalyze = ({ id }: RelayFile) => analysed.push(id);
  render(UploadsView, { uploads, files, sync, syncHref: '#/sync', onAnalyze });
}

test('each stage offers what can be done then', async () => {
  show();
  await screen.findByText('interviews.zip');
  const names = screen.getAllByRole('button').map((button) => button.getAttribute('aria-label'));
  for (const name of [
    'Pause: sessions-2026-10.parquet',
    'Try now: interviews.zip',
    'Go on: pilot.csv',
    'Send the new one: notes.docx',
    'Take off the list: codebook.pdf',
  ]) {
    expect(names).toContain(name);
  }
});

test('what is pressed is asked of the host, and its answer is shown', async () => {
  show();
  const pause = await screen.findByRole('button', { name: 'Pause: sessions-2026-10.parquet' });
  pause.focus();
  await fireEvent.click(pause);
  expect(host.requests('pause_upload')).toEqual([{ id: 5 }]);
  const next = await screen.findByRole('button', { name: 'Go on: sessions-2026-10.parquet' });
  await waitFor(() => expect(document.activeElement).toBe(next));
  await fireEvent.click(screen.getByRole('button', { name: 'Cancel: pilot.csv' }));
  expect(uploads.all.some((upload) => upload.name === 'pilot.csv')).toBe(false);
});

test('an event changes its row alone', async () => {
  show();
  await screen.findByText('interviews.zip');
  uploads.take(fakeUpload({ id: 5, sent: 4_200_000_000, stage: 'done', file: 'f9' }));
  uploads.take(fakeUpload({ id: 9, name: 'new.bin' }));
  expect(uploads.all.map((upload) => upload.id)).toEqual([9, 5, 4, 3, 2, 1]);
});

test('a file is renamed in its place, and the focus stays there', async () => {
  show();
  await fireEvent.click(await screen.findByRole('button', { name: 'More for october.ndjson.gz' }));
  await fireEvent.click(await screen.findByRole('menuitem', { name: 'Rename' }));
  const field = await screen.findByRole('textbox', { name: 'New name of october.ndjson.gz' });
  await fireEvent.input(field, { target: { value: 'autumn.ndjson.gz' } });
  await fireEvent.keyDown(field, { key: 'Enter' });
  expect(host.requests('rename_file')).toEqual([{ id: 'f3k8', name: 'autumn.ndjson.gz' }]);
  await screen.findByText('autumn.ndjson.gz');
});

test('the records of a file are analysed, of one that has some', async () => {
  show();
  await fireEvent.click(await screen.findByRole('button', { name: 'More for october.ndjson.gz' }));
  await fireEvent.click(await screen.findByRole('menuitem', { name: 'Analyse the records…' }));
  expect(analysed).toEqual(['f3k8']);
  await fireEvent.click(screen.getByRole('button', { name: 'More for macro.xlsm' }));
  await screen.findByRole('menuitem', { name: 'Rename' });
  expect(screen.queryByRole('menuitem', { name: 'Analyse the records…' })).toBeNull();
});

test('what a scanner holds back is not offered, and what it cannot read is told', async () => {
  show();
  await screen.findByText(/The virus scanner found something/);
  await screen.findByText(/Being looked through for viruses/);
  await screen.findByText(/Not looked through for viruses/);
  const downloads = screen.getAllByRole('button', { name: /^Download / });
  expect(downloads.map((button) => button.getAttribute('aria-label'))).not.toContain(
    'Download visits.ndjson',
  );
  screen.getByRole('button', { name: 'Download sealed.zip' });
  await fireEvent.click(screen.getByRole('button', { name: 'More for visits.ndjson' }));
  await screen.findByRole('menuitem', { name: 'Rename' });
  expect(screen.queryByRole('menuitem', { name: 'Import at the relay' })).toBeNull();
});

test('a file is deleted only after it was asked', async () => {
  show();
  await fireEvent.click(await screen.findByRole('button', { name: 'More for macro.xlsm' }));
  await fireEvent.click(await screen.findByRole('menuitem', { name: 'Delete…' }));
  expect(host.requests('delete_file')).toEqual([]);
  const dialog = await screen.findByRole('dialog');
  await fireEvent.click(within(dialog).getByRole('button', { name: 'Delete the file' }));
  expect(host.requests('delete_file')).toEqual([{ id: 'f3k7' }]);
  await screen.findByText('macro.xlsm was deleted.');
});

test('whom a file is attached to is found by a part of the name', async () => {
  const rows = new FakeRows(20);
  host.answer('list_profiles', (request) => rows.page(request));
  show();
  await fireEvent.click(await screen.findByRole('button', { name: 'More for macro.xlsm' }));
  await fireEvent.click(await screen.findByRole('menuitem', { name: 'Attach to a profile…' }));
  const field = await screen.findByRole('combobox', { name: 'Id of the profile' });
  await fireEvent.input(field, { target: { value: 'a' } });
  expect(host.requests('list_profiles')).toEqual([{ search: 'a', limit: 8 }]);
  await waitFor(() =>
    expect(document.querySelectorAll('#attach-known option').length).toBeGreaterThan(0),
  );
  const id = document.querySelector('option')?.value ?? '';
  await fireEvent.input(field, { target: { value: id } });
  await fireEvent.submit(field);
  await waitFor(() => expect(host.requests('attach_file')).toEqual([{ id: 'f3k7', profile: id }]));
});

test('without a relay, with an old one, and with an empty one it says why it is empty', async () => {
  host = new FakeHost(uploadAnswers(new URLSearchParams('uploads=none'), () => host));
  show(null);
  await screen.findByText('No relay to send to');
  cleanup();
  show();
  await screen.findByText('No files yet');
  cleanup();
  host = new FakeHost(uploadAnswers(new URLSearchParams('uploads=old'), () => host));
  show();
  await screen.findByText('This relay takes no files');
});

test('what the relay cannot answer is told, with a way to ask again', async () => {
  host = new FakeHost(uploadAnswers(new URLSearchParams('uploads=none'), () => host));
  host.answer('list_files', () => {
    throw fakeProblem('offline', 'connection refused');
  });
  show();
  await screen.findByText(/The relay cannot be reached/);
});

test('records are imported; what is large or something else is asked about', () => {
  expect(areRecords([{ name: 'a.ndjson' }, { name: 'b.JSONL.gz', size: 5 }])).toBe(true);
  expect(areRecords([{ name: 'a.ndjson.zst', size: 2 * 1024 ** 3 }])).toBe(false);
  expect(areRecords([{ name: 'a.ndjson' }, { name: 'film.mp4' }])).toBe(false);
});
