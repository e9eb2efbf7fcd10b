import { expect, test } from 'vitest';
import { attributeText, fieldOffers, valueOffers, writingAt } from './filter-completion';

test.each([
  ['ci', 2, { start: 0, end: 2, typed: 'ci', rest: '', of: null }],
  ['tag:vip ci', 10, { start: 8, end: 10, typed: 'ci', rest: 'tag:vip', of: null }],
  ['-ta', 3, { start: 1, end: 3, typed: 'ta', rest: '', of: null }],
  ['(tag:v or x)', 6, { start: 5, end: 6, typed: 'v', rest: '( or x)', of: 'tags' }],
  ['status:pen rest', 8, { start: 7, end: 10, typed: 'p', rest: 'rest', of: 'status' }],
  ['city:"New Y', 11, { start: 5, end: 11, typed: 'New Y', rest: '', of: { attribute: 'city' } }],
  ['attributes.tag=x', 16, { start: 15, end: 16, typed: 'x', rest: '', of: { attribute: 'tag' } }],
  ['has:', 4, { start: 4, end: 4, typed: '', rest: '', of: 'has' }],
])('of %s at %i what is being written is known', (filter, cursor, expected) => {
  expect(writingAt(filter, cursor)).toEqual(expected);
});

test.each([
  ['', 0],
  ['age>=3', 6],
  ['after:2026', 10],
  ['"green te', 9],
])('of %s at %i nothing is offered', (filter, cursor) => {
  expect(writingAt(filter, cursor)).toBeNull();
});

test('fields of every profile come before attributes, and each says what it is', () => {
  const attributes = [
    { name: 'tax', hint: '12' },
    { name: 'tag', hint: '3' },
    { name: 'a "b"', hint: '1' },
  ];
  expect(fieldOffers('ta', attributes, 'field')).toEqual([
    { text: 'tag:', label: 'tag:', hint: 'field' },
    { text: 'tax:', label: 'tax:', hint: '12' },
    { text: 'attributes.tag:', label: 'attributes.tag:', hint: '3' },
  ]);
});

test('an attribute is named so that it can be read back', () => {
  expect(attributeText('city')).toBe('city');
  expect(attributeText('status')).toBe('attributes.status');
  expect(attributeText('street name')).toBe('attributes."street name"');
});

test('values are written as what they are, and what would be read otherwise is left out', () => {
  const values = ['Bern', 'New York', 'true', 'a*', 7, true].map((is) => ({
    value: { is },
    hint: '1',
  }));
  const offers = valueOffers([...values, { value: 'missing', hint: '9' }], '');
  expect(offers.map(({ text }) => text)).toEqual(['Bern', '"New York"', '"true"', '7', 'true']);
});
