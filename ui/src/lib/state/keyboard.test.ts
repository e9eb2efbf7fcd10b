import { expect, test } from 'vitest';
import { inField, isPickAll } from './keyboard';

function pressed(init: KeyboardEventInit, on: HTMLElement = document.body): KeyboardEvent {
  if (on !== document.body) document.body.append(on);
  let seen!: KeyboardEvent;
  on.addEventListener('keydown', (event) => (seen = event), { once: true });
  on.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, ...init }));
  return seen;
}

test.each(['input', 'textarea', 'select', 'dialog'])('in a %s the keys are its own', (tag) => {
  const place = document.createElement(tag);
  const event = pressed({ key: 'a', ctrlKey: true }, place);
  expect([inField(event), isPickAll(event)]).toEqual([true, false]);
  place.remove();
});

test('Ctrl+A outside of fields picks all', () => {
  expect(isPickAll(pressed({ key: 'a', ctrlKey: true }))).toBe(true);
  expect(isPickAll(pressed({ key: 'A', ctrlKey: true, shiftKey: true }))).toBe(false);
  expect(isPickAll(pressed({ key: 'a' }))).toBe(false);
});
