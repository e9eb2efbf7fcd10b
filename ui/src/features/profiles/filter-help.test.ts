import { expect, test } from 'vitest';
import { aroundMistake, FILTER_TERMS, withTerm } from './filter-help';

test.each([
  ['', 'tag:vip', 'tag:vip'],
  ['  age>=30 ', 'tag:vip', 'age>=30 tag:vip'],
  ['tag:a or tag:b', 'tag:vip', '(tag:a or tag:b) tag:vip'],
  ['doctor', 'tag:vip', 'doctor tag:vip'],
])('%j and %j together are %j', (filter, term, both) => {
  expect(withTerm(filter, term)).toBe(both);
});

test('a mistake is found in UTF-16, as browsers count', () => {
  const filter = 'name:"🦊" tag:';
  const range = { start: filter.length - 1, end: filter.length };
  expect(aroundMistake(filter, range)).toEqual({
    before: 'name:"🦊" tag',
    marked: ':',
    atEnd: false,
  });
});

test('a mistake at the end has no letters and is marked behind them', () => {
  expect(aroundMistake('(tag:a', { start: 6, end: 6 })).toEqual({
    before: '(tag:a',
    marked: '',
    atEnd: true,
  });
});

test('a range beyond what is typed by now stays within it', () => {
  expect(aroundMistake('ta', { start: 4, end: 9 })).toEqual({
    before: 'ta',
    marked: '',
    atEnd: true,
  });
  expect(aroundMistake('tag:', null)).toBeNull();
});

test('every example stands once', () => {
  const examples = FILTER_TERMS.map(({ example }) => example);
  expect(new Set(examples).size).toBe(examples.length);
});
