import { fireEvent, render, screen } from '@testing-library/svelte';
import { createRawSnippet } from 'svelte';
import { expect, test } from 'vitest';
import { Sync } from '$features/sync/sync.svelte';
import { Ipc, type SyncStatus } from '$lib/ipc';
import { FakeHost, fakeProblem, fakeRun, fakeSample, fakeStatus } from '$lib/ipc/fake';
import FirstRun from './FirstRun.svelte';
import { Sample } from './sample.svelte';

const files = createRawSnippet(() => ({ render: () => '<button>Import…</button>' }));

function shown(status: Partial<SyncStatus> = {}): FakeHost {
  const host = new FakeHost({
    sample_data: () => fakeSample(),
    import_sample: () => fakeRun({ state: 'queued' }),
    sign_in: () => Promise.reject(fakeProblem('unauthorized', 'token 7 was revoked')),
  });
  const ipc = new Ipc(host);
  const sync = new Sync(ipc);
  sync.take(fakeStatus(status));
  render(FirstRun, { sample: new Sample(ipc), sync, files });
  return host;
}

test('three ways to begin', () => {
  shown();
  for (const name of ['Load sample data', 'Connect to a relay', 'Import…']) {
    expect(screen.getByRole('button', { name })).toBeTruthy();
  }
});

test('the sample is asked for once', async () => {
  const host = shown();
  await fireEvent.click(screen.getByRole('button', { name: 'Load sample data' }));
  const busy = await screen.findByRole('button', { name: 'Loading…' });
  expect((busy as HTMLButtonElement).disabled).toBe(true);
  expect(host.requests('import_sample')).toHaveLength(1);
});

test('the relay’s address is asked for in place, and its answer is told there', async () => {
  shown();
  await fireEvent.click(screen.getByRole('button', { name: 'Connect to a relay' }));
  const address = screen.getByLabelText('Address');
  expect(document.activeElement).toBe(address);
  await fireEvent.input(address, { target: { value: 'https://relay.example' } });
  await fireEvent.input(screen.getByLabelText('Device token'), { target: { value: 'x' } });
  await fireEvent.submit(screen.getByRole('form', { name: 'Sign in to a relay' }));
  await screen.findByText('The relay does not accept this token.');
});

test('while the first profiles come it says how many, and offers no beginning', () => {
  shown({ state: 'syncing', exchanged: 12_000, remaining: 88_000, relay: 'https://relay.example' });
  expect(screen.getByText(/12,000 of up to 100,000/)).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Load sample data' })).toBeNull();
});
