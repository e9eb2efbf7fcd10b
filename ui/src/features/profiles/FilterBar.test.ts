import { fireEvent, render, screen } from '@testing-library/svelte';
import { expect, test } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import { AttributeCatalog } from './attribute-catalog.svelte';
import { Completion } from './completion.svelte';
import FilterBar from './FilterBar.svelte';
import { ProfileList } from './profile-list.svelte';

test('what is wrong with a filter is said at its field', async () => {
  const host = new FakeHost();
  host.answer('list_profiles', () => Promise.reject(fakeProblem('invalid_filter', '`tag:` what?')));
  const list = new ProfileList(new Ipc(host));
  render(FilterBar, { list, onLeave: () => undefined });
  const field = screen.getByRole('combobox', { name: 'Filter profiles' });
  expect(field.getAttribute('aria-invalid')).toBe('false');
  list.filter = 'tag:';
  await list.apply();
  const alert = await screen.findByRole('alert');
  expect(alert.textContent).toContain('`tag:` what?');
  expect(field.getAttribute('aria-invalid')).toBe('true');
  expect(field.getAttribute('aria-describedby')).toBe(alert.id);
});

test('the wrong letters are marked until others are typed', async () => {
  const host = new FakeHost();
  const wrong = { ...fakeProblem('invalid_filter', 'what?'), range: { start: 8, end: 11 } };
  host.answer('list_profiles', () => Promise.reject(wrong));
  const list = new ProfileList(new Ipc(host));
  const { container } = render(FilterBar, { list, onLeave: () => undefined });
  list.filter = 'tag:vip age>';
  await list.apply();
  await screen.findByRole('alert');
  expect(container.querySelector('u')?.textContent).toBe('age');
  list.filter = 'tag:vi';
  await expect.poll(() => container.querySelector('u')).toBeNull();
  expect(screen.getByRole('alert')).toBeTruthy();
});

test('a term of the help goes into the filter and is asked for', async () => {
  const host = new FakeHost();
  host.answer('list_profiles', () => ({ rows: [], offset: 0, matching: 0, total: 3 }));
  const list = new ProfileList(new Ipc(host));
  render(FilterBar, { list, onLeave: () => undefined });
  list.filter = 'tag:a or tag:b';
  await fireEvent.click(screen.getByRole('button', { name: 'What a filter can say' }));
  await fireEvent.click(screen.getByRole('button', { name: 'Add has:city to the filter' }));
  expect(list.filter).toBe('(tag:a or tag:b) has:city');
  expect(host.requests('list_profiles')).toMatchObject([{ filter: '(tag:a or tag:b) has:city' }]);
  expect(document.activeElement).toBe(screen.getByRole('combobox', { name: 'Filter profiles' }));
});

test('values that profiles have are offered while one types, and taken by keys', async () => {
  const host = new FakeHost();
  host.answer('list_profiles', () => ({ rows: [], offset: 0, matching: 0, total: 3 }));
  host.answer('count_facet', () => ({
    values: [
      { value: { is: 'Bern' }, count: 1_200 },
      { value: { is: 'Berlin' }, count: 7 },
    ],
    distinct: 2,
    profiles: 1_207,
  }));
  const ipc = new Ipc(host);
  const list = new ProfileList(ipc);
  const completion = new Completion(ipc, list, new AttributeCatalog(ipc));
  let left = 0;
  render(FilterBar, { list, completion, onLeave: () => (left += 1) });
  const field = screen.getByRole<HTMLInputElement>('combobox', { name: 'Filter profiles' });
  await fireEvent.input(field, { target: { value: 'city:Be' } });
  await screen.findByRole('option', { name: /Bern.*1,200/ });
  expect(host.requests('count_facet')).toMatchObject([
    { field: { attribute: 'city' }, find: 'Be' },
  ]);
  await fireEvent.keyDown(field, { key: 'ArrowDown' });
  await fireEvent.keyDown(field, { key: 'Enter' });
  expect(list.filter).toBe('city:Bern');
  await expect.poll(() => screen.queryAllByRole('option')).toEqual([]);
  expect(host.requests('list_profiles').at(-1)).toMatchObject({ filter: 'city:Bern' });
  await fireEvent.keyDown(field, { key: 'ArrowDown' });
  expect(left).toBe(1);
});

test('an address with a wrong filter shows the list all the same', async () => {
  const host = new FakeHost();
  host.answer('list_profiles', ({ filter }) =>
    filter === ''
      ? { rows: [], offset: 0, matching: 3, total: 3 }
      : Promise.reject(fakeProblem('invalid_filter', '`tag:` what?')),
  );
  const list = new ProfileList(new Ipc(host));
  list.filter = 'tag:';
  await list.apply();
  expect(list.rows.matching).toBe(3);
  expect(list.filterProblem?.code).toBe('invalid_filter');
  expect(list.filter).toBe('tag:');
});

test('values are counted for the newest letters, one question at a time', async () => {
  const host = new FakeHost();
  const answers: ((values: string[]) => void)[] = [];
  host.answer(
    'count_facet',
    () =>
      new Promise((resolve) =>
        answers.push((values) =>
          resolve({
            values: values.map((is) => ({ value: { is }, count: 1 })),
            distinct: values.length,
            profiles: 1,
          }),
        ),
      ),
  );
  const ipc = new Ipc(host);
  const completion = new Completion(ipc, new ProfileList(ipc), new AttributeCatalog(ipc));
  const first = completion.ask('tag:v', 5);
  void completion.ask('tag:vi', 6);
  void completion.ask('tag:vip', 7);
  await expect.poll(() => answers.length).toBe(1);
  answers[0]!(['old']);
  await expect.poll(() => answers.length).toBe(2);
  expect(completion.offers, 'an answer to older letters is not shown').toEqual([]);
  answers[1]!(['vip-new']);
  await first;
  expect(host.requests('count_facet').map(({ find }) => find)).toEqual(['v', 'vip']);
  expect(completion.offers.map(({ label }) => label)).toEqual(['vip-new']);
});
