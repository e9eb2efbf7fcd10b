import { fireEvent, render, screen } from '@testing-library/svelte';
import { expect, test } from 'vitest';
import { Deleted } from '$features/deleted/deleted.svelte';
import { Steps } from '$features/steps/steps.svelte';
import { Ipc, type DeletedProfile } from '$lib/ipc';
import { FakeHost, fakeDetail, fakeProblem } from '$lib/ipc/fake';
import DeletedView from './DeletedView.svelte';

const gone = (id: string): DeletedProfile => ({
  id,
  display_name: 'Anna Keller',
  deleted_at: '2026-11-20T13:03:00Z',
  pending: false,
});
const deletion = {
  change: 'c2',
  kind: 'deletion' as const,
  by: 'Ben',
  at: null,
  file: null,
  pending: false,
  fields: [],
};

function shown(rows: DeletedProfile[]): { host: FakeHost; deleted: Deleted; steps: Steps } {
  let left = rows;
  const host = new FakeHost({
    list_deleted: () => ({ rows: left, total: left.length }),
    profile_history: () => ({
      entries: [deletion, { ...deletion, change: 'c1', kind: 'genesis' }],
    }),
    restore_profile: ({ id }) => {
      left = left.filter((one) => one.id !== id);
      return fakeDetail({ id });
    },
  });
  const ipc = new Ipc(host);
  const [deleted, steps] = [new Deleted(ipc), new Steps(ipc)];
  render(DeletedView, { deleted, steps, href: (id: string) => `#/profiles/${id}` });
  return { host, deleted, steps };
}

test('a profile comes back as it was when it was deleted', async () => {
  const { host, steps } = shown([gone('p-1'), gone('p-2')]);
  await fireEvent.click(await screen.findByRole('button', { name: 'Restore p-1' }));
  await expect.poll(() => steps.told).toMatchObject({ kind: 'step', href: '#/profiles/p-1' });
  expect(screen.queryByRole('button', { name: 'Restore p-1' })).toBeNull();
  expect(screen.getByRole('button', { name: 'Restore p-2' })).toBeTruthy();
  expect(host.requests('restore_profile')).toEqual([{ id: 'p-1', change: 'c2' }]);
});

test('a profile that cannot be brought back stays in the list, with the reason', async () => {
  const { host } = shown([gone('p-1')]);
  host.answer('restore_profile', () => Promise.reject(fakeProblem('store_locked', 'held')));
  await fireEvent.click(await screen.findByRole('button', { name: 'Restore p-1' }));
  await screen.findByRole('alert');
  expect(screen.getByRole('button', { name: 'Restore p-1' })).toBeTruthy();
});

test('an empty list says what belongs there', async () => {
  shown([]);
  await screen.findByText('Nothing deleted');
});
