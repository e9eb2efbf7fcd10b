import { expect, test } from 'vitest';
import { pretty } from './pretty';

test('a schema has a line for each signal and trait, names first', () => {
  const schema = {
    version: 1,
    name: 'own',
    signals: [{ range: [1, 6], kind: 'level', title: { en: 'A', de: 'A' }, name: 'a' }],
    dimensions: [{ weights: { a: 1 }, name: 'd' }],
    schema: 'behavior_schema.v1',
  };
  const text = pretty(JSON.stringify(schema));
  expect(text.split('\n')).toEqual([
    '{',
    '  "schema": "behavior_schema.v1",',
    '  "name": "own",',
    '  "version": 1,',
    '  "signals": [',
    '    { "name": "a", "kind": "level", "range": [1,6], "title": {"en":"A","de":"A"} }',
    '  ],',
    '  "dimensions": [',
    '    { "name": "d", "weights": {"a":1} }',
    '  ]',
    '}',
    '',
  ]);
  expect(JSON.parse(text)).toEqual(schema);
});

test('what is no schema stays as it was typed', () => {
  for (const text of ['', '{"schema":', '[1, 2]', 'null', '"x"']) expect(pretty(text)).toBe(text);
});
