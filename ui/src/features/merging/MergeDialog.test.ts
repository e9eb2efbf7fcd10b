import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { expect, test, vi } from 'vitest';
import { Ipc, type MergePreview, type PreviewMerge } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import MergeDialog from './MergeDialog.svelte';
import { MergedIds, Merging } from './merging.svelte';

const CITY = '/attributes/city';
const VALUES: Record<string, string> = { a: 'Bern', b: 'Basel' };
const counts = { attributes: 1, tags: 1, observations: 0, attachments: 0 };

/** Two profiles with cities of their own, as the host would put them together. */
function preview({ kept, merged, choices = [] }: PreviewMerge): MergePreview {
  const side = (id: string) => ({ id, display_name: null, hash: `hash-${id}`, counts });
  return {
    kept: side(kept),
    merged: side(merged),
    after: { ...counts, tags: 2 },
    fields: [
      {
        pointer: CITY,
        kept: VALUES[kept],
        merged: VALUES[merged],
        after: VALUES[choices.includes(CITY) ? merged : kept],
        choice: true,
      },
      {
        pointer: '/notes',
        ...(kept === 'a' ? { kept: 'calls' } : { merged: 'calls' }),
        after: 'calls',
        choice: false,
      },
    ],
    obstacles: [],
  };
}

function shown() {
  const host = new FakeHost({
    preview_merge: preview,
    merge_profiles: () => ({
      act: null,
      changed: 2,
      reopened: 0,
      unchanged: 0,
      refused: 0,
      obstacles: [],
    }),
  });
  const merging = new Merging(new Ipc(host), ['a', 'b']);
  const onMerged = vi.fn();
  render(MergeDialog, { merging, onMerged, onClose: vi.fn() });
  const button = () => screen.getByRole<HTMLButtonElement>('button', { name: 'Merge' });
  return { host, merging, onMerged, button };
}

const row = (name: RegExp) => screen.getByRole('row', { name });
const cells = (name: RegExp) =>
  within(row(name))
    .getAllByRole('cell')
    .map((cell) => cell.textContent.trim());

test('both are side by side, and what is chosen is what is merged', async () => {
  const { host, onMerged, button } = shown();
  expect(button().disabled).toBe(true);
  await screen.findByText('Bern', { selector: '.after *' });
  expect(document.activeElement?.getAttribute('aria-label')).toBe('Keep a');
  expect(cells(/^Tags/)).toEqual(['1', '1', '2']);
  expect(cells(/^Notes/)).toEqual(['calls', 'not set', 'calls']);
  expect(row(/^city/).className).toContain('differs');
  await fireEvent.click(screen.getByRole('radio', { name: 'Take Basel of b' }));
  await screen.findByText('Basel', { selector: '.after *' });
  await fireEvent.click(button());
  await expect.poll(() => onMerged.mock.calls.length).toBe(1);
  const seen = { kept: 'hash-a', merged: 'hash-b' };
  expect(host.requests('merge_profiles')).toEqual([
    { kept: 'a', merged: 'b', choices: [CITY], seen },
  ]);
});

test('the other one can stay: choices stay with the values that were chosen', async () => {
  const { host, button } = shown();
  await screen.findByText('Bern', { selector: '.after *' });
  await fireEvent.click(screen.getByRole('radio', { name: 'Take Basel of b' }));
  await fireEvent.click(screen.getByRole('radio', { name: 'Keep b' }));
  await screen.findByText('Basel', { selector: '.after *' });
  expect(cells(/^Notes/)).toEqual(['calls', 'not set', 'calls']);
  await expect.poll(() => button().disabled).toBe(false);
  await fireEvent.click(button());
  const seen = { kept: 'hash-b', merged: 'hash-a' };
  await expect
    .poll(() => host.requests('merge_profiles'))
    .toEqual([{ kept: 'b', merged: 'a', choices: [], seen }]);
});

test('what stands in the way is named, and nothing can be merged', async () => {
  const { host, merging, button } = shown();
  await screen.findByText('Bern', { selector: '.after *' });
  const limit = { pointer: '/tags', reason: 'has 80 items, at most 64', code: 'max_items' };
  const conflicts = { pointer: '', reason: '`b` has conflicts', code: 'conflicts' };
  host.answer('preview_merge', (asked) => ({ ...preview(asked), obstacles: [conflicts, limit] }));
  await merging.load();
  await screen.findByText(/Tags: .*at most 64/);
  await screen.findByText(/`b` has conflicts/);
  expect(button().disabled).toBe(true);
});

test('a refusal is said in the dialog, which asks anew', async () => {
  const { host, onMerged, button } = shown();
  await screen.findByText('Bern', { selector: '.after *' });
  host.answer('merge_profiles', () => Promise.reject(fakeProblem('blocked', 'changed since')));
  await fireEvent.click(button());
  await screen.findByText(/changed since/);
  expect(onMerged).not.toHaveBeenCalled();
  expect(host.requests('preview_merge').length).toBeGreaterThan(1);
});

test('ids that were merged are looked up, and nothing is said where they cannot be', async () => {
  const host = new FakeHost({ merged_ids: () => ({ merged: [{ id: 'b', into: 'a' }] }) });
  const ids = new MergedIds(new Ipc(host));
  await ids.load(['a', 'b']);
  expect([...ids.into]).toEqual([['b', 'a']]);
  host.answer('merged_ids', () => Promise.reject(fakeProblem('internal', '')));
  await ids.load(['a', 'b']);
  expect(ids.into.size).toBe(0);
});
