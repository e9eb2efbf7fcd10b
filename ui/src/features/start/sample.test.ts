import { beforeEach, expect, test } from 'vitest';
import { Ipc, type SampleData } from '$lib/ipc';
import { FakeHost, fakeDone, fakeProblem, fakeRun } from '$lib/ipc/fake';
import { Sample } from './sample.svelte';

const HERE: SampleData = { offered: 2_800, here: 2_800, import: 3, filter: 'id:bfi-*' };
let data: SampleData;
let host: FakeHost;
let sample: Sample;

beforeEach(() => {
  data = { ...HERE, here: 0, import: null };
  host = new FakeHost({
    sample_data: () => data,
    import_sample: () => fakeRun({ state: 'queued' }),
    undo_import: () => {
      data = { ...HERE, here: 0, import: null };
      return fakeDone({ changed: 2_800 });
    },
  });
  sample = new Sample(new Ipc(host));
});

test('it loads until its profiles are here, and only once', async () => {
  const both = await Promise.all([sample.bring(), sample.bring()]);
  expect(both).toEqual([true, false]);
  expect(sample.doing).toBe('loading');
  data = HERE;
  await sample.importEnded();
  expect([sample.doing, sample.here]).toEqual([null, 2_800]);
});

test('removing it undoes its import', async () => {
  data = HERE;
  await sample.load();
  expect((await sample.remove())?.changed).toBe(2_800);
  expect(host.requests('undo_import')).toEqual([{ import: 3 }]);
  expect([sample.here, sample.inTheWay]).toEqual([0, null]);
});

test('where profiles of it were edited it asks, deletes those, and removes the rest', async () => {
  data = HERE;
  const obstacles = ['bfi-1', 'bfi-2'].map((id) => ({ id, reason: '', code: 'edited_since' }));
  host.answer('undo_import', () => fakeDone({ act: null, refused: 2, obstacles }));
  await sample.load();
  expect(await sample.remove()).toBeNull();
  expect([sample.here, sample.inTheWay?.refused]).toEqual([2_800, 2]);
  host.answer('delete_profiles', () => fakeDone({ changed: 2 }));
  host.answer('undo_import', () => fakeDone({ changed: 2_798 }));
  expect((await sample.removeEdited())?.changed).toBe(2_798);
  expect(host.requests('delete_profiles')[0]!.selection.ids).toEqual(['bfi-1', 'bfi-2']);
  expect(sample.inTheWay).toBeNull();
});

test('what did not work is told and can be tried again', async () => {
  host.answer('import_sample', () => Promise.reject(fakeProblem('disk_full', 'no room')));
  expect(await sample.bring()).toBe(false);
  expect([sample.problem?.code, sample.doing]).toEqual(['disk_full', null]);
});
