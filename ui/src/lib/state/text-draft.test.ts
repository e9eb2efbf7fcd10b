import { expect, test, vi } from 'vitest';
import { SAVE_PAUSE_MS, TextDraft } from './text-draft.svelte';

/** A host that merges as little as it can: it appends what was written on. */
function desk(stored: string) {
  const state = { stored };
  const sent: { base: string; text: string; answer: (taken: boolean) => void }[] = [];
  const draft = new TextDraft(
    () => state.stored,
    (base, text) => new Promise((resolve) => sent.push({ base, text, answer: resolve })),
  );
  return { state, sent, draft };
}

test('what others store comes in beside what is typed, and the cursor stays at its letter', () => {
  const { state, draft } = desk('Calls on Monday.');
  draft.text = 'Calls on Monday. Mail';
  state.stored = 'Never calls on Monday.';
  expect(draft.take([21])).toEqual([27]);
  expect(draft.text).toBe('Never calls on Monday. Mail');
  expect(draft.take([27]), 'once').toBeNull();
});

test('it is stored after a pause, by the text that it was typed on', () => {
  vi.useFakeTimers();
  const { sent, draft } = desk('a');
  draft.type('ab');
  draft.type('abc');
  vi.advanceTimersByTime(SAVE_PAUSE_MS);
  expect(sent.map(({ base, text }) => ({ base, text }))).toEqual([{ base: 'a', text: 'abc' }]);
});

test('what is typed while a text is on its way is kept on top of the answer', async () => {
  const { state, sent, draft } = desk('a');
  draft.text = 'ab';
  const stored = draft.commit();
  draft.text = 'abc';
  // The host has stored it together with what somebody else wrote; the window hears of it first.
  state.stored = 'xab';
  expect(draft.take([3]), 'it waits for the answer').toBeNull();
  sent[0]!.answer(true);
  await stored;
  expect(draft.take([3])).toEqual([4]);
  expect(draft.text).toBe('xabc');
  expect(draft.isOpen).toBe(true);
});

test('a text that was refused stays as it was typed', async () => {
  const { sent, draft } = desk('a');
  draft.text = 'ab';
  const stored = draft.commit();
  sent[0]!.answer(false);
  await stored;
  expect(draft.text).toBe('ab');
  void draft.commit();
  expect(sent[1]).toMatchObject({ base: 'a', text: 'ab' });
});
