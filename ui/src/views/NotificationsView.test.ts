import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Notices } from '$features/notices/notices.svelte';
import { Notifications } from '$features/notifications/notifications.svelte';
import { Sync } from '$features/sync/sync.svelte';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeStatus } from '$lib/ipc/fake';
import { analysisAnswers, fakeNote } from '$lib/ipc/fake-analyses';
import NotificationsView from './NotificationsView.svelte';

let host: FakeHost;
let notifications: Notifications;

beforeEach(() => {
  host = new FakeHost(analysisAnswers(new URLSearchParams(), () => host));
  notifications = new Notifications(new Ipc(host));
});
afterEach(cleanup);

function show(): void {
  const sync = new Sync(new Ipc(host));
  sync.take(fakeStatus({ relay: 'https://relay.example', role: 'analyst', state: 'up_to_date' }));
  const analysisHref = (id: string) => `#/analyses/${id}`;
  render(NotificationsView, { notifications, sync, syncHref: '#/sync', analysisHref });
}

test('what was told leads to what it is about, and is read then', async () => {
  show();
  const link = await screen.findByRole('link', { name: 'Quality report is done: All profiles' });
  expect(link.getAttribute('href')).toBe('#/analyses/job-7d2f');
  await screen.findByText('1 unread');
  await fireEvent.click(link);
  await waitFor(() => expect(notifications.unread).toBe(0));
  expect(host.requests('read_notifications')).toEqual([{ id: 3 }]);
});

test('all are read at once', async () => {
  show();
  await fireEvent.click(await screen.findByRole('button', { name: 'Mark all as read' }));
  await waitFor(() => expect(screen.queryByText('1 unread')).toBeNull());
  expect(host.requests('read_notifications')).toEqual([{}]);
});

test('looking at an analysis reads what is told of it', async () => {
  await notifications.load();
  await notifications.seen('job-6b00');
  expect(host.requests('read_notifications')).toEqual([]);
  await notifications.seen('job-7d2f');
  expect(host.requests('read_notifications')).toEqual([{ id: 3 }]);
});

test('a native note names the analysis, and never its filter', () => {
  localStorage.clear();
  host.answer('show_notice', () => ({ shown: true }));
  const notices = new Notices(new Ipc(host));
  const failed = fakeNote({ id: 4, kind: 'job_failed' });
  notices.take({ kind: 'notified', fresh: [failed], unread: 1 });
  notices.take({ kind: 'notified', fresh: [fakeNote(), failed], unread: 3 });
  notices.take({ kind: 'notified', fresh: [], unread: 3 });
  expect(host.requests('show_notice').map(({ title, text }) => [title, text])).toEqual([
    ['Analysis failed', 'Quality report'],
    ['Notifications', '2 unread'],
  ]);
});
