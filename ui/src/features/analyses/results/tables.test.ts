import { expect, test } from 'vitest';
import { locale } from '$lib/i18n.svelte';
import { csvOf, tablesOf } from './tables';
import { numberOf, resultOf, rowsOf, titleOf } from './types';
import { columnFormat, columnTitle, inReadingOrder, readable, signed } from './words';

const report = {
  analysis: 'x',
  findings: [{ code: 'c' }],
  done: 3,
  words: ['no', 'table'],
  none: [],
  variables: [
    { name: 'a', test: null, mean: 1.5 },
    { name: 'b', test: { t: 2, p: 0.5 }, mean: 2, kind: 'dimension', band: [0.1, 0.9] },
  ],
};

test('lists of objects are tables, and what says what a row is about stands first', () => {
  expect(tablesOf(report)).toEqual([
    {
      name: 'variables',
      columns: ['kind', 'name', 'band.1', 'band.2', 'mean', 'test.p', 'test.t'],
      rows: [
        [null, 'a', null, null, 1.5, null, null],
        ['dimension', 'b', 0.1, 0.9, 2, 0.5, 2],
      ],
    },
  ]);
});

test('what is no report has no tables, no rows and no numbers', () => {
  for (const broken of [null, undefined, 7, 'text', [], [{ analysis: 'x' }]]) {
    expect(tablesOf(broken)).toEqual([]);
    expect(resultOf(broken)).toBeNull();
  }
  expect(resultOf({ analysis: 5 })).toBeNull();
  expect(resultOf(report)?.analysis).toBe('x');
  expect(rowsOf('rows' as never)).toEqual([]);
  expect(rowsOf([{ a: 1 }, null, 3] as never)).toEqual([{ a: 1 }]);
  expect([numberOf('1'), numberOf(Number.NaN), numberOf(1)]).toEqual([null, null, 1]);
});

test('CSV quotes what needs it and keeps texts from being formulas', () => {
  const rows = [
    ['say "hi", all', -1.5, true],
    ['=1+1', null, false],
    ['two\nlines', 0, null],
  ];
  expect(csvOf({ name: 't', columns: ['a', 'b', 'c'], rows })).toBe(
    'a,b,c\r\n"say ""hi"", all",-1.5,true\r\n\'=1+1,,false\r\n"two\nlines",0,\r\n',
  );
});

test('dimensions are called what people call them, else by their name', () => {
  const named = {
    analysis: 'x',
    calibration: { titles: { o: { en: 'Openness', de: 'Offenheit' } } },
  };
  expect([titleOf(named, 'o'), titleOf(named, 'p')]).toEqual(['Openness', 'p']);
  locale.choose('de');
  expect(titleOf(named, 'o')).toBe('Offenheit');
});

test('columns have words, also those inside of others, and a name where none is known', () => {
  expect(columnTitle('mean')).toBe('Mean');
  expect(columnTitle('a.mean')).toBe('A · Mean');
  expect(columnTitle('bands.low.share')).toBe('Lowest band · Share');
  expect(columnTitle('share_low')).toBe('Share · at least');
  expect(columnTitle('of_tomorrow')).toBe('of_tomorrow');
  locale.choose('de');
  expect(columnTitle('other_id')).toBe('Andere Id');
});

test('numbers of a column have the same decimals', () => {
  const format = columnFormat('p', [0.5, 1e-30, null]);
  expect([format(0.5), format(1e-30), format(-0.25), format(0)]).toEqual([
    '0.500',
    '< 0.001',
    '−0.250',
    '0.000',
  ]);
  expect(columnFormat('people', [1234])(1234)).toBe('1,234');
  expect(columnFormat('share', [0.228])(0.228)).toBe('22.8%');
  expect(columnFormat('mean', [0.53, 29.2])(0.53)).toBe('0.53');
  expect([signed(0.004), signed(-0.126), signed(0.126)]).toEqual(['0.00', '−0.13', '+0.13']);
});

test('a table is read without empty columns, with words for what the engine says', () => {
  const table = {
    name: 'variables',
    columns: ['kind', 'name', 'code', 'test.p'],
    rows: [['dimension', 'o', 'too_few', null]],
  };
  const named = { analysis: 'x', calibration: { titles: { o: { en: 'Openness' } } } };
  const { columns, text } = readable(table);
  expect(columns.map(({ name }) => name)).toEqual(['kind', 'name', 'code']);
  expect(columns.map((column) => text(named, table.rows[0] ?? [], column))).toEqual([
    'Dimension',
    'Openness',
    'too few',
  ]);
});

test('what charts are drawn of comes after what is read', () => {
  const of = (name: string) => ({ name, columns: [], rows: [] });
  const order = inReadingOrder(['bins', 'dimensions', 'segments'].map(of));
  expect(order.map(({ name }) => name)).toEqual(['segments', 'dimensions', 'bins']);
});
