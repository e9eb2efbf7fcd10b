import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeDetail } from '$lib/ipc/fake';
import Conflicts from './Conflicts.svelte';
import { OpenProfile } from './open-profile.svelte';

const side = (key: string, by: string) => ({
  value: key === 'deleted',
  removed: false,
  key,
  by,
  at: null,
  imported: false,
  mine: false,
});

const DETAIL = fakeDetail({
  status: 'conflict',
  conflicts: [{ pointer: '', base: null, values: [side('kept', 'Ben'), side('deleted', 'Anna')] }],
});

let host: FakeHost;

beforeEach(async () => {
  host = new FakeHost({
    get_profile: () => DETAIL,
    resolve_conflict: () => ({ ...DETAIL, conflicts: [], deleted: true }),
  });
  const profile = new OpenProfile(new Ipc(host), DETAIL.id);
  await profile.load();
  render(Conflicts, { profile, onCompare: () => {} });
});

test('a deletion that somebody wrote beside is told in words, and decided by its own button', async () => {
  const conflict = screen.getByRole('group', { name: 'Delete the profile?' });
  expect(
    screen.getByRole('heading', { name: 'Deleted and changed at the same time' }),
  ).toBeTruthy();
  const sides = within(conflict).getAllByRole('listitem');
  expect(sides[0]?.textContent).toContain('Changed, and kept');
  expect(sides[0]?.textContent).toContain('Ben');
  expect(sides[1]?.textContent).toContain('Anna');
  expect(within(conflict).getByRole('button', { name: 'Keep the profile' })).toBeTruthy();
  await fireEvent.click(within(conflict).getByRole('button', { name: 'Delete the profile' }));
  await expect
    .poll(() => host.requests('resolve_conflict'))
    .toEqual([{ id: DETAIL.id, pointer: '', key: 'deleted' }]);
});
