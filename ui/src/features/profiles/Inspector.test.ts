import { fireEvent, render, screen } from '@testing-library/svelte';
import { expect, test, vi } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeDetail, fakeProblem } from '$lib/ipc/fake';
import Inspector from './Inspector.svelte';
import { OpenProfile } from './open-profile.svelte';

const onClose = vi.fn();
const onClearFilter = vi.fn();

async function inspect(host: FakeHost, more: { hidden?: boolean } = {}): Promise<OpenProfile> {
  const profile = new OpenProfile(new Ipc(host), 'p-1');
  await profile.load();
  const nothing = () => undefined;
  render(Inspector, {
    profile,
    people: [],
    tab: 'overview',
    known: { attributes: [], tags: [] },
    calibrationHref: '#/calibration',
    onSimilar: () => undefined,
    onClearFilter,
    onTab: nothing,
    onStep: nothing,
    onPrevious: nothing,
    onNext: nothing,
    onDelete: nothing,
    onClose,
    ...more,
  });
  return profile;
}

test('a profile that is not here is one state with ways on, without tabs', async () => {
  const missing = () => {
    throw fakeProblem('not_found', 'there is no profile `p-1`');
  };
  const host = new FakeHost({ get_profile: missing, get_deleted: missing });
  await inspect(host);
  screen.getByRole('heading', { name: 'This profile is not here' });
  expect(screen.queryByRole('tab')).toBeNull();
  expect(screen.queryByRole('button', { name: /menu|Delete/ })).toBeNull();
  await fireEvent.click(screen.getByRole('button', { name: 'Back to the list' }));
  expect(onClose).toHaveBeenCalledOnce();
  // It came meanwhile.
  host.answer('get_profile', () => fakeDetail({ id: 'p-1' }));
  await fireEvent.click(screen.getByRole('button', { name: 'Look again' }));
  await screen.findByRole('tab', { name: 'Overview' });
});

test('a profile that the filter hides says so, and the filter can be cleared from there', async () => {
  const host = new FakeHost({ get_profile: () => fakeDetail({ id: 'p-1' }) });
  await inspect(host, { hidden: true });
  screen.getByText('Not in the list: the filter hides this profile.');
  await fireEvent.click(screen.getByRole('button', { name: 'Clear search and filter' }));
  expect(onClearFilter).toHaveBeenCalledOnce();
});
