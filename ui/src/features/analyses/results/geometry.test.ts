import { expect, test } from 'vitest';
import {
  DIRECTIONS,
  fit,
  glyph,
  GROUPS,
  isInside,
  lengthOf,
  linear,
  middleOf,
  nearestTo,
  nextTowards,
  ticksOf,
  type XY,
} from './geometry';
import { stepped } from './steps';

const at = (x: number, y: number): XY => ({ x, y });

test('a point is within a polygon, also in one with a bay', () => {
  const horseshoe = [
    at(0, 0),
    at(9, 0),
    at(9, 9),
    at(6, 9),
    at(6, 3),
    at(3, 3),
    at(3, 9),
    at(0, 9),
  ];
  expect(isInside(at(1, 5), horseshoe)).toBe(true);
  expect(isInside(at(8, 5), horseshoe)).toBe(true);
  expect(isInside(at(4.5, 5), horseshoe)).toBe(false);
  expect(isInside(at(4.5, 1), horseshoe)).toBe(true);
  expect(isInside(at(-1, 5), horseshoe)).toBe(false);
  expect(isInside(at(0, 0), [])).toBe(false);
  expect(isInside(at(1, 1), [at(0, 0), at(2, 2)])).toBe(false);
});

test('a line is as long as its parts', () => {
  expect(lengthOf([at(0, 0), at(3, 4), at(3, 5)])).toBe(6);
  expect(lengthOf([at(1, 1)])).toBe(0);
});

test('the nearest point counts if it is near', () => {
  const points = [at(0, 0), at(10, 0)];
  expect(nearestTo(points, at(7, 0), 5)).toBe(1);
  expect(nearestTo(points, at(5, 20), 5)).toBeNull();
});

test('arrow keys lead to what lies that way, and to what lies aside if nothing else does', () => {
  const points = [at(0, 0), at(10, 1), at(4, 30), at(-5, 0)];
  const go = (from: number, key: string) => nextTowards(points, from, DIRECTIONS[key] ?? at(0, 0));
  expect(go(0, 'ArrowRight')).toBe(1);
  expect(go(0, 'ArrowLeft')).toBe(3);
  expect(go(0, 'ArrowDown')).toBe(2);
  expect(go(1, 'ArrowUp')).toBe(0);
  expect(go(0, 'ArrowUp')).toBeNull();
  expect(go(9, 'ArrowUp')).toBeNull();
});

test('keys step through rows and stay in them', () => {
  expect(stepped('ArrowDown', null, 3)).toBe(0);
  expect(stepped('ArrowDown', 2, 3)).toBe(2);
  expect(stepped('ArrowUp', 0, 3)).toBe(0);
  expect(stepped('End', 0, 3)).toBe(2);
  expect(stepped('x', 0, 3)).toBeUndefined();
  expect(stepped('Home', null, 0)).toBeUndefined();
});

test('ticks are round', () => {
  expect(ticksOf(-0.55, 0.55, 6)).toEqual([-0.4, -0.2, 0, 0.2, 0.4]);
  expect(ticksOf(0, 0, 5)).toEqual([]);
  expect(linear([0, 1], [10, 20])(0.5)).toBe(15);
  expect(linear([1, 1], [10, 20])(1)).toBe(10);
});

test('the middle of a group is not moved by a stray', () => {
  expect(middleOf([at(1, 1), at(2, 2), at(900, 3)])).toEqual(at(2, 2));
});

test('every group has a shape of its own', () => {
  const shapes = Array.from({ length: GROUPS }, (_, group) => glyph(group, at(5, 5), 3));
  expect(new Set(shapes).size).toBe(GROUPS);
  expect(shapes.join('')).not.toMatch(/NaN|undefined/);
});

test('a text that has no room is cut', () => {
  expect(fit('short', 100)).toBe('short');
  expect(fit('a name that goes on and on', 60)).toMatch(/^a name.*…$/);
});
