import { afterEach, expect, test, vi } from 'vitest';
import { bridgeTransport } from './bridge';
import { FakeHost, fakeProblem } from './fake';
import { Ipc, ProblemError } from './index';

afterEach(() => vi.unstubAllGlobals());

const answering = (status: number, body: unknown) => {
  const fetched = vi.fn((_path: string, _init: RequestInit) =>
    Promise.resolve(new Response(JSON.stringify(body), { status })),
  );
  vi.stubGlobal('fetch', fetched);
  return fetched;
};

test('a rejected call names its problem', async () => {
  const host = new FakeHost();
  host.answer('get_profile', () => Promise.reject(fakeProblem('not_found', 'no such id')));
  const call = new Ipc(host).call('get_profile', { id: 'x' });
  await expect(call).rejects.toBeInstanceOf(ProblemError);
  await expect(call).rejects.toMatchObject({ problem: { code: 'not_found' } });
});

test('what is no problem becomes one', async () => {
  const host = new FakeHost();
  host.answer('about', () => Promise.reject(new TypeError('broken')));
  const call = new Ipc(host).call('about', {});
  await expect(call).rejects.toMatchObject({ problem: { code: 'internal', message: 'broken' } });
});

test('the bridge posts commands as JSON', async () => {
  const fetched = answering(200, { run: 1 });
  await new Ipc(bridgeTransport).call('import_files', { paths: ['/a'] });
  const [path, init] = fetched.mock.calls[0]!;
  expect(path).toBe('/ipc/import_files');
  expect(init).toMatchObject({ method: 'POST', body: '{"paths":["/a"]}' });
});

test('the bridge rejects with the problem in the body', async () => {
  answering(422, fakeProblem('invalid_record', 'too long'));
  const call = new Ipc(bridgeTransport).call('edit_profile', { id: 'a', edits: [] });
  await expect(call).rejects.toMatchObject({ problem: { code: 'invalid_record' } });
});

test('the bridge hands a file over and answers its path', async () => {
  const fetched = answering(200, { path: '/tmp/drop/a b.ndjson' });
  const source = bridgeTransport.files;
  if (source.kind !== 'uploads') throw new Error('a browser has only uploads');
  expect(await source.upload(new File(['{}'], 'a b.ndjson'))).toBe('/tmp/drop/a b.ndjson');
  expect(fetched.mock.calls[0]![0]).toBe('/ipc-drop?name=a%20b.ndjson');
});

test('a host that is gone is a problem too', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('connection refused')));
  const call = new Ipc(bridgeTransport).call('about', {});
  await expect(call).rejects.toMatchObject({ problem: { code: 'internal' } });
});
