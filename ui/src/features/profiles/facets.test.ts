import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { beforeEach, expect, test, vi } from 'vitest';
import { Ipc, type CountFacet, type Facet } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import { FakeRows } from '$lib/ipc/fake-rows';
import { tableAnswers } from '$lib/ipc/fake-table';
import { AttributeCatalog } from './attribute-catalog.svelte';
import FacetPanel from './FacetPanel.svelte';
import { Facets } from './facets.svelte';
import { ProfileList } from './profile-list.svelte';

let host: FakeHost;
let list: ProfileList;
let facets: Facets;

beforeEach(async () => {
  localStorage.clear();
  const rows = new FakeRows(1_000);
  host = new FakeHost({ ...tableAnswers(rows), list_profiles: (request) => rows.page(request) });
  const ipc = new Ipc(host);
  list = new ProfileList(ipc);
  facets = new Facets(ipc, list, new AttributeCatalog(ipc));
  facets.toggle();
  await list.apply();
});

const show = () => render(FacetPanel, { facets, list, onLeave: vi.fn() });
const section = (name: string) => screen.findByRole('region', { name: new RegExp(`^${name}`) });

test('values stand with their counts, the fields with few values first', async () => {
  show();
  const tags = await section('Tags');
  const first = await within(tags).findByRole('checkbox', { name: 'repeat, 300 profiles' });
  expect(first.getAttribute('aria-checked')).toBe('false');
  const titles = (await screen.findAllByRole('heading', { level: 3 })).map((one) =>
    one.textContent.trim(),
  );
  expect(titles.slice(0, 4)).toEqual(['Status', 'Tags', 'city', 'newsletter']);
});

test('a click adds the value to the text of the filter, and Alt excludes it', async () => {
  show();
  const tags = await section('Tags');
  await fireEvent.click(await within(tags).findByRole('checkbox', { name: /^vip/ }));
  await expect.poll(() => list.filter).toBe('tag:vip');
  await fireEvent.click(await within(tags).findByRole('checkbox', { name: /^b2b/ }), {
    altKey: true,
  });
  await expect
    .poll(() => host.requests('narrow_filter').at(-1))
    .toMatchObject({
      filter: 'tag:vip',
      field: 'tags',
      value: { is: 'b2b' },
      how: 'not',
    });
});

test('two quick clicks add to the same text', async () => {
  show();
  const tags = await section('Tags');
  const first = await within(tags).findByRole('checkbox', { name: /^vip/ });
  const second = await within(tags).findByRole('checkbox', { name: /^b2b/ });
  void fireEvent.click(first);
  void fireEvent.click(second);
  await expect.poll(() => list.filter).toBe('tag:vip tag:b2b');
});

test('who goes on writing while a click is answered keeps what they wrote', async () => {
  const clicked = facets.narrow({ field: 'tags', value: { is: 'vip' }, how: 'any' });
  // The click is asked about by now, and not answered.
  await Promise.resolve();
  list.filter = 'city:Chur';
  await clicked;
  expect(list.filter).toBe('city:Chur');
});

test('a text that is wrong is not built upon', async () => {
  list.filter = 'tag:vip';
  await list.apply();
  list.filter = 'tag:vip and (';
  list.filterProblem = fakeProblem('invalid_filter', 'not closed');
  await facets.narrow({ field: 'tags', value: { is: 'new' }, how: 'any' });
  expect(host.requests('narrow_filter')[0]?.filter).toBe('tag:vip');
});

test('counts are asked for the filter that is shown, and late answers are dropped', async () => {
  const answers: ((facet: Facet) => void)[] = [];
  const asked: CountFacet[] = [];
  host.answer('count_facet', (request) => {
    asked.push(request);
    return new Promise<Facet>((answer) => answers.push(answer));
  });
  const facet = (count: number): Facet => ({
    values: [{ value: { is: 'conflict' }, count }],
    distinct: 1,
    profiles: 1,
  });
  void facets.count();
  await expect.poll(() => asked.length).toBe(1);
  list.filter = 'tag:vip';
  await list.apply();
  void facets.count();
  await expect.poll(() => asked.length).toBe(2);
  answers[1]!(facet(2));
  answers[0]!(facet(1));
  await expect.poll(() => facets.sections[0]?.facet?.values[0]?.count).toBe(2);
  expect(asked.slice(0, 2).map(({ filter }) => filter)).toEqual(['', 'tag:vip']);
});

test('a field with too many values says so instead of counting', async () => {
  show();
  const revenue = await section('revenue');
  await fireEvent.click(within(revenue).getByRole('button', { name: 'revenue' }));
  await within(revenue).findByText(/More than 20,000 values/);
});

test('nothing is counted while the panel is closed', async () => {
  facets.toggle();
  await facets.count();
  expect(host.requests('count_facet')).toEqual([]);
});
