import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';
import { Ipc, type RelayWays, type SyncStatus } from '$lib/ipc';
import { FakeHost, fakeProblem, fakeStatus } from '$lib/ipc/fake';
import SignInForm from './SignInForm.svelte';
import { Sync } from './sync.svelte';

const RELAY = 'https://relay.example';
const BEGUN = {
  address: 'https://login.example/auth?x=1',
  provider: 'login.example',
  opened: true,
};

let host: FakeHost;
let end: { resolve: (status: SyncStatus) => void; reject: (problem: unknown) => void };

beforeEach(() => {
  host = new FakeHost({
    relay_ways: () => ({ provider: 'login.example' }),
    begin_sign_in: () => BEGUN,
    end_sign_in: () => new Promise((resolve, reject) => (end = { resolve, reject })),
    cancel_sign_in: () => {
      end.reject(fakeProblem('sign_in_failed', 'signing in was cancelled'));
      return {};
    },
  });
});

function form(address = RELAY): Sync {
  const sync = new Sync(new Ipc(host));
  render(SignInForm, { sync, address });
  return sync;
}

const withProvider = () => screen.findByRole('button', { name: 'Sign in with login.example' });

test('a relay without a provider wants a token, and one that is away as well', async () => {
  host.answer('relay_ways', () => Promise.reject(fakeProblem('offline', 'nobody answers')));
  form();
  await expect.poll(() => host.requests('relay_ways')).toEqual([{ url: RELAY }]);
  expect(screen.queryByRole('button', { name: /with/ })).toBeNull();
  expect(screen.queryByRole('alert')).toBeNull();
});

test('which provider it is belongs to the address that stands there', async () => {
  const answers: ((ways: RelayWays) => void)[] = [];
  host.answer('relay_ways', () => new Promise((resolve) => answers.push(resolve)));
  form('');
  const field = screen.getByLabelText('Address');
  for (const url of ['https://one.example', 'https://two.example']) {
    await fireEvent.input(field, { target: { value: url } });
    await fireEvent.change(field);
  }
  await expect.poll(() => answers.length).toBe(2);
  answers[1]!({ provider: 'two.example' });
  await screen.findByRole('button', { name: 'Sign in with two.example' });
  answers[0]!({ provider: 'one.example' });
  await fireEvent.focus(field);
  expect(screen.queryByRole('button', { name: 'Sign in with one.example' })).toBeNull();
});

test('the browser goes on, and who comes back is signed in', async () => {
  const sync = form();
  await fireEvent.click(await withProvider());
  await screen.findByText(/Go on in your browser, where login\.example asks/);
  expect(host.requests('begin_sign_in')).toEqual([{ url: RELAY, open_browser: true }]);
  expect(screen.getByDisplayValue(BEGUN.address)).toBeTruthy();
  end.resolve(fakeStatus({ state: 'up_to_date', relay: RELAY }));
  await expect.poll(() => sync.status?.relay).toBe(RELAY);
  expect(screen.queryByText(/Go on in your browser/)).toBeNull();
});

test('where no browser could be opened, the address is for somebody to open', async () => {
  host.answer('begin_sign_in', () => ({ ...BEGUN, opened: false }));
  form();
  await fireEvent.click(await withProvider());
  await screen.findByText('No browser could be opened. Open this address in one on this computer.');
});

test('what the provider says is told; who gives up is told nothing', async () => {
  form();
  await fireEvent.click(await withProvider());
  await screen.findByText(/Go on in your browser/);
  end.reject(fakeProblem('sign_in_failed', 'the provider says `access_denied`'));
  expect((await screen.findByRole('alert')).textContent).toContain('access_denied');
  await fireEvent.click(await withProvider());
  await fireEvent.click(await screen.findByRole('button', { name: 'Cancel' }));
  await withProvider();
  expect(host.requests('cancel_sign_in')).toHaveLength(1);
  expect(screen.queryByRole('alert')).toBeNull();
});
