import { fireEvent, render, screen } from '@testing-library/svelte';
import { expect, test, vi } from 'vitest';
import { Steps } from '$features/steps/steps.svelte';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeDone, fakeEntry } from '$lib/ipc/fake';
import PastImports from './PastImports.svelte';
import { Past } from './past.svelte';

test('an import that the relay has is deleted instead, the edited ones only where asked', async () => {
  const obstacles = [{ id: 'a', reason: 'the relay has it', code: 'at_relay' }];
  const host = new FakeHost({
    list_imports: () => ({ entries: [fakeEntry({ import: 7, file: 'crm.ndjson' })] }),
    list_watched: () => ({ folders: [] }),
    list_acts: () => ({ undo: null, redo: null, entries: [] }),
    undo_import: () => fakeDone({ act: null, refused: 1_200, obstacles }),
    imported_now: () => ({ unchanged: 1_197, edited: 3, imported: 1 }),
    delete_imported: () => fakeDone({ changed: 1_200 }),
  });
  const past = new Past(new Ipc(host));
  const steps = new Steps(new Ipc(host));
  const told = vi.spyOn(steps, 'deleteImported');
  await past.load();
  render(PastImports, { past, steps });
  await fireEvent.click(screen.getByRole('button', { name: 'Undo import of crm.ndjson' }));
  await fireEvent.click(screen.getByRole('button', { name: 'Undo import' }));
  await screen.findByRole('heading', { name: 'Delete the profiles of crm.ndjson?' });
  screen.getByRole('button', { name: 'Delete 1,197 profiles' });
  screen.getByText('1 profile stays: a later import changed it.');
  const edited = screen.getByRole('checkbox', { name: 'Also 3 profiles that were edited since' });
  expect(edited).toHaveProperty('checked', false);
  await fireEvent.click(edited);
  await fireEvent.click(screen.getByRole('button', { name: 'Delete 1,200 profiles' }));
  await expect.poll(() => steps.told?.kind).toBe('deleted');
  expect(told).toHaveBeenCalledWith(7, true);
  expect(host.requests('delete_imported')).toEqual([{ import: 7, with_edited: true }]);
});
