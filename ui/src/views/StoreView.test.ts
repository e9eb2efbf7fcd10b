import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import StoreView from './StoreView.svelte';
import { DataFolder } from '$features/store/store.svelte';

const FINDING = { code: 'counter', message: 'a counter is wrong', count: 2, repaired: false };
let host: FakeHost;
let store: DataFolder;

beforeEach(() => {
  host = new FakeHost({
    about: () => ({ version: '0.1.0', data_dir: '/data/kartei' }),
    store_info: () => ({ profiles: 1_000_000, bytes: 2_400_000_000, free_bytes: 0, imports: 3 }),
    check_store: ({ repair }) => ({
      profiles: 1_000_000,
      findings: [{ ...FINDING, repaired: repair === true }],
    }),
    compact_store: () => ({ before: 2_400_000_000, after: 1_900_000_000 }),
  });
  store = new DataFolder(new Ipc(host));
});

test('a finding is mended on request', async () => {
  render(StoreView, { store });
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
  render(StoreView, { store });
  await fireEvent.click(screen.getByRole('button', { name: 'Compact' }));
  await screen.findByText(/2\.40 GB before, 1\.90 GB now/);
});
