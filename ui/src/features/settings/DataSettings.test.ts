import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, test, vi } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeAbout, fakeProblem, fakeSample } from '$lib/ipc/fake';
import { Sample } from '$features/start/sample.svelte';
import { DataFolder } from '$features/store/store.svelte';
import DataSettings from './DataSettings.svelte';

const FINDING = { code: 'counter', message: 'a counter is wrong', count: 2, repaired: false };
let host: FakeHost;
let store: DataFolder;

beforeEach(() => {
  host = new FakeHost({
    about: () => fakeAbout(),
    sample_data: () => fakeSample(),
    store_info: () => ({ profiles: 1_000_000, bytes: 2_400_000_000, free_bytes: 0, imports: 3 }),
    check_store: ({ repair }) => ({
      profiles: 1_000_000,
      findings: [{ ...FINDING, repaired: repair === true }],
    }),
    compact_store: () => ({ before: 2_400_000_000, after: 1_900_000_000 }),
  });
  store = new DataFolder(new Ipc(host));
});

const onRemoveSample = vi.fn();
const show = () =>
  render(DataSettings, { store, sample: new Sample(new Ipc(host)), onRemoveSample });

test('a finding is mended on request', async () => {
  show();
  await screen.findByText('/data/kartei');
  await fireEvent.click(screen.getByRole('button', { name: 'Check' }));
  await screen.findByText('not mended');
  await fireEvent.click(screen.getByRole('button', { name: 'Mend what can be mended' }));
  await screen.findByText('mended');
  expect(host.requests('check_store')).toEqual([{ repair: false }, { repair: true }]);
});

test('one thing is done at a time, and a problem stands at what had it', async () => {
  host.answer('compact_store', () => Promise.reject(fakeProblem('disk_full', 'no room')));
  await Promise.all([store.run('compact'), store.run('check')]);
  expect(host.requests('check_store')).toEqual([]);
  expect(store.problem).toMatchObject({ of: 'compact', problem: { code: 'disk_full' } });
  await store.run('check');
  expect(store.problem).toBeNull();
});

test('a compaction tells the sizes before and after', async () => {
  show();
  await fireEvent.click(screen.getByRole('button', { name: 'Compact' }));
  await screen.findByText(/2\.40 GB before, 1\.90 GB now/);
});

test('sample data is said to be here, and goes on request', async () => {
  host.answer('sample_data', () => fakeSample({ here: 2_800, import: 3 }));
  show();
  await screen.findByText(/2,800 sample profiles/);
  await fireEvent.click(screen.getByRole('button', { name: 'Remove sample data' }));
  expect(onRemoveSample).toHaveBeenCalledTimes(1);
});

test('the folder is opened in the file manager where the window is a desktop’s', async () => {
  host.answer('open_data_folder', () => ({}));
  show();
  await screen.findByText('/data/kartei');
  expect(screen.queryByRole('button', { name: 'Open in the file manager' })).toBeNull();
  host.files = { kind: 'paths', pick: async () => [], pickFolder: async () => null };
  show();
  await fireEvent.click(await screen.findByRole('button', { name: 'Open in the file manager' }));
  expect(host.requests('open_data_folder')).toHaveLength(1);
});
