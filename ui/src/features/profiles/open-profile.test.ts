import { beforeEach, expect, test } from 'vitest';
import { Ipc, type EditProfile, type ProfileDetail } from '$lib/ipc';
import { FakeHost, fakeDetail, fakeProblem } from '$lib/ipc/fake';
import { OpenProfile } from './open-profile.svelte';
import { withEdits } from './record';

let host: FakeHost;
let profile: OpenProfile;
const detail = (record: Record<string, unknown>) => fakeDetail({ record });

beforeEach(async () => {
  host = new FakeHost({ get_profile: () => detail({ attributes: { city: 'Bern' }, tags: ['a'] }) });
  profile = new OpenProfile(new Ipc(host), 'cdnow-00042');
  await profile.load();
});

test('an edit shows at once and then as the host has it', async () => {
  let answer!: (detail: ProfileDetail) => void;
  host.answer('edit_profile', () => new Promise((resolve) => (answer = resolve)));
  const at = '/attributes/city';
  const sent = profile.edit(at, [{ op: 'set', pointer: at, value: 'Wien' }]);
  expect(profile.record.attributes).toEqual({ city: 'Wien' });
  await Promise.resolve();
  answer(detail({ attributes: { city: 'WIEN' } }));
  expect(await sent).toBe(true);
  expect(profile.record.attributes).toEqual({ city: 'WIEN' });
});

test('a refused edit is taken back and its problem stays at the field', async () => {
  host.answer('edit_profile', () => Promise.reject(fakeProblem('invalid_record', 'too long')));
  const at = '/attributes/city';
  expect(await profile.edit(at, [{ op: 'set', pointer: at, value: 'x' }])).toBe(false);
  expect(profile.record.attributes).toEqual({ city: 'Bern' });
  expect(profile.fieldProblems[at]?.code).toBe('invalid_record');
  profile.forget(at);
  expect(profile.fieldProblems).toEqual({});
});

test('edits go out one after another', async () => {
  const answers: (() => void)[] = [];
  host.answer('edit_profile', (_: EditProfile) => {
    return new Promise((resolve) => answers.push(() => resolve(detail({ tags: ['a', 'b', 'c'] }))));
  });
  const first = profile.edit('/tags', [{ op: 'add', pointer: '/tags', value: 'b' }]);
  const second = profile.edit('/tags', [{ op: 'add', pointer: '/tags', value: 'c' }]);
  expect(profile.record.tags).toEqual(['a', 'b', 'c']);
  await Promise.resolve();
  expect(answers).toHaveLength(1);
  answers[0]!();
  await first;
  await Promise.resolve();
  answers[1]!();
  expect(await second).toBe(true);
});

test('a store that changes all the time is asked once at a time, and once more at the end', async () => {
  const before = host.requests('get_profile').length;
  const refreshed = [profile.refresh(), profile.refresh(), profile.refresh()];
  await Promise.all(refreshed);
  expect(host.requests('get_profile').length - before).toBe(2);
});

test('an answer that an edit has overtaken is dropped', async () => {
  let late!: (detail: ProfileDetail) => void;
  host.answer('get_profile', () => new Promise((resolve) => (late = resolve)));
  host.answer('edit_profile', () => detail({ display_name: 'new' }));
  const loading = profile.load();
  await profile.edit('/display_name', [{ op: 'set', pointer: '/display_name', value: 'new' }]);
  late(detail({ display_name: 'old' }));
  await loading;
  expect(profile.record.display_name).toBe('new');
});

test('edits reach members whose names need escaping, and leave the record they came from alone', () => {
  const record = { attributes: { 'a/b': 1 } };
  const edited = withEdits(record, [
    { op: 'set', pointer: '/attributes/a~1b', value: 2 },
    { op: 'set', pointer: '/notes', value: 'n' },
    { op: 'unset', pointer: '/display_name' },
  ]);
  expect(edited).toEqual({ attributes: { 'a/b': 2 }, notes: 'n' });
  expect(record).toEqual({ attributes: { 'a/b': 1 } });
});

test('a merged profile leads to the one that it is part of, unless it is looked at as it was', async () => {
  const at = '2026-11-20T13:04:00Z';
  const deletion = { id: 'p-1', display_name: null, by: null, at, mine: true, became: 'p-9' };
  const merged = new FakeHost({
    get_profile: () => fakeDetail({ id: 'p-9', asked: 'p-1' }),
    get_deleted: () => deletion,
  });
  const now = new OpenProfile(new Ipc(merged), 'p-1');
  await now.load();
  expect(now.into).toBe('p-9');
  const then = new OpenProfile(new Ipc(merged), 'p-1', true);
  await then.load();
  expect([then.into, then.deletion?.became]).toEqual([null, 'p-9']);
  // It came back: it is a profile like any other.
  merged.answer('get_deleted', () => Promise.reject(fakeProblem('not_found', '')));
  merged.answer('get_profile', () => fakeDetail({ id: 'p-1' }));
  await then.load();
  expect([then.into, then.deletion, then.detail?.id]).toEqual([null, null, 'p-1']);
});
