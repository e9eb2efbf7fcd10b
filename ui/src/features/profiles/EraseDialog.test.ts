import { fireEvent, render, screen } from '@testing-library/svelte';
import { expect, test, vi } from 'vitest';
import { Steps } from '$features/steps/steps.svelte';
import Told from '$features/steps/Told.svelte';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeErasure, fakeProblem } from '$lib/ipc/fake';
import EraseDialog from './EraseDialog.svelte';

const ID = 'cdnow-00042';

function shown() {
  const host = new FakeHost({
    erase_profile: () => fakeErasure(),
    list_acts: () => ({ undo: null, redo: null, entries: [] }),
  });
  const steps = new Steps(new Ipc(host));
  const onErased = vi.fn();
  render(Told, { steps, deletedHref: '#/deleted' });
  render(EraseDialog, { id: ID, steps, onErased, onClose: vi.fn() });
  const field = screen.getByLabelText<HTMLInputElement>("Type the profile's id to confirm");
  const button = screen.getByRole<HTMLButtonElement>('button', { name: 'Erase for good' });
  return { host, steps, onErased, field, button };
}

const type = (field: HTMLInputElement, value: string) =>
  fireEvent.input(field, { target: { value } });

test('only the id typed in full lets it be erased', async () => {
  const { host, field, button, onErased } = shown();
  expect(document.activeElement).toBe(field);
  expect(button.disabled).toBe(true);
  await type(field, 'cdnow-0004');
  expect(button.disabled).toBe(true);
  await fireEvent.submit(field.form!);
  expect(host.requests('erase_profile')).toEqual([]);
  await type(field, ` ${ID} `);
  expect(button.disabled).toBe(false);
  await fireEvent.submit(field.form!);
  await expect.poll(() => onErased.mock.calls.length).toBe(1);
  expect(host.requests('erase_profile')).toEqual([{ id: ID }]);
});

test('afterwards it is told which devices have confirmed, and told again when asked', async () => {
  const { host, field } = shown();
  await type(field, ID);
  await fireEvent.submit(field.form!);
  await screen.findByText('1 of 4 devices have confirmed');
  await screen.findByText('Still to confirm: Ben Okafor, Counter, Bern');
  await screen.findByText('Cannot confirm, token revoked: Old laptop');
  const at = '2026-11-20T13:04:00Z';
  const devices = [
    { name: 'Anna Keller', confirmed_at: at },
    { name: 'Ben Okafor', confirmed_at: at },
  ];
  host.answer('erase_profile', () => fakeErasure({ outstanding: 0, devices }));
  await fireEvent.click(screen.getByRole('button', { name: 'Check again' }));
  await screen.findByText('All 2 devices that may have had it have confirmed');
  expect(screen.queryByRole('button', { name: 'Check again' })).toBeNull();
});

test.each([
  ['offline', /Nothing was erased/],
  ['not_found', /The relay does not have this profile yet/],
  ['not_signed_in', /not signed in/],
  ['forbidden', /may not do that/],
] as const)('%s is said in the dialog, which stays with what was typed', async (code, words) => {
  const { host, steps, field, onErased } = shown();
  host.answer('erase_profile', () => Promise.reject(fakeProblem(code, '')));
  await type(field, ID);
  await fireEvent.submit(field.form!);
  await screen.findByText(words);
  expect(field.value).toBe(ID);
  expect(onErased).not.toHaveBeenCalled();
  expect(steps.told).toBeNull();
});

test("an erasure of one's own is not told as somebody else's", async () => {
  const { steps, field } = shown();
  steps.tellErased('other');
  expect(steps.told?.kind).toBe('erased_elsewhere');
  await type(field, ID);
  await fireEvent.submit(field.form!);
  await expect.poll(() => steps.told?.kind).toBe('erased');
  steps.tellErased(ID);
  expect(steps.told?.kind).toBe('erased');
});
