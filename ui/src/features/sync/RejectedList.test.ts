import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';
import { Ipc, type RejectedProfile } from '$lib/ipc';
import { FakeHost, fakeProblem, fakeStatus } from '$lib/ipc/fake';
import { Rejected } from './rejected.svelte';
import RejectedList from './RejectedList.svelte';

let host: FakeHost;
let aside: RejectedProfile[];

beforeEach(() => {
  const row = (id: string, change: Partial<RejectedProfile> = {}): RejectedProfile => ({
    id,
    display_name: null,
    problem: fakeProblem('too_large', `notes of \`${id}\` are too long`),
    at: '2026-11-20T13:03:00Z',
    deleted: false,
    ...change,
  });
  aside = [row('p-1'), row('p-2', { deleted: true })];
  host = new FakeHost({
    list_rejected: () => ({ rows: aside, total: aside.length }),
    send_again: ({ id }) => {
      aside = id == null ? [] : aside.filter((one) => one.id !== id);
      return fakeStatus({ rejected: aside.length });
    },
  });
  const rejected = new Rejected(new Ipc(host));
  render(RejectedList, { rejected, count: 2, href: (id: string) => `#/profiles/${id}` });
});

test('each says why, leads to its profile, and can be sent once more', async () => {
  const link = await screen.findByRole('link', { name: 'p-1' });
  expect(link.getAttribute('href')).toBe('#/profiles/p-1');
  expect(screen.getByText('notes of `p-1` are too long')).toBeTruthy();
  expect(screen.getAllByText(/This is larger than allowed\. Shorten it/)).toHaveLength(2);
  expect(screen.queryByRole('link', { name: 'p-2' }), 'a deleted one has no page').toBeNull();
  expect(screen.getByText('its deletion')).toBeTruthy();
  await fireEvent.click(screen.getByRole('button', { name: 'Send p-1 again' }));
  await expect.poll(() => screen.queryByText('p-1')).toBeNull();
  expect(host.requests('send_again')).toEqual([{ id: 'p-1' }]);
  expect(screen.getByText('p-2')).toBeTruthy();
});

test('all are sent again at once', async () => {
  await screen.findByText('p-2');
  await fireEvent.click(screen.getByRole('button', { name: 'Send all again' }));
  await expect.poll(() => screen.queryByText('p-2')).toBeNull();
  expect(host.requests('send_again')).toEqual([{ id: null }]);
});

test('what cannot be sent says so and stays', async () => {
  await screen.findByText('p-2');
  host.answer('send_again', () => Promise.reject(fakeProblem('disk_full', 'no room')));
  await fireEvent.click(screen.getByRole('button', { name: 'Send p-1 again' }));
  await screen.findByRole('alert');
  expect(screen.getByText('p-1')).toBeTruthy();
});
