import { fireEvent, render, screen } from '@testing-library/svelte';
import { expect, test } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import { fakeSecurity } from '$lib/ipc/fake-system';
import type { Security } from '$lib/ipc';
import SecuritySettings from './SecuritySettings.svelte';
import { SecurityState } from './security.svelte';

function shown(change: Partial<Security>): FakeHost {
  const host = new FakeHost({
    security: () => fakeSecurity(change),
    keep_token: ({ in_keychain }) => fakeSecurity({ token: in_keychain ? 'keychain' : 'database' }),
  });
  render(SecuritySettings, { security: new SecurityState(new Ipc(host)) });
  return host;
}

test('a token in the database is said to be readable, and moves with a button', async () => {
  const host = shown({ token: 'database' });
  await screen.findByText(/whoever can read the folder can use it/);
  await fireEvent.click(screen.getByRole('button', { name: 'Keep in the keychain' }));
  await screen.findByText('It lies in the system’s keychain.');
  expect(host.requests('keep_token')).toEqual([{ in_keychain: true }]);
});

test('without a keychain that is said, and nothing is offered that cannot be done', async () => {
  shown({ token: 'database', keychain: 'absent', keychain_says: 'no message bus' });
  await screen.findByText(/No keychain answers here/);
  expect(screen.getByText('no message bus')).toBeTruthy();
  expect(screen.queryByRole('button')).toBeNull();
});

test('a keychain that refuses is told, and the token stays where it was said to be', async () => {
  const host = shown({ token: 'database' });
  host.answer('keep_token', () => Promise.reject(fakeProblem('keychain', 'it is locked')));
  await fireEvent.click(await screen.findByRole('button', { name: 'Keep in the keychain' }));
  expect((await screen.findByRole('alert')).textContent).toContain('it is locked');
  expect(screen.getByText(/whoever can read the folder can use it/)).toBeTruthy();
});
