import { render, screen } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Ipc, type SyncStatus } from '$lib/ipc';
import { FakeHost, fakeProblem, fakeStatus } from '$lib/ipc/fake';
import { locale } from '$lib/i18n.svelte';
import { Sync } from './sync.svelte';
import SyncBadge from './SyncBadge.svelte';

const RELAY = { relay: 'https://relay.example:8443/api', rev: 12 };

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime('2026-11-20T13:00:00Z');
});
afterEach(() => vi.useRealTimers());

function badge(status: Partial<SyncStatus>): string {
  const sync = new Sync(new Ipc(new FakeHost()));
  sync.take(fakeStatus(status));
  render(SyncBadge, {
    sync,
    href: '#/sync',
    conflictsHref: '#/conflicts',
    filterHref: (filter: string) => `#/${filter}`,
  });
  return screen
    .getAllByRole('group', { name: 'Sync state' })
    .at(-1)!
    .textContent.replaceAll(/\s+/g, ' ');
}

test('local: nothing is promised and nothing is counted as pending', () => {
  const said = badge({ state: 'local', pending: 5 });
  expect(said).toContain('On this device only');
  expect(said).not.toContain('pending');
});

test('syncing: how much was exchanged', () => {
  expect(badge({ ...RELAY, state: 'syncing', exchanged: 4_200 })).toContain(
    'Syncing · 4,200 exchanged',
  );
});

test('a first sync: how much of how much, and never more than is known', () => {
  const said = badge({ ...RELAY, state: 'syncing', exchanged: 12_000, remaining: 88_000 });
  expect(said).toContain('Getting profiles · 12,000 of up to 100,000');
  expect(badge({ ...RELAY, state: 'syncing', exchanged: 3, remaining: 2 })).toContain(
    '3 exchanged',
  );
});

test('up to date: as of when, and with which relay', () => {
  const said = badge({ ...RELAY, state: 'up_to_date', synced_at: '2026-11-20T12:59:48Z' });
  expect(said).toContain('Up to date, 12 sec. ago');
  expect(said).toContain('0 pending');
  expect(said).toContain('relay.example:8443');
});

test('the time ticks on while nothing else happens', async () => {
  badge({ ...RELAY, state: 'up_to_date', synced_at: '2026-11-20T12:59:48Z' });
  await vi.advanceTimersByTimeAsync(8_000);
  expect(screen.getByRole('group').textContent).toContain('20 sec. ago');
});

test('offline: since when, and what waits', () => {
  const said = badge({
    ...RELAY,
    state: 'offline',
    offline_since: '2026-11-18T12:00:00Z',
    pending: 17,
    conflicts: 1,
    rejected: 2,
  });
  expect(said).toContain('Offline since 11/18/2026');
  expect(screen.getByRole('link', { name: /1 conflict/ }).getAttribute('href')).toBe('#/conflicts');
  for (const part of ['17 pending', '1 conflict', '2 rejected']) expect(said).toContain(part);
  expect(screen.getByRole('link', { name: '17 pending' }).getAttribute('href')).toBe(
    '#/status:pending',
  );
});

test('problem: what happened and what to do', () => {
  const said = badge({
    ...RELAY,
    state: 'problem',
    problem: fakeProblem('unauthorized', 'token 7 was revoked'),
  });
  expect(said).toContain('The relay does not accept this token.');
  expect(said).toContain('Sign in again');
});

test('a certificate that is not accepted is not called offline', () => {
  const said = badge({
    ...RELAY,
    state: 'problem',
    problem: fakeProblem('certificate_expired', 'it has expired'),
  });
  expect(said).toContain("The relay's certificate has expired.");
  expect(said).not.toContain('Offline');
});

test('German says it in German', () => {
  locale.choose('de');
  const sync = new Sync(new Ipc(new FakeHost()));
  sync.take(fakeStatus({ state: 'local' }));
  render(SyncBadge, { sync, href: '#/sync', conflictsHref: '#/c', filterHref: () => '#' });
  expect(screen.getByRole('group', { name: 'Stand des Abgleichs' }).textContent).toContain(
    'Nur auf diesem Gerät',
  );
});

test('a host that does not answer is not reported as up to date', async () => {
  const host = new FakeHost({ sync_status: () => fakeStatus({ state: 'up_to_date' }) });
  const sync = new Sync(new Ipc(host));
  await sync.load();
  host.answer('sync_status', () => Promise.reject(fakeProblem('internal', 'gone')));
  await sync.load();
  expect(sync.status).toBeNull();
  expect(sync.problem?.code).toBe('internal');
});

test('an event that overtook an answer stays', async () => {
  const host = new FakeHost();
  const sync = new Sync(new Ipc(host));
  let answer!: (status: SyncStatus) => void;
  host.answer('sync_now', () => new Promise((resolve) => (answer = resolve)));
  const asked = sync.syncNow();
  sync.take(fakeStatus({ state: 'up_to_date' }));
  answer(fakeStatus({ state: 'syncing' }));
  await asked;
  expect(sync.status?.state).toBe('up_to_date');
});
