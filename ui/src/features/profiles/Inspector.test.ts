import { fireEvent, render, screen } from '@testing-library/svelte';
import type { ComponentProps } from 'svelte';
import { expect, test, vi } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeDetail, fakeProblem } from '$lib/ipc/fake';
import Inspector from './Inspector.svelte';
import { OpenProfile } from './open-profile.svelte';

const onClose = vi.fn();
const onClearFilter = vi.fn();

async function inspect(
  host: FakeHost,
  more: Partial<ComponentProps<typeof Inspector>> = {},
): Promise<OpenProfile> {
  const profile = more.profile ?? new OpenProfile(new Ipc(host), 'p-1');
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

test('a profile that another one was merged into says so, with the way to what that was', async () => {
  const onOther = vi.fn();
  const host = new FakeHost({ get_profile: () => fakeDetail({ id: 'p-1' }) });
  await inspect(host, { mergedFrom: 'p-2', onOther });
  screen.getByText('p-2 was merged into this profile.');
  await fireEvent.click(screen.getByRole('button', { name: 'Show p-2 as it was' }));
  expect(onOther).toHaveBeenCalledWith('p-2');
});

test('a merged profile as it was names the one that it is part of', async () => {
  const onOther = vi.fn();
  const at = '2026-11-20T13:04:00Z';
  const deletion = { id: 'p-1', display_name: 'Anna', by: 'Ben', at, mine: false, became: 'p-9' };
  const host = new FakeHost({ get_deleted: () => deletion });
  const profile = new OpenProfile(new Ipc(host), 'p-1', true);
  await profile.load();
  await inspect(host, { profile, onOther });
  screen.getByText(/Ben merged this profile into p-9/);
  screen.getByRole('button', { name: 'Restore' });
  await fireEvent.click(screen.getByRole('button', { name: 'Open p-9' }));
  expect(onOther).toHaveBeenCalledWith('p-9');
});
