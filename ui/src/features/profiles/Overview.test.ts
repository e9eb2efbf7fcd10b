import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeDetail, fakeProblem } from '$lib/ipc/fake';
import Inspector from './Inspector.svelte';
import { OpenProfile } from './open-profile.svelte';

const DETAIL = fakeDetail({
  status: 'conflict',
  record: { attributes: { 'a/b': 'Bern', orders: 3 }, tags: ['vip'], notes: 'old' },
  conflicts: [
    {
      pointer: '/attributes/a~1b',
      base: 'Bern',
      values: [
        {
          value: 'Basel',
          removed: false,
          key: 'k1',
          by: 'a',
          at: null,
          imported: false,
          mine: true,
        },
        {
          value: 'Zug',
          removed: false,
          key: 'k2',
          by: 'b',
          at: null,
          imported: false,
          mine: false,
        },
      ],
    },
  ],
});

let host: FakeHost;
let profile: OpenProfile;

beforeEach(async () => {
  host = new FakeHost({
    get_profile: () => DETAIL,
    get_behavior: () => ({ vectors: [], calibrated: false }),
    edit_profile: () => DETAIL,
    resolve_conflict: () => fakeDetail({ status: 'pending', record: DETAIL.record }),
  });
  profile = new OpenProfile(new Ipc(host), DETAIL.id);
  await profile.load();
  const nothing = () => undefined;
  render(Inspector, {
    profile,
    people: [],
    tab: 'overview',
    known: { attributes: ['city', 'orders'], tags: ['vip', 'regular'] },
    calibrationHref: '#/calibration',
    onSimilar: () => undefined,
    onClearFilter: nothing,
    onTab: nothing,
    onStep: nothing,
    onPrevious: nothing,
    onNext: nothing,
    onDelete: nothing,
    onClose: nothing,
  });
});

test('choosing a value of a conflict sends its key, and the conflict goes', async () => {
  const conflict = screen.getByRole('group', { name: 'Conflict in a/b' });
  await fireEvent.click(
    within(conflict).getByRole('button', { name: 'Keep this value for a/b: Zug' }),
  );
  await expect.poll(() => screen.queryByRole('group', { name: 'Conflict in a/b' })).toBeNull();
  expect(host.requests('resolve_conflict')).toEqual([
    { id: DETAIL.id, pointer: '/attributes/a~1b', key: 'k2' },
  ]);
});

test('an attribute is set by an escaped pointer and keeps its kind', async () => {
  const field = screen.getByRole('textbox', { name: 'Value of orders' });
  await fireEvent.input(field, { target: { value: '4' } });
  await fireEvent.keyDown(field, { key: 'Enter' });
  const name = screen.getByRole('textbox', { name: 'Value of a/b' });
  await fireEvent.input(name, { target: { value: 'Graz' } });
  await fireEvent.blur(name);
  await expect
    .poll(() => host.requests('edit_profile'))
    .toEqual([
      { id: DETAIL.id, edits: [{ op: 'set', pointer: '/attributes/orders', value: 4 }] },
      { id: DETAIL.id, edits: [{ op: 'set', pointer: '/attributes/a~1b', value: 'Graz' }] },
    ]);
});

test('a refused edit says why beside the field and keeps the text', async () => {
  host.answer('edit_profile', () =>
    Promise.reject(fakeProblem('invalid_record', 'longer than 65,536 characters')),
  );
  const notes = screen.getByRole<HTMLTextAreaElement>('textbox', { name: 'Notes' });
  await fireEvent.input(notes, { target: { value: 'a long story' } });
  await fireEvent.keyDown(notes, { key: 'Enter', ctrlKey: true });
  await fireEvent.blur(notes);
  const alert = await screen.findByRole('alert');
  expect(alert.textContent).toContain('nothing was saved');
  expect(alert.textContent).toContain('longer than 65,536 characters');
  expect(notes.value).toBe('a long story');
  expect(profile.record.notes).toBe('old');
});

test('what is no number is not sent and not lost', async () => {
  const field = screen.getByRole<HTMLInputElement>('textbox', { name: 'Value of orders' });
  await fireEvent.input(field, { target: { value: 'three' } });
  await fireEvent.keyDown(field, { key: 'Enter' });
  expect((await screen.findByRole('alert')).textContent).toContain('Not a number');
  expect(field.value).toBe('three');
  expect(host.requests('edit_profile')).toEqual([]);
});

test('tags are added and removed by name', async () => {
  const field = screen.getByRole('combobox', { name: 'Add tag' });
  await fireEvent.input(field, { target: { value: ' new ' } });
  await fireEvent.submit(field.closest('form')!);
  await fireEvent.click(screen.getByRole('button', { name: 'Remove tag vip' }));
  await expect
    .poll(() => host.requests('edit_profile').map(({ edits }) => edits[0]))
    .toEqual([
      { op: 'add', pointer: '/tags', value: 'new' },
      { op: 'remove', pointer: '/tags', value: 'vip' },
    ]);
});

test('known names are offered while one types, and taken with the arrows', async () => {
  await fireEvent.click(screen.getByRole('button', { name: 'Add attribute' }));
  const field = screen.getByRole<HTMLInputElement>('combobox', { name: 'Name' });
  await fireEvent.input(field, { target: { value: 'ci' } });
  const offered = within(screen.getByRole('listbox', { name: 'Name' })).getAllByRole('option');
  expect(offered.map((one) => one.textContent.trim())).toEqual(['city']);
  await fireEvent.keyDown(field, { key: 'ArrowDown' });
  await fireEvent.keyDown(field, { key: 'Enter' });
  expect(field.value).toBe('city');
  await fireEvent.keyDown(field, { key: 'Escape' });
  expect(screen.queryByRole('combobox', { name: 'Name' })).toBeNull();
});

test('who deleted the open profile is told, with the way back', async () => {
  host.answer('get_profile', () => Promise.reject(fakeProblem('not_found', 'gone')));
  host.answer('get_deleted', ({ id }) => ({
    id,
    display_name: null,
    by: 'Ben',
    at: '2026-11-20T13:03:00Z',
    mine: false,
  }));
  host.answer('profile_history', () => ({
    entries: [
      {
        change: 'c9',
        kind: 'deletion',
        by: 'Ben',
        at: null,
        file: null,
        pending: false,
        fields: [],
      },
    ],
  }));
  host.answer('restore_profile', () => DETAIL);
  await profile.refresh();
  expect((await screen.findByText(/^Ben deleted this profile on/)).textContent).toContain('2026');
  await fireEvent.click(screen.getByRole('button', { name: 'Restore' }));
  await screen.findByRole('textbox', { name: 'Notes' });
  expect(host.requests('restore_profile')).toEqual([{ id: DETAIL.id, change: 'c9' }]);
});
