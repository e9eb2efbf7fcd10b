import { describe, expect, test } from 'vitest';
import { splices, wordMarks } from './text-diff';
import { rebase } from './text-merge';

/** Applies splices, as a check that they lead from one text to the other. */
function applied(a: string, b: string): string {
  let text = '';
  let read = 0;
  for (const { at, remove, from, insert } of splices(a, b)) {
    text += a.slice(read, at) + b.slice(from, from + insert);
    read = at + remove;
  }
  return text + a.slice(read);
}

describe('the way from one text to another', () => {
  test.each([
    ['', ''],
    ['', 'abc'],
    ['abc', ''],
    ['abcabba', 'cbabac'],
    ['same', 'same'],
    ['one two three', 'one three two'],
    ['aaaa', 'aabaa'],
    ['kitten sitting', 'sitting kitten'],
  ])('%j becomes %j', (a, b) => {
    expect(applied(a, b)).toBe(b);
    expect(applied(b, a)).toBe(a);
  });

  test('random texts of few letters lead to each other', () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const text = () => Array.from({ length: random(24) }, () => 'abc'[random(3)]).join('');
    for (let turn = 0; turn < 500; turn++) {
      const [a, b] = [text(), text()];
      expect(applied(a, b), `${a} → ${b}`).toBe(b);
    }
  });

  test('texts with nothing in common are one splice, however long', () => {
    const a = 'ab'.repeat(20_000);
    expect(applied(a, 'xy'.repeat(20_000))).toBe('xy'.repeat(20_000));
  });
});

describe('what others wrote joins what is typed', () => {
  test('at other places', () => {
    const { text, places } = rebase(
      'Calls on Monday.',
      'Calls on Monday. Mail',
      'Never calls on Monday.',
      [21],
    );
    expect(text).toBe('Never calls on Monday. Mail');
    expect(places).toEqual([text.length]);
  });

  test('before the cursor it moves along, after it it stays', () => {
    expect(rebase('ab', 'ab', 'Xab', [1]).places).toEqual([2]);
    expect(rebase('ab', 'ab', 'abX', [1, 2]).places).toEqual([1, 2]);
    expect(rebase('ab', 'aYb', 'aXb', [2])).toEqual({ text: 'aXYb', places: [3] });
  });

  test('signs of two units stay whole', () => {
    const { text } = rebase('a👍b', 'a👎b', 'a👏b', []);
    // A lone half of a sign is replaced when it is encoded.
    expect(new TextDecoder().decode(new TextEncoder().encode(text))).toBe(text);
  });

  test('what others removed around the cursor takes it to where they did', () => {
    expect(rebase('one two three', 'one two three', 'one three', [6])).toEqual({
      text: 'one three',
      places: [5],
    });
  });

  test('what is typed inside what others removed stays', () => {
    const { text, places } = rebase('one two three', 'one twXo three', 'one three', [7]);
    expect(text).toContain('X');
    expect(text.slice(0, places[0])).toMatch(/X$/);
  });

  test('nothing is lost of either, wherever they write', () => {
    let seed = 11;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const base = 'the quick brown fox';
    for (let turn = 0; turn < 300; turn++) {
      const [p, q] = [random(base.length + 1), random(base.length + 1)];
      const mine = `${base.slice(0, p)}MINE${base.slice(p)}`;
      const theirs = `${base.slice(0, q)}theirs${base.slice(q)}`;
      const { text, places } = rebase(base, mine, theirs, [p + 4]);
      expect(text, `${p} ${q}`).toContain('MINE');
      expect(text.replace('MINE', ''), `${p} ${q}`).toBe(theirs);
      expect(text.slice(0, places[0])).toMatch(/MINE$/);
    }
  });
});

test('words that differ are marked on both sides, the rest is not', () => {
  const { before, after } = wordMarks('Bahnhofstrasse 3, Bern', 'Bahnhofstrasse 5, Bern');
  expect(before.filter((part) => part.marked).map((part) => part.text)).toEqual(['3']);
  expect(after.filter((part) => part.marked).map((part) => part.text)).toEqual(['5']);
  expect(after.map((part) => part.text).join('')).toBe('Bahnhofstrasse 5, Bern');
});
