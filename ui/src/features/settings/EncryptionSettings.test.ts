import { fireEvent, render, screen } from '@testing-library/svelte';
import { expect, test } from 'vitest';
import { Ipc, type Security } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import { FAKE_RECOVERY_KEY, fakeSecurity } from '$lib/ipc/fake-system';
import EncryptionSettings from './EncryptionSettings.svelte';
import { SecurityState } from './security.svelte';

async function shown(change: Partial<Security>): Promise<{ host: FakeHost; state: SecurityState }> {
  const host = new FakeHost({
    security: () => fakeSecurity(change),
    recovery_key: () => ({ key: FAKE_RECOVERY_KEY }),
    save_recovery_key: () => ({ path: '/data/key.txt', bytes: 231 }),
    encrypt_store: ({ encrypted }) => fakeSecurity({ encrypted }),
  });
  const state = new SecurityState(new Ipc(host));
  render(EncryptionSettings, { security: state });
  await state.load();
  return { host, state };
}

test('nothing is encrypted before the recovery key is kept', async () => {
  const { host, state } = await shown({});
  await fireEvent.click(await screen.findByRole('button', { name: 'Encrypt…' }));
  await screen.findByText(FAKE_RECOVERY_KEY);
  const verb = screen.getByRole<HTMLButtonElement>('button', { name: 'Encrypt' });
  expect(verb.disabled).toBe(true);
  await fireEvent.click(screen.getByRole('button', { name: 'Save to a file' }));
  await screen.findByText('/data/key.txt');
  await fireEvent.click(screen.getByRole('checkbox'));
  await fireEvent.click(verb);
  await screen.findByText('The database is encrypted. Its key lies in the system’s keychain.');
  expect(host.requests('encrypt_store')).toEqual([{ encrypted: true }]);
  expect(screen.queryByText(FAKE_RECOVERY_KEY)).toBeNull();
  expect(state.recoveryKey).toBeNull();
});

test('a way back is offered, with its price', async () => {
  const { host } = await shown({ encrypted: true });
  await fireEvent.click(await screen.findByRole('button', { name: 'Turn off…' }));
  await screen.findByText(/Whoever can read the data folder can read the profiles then/);
  await fireEvent.click(screen.getByRole('button', { name: 'Turn off' }));
  await screen.findByText(/The database is not encrypted/);
  expect(host.requests('encrypt_store')).toEqual([{ encrypted: false }]);
});

test('without a keychain encryption is not offered', async () => {
  await shown({ keychain: 'absent' });
  await screen.findByText(/there is no place for the key/);
  expect(screen.queryByRole('button')).toBeNull();
});

test('progress and what went wrong are told', async () => {
  const { host, state } = await shown({ encrypted: true });
  let refuse: (problem: unknown) => void = () => {};
  host.answer('encrypt_store', () => new Promise((_, reject) => (refuse = reject)));
  await fireEvent.click(await screen.findByRole('button', { name: 'Turn off…' }));
  await fireEvent.click(screen.getByRole('button', { name: 'Turn off' }));
  state.take(1, 4);
  const bar = await screen.findByRole('progressbar');
  await expect.poll(() => bar.getAttribute('aria-valuenow')).toBe('25');
  refuse(fakeProblem('store_locked', 'another program holds the data folder’s database'));
  expect((await screen.findByRole('alert')).textContent).toContain('another program');
  await expect.poll(() => screen.queryByRole('progressbar')).toBeNull();
});
