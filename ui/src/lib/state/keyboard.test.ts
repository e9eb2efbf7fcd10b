import { expect, test } from 'vitest';
import { isPickAll, stepOf } from './keyboard';

function pressed(init: KeyboardEventInit, on: HTMLElement = document.body): KeyboardEvent {
  if (on !== document.body) document.body.append(on);
  let seen!: KeyboardEvent;
  on.addEventListener('keydown', (event) => (seen = event), { once: true });
  on.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, ...init }));
  if (on !== document.body) on.remove();
  return seen;
}

test.each([
  [{ key: 'z', ctrlKey: true }, 'undo'],
  [{ key: 'z', metaKey: true }, 'undo'],
  [{ key: 'Z', ctrlKey: true, shiftKey: true }, 'redo'],
  [{ key: 'y', ctrlKey: true }, 'redo'],
  [{ key: 'z' }, null],
  [{ key: 'z', ctrlKey: true, altKey: true }, null],
  [{ key: 'x', ctrlKey: true }, null],
])('%o is %s', (init, step) => expect(stepOf(pressed(init))).toBe(step));

test.each(['input', 'textarea', 'select'])('in a %s the keys are its own', (tag) => {
  const field = () => document.createElement(tag);
  expect(stepOf(pressed({ key: 'z', ctrlKey: true }, field()))).toBeNull();
  expect(isPickAll(pressed({ key: 'a', ctrlKey: true }, field()))).toBe(false);
});

test('Ctrl+A outside of fields picks all', () => {
  expect(isPickAll(pressed({ key: 'a', ctrlKey: true }))).toBe(true);
  expect(isPickAll(pressed({ key: 'a' }))).toBe(false);
});
