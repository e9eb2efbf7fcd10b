import { render, screen } from '@testing-library/svelte';
import { expect, test, vi } from 'vitest';
import { locale } from '$lib/i18n.svelte';
import { Ipc, type Presence } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import People from './People.svelte';
import { Elsewhere } from './presence.svelte';

const open = (...people: string[]): Presence => ({ profiles: [{ id: 'p', people }] });

test('at most three marks, and the rest as a number; the names are told in full', () => {
  render(People, { people: ['Ada', 'Ben Okafor', 'Cleo Perrin', 'Dana', 'Eli'] });
  const marks = screen.getByRole('button', {
    name: 'Also viewing: Ada, Ben Okafor, Cleo Perrin, Dana, and Eli',
  });
  const words = [...marks.querySelectorAll('span')].map((span) => span.textContent);
  expect(words).toEqual(['A', 'BO', 'CP', '+2']);
  expect(screen.getByRole('tooltip').textContent).toContain('Dana');
});

test('nobody else, no mark', () => {
  render(People, { people: [] });
  expect(screen.queryByRole('button')).toBeNull();
});

test('German says it in German', () => {
  locale.choose('de');
  render(People, { people: ['Ada', 'Ben'] });
  expect(screen.getByRole('button', { name: 'Auch geöffnet bei Ada und Ben' })).toBeTruthy();
});

test('what is open here is told, and the answer shown', async () => {
  const host = new FakeHost({ open_profile: () => open('Ada') });
  const elsewhere = new Elsewhere(new Ipc(host));
  await elsewhere.show('p');
  await elsewhere.show(null);
  expect(host.requests('open_profile')).toEqual([{ id: 'p' }, { id: null }]);
  expect(elsewhere.at('p')).toEqual(['Ada']);
  expect(elsewhere.at('q')).toEqual([]);
});

test('an event that overtook an answer stays', async () => {
  const host = new FakeHost();
  const elsewhere = new Elsewhere(new Ipc(host));
  let answer!: (presence: Presence) => void;
  host.answer('open_profile', () => new Promise((resolve) => (answer = resolve)));
  const asked = elsewhere.show('p');
  await vi.waitFor(() => expect(answer).toBeDefined());
  elsewhere.take(open('Ben'));
  answer(open('Ada'));
  await asked;
  expect(elsewhere.at('p')).toEqual(['Ben']);
});

test('where the host does not answer nobody is shown', async () => {
  const host = new FakeHost({ open_profile: () => open('Ada') });
  const elsewhere = new Elsewhere(new Ipc(host));
  await elsewhere.show('p');
  host.answer('open_profile', () => Promise.reject(fakeProblem('internal', 'gone')));
  await elsewhere.show('p');
  expect(elsewhere.at('p')).toEqual([]);
});
