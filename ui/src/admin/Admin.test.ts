import { fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, expect, test, vi } from 'vitest';
import Admin from './Admin.svelte';
import { Session } from './session.svelte';

type Answer = { status?: number; body?: unknown };
type Asked = { method: string; path: string; body: unknown; token: string | null };

const YOURS = {
  token_id: '1',
  name: 'Ada',
  role: 'admin',
  created_at: Date.UTC(2026, 10, 1),
  is_yours: true,
};

/** A relay that answers what a test wants, and keeps what it was asked. */
function relay(answers: Record<string, Answer | ((asked: Asked) => Answer)>) {
  const asked: Asked[] = [];
  const all: typeof answers = {
    'GET /sync/v1/whoami': { body: { organisation: 'Lab', name: 'Ada', role: 'admin' } },
    'GET /admin/tokens': { body: { tokens: [YOURS] } },
    ...answers,
  };
  vi.stubGlobal('fetch', (url: URL, init: RequestInit) => {
    const request = {
      method: init.method ?? 'GET',
      path: url.pathname + url.search,
      body: typeof init.body === 'string' ? JSON.parse(init.body) : undefined,
      token: new Headers(init.headers).get('authorization'),
    };
    asked.push(request);
    const found = all[`${request.method} ${url.pathname}`] ?? { status: 404, body: {} };
    const { status = 200, body } = typeof found === 'function' ? found(request) : found;
    const text = body === undefined ? null : JSON.stringify(body);
    return Promise.resolve(new Response(status === 204 ? null : text, { status }));
  });
  return asked;
}

function signedIn(place: string) {
  location.hash = `#/${place}`;
  sessionStorage.setItem('kartei.admin.token', 'kartei_secret');
  render(Admin, { session: new Session(new URL('https://relay.example/')) });
}

beforeEach(() => {
  sessionStorage.clear();
  location.hash = '';
});

test('a token opens the page for this tab, with what stands around it left out', async () => {
  const asked = relay({ 'GET /admin/organisation': { status: 500, body: {} } });
  render(Admin, { session: new Session(new URL('https://relay.example/')) });
  await fireEvent.input(screen.getByLabelText('Token'), { target: { value: ' kartei_secret\n' } });
  await fireEvent.click(screen.getByRole('button', { name: 'Sign in' }));
  expect(await screen.findByRole('navigation', { name: 'Administration' })).toBeTruthy();
  expect(asked[0]?.token).toBe('Bearer kartei_secret');
  expect(sessionStorage.getItem('kartei.admin.token')).toBe('kartei_secret');
});

test.each([
  [{ body: { organisation: 'Lab', name: 'Eve', role: 'analyst' } }, /no administrator’s/],
  [{ status: 401, body: { code: 'unauthorized' } }, /does not accept this token/],
])('a token that opens nothing is told and not kept', async (answer, said) => {
  relay({ 'GET /sync/v1/whoami': answer });
  sessionStorage.setItem('kartei.admin.token', 'kartei_other');
  render(Admin, { session: new Session(new URL('https://relay.example/')) });
  expect(await screen.findByText(said)).toBeTruthy();
  expect(sessionStorage.getItem('kartei.admin.token')).toBeNull();
});

test('a relay that is away says nothing about the token', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('away')));
  sessionStorage.setItem('kartei.admin.token', 'kartei_secret');
  render(Admin, { session: new Session(new URL('https://relay.example/')) });
  expect(await screen.findByText(/cannot be reached/)).toBeTruthy();
  expect(sessionStorage.getItem('kartei.admin.token')).toBe('kartei_secret');
});

test('a new token is shown once, with its name, role and term as asked', async () => {
  const made = { ...YOURS, token_id: '2', name: 'Ben', role: 'analyst', is_yours: false };
  const asked = relay({
    'POST /admin/tokens': { status: 201, body: { ...made, token: 'kartei_new' } },
  });
  signedIn('tokens');
  await fireEvent.click(await screen.findByRole('button', { name: 'New token…' }));
  const dialog = screen.getByRole('dialog');
  await fireEvent.input(within(dialog).getByLabelText('Whose'), { target: { value: ' Ben ' } });
  await fireEvent.click(within(dialog).getByRole('button', { name: 'Create token' }));
  expect(await screen.findByText('kartei_new')).toBeTruthy();
  expect(asked.find(({ method }) => method === 'POST')?.body).toEqual({
    name: 'Ben',
    role: 'analyst',
    expires_in_days: 90,
  });
  await fireEvent.click(screen.getByRole('button', { name: 'I have it' }));
  await waitFor(() => expect(screen.queryByText('kartei_new')).toBeNull());
});

test('the last administrator’s token stays, and why is told', async () => {
  relay({
    'DELETE /admin/tokens/1': { status: 409, body: { code: 'last_administrator', detail: 'no' } },
  });
  signedIn('tokens');
  await fireEvent.click(await screen.findByRole('button', { name: 'Revoke the token of Ada' }));
  const dialog = screen.getByRole('dialog');
  await fireEvent.click(within(dialog).getByRole('button', { name: 'Revoke' }));
  expect(await within(dialog).findByText(/last token that may administer/)).toBeTruthy();
});

test('a token that ended meanwhile leads back to the door', async () => {
  relay({ 'GET /admin/devices': { status: 401, body: { code: 'unauthorized' } } });
  signedIn('devices');
  expect(await screen.findByText(/revoked, or it expired/)).toBeTruthy();
  expect(sessionStorage.getItem('kartei.admin.token')).toBeNull();
});

test('the audit goes on where it ended, and a filter begins anew', async () => {
  const event = (seq: number) => ({
    seq,
    at: Date.UTC(2026, 10, 1),
    actor: 'Ada',
    action: `action.${String(seq)}`,
    subject: 's',
    hash: 'ab',
  });
  const asked = relay({
    'GET /admin/audit': ({ path }) =>
      path.includes('cursor=')
        ? { body: { events: [event(1)] } }
        : { body: { events: [event(2)], next: '2' } },
  });
  signedIn('audit');
  await fireEvent.click(await screen.findByRole('button', { name: 'Show older ones' }));
  expect(await screen.findByText('action.1')).toBeTruthy();
  expect(screen.getByText('action.2')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Show older ones' })).toBeNull();
  await fireEvent.input(screen.getByLabelText('Who'), { target: { value: 'Ada' } });
  await waitFor(() => expect(asked.at(-1)?.path).toContain('actor=Ada'));
  expect(asked.at(-1)?.path).not.toContain('cursor');
});
