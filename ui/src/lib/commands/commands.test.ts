import { beforeEach, expect, test, vi } from 'vitest';
import { LOCALES, locale } from '$lib/i18n.svelte';
import { Commands, SEQUENCE_MS } from './commands.svelte';
import { keyCaps, strokeOf } from './keys';
import { COMMANDS, GROUPS } from './table';

let commands: Commands;
beforeEach(() => (commands = new Commands()));

function press(key: string, more: KeyboardEventInit & { at?: number } = {}, on = document.body) {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more });
  Object.defineProperty(event, 'target', { value: on });
  Object.defineProperty(event, 'timeStamp', { value: more.at ?? 0 });
  return commands.press(event);
}

test('every command has a name in both languages and a group that is listed', () => {
  for (const language of LOCALES) {
    locale.choose(language);
    for (const [id, { name, group }] of COMMANDS) {
      expect(name(), `${language} ${id}`).not.toBe('');
      expect(GROUPS.some(({ key }) => key === group)).toBe(true);
    }
  }
});

test('no keys are given twice where they could be meant', () => {
  // What is heard at the focus may mean something else in another place.
  const all = COMMANDS.flatMap(([, { group, keys = [], atFocus }]) =>
    keys.map((one) => (atFocus ? `${group} ${one}` : one)),
  );
  // Escape lets go of what is picked, else of the open profile: one command.
  expect(all.length).toBe(new Set(all).size);
});

test('a key runs what was bound last and applies', () => {
  const [first, second] = [vi.fn(), vi.fn()];
  let applies = true;
  commands.bind({ 'list.search': first });
  const unbind = commands.bind({ 'list.search': { run: second, when: () => applies } });
  expect(press('/')).toBe(true);
  applies = false;
  press('/');
  applies = true;
  unbind();
  press('/');
  expect([first.mock.calls.length, second.mock.calls.length]).toEqual([2, 1]);
  expect(press('j'), 'nobody bound it').toBe(false);
});

test('two keys one after the other are a command, in time', () => {
  const go = vi.fn();
  commands.bind({ 'go.imports': go });
  press('g', { at: 0 });
  press('i', { at: SEQUENCE_MS - 1 });
  expect(go).toHaveBeenCalledTimes(1);
  press('g', { at: 5_000 });
  press('i', { at: 5_000 + SEQUENCE_MS });
  press('i', { at: 5_001 + SEQUENCE_MS });
  expect(go).toHaveBeenCalledTimes(1);
});

test('in a field only the palette is heard', () => {
  const [palette, search, undo] = [vi.fn(), vi.fn(), vi.fn()];
  commands.bind({ 'window.palette': palette, 'list.search': search, 'steps.undo': undo });
  const field = document.createElement('input');
  expect(press('/', {}, field)).toBe(false);
  expect(press('z', { ctrlKey: true }, field)).toBe(false);
  expect(press('K', { ctrlKey: true }, field)).toBe(true);
  expect(press('k', { metaKey: true }, field)).toBe(true);
  expect([palette, search, undo].map((one) => one.mock.calls.length)).toEqual([2, 0, 0]);
});

test('strokes are told apart by their modifiers', () => {
  const stroke = (key: string, more: KeyboardEventInit = {}, altGraph = false) => {
    const event = new KeyboardEvent('keydown', { key, ...more });
    // happy-dom takes every Alt for AltGr.
    Object.defineProperty(event, 'getModifierState', { value: () => altGraph });
    return strokeOf(event);
  };
  expect(stroke('?', { shiftKey: true })).toBe('?');
  expect(stroke('Z', { ctrlKey: true, shiftKey: true })).toBe('Mod+Shift+z');
  expect(stroke('ArrowDown', { shiftKey: true })).toBe('Shift+ArrowDown');
  expect(stroke('x', { altKey: true })).toBeNull();
  expect(stroke('Shift', { shiftKey: true })).toBeNull();
  const altGr = { altKey: true, ctrlKey: true };
  expect(stroke('[', altGr, true), 'AltGr+8 on a German keyboard').toBe('[');
});

test('caps are named as on the keyboard of the language', () => {
  expect(keyCaps('g p')).toEqual(['g', 'p']);
  expect(keyCaps('Mod+Shift+z')).toEqual(['Ctrl Shift Z']);
  locale.choose('de');
  expect(keyCaps('Mod+k')).toEqual(['Strg K']);
  expect(keyCaps('Space')).toEqual(['Leertaste']);
});
