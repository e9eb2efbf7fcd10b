import { describe, expect, test } from 'vitest';
import {
  listOffset,
  SCROLL_HEIGHT_MAX,
  scrollHeight,
  scrollTopCentring,
  scrollTopShowing,
  windowAt,
} from './virtual-window';

const geometry = (rows: number) => ({ rows, rowHeight: 28, viewport: 700 });
const end = (rows: number) => scrollHeight(geometry(rows)) - 700;

describe('a list that fits', () => {
  test('has the height of its rows and is not stretched', () => {
    expect(scrollHeight(geometry(26_370))).toBe(26_370 * 28);
    expect(listOffset(geometry(26_370), 5_000)).toBe(5_000);
    expect(windowAt(geometry(26_370), 28_000, 6)).toEqual({ first: 994, end: 1031, shift: 0 });
  });

  test('shows its first and last rows at the ends of the scroll bar', () => {
    expect(windowAt(geometry(1_000), 0, 6).first).toBe(0);
    expect(windowAt(geometry(1_000), end(1_000), 6).end).toBe(1_000);
  });

  test('is empty without rows', () => {
    expect(windowAt(geometry(0), 0, 6)).toEqual({ first: 0, end: 0, shift: 0 });
  });

  test('shorter than the viewport shows all its rows', () => {
    expect(windowAt(geometry(3), 0, 6)).toEqual({ first: 0, end: 3, shift: 0 });
  });
});

describe('a million rows', () => {
  const g = geometry(1_000_000);

  test('stay under the height that Chromium allows', () => {
    expect(scrollHeight(g)).toBe(SCROLL_HEIGHT_MAX);
    expect(SCROLL_HEIGHT_MAX).toBeLessThan(16_777_200);
  });

  test('reach from the first to the last row', () => {
    expect(windowAt(g, 0, 6)).toEqual({ first: 0, end: 31, shift: 0 });
    const last = windowAt(g, end(1_000_000), 6);
    expect(last.end).toBe(1_000_000);
    const bottomOfLastRow = 999_999 * 28 - last.shift + 28;
    expect(bottomOfLastRow).toBeCloseTo(scrollHeight(g), 3);
  });

  test('place the visible rows inside the viewport wherever it stands', () => {
    for (const share of [0.1, 0.333, 0.5, 0.87]) {
      const scrollTop = Math.round(end(1_000_000) * share);
      const shown = windowAt(g, scrollTop, 0);
      const top = shown.first * 28 - shown.shift - scrollTop;
      expect(top, `at ${share} of the way`).toBeGreaterThan(-28);
      expect(top, `at ${share} of the way`).toBeLessThanOrEqual(0);
    }
  });

  test('can be scrolled to any single row', () => {
    for (const index of [0, 1, 499_999, 777_777, 999_999]) {
      const scrollTop = scrollTopShowing(g, 3_000_000, index);
      const offset = listOffset(g, scrollTop);
      expect(index * 28, `row ${index}`).toBeGreaterThanOrEqual(offset - 0.01);
      expect(index * 28 + 28, `row ${index}`).toBeLessThanOrEqual(offset + 700.01);
    }
  });
});

test('a row that is visible already does not move the list', () => {
  expect(scrollTopShowing(geometry(1_000), 280, 12)).toBe(280);
});

test('a row far away comes to the middle, one in view leaves the list where it is', () => {
  const g = geometry(1_000);
  expect(scrollTopCentring(g, 0, 1)).toBe(0);
  const middle = scrollTopCentring(g, 0, 500);
  const offset = 500 * g.rowHeight - middle;
  expect(offset).toBeCloseTo((g.viewport - g.rowHeight) / 2, 0);
  expect(scrollTopCentring(g, 0, 999)).toBe(scrollTopShowing(g, 0, 999));
});
