import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';
import { Ipc, type RejectedProfile } from '$lib/ipc';
import { FakeHost, fakeProblem, fakeStatus } from '$lib/ipc/fake';
import { Rejected } from './rejected.svelte';
import RejectedList from './RejectedList.svelte';

let host: FakeHost;
let aside: RejectedProfile[];
let taken: string[];

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
  taken = [];
  render(RejectedList, {
    rejected,
    count: 2,
    href: (id: string) => `#/profiles/${id}`,
    onTaken: (id: string) => taken.push(id),
  });
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

test("the relay's state is taken once it was said what that gives up", async () => {
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  await screen.findByText('p-2');
  host.answer('compare_with_relays', ({ id }) => ({
    id,
    known: true,
    deleted: false,
    changes: 1,
    fields: [{ pointer: '/attributes/city', before: 'Bern', after: 'Basel' }],
  }));
  host.answer('take_relays', ({ id }) => {
    aside = aside.filter((one) => one.id !== id);
    return fakeStatus({ rejected: aside.length });
  });
  await fireEvent.click(screen.getByRole('button', { name: "Take the relay's state of p-1" }));
  const dialog = await screen.findByRole('dialog');
  expect(dialog.textContent).toContain('1 field differs');
  expect(dialog.textContent).toMatch(/city\s*Bern\s*Basel/);
  expect(host.requests('take_relays'), 'nothing yet').toEqual([]);
  await fireEvent.click(screen.getByRole('button', { name: "Take the relay's state" }));
  await expect.poll(() => taken).toEqual(['p-1']);
  expect(screen.queryByText('p-1')).toBeNull();
});

test('where the relay has no such profile there is nothing to take', async () => {
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  await screen.findByText('p-2');
  const nothing = { known: false, deleted: false, changes: 0, fields: [] };
  host.answer('compare_with_relays', ({ id }) => ({ id, ...nothing }));
  await fireEvent.click(screen.getByRole('button', { name: "Take the relay's state of p-1" }));
  await screen.findByRole('dialog', { name: 'The relay does not have p-1' });
});
