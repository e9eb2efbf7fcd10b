import { expect, test } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import { AttributeCatalog } from './attribute-catalog.svelte';
import { Completion } from './completion.svelte';
import { ProfileList } from './profile-list.svelte';

function completionOf(host: FakeHost): Completion {
  const ipc = new Ipc(host);
  return new Completion(ipc, new ProfileList(ipc), new AttributeCatalog(ipc));
}

const CHUR = { values: [{ value: { is: 'Chur' }, count: 3 }], distinct: 1, profiles: 3 };

test('values are counted in what the rest of the filter lists, however slowly it is typed', async () => {
  const host = new FakeHost({ count_facet: () => CHUR });
  const completion = completionOf(host);
  await completion.ask('tag:vip city:Ch', 15);
  expect(host.requests('count_facet')).toEqual([
    { field: { attribute: 'city' }, filter: 'tag:vip', search: '', find: 'Ch', limit: 8 },
  ]);
  expect(completion.offers.map(({ text }) => text)).toEqual(['Chur']);
});

test('where the rest says nothing by itself, values are counted in all profiles', async () => {
  const host = new FakeHost({
    count_facet: ({ filter }) =>
      filter === '' ? CHUR : Promise.reject(fakeProblem('invalid_filter', 'a term is missing')),
  });
  const completion = completionOf(host);
  await completion.ask('(age>3 or city:Ch', 17);
  expect(host.requests('count_facet').map(({ filter }) => filter)).toEqual(['(age>3 or', '']);
  expect(completion.offers.map(({ text }) => text)).toEqual(['Chur']);
});
