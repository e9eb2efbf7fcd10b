import { describe, expect, test } from 'vitest';
import { locale } from '$lib/i18n.svelte';
import {
  fileName,
  formatAgo,
  formatCount,
  formatPart,
  formatSeconds,
  formatSize,
  formatSpan,
} from './index';
import { editableText, kindOf, parseScalar } from './scalar';

describe('numbers follow the language', () => {
  test('English', () => {
    expect(formatCount(26_370)).toBe('26,370');
    expect(formatSize(60_013_442)).toBe('60.0 MB');
    expect(formatSize(1)).toBe('1 kB');
    expect(formatSize(2_418_000_000)).toBe('2.42 GB');
    expect(formatPart(23_114_010, 60_013_442)).toBe('23.1');
    expect(formatPart(23_114_010, 2_418_000_000)).toBe('0.02');
  });
  test('German', () => {
    locale.choose('de');
    expect(formatCount(26_370)).toBe('26.370');
    expect(formatSize(60_013_442)).toBe('60,0 MB');
  });
});

test('spans are told in the unit one would say', () => {
  expect(formatSpan(8.2)).toBe('8 sec');
  expect(formatSpan(200)).toBe('3 min');
  expect(formatSpan(7_300)).toBe('2 hr');
});

test('a moment just gone is now, and none is in the future', () => {
  const now = Date.parse('2026-11-20T13:00:00Z');
  expect(formatAgo('2026-11-20T12:59:57Z', now)).toBe('now');
  expect(formatAgo('2026-11-20T13:00:20Z', now)).toBe('now');
  expect(formatAgo('2026-11-20T12:59:48Z', now)).toBe('12 sec. ago');
});

test('file names come from paths of either system', () => {
  expect(fileName('/data/a.ndjson')).toBe('a.ndjson');
  expect(fileName('C:\\data\\a.ndjson')).toBe('a.ndjson');
});

describe('what is typed becomes a value of the chosen kind', () => {
  test.each([
    ['number', '12', 12],
    ['number', ' 0,5 ', 0.5],
    ['number', '-3.25', -3.25],
    ['number', '1.234,5', undefined],
    ['number', '', undefined],
    ['number', '1e999', undefined],
    ['text', '12', '12'],
    ['boolean', 'false', false],
    ['boolean', 'yes', undefined],
    ['null', 'anything', null],
    ['number', '12,345', 12_345],
    ['number', '1,234,567.5', 1_234_567.5],
    ['date', ' 2026-02-28 ', '2026-02-28'],
    ['date', '2026-02-31', undefined],
    ['date', '20.11.2026', undefined],
  ] as const)('%s %j', (kind, text, value) => {
    expect(parseScalar(kind, text)).toBe(value);
  });
});

test('numbers are typed as the language writes them, and read back the same', () => {
  locale.choose('de');
  expect(parseScalar('number', '1.234,5')).toBe(1_234.5);
  expect(parseScalar('number', '1.234')).toBe(1_234);
  expect(parseScalar('number', '0.5')).toBe(0.5);
  expect(editableText(1_234.5)).toBe('1234,5');
  expect(parseScalar('number', editableText(1_234.567))).toBe(1_234.567);
});

test('a text that is a day is a date', () => {
  expect(kindOf('2026-11-20')).toBe('date');
  expect(kindOf('2026-11-31')).toBe('text');
  expect(kindOf('2026-11-20T10:00:00Z')).toBe('text');
});

test('nothing takes no time at all', () => {
  expect(formatSeconds(0.0004)).toMatch(/^1\s?ms/);
  expect(formatSeconds(0.25)).toMatch(/^250\s?ms/);
  expect(formatSeconds(3.24)).toMatch(/^3\.2/);
});
