import { fireEvent, render, screen } from '@testing-library/svelte';
import { expect, test } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import { FAKE_RECOVERY_KEY, fakeWorkspace } from '$lib/ipc/fake-system';
import { Closed } from './closed.svelte';
import ClosedView from './ClosedView.svelte';

const NEEDS = fakeProblem('store_needs_key', 'the keychain is locked: dismissed');

function shown(): { host: FakeHost; ipc: Ipc; closed: Closed } {
  const host = new FakeHost({
    list_profiles: () => Promise.reject(NEEDS),
    list_workspaces: () => ({
      workspaces: [
        fakeWorkspace({ current: true, home: true }),
        fakeWorkspace({ id: 'b', name: 'Study' }),
      ],
    }),
    open_workspace: () => ({ workspaces: [] }),
    unlock_store: ({ recovery_key: key }) =>
      key === undefined || key === null
        ? Promise.reject(NEEDS)
        : key.key === FAKE_RECOVERY_KEY
          ? {}
          : Promise.reject(fakeProblem('wrong_key', 'the key does not open it')),
  });
  const ipc = new Ipc(host);
  return { host, ipc, closed: new Closed(ipc) };
}

test('any command that does not get through says that the workspace is closed', async () => {
  const { ipc, closed } = shown();
  expect(closed.problem).toBeNull();
  const page = { filter: '', search: '', sort: 'id', descending: false, offset: 0, limit: 1 };
  await ipc.call('list_profiles', page as never).catch(() => null);
  expect(closed.problem?.code).toBe('store_needs_key');
});

test('the keychain is asked again, or the recovery key is taken, and a wrong one is told', async () => {
  const { host, closed } = shown();
  closed.problem = NEEDS;
  render(ClosedView, { closed });
  // The page around it says what it means; only why is added, until something was tried in vain.
  screen.getByText('the keychain is locked: dismissed');
  expect(screen.queryByRole('alert')).toBeNull();
  await fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect((await screen.findByRole('alert')).textContent).toContain('dismissed');
  const field = screen.getByLabelText('Recovery key');
  const open = screen.getByRole('button', { name: 'Open with the recovery key' });
  await fireEvent.input(field, { target: { value: 'another' } });
  await fireEvent.click(open);
  await screen.findByText('This key does not open the data.');
  await fireEvent.input(field, { target: { value: FAKE_RECOVERY_KEY } });
  await fireEvent.click(open);
  expect(host.requests('unlock_store')).toEqual([
    {},
    { recovery_key: { key: 'another' } },
    { recovery_key: { key: FAKE_RECOVERY_KEY } },
  ]);
});

test('the other workspaces can be opened', async () => {
  const { host, closed } = shown();
  closed.problem = NEEDS;
  render(ClosedView, { closed });
  await fireEvent.click(await screen.findByRole('button', { name: 'Study' }));
  expect(host.requests('open_workspace')).toEqual([{ id: 'b' }]);
});
