import { render, screen } from '@testing-library/svelte';
import { expect, test } from 'vitest';
import { Rejected } from '$features/sync/rejected.svelte';
import { Sync } from '$features/sync/sync.svelte';
import { Steps } from '$features/steps/steps.svelte';
import { Ipc, type SyncStatus } from '$lib/ipc';
import { FakeHost, fakeStatus } from '$lib/ipc/fake';
import SyncView from './SyncView.svelte';

function shown(status: Partial<SyncStatus>) {
  const ipc = new Ipc(new FakeHost());
  const sync = new Sync(ipc);
  sync.take(fakeStatus({ relay: 'https://relay.example', state: 'up_to_date', ...status }));
  const href = (id: string) => `#/profiles/${id}`;
  render(SyncView, { sync, rejected: new Rejected(ipc), steps: new Steps(ipc), href });
}

test('a difference that was mended is told: when, how many, which', () => {
  const ids = ['p-1', 'p-2'];
  shown({ repaired: { at: '2026-11-20T13:03:00Z', replaced: 1, offered: 4, ids } });
  expect(screen.getByRole('heading', { name: /A difference was found and mended/ })).toBeTruthy();
  expect(screen.getByText('1 profile here was replaced by the relay’s')).toBeTruthy();
  expect(screen.getByText(/^4 profiles had something/)).toBeTruthy();
  expect(screen.getByRole('link', { name: 'p-2' }).getAttribute('href')).toBe('#/profiles/p-2');
  expect(screen.getByText('and 3 more')).toBeTruthy();
});

test('nothing is told of differences where there were none', () => {
  shown({});
  expect(screen.queryByText(/difference/)).toBeNull();
});

test.each([
  ['forgotten', /longer than the relay keeps deletions.*Nothing is lost/],
  ['other_history', /new history.*Nothing is lost/],
] as const)('reading everything once more (%s) says why, and what is safe', (rereading, said) => {
  shown({ state: 'syncing', rereading });
  expect(screen.getByText(said)).toBeTruthy();
});
