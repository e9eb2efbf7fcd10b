import { beforeEach, expect, test, vi } from 'vitest';
import { chosenColumns } from './columns';
import { Layout } from './layout.svelte';

const changed = vi.fn();
let layout: Layout;

beforeEach(() => {
  changed.mockClear();
  layout = new Layout(() => ['name', 'attribute:city', 'changed']);
  layout.onChange = changed;
});

test('what is changed starts from what the window has chosen', () => {
  expect(layout.isPlain).toBe(true);
  layout.add('attribute:age');
  expect(layout.columns).toEqual(['name', 'attribute:city', 'changed', 'attribute:age']);
  layout.hide('attribute:city');
  expect(layout.shown).toEqual(['name', 'changed', 'attribute:age']);
  expect(changed).toHaveBeenCalledTimes(2);
  layout.reset();
  expect(layout.shown).toEqual(['name', 'attribute:city', 'changed']);
  expect(layout.isPlain).toBe(true);
});

test('columns move by one place and before another one, and not beyond the ends', () => {
  layout.step('changed', -1);
  expect(layout.shown).toEqual(['name', 'changed', 'attribute:city']);
  layout.step('changed', 1);
  layout.step('changed', 1);
  expect(layout.shown).toEqual(['name', 'attribute:city', 'changed']);
  layout.move('changed', 'name');
  expect(layout.shown).toEqual(['changed', 'name', 'attribute:city']);
  layout.move('changed', null);
  expect(layout.shown).toEqual(['name', 'attribute:city', 'changed']);
});

test('a move to where a column is already changes nothing', () => {
  layout.move('name', 'attribute:city');
  layout.move('changed', null);
  expect(changed).not.toHaveBeenCalled();
});

test('a width alone leaves the choice of columns to the window', () => {
  layout.resize('name', 240);
  expect(layout.columns).toBeNull();
  expect(layout.plain).toEqual({ widths: { name: 240 } });
});

test('what was kept is taken over without telling anybody', () => {
  layout.take({ columns: ['tags'], widths: { tags: 90 } });
  expect(layout.plain).toEqual({ columns: ['tags'], widths: { tags: 90 } });
  expect(changed).not.toHaveBeenCalled();
});

test('what the window chooses fits where there is room, and gives way where there is none', () => {
  const city = { name: 'city', numeric: false, decimals: 0 };
  expect(chosenColumns([city], 1_000)).toContain('attribute:city');
  expect(chosenColumns([city], 700)).toEqual(['name', 'tags', 'observations', 'changed']);
  expect(chosenColumns([city], 600)).toEqual(['name', 'tags', 'observations']);
  expect(chosenColumns([city], 300)).toEqual(['name']);
});
