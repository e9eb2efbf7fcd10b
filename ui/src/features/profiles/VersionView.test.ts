import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';
import { Ipc, type HistoryEntry } from '$lib/ipc';
import { FakeHost, fakeDetail, fakeProblem } from '$lib/ipc/fake';
import History from './History.svelte';
import { OpenProfile } from './open-profile.svelte';

const entry = (change: string, kind: HistoryEntry['kind']): HistoryEntry => ({
  change,
  kind,
  by: 'anna@example.org',
  at: '2026-11-20T13:03:00Z',
  file: null,
  pending: false,
  fields: [{ pointer: '/tags/vip', after: true }],
});
const then = { id: 'cdnow-00042', attributes: { city: 'Bern' }, tags: ['a'] };
const now = { id: 'cdnow-00042', attributes: { city: 'Basel' }, tags: ['a'] };
let host: FakeHost;

beforeEach(async () => {
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  host = new FakeHost({
    get_profile: () => fakeDetail({ record: now }),
    profile_history: () => ({ entries: [entry('c2', 'edit'), entry('c1', 'genesis')] }),
    profile_at: ({ id, change }) => ({ id, change, record: change === 'c1' ? then : now }),
    restore_profile: () => fakeDetail({ record: then }),
  });
  const profile = new OpenProfile(new Ipc(host), 'cdnow-00042');
  await profile.load();
  render(History, { profile });
  await fireEvent.click(
    await screen.findByRole('button', { name: /^View as it was after: First/ }),
  );
});

test('an earlier state stands beside what is now, and is restored once that is confirmed', async () => {
  const version = await screen.findByRole('region', { name: 'As it was then' });
  expect(version.textContent).toMatch(/city\s*Bern\s*now:\s*Basel/);
  await fireEvent.click(within(version).getByRole('button', { name: 'Restore' }));
  const dialog = screen.getByRole('dialog');
  expect(dialog.textContent).toContain('1 field changes: city.');
  expect(host.requests('restore_profile')).toEqual([]);
  await fireEvent.click(within(dialog).getByRole('button', { name: 'Restore' }));
  await screen.findByRole('list', { name: 'History' });
  expect(host.requests('restore_profile')).toEqual([{ id: 'cdnow-00042', change: 'c1' }]);
});

test('a restore that is refused says why', async () => {
  host.answer('restore_profile', () => Promise.reject(fakeProblem('blocked', 'an import runs')));
  const version = await screen.findByRole('region', { name: 'As it was then' });
  await fireEvent.click(within(version).getByRole('button', { name: 'Restore' }));
  await fireEvent.click(
    within(screen.getByRole('dialog')).getByRole('button', { name: 'Restore' }),
  );
  await screen.findByText('an import runs');
});

test('the newest state is the present one and has nothing to view', async () => {
  await fireEvent.click(await screen.findByRole('button', { name: 'Back to the history' }));
  await screen.findByRole('list', { name: 'History' });
  expect(screen.getAllByRole('button', { name: /^View as it was/ })).toHaveLength(1);
  expect(screen.getAllByLabelText('Tag vip added')).toHaveLength(2);
});

test('two versions are compared, the earlier one on the left, and neither is restored', async () => {
  await fireEvent.click(await screen.findByRole('button', { name: 'Back to the history' }));
  await fireEvent.click(await screen.findByRole('button', { name: /^Compare: Edited/ }));
  await screen.findByText('Choose the version to compare with.');
  await fireEvent.click(screen.getByRole('button', { name: /^Compare: First/ }));
  const version = await screen.findByRole('region', { name: 'As it was then' });
  expect(version.textContent).toMatch(/city\s*Bern\s*now:\s*Basel/);
  expect([...version.querySelectorAll('del, ins')].map((mark) => mark.textContent)).toEqual([
    'Bern',
    'Basel',
  ]);
});
