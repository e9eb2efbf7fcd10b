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

const WAY = {
  issuer: 'https://login.example/realm',
  authorization_endpoint: 'https://login.example/realm/auth?tenant=1',
  client_id: 'kartei',
  scopes: 'openid email',
  says_issuer: true,
};

/** Begins a sign-in as the button does; answers what the provider is asked. */
async function begun() {
  const session = new Session(new URL('https://relay.example/'));
  const address = await session.begin(WAY);
  return new URL(address ?? '').searchParams;
}

/** Comes back from the provider with what it says. */
function back(said: Record<string, string>) {
  history.replaceState(null, '', `/admin/?${new URLSearchParams(said).toString()}`);
  render(Admin, { session: new Session(new URL('https://relay.example/')) });
}

beforeEach(() => {
  vi.stubGlobal('isSecureContext', true);
  history.replaceState(null, '', '/admin/');
  sessionStorage.clear();
  location.hash = '';
});

test('a token opens the page for this tab, with what stands around it left out', async () => {
  const asked = relay({ 'GET /admin/organisation': { status: 500, body: {} } });
  render(Admin, { session: new Session(new URL('https://relay.example/')) });
  await fireEvent.input(screen.getByLabelText('Token'), { target: { value: ' kartei_secret\n' } });
  await fireEvent.click(screen.getByRole('button', { name: 'Sign in' }));
  expect(await screen.findByRole('navigation', { name: 'Administration' })).toBeTruthy();
  const who = asked.find(({ path }) => path === '/sync/v1/whoami');
  expect(who?.token).toBe('Bearer kartei_secret');
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

test('the provider is asked with the hash of a secret that stays here', async () => {
  relay({});
  location.hash = '#/audit';
  const asked = await begun();
  expect(asked.get('tenant')).toBe('1');
  expect(asked.get('response_type')).toBe('code');
  expect(asked.get('redirect_uri')).toBe(`${location.origin}/admin/`);
  expect(asked.get('code_challenge_method')).toBe('S256');
  const kept = JSON.parse(sessionStorage.getItem('kartei.admin.sign-in') ?? '{}') as {
    verifier: string;
  };
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(kept.verifier));
  expect(asked.get('code_challenge')).toBe(Buffer.from(hash).toString('base64url'));
  expect(asked.toString()).not.toContain(kept.verifier);
  const other = await begun();
  for (const name of ['state', 'nonce', 'code_challenge']) {
    expect(other.get(name)).not.toBe(asked.get(name));
  }
});

test('who comes back with a code is signed in, once, and the address is plain again', async () => {
  const asked = relay({
    'POST /sign-in/oidc': { status: 201, body: { token: 'kartei_of_grace' } },
    'GET /sign-in': { body: { oidc: WAY } },
  });
  location.hash = '#/audit';
  const begin = await begun();
  back({ code: 'c-1', state: begin.get('state') ?? '', iss: WAY.issuer });
  expect(await screen.findByRole('navigation', { name: 'Administration' })).toBeTruthy();
  const sent = asked.find(({ path }) => path === '/sign-in/oidc');
  expect(sent?.token).toBeNull();
  expect(sent?.body).toMatchObject({
    code: 'c-1',
    nonce: begin.get('nonce'),
    redirect_uri: begin.get('redirect_uri'),
    at_least: 'admin',
  });
  expect(location.search + location.hash).toBe('#/audit');
  expect(sessionStorage.getItem('kartei.admin.sign-in')).toBeNull();
  expect(sessionStorage.getItem('kartei.admin.token')).toBe('kartei_of_grace');
});

test.each([
  ['another state', { code: 'c', state: 'x', iss: WAY.issuer }, /not begun in this tab/],
  ['another provider', { code: 'c', iss: 'https://evil.example' }, /not begun in this tab/],
  ['no provider where it says who it is', { code: 'c' }, /not begun in this tab/],
  ['a no', { error: 'access_denied', iss: WAY.issuer }, /was cancelled/],
  [
    'a failure',
    { error: 'server_error', error_description: '<i>Why</i>', iss: WAY.issuer },
    /<i>Why/,
  ],
])('%s is told and no code leaves the page', async (_, said, words) => {
  const asked = relay({ 'GET /sign-in': { body: { oidc: WAY } } });
  const begin = await begun();
  back({ state: begin.get('state') ?? '', ...said } as Record<string, string>);
  expect(await screen.findByText(words)).toBeTruthy();
  expect(asked.filter(({ method }) => method === 'POST')).toEqual([]);
  expect(location.search).toBe('');
});

test('who is no administrator is told so', async () => {
  const forbidden = { status: 403, body: { code: 'forbidden', detail: 'as viewer' } };
  relay({ 'POST /sign-in/oidc': forbidden, 'GET /sign-in': { body: { oidc: WAY } } });
  back({ code: 'c', state: (await begun()).get('state') ?? '', iss: WAY.issuer });
  expect(await screen.findByText(/you are no administrator here/)).toBeTruthy();
});

test('a provider that is away is told when it is wanted', async () => {
  const away = { ...WAY, authorization_endpoint: undefined };
  relay({ 'GET /sign-in': { body: { oidc: away } } });
  render(Admin, { session: new Session(new URL('https://relay.example/')) });
  await fireEvent.click(await screen.findByRole('button', { name: 'Sign in with login.example' }));
  expect(await screen.findByText(/cannot be reached just now/)).toBeTruthy();
});

test.each([
  ['open', 'Lab', /lie open in the database/, 'kartei-relay admin org seal Lab'],
  ['sealing', 'Lab', /is sealing what was there/, 'kartei-relay admin org unseal Lab'],
  ['sealed', 'Ada’s lab', /lie sealed with your/, "kartei-relay admin org unseal 'Ada’s lab'"],
  [
    'opening',
    "Ada's",
    /is opening what was sealed/,
    String.raw`kartei-relay admin org seal 'Ada'\''s'`,
  ],
])(
  'how profiles lie is told, with the command that turns it: %s',
  async (lie, name, text, code) => {
    const files = { used: 0, reserved: 0, quota: null, files: 0, open_uploads: 0 };
    const counts = { head_rev: 1, profiles: 1, deleted: 0, tokens: 1, devices: 0 };
    const body = { name, created_at: 0, epoch: 'e', ...counts, files, profiles_lie: lie };
    relay({ 'GET /admin/organisation': { body } });
    signedIn('overview');
    const section = await screen.findByRole('region', { name: 'At rest' });
    expect(within(section).getByText(text)).toBeTruthy();
    expect(within(section).getByText(code)).toBeTruthy();
  },
);
