import { fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { expect, test, vi } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import { fakeWorkspace } from '$lib/ipc/fake-system';
import WorkspacesDialog from './WorkspacesDialog.svelte';
import WorkspaceSwitcher from './WorkspaceSwitcher.svelte';
import { initialsOf, WorkspaceList } from './workspaces.svelte';

const HOME = fakeWorkspace({ current: true, home: true });
const STUDY = fakeWorkspace({ id: '3f0c8e27', name: 'Study Bern' });
const all = { workspaces: [HOME, STUDY] };

test.each([
  ['Example Retail', 'ER'],
  ['sandbox', 'SA'],
  ['Über uns', 'ÜU'],
  ['3. Welle', '3W'],
  ['x', 'X'],
  ['…', '–'],
])('%s is %s for short', (name, short) => {
  expect(initialsOf(name)).toBe(short);
});

function answering(): FakeHost {
  return new FakeHost({
    list_workspaces: () => all,
    open_workspace: () => all,
    rename_workspace: () => all,
    remove_workspace: () => all,
  });
}

test('the menu and a key open another workspace', async () => {
  const host = answering();
  render(WorkspaceSwitcher, { workspaces: new WorkspaceList(new Ipc(host)) });
  await fireEvent.click(await screen.findByRole('button', { name: 'Workspace: Example Retail' }));
  const items = screen.getAllByRole('menuitemradio');
  expect(items.map((item) => item.getAttribute('aria-checked'))).toEqual(['true', 'false']);
  await fireEvent.click(items[1]!);
  await waitFor(() => expect(host.requests('open_workspace')).toEqual([{ id: STUDY.id }]));
  const press = (key: string, ctrlKey = true) => fireEvent.keyDown(window, { key, ctrlKey });
  await press('2');
  await waitFor(() => expect(host.requests('open_workspace')).toHaveLength(2));
  await press('1');
  await press('9');
  await press('2', false);
  expect(host.requests('open_workspace'), 'open already, not there, no key').toHaveLength(2);
});

test('a workspace with changes that no relay has is removed only when that was said', async () => {
  const host = answering();
  const unsent = { ...fakeProblem('blocked', '3 profiles have changes'), subject: '3' };
  host.answer('remove_workspace', ({ even_unsent }) =>
    even_unsent ? { workspaces: [HOME] } : Promise.reject(unsent),
  );
  const workspaces = new WorkspaceList(new Ipc(host));
  await workspaces.load();
  render(WorkspacesDialog, { workspaces, onAdd: vi.fn(), onClose: vi.fn() });
  const click = (name: string) => fireEvent.click(screen.getByRole('button', { name }));
  expect(screen.queryByRole('button', { name: 'Remove Example Retail…' })).toBeNull();
  await click('Remove Study Bern…');
  await click('Delete its data here');
  expect((await screen.findByRole('alert')).textContent).toContain(
    '3 profiles have changes that no relay has.',
  );
  await click('Delete, and lose these changes');
  await waitFor(() => expect(screen.queryByText('Study Bern')).toBeNull());
  expect(host.requests('remove_workspace').map((one) => one.even_unsent)).toEqual([false, true]);
});

test('renaming is taken back with Escape, and the focus goes back to its button', async () => {
  const host = answering();
  const workspaces = new WorkspaceList(new Ipc(host));
  await workspaces.load();
  render(WorkspacesDialog, { workspaces, onAdd: vi.fn(), onClose: vi.fn() });
  const button = () => screen.getByRole('button', { name: 'Rename Study Bern' });
  const field = () => screen.getByRole<HTMLInputElement>('textbox', { name: 'Name' });
  await fireEvent.click(button());
  expect(document.activeElement).toBe(field());
  await fireEvent.keyDown(field(), { key: 'Escape' });
  await waitFor(() => expect(document.activeElement).toBe(button()));
  await fireEvent.click(button());
  await fireEvent.input(field(), { target: { value: ' Study Basel ' } });
  await fireEvent.submit(field().form!);
  await waitFor(() =>
    expect(host.requests('rename_workspace')).toEqual([{ id: STUDY.id, name: 'Study Basel' }]),
  );
});
