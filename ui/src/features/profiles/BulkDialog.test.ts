import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, test, vi } from 'vitest';
import { Steps } from '$features/steps/steps.svelte';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeDone } from '$lib/ipc/fake';
import { FakeRows } from '$lib/ipc/fake-rows';
import BulkDialog from './BulkDialog.svelte';
import { ProfileList } from './profile-list.svelte';

const onClose = vi.fn();
let host: FakeHost;
let list: ProfileList;

beforeEach(async () => {
  // happy-dom has no modal dialogs.
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  onClose.mockClear();
  const rows = new FakeRows(26_370);
  host = new FakeHost({
    list_profiles: (request) => rows.page(request),
    bulk_edit: () => fakeDone({ changed: 26_370 }),
    delete_profiles: () => fakeDone({ changed: 26_370 }),
    list_acts: () => ({ undo: null, redo: null, entries: [] }),
  });
  const ipc = new Ipc(host);
  list = new ProfileList(ipc);
  list.filter = 'tag:vip';
  await list.apply();
  list.picked.pickAll();
  render(BulkDialog, { list, steps: new Steps(ipc), onClose });
});

const choose = (label: string, value: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value } });
const type = (label: string, value: string) =>
  fireEvent.input(screen.getByLabelText(label), { target: { value } });
const submit = () => fireEvent.submit(document.querySelector('form')!);

test('it says how many profiles it means, and sends what was picked when it opened', async () => {
  expect(screen.getByRole('heading', { name: 'Edit 2,029 profiles' })).toBeTruthy();
  list.picked.clear();
  await type('Tag', ' spring ');
  await submit();
  await expect.poll(() => onClose.mock.calls.length).toBe(1);
  expect(host.requests('bulk_edit')).toEqual([
    {
      selection: { ids: null, filter: 'tag:vip', search: '' },
      edits: [{ op: 'add', pointer: '/tags', value: 'spring' }],
    },
  ]);
});

test('a value that is none of its type is refused at its field', async () => {
  await choose('What to do', 'set');
  await type('Name', 'age');
  await choose('Type', 'number');
  await type('Value', 'old');
  await submit();
  const fault = await screen.findByRole('alert');
  expect(screen.getByLabelText('Value').getAttribute('aria-describedby')).toBe(fault.id);
  expect(host.requests('bulk_edit')).toEqual([]);
  await type('Value', '30');
  expect(screen.queryByRole('alert')).toBeNull();
  await submit();
  await expect.poll(() => host.requests('bulk_edit').length).toBe(1);
  expect(host.requests('bulk_edit')[0]?.edits).toEqual([
    { op: 'set', pointer: '/attributes/age', value: 30 },
  ]);
});

test('tags that were seen are offered', () => {
  const offered = [...document.querySelectorAll('datalist option')];
  expect(offered.map((option) => option.getAttribute('value'))).toContain('vip');
});

test('deleting asks for nothing else, and says what its button does', async () => {
  await choose('What to do', 'delete');
  expect(screen.queryByLabelText('Tag')).toBeNull();
  expect(screen.getByRole('button', { name: 'Delete 2,029 profiles' })).toBeTruthy();
  await submit();
  await expect.poll(() => onClose.mock.calls.length).toBe(1);
  expect(host.requests('delete_profiles')).toEqual([
    { selection: { ids: null, filter: 'tag:vip', search: '' } },
  ]);
  expect(host.requests('bulk_edit')).toEqual([]);
});
