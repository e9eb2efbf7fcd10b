import { expect, test } from 'vitest';
import bfi from '../../../../../schemas/behavior/bfi.v1.json';
import cdnow from '../../../../../schemas/behavior/cdnow.v1.json';
import { pretty } from '../pretty';
import { fieldPointer, mistakesIn, rowAt } from './mistakes';
import * as schema from './model';
import type { SchemaModel } from './model';

const own = {
  schema: 'behavior_schema.v1',
  name: 'own',
  version: 1,
  signals: [
    { name: 'a', kind: 'level' },
    { name: 'b', kind: 'rate', measure: 'per_year' },
  ],
  dimensions: [
    { name: 'd', weights: { a: 1, b: 3 } },
    { name: 'e', weights: { b: 1 } },
  ],
};

function read(value: unknown): SchemaModel {
  const model = schema.readSchema(JSON.stringify(value));
  if (typeof model === 'string') throw new Error(model);
  return model;
}
const written = (model: SchemaModel): typeof own =>
  JSON.parse(schema.schemaText(model)) as typeof own;
const idOf = (model: SchemaModel, name: string) =>
  model.signals.find((one) => schema.nameOf(one) === name)!.id;
function renamed(model: SchemaModel, name: string, to: string): SchemaModel {
  const { id, members } = model.signals.find((one) => schema.nameOf(one) === name)!;
  return schema.changeSignal(model, id, schema.withSignalMember(members, 'name', to));
}

test('reading and writing a schema loses nothing of it', () => {
  const odd = {
    ...own,
    unknown: { deep: [1, null, { x: '"y": 2' }] },
    version: 'two',
    signals: [
      { name: 7, kind: 'level', half_life_days: 'soon', range: [1], colour: 'red', title: null },
      { name: 'a', kind: 'level', direction: 1, measure: 'value', reliability: 1, from: 'a' },
    ],
    dimensions: [{ name: 'd', weights: { gone: -1, a: 'much' }, note: true }],
  };
  for (const one of [bfi, cdnow, own, odd]) {
    expect(written(read(one))).toEqual(one);
    expect(schema.schemaText(read(one))).toBe(pretty(JSON.stringify(one)));
  }
});

test('a text that a form would lose something of is not taken', () => {
  const text = JSON.stringify(own);
  expect(schema.readSchema('{"name": ')).toBe('syntax');
  expect(schema.readSchema('[]')).toBe('shape');
  expect(schema.readSchema('{"signals": {}}')).toBe('shape');
  expect(schema.readSchema('{"dimensions": [{"weights": [1]}]}')).toBe('shape');
  expect(schema.readSchema(text.replace('"a":1', '"a":1,"a":2'))).toBe('lossy');
  expect(schema.readSchema(text.replace('"a":1', '"a":12345678901234567890'))).toBe('lossy');
  expect(schema.readSchema(text.replace('"a":1', '"a":1e999'))).toBe('lossy');
  expect(typeof schema.readSchema(text.replace('"own"', '"\\"a\\": 12345678901234567890"'))).toBe(
    'object',
  );
});

test('rows keep their ids when the text is read again', () => {
  const model = read(own);
  const again = schema.readSchema(JSON.stringify({ ...own, version: 2 }), model) as SchemaModel;
  expect(again.signals.map(({ id }) => id)).toEqual(model.signals.map(({ id }) => id));
});

test('another name of a signal follows in all dimensions, through those of others on the way', () => {
  let model = read(own);
  const { id } = model.signals[1]!;
  for (const typed of ['', 'a', 'ab']) {
    const { members } = model.signals[1]!;
    model = schema.changeSignal(model, id, schema.withSignalMember(members, 'name', typed));
  }
  expect(written(model).dimensions.map(({ weights }) => weights)).toEqual([
    { a: 1, ab: 3 },
    { ab: 1 },
  ]);
});

test('a signal that is taken out goes from its dimensions, and comes back with its weights', () => {
  const model = read(own);
  const [less, removed] = schema.removeSignal(model, idOf(model, 'b'));
  expect(written(less).dimensions.map(({ weights }) => weights)).toEqual([{ a: 1 }, {}]);
  expect(removed.list === 'signals' && removed.from.length).toBe(2);
  expect(written(schema.restore(renamed(less, 'a', 'c'), removed))).toEqual({
    ...own,
    signals: [{ name: 'c', kind: 'level' }, own.signals[1]],
    dimensions: [
      { name: 'd', weights: { c: 1, b: 3 } },
      { name: 'e', weights: { b: 1 } },
    ],
  });
});

test('what says the default is left out', () => {
  const members = { name: 'a', kind: 'level', direction: -1, reliability: 0.5, from: 'x' };
  const set = schema.withSignalMember;
  expect(set(members, 'direction', 1)).not.toHaveProperty('direction');
  expect(set(members, 'reliability', 1)).not.toHaveProperty('reliability');
  expect(set(members, 'from', '')).not.toHaveProperty('from');
  expect(set(members, 'from', 'a')).not.toHaveProperty('from');
  expect(set(members, 'half_life_days', undefined)).not.toHaveProperty('half_life_days');
  expect(schema.withMeasure({ ...members, measure: 'per_year' }, 'value')).not.toHaveProperty(
    'measure',
  );
  expect(schema.withEnd(schema.withEnd(members, 0, 1), 0, undefined)).toEqual(members);
  expect(schema.withTitle(schema.withTitle(members, 'de', 'T'), 'de', '')).toEqual(members);
});

test('what is taken of observations brings its kind', () => {
  const members = { name: 'a', kind: 'level', half_life_days: 30 };
  expect(schema.withMeasure(members, 'per_year')).toEqual({
    name: 'a',
    kind: 'rate',
    half_life_days: 30,
    measure: 'per_year',
  });
  expect(schema.withMeasure(members, 'days_since')).toEqual({
    name: 'a',
    kind: 'duration',
    measure: 'days_since',
  });
});

test('a copy has a name of its own and the same observations', () => {
  const model = read(own);
  const [twice] = schema.copySignal(model, idOf(model, 'a'));
  const [thrice] = schema.copySignal(twice, idOf(model, 'a'));
  expect(written(thrice).signals.map(({ name }) => name)).toEqual(['a', 'a_3', 'a_2', 'b']);
  expect(written(thrice).signals[1]).toEqual({ name: 'a_3', kind: 'level', from: 'a' });
  expect(written(thrice).dimensions).toEqual(own.dimensions);
});

test('rows move, and weights stay with their signals', () => {
  const model = read(own);
  const moved = schema.moveRow(model, 'signals', idOf(model, 'b'), 0);
  expect(written(moved)).toEqual({ ...own, signals: own.signals.toReversed() });
  const traits = schema.moveRow(model, 'dimensions', model.dimensions[0]!.id, 1);
  expect(written(traits).dimensions).toEqual(own.dimensions.toReversed());
});

test('weights are set, changed in their place and taken out', () => {
  const model = read(own);
  const [a, b] = model.signals;
  const [d, e] = model.dimensions;
  let next = schema.weigh(model, e!.id, a!, 2);
  next = schema.weigh(next, d!.id, a!, 'x');
  next = schema.weigh(next, d!.id, b!, undefined);
  expect(written(next).dimensions.map(({ weights }) => weights)).toEqual([
    { a: 'x' },
    { b: 1, a: 2 },
  ]);
  expect(schema.usedSignals(next)).toEqual(new Set([a!.id, b!.id]));
  expect(schema.weightSum(next.dimensions[1]!.weights)).toBe(3);
});

test('a new schema lacks names and nothing else', () => {
  expect([...mistakesIn(schema.newSchema()).keys()]).toEqual([
    '/name',
    '/signals/0/name',
    '/dimensions/0/name',
  ]);
});

test('mistakes stand where the program tells them, in the language of the reader', () => {
  expect([...mistakesIn(read(bfi)), ...mistakesIn(read(cdnow))]).toEqual([]);
  const model = read({
    name: ' x',
    version: 0,
    signals: [
      { name: 'a', kind: 'level', range: [6, 1], reliability: 2 },
      { name: 'a', kind: 'level', half_life_days: 0, title: { en: 'A', de: '' } },
      { name: 'c', kind: 'level', measure: 'per_year', range: [1, null], from: 'y ' },
      { name: 'd', kind: 'duration', measure: 'days_since', half_life_days: 3 },
    ],
    dimensions: [
      { name: 'd', weights: { a: 0 } },
      { name: 'd', weights: {} },
      { name: 'e'.repeat(65), weights: { gone: 1, c: -1, d: 'x' } },
    ],
  });
  const found = mistakesIn(model);
  const id = (at: number) => model.signals[at]!.id;
  expect([...found.keys()].toSorted()).toEqual(
    [
      '/name',
      '/version',
      '/signals/0/range',
      '/signals/0/reliability',
      '/signals/1/name',
      '/signals/1/half_life_days',
      '/signals/1/title/de',
      '/signals/2/from',
      '/signals/2/kind',
      '/signals/2/range',
      '/signals/3/half_life_days',
      '/dimensions/0/weights',
      '/dimensions/1/name',
      '/dimensions/1/weights',
      '/dimensions/2/name',
      '/dimensions/2/weights/gone',
      `/dimensions/2/weights/#${id(2)}`,
      `/dimensions/2/weights/#${id(3)}`,
    ].toSorted(),
  );
  expect(found.get('/signals/0/range')).toBe('The smallest value lies below the greatest.');
  expect([...mistakesIn(read({ name: 'x', version: 1 })).keys()]).toEqual([
    '/signals',
    '/dimensions',
  ]);
});

test('pointers lead to fields and rows', () => {
  expect(fieldPointer('')).toBe('');
  expect(fieldPointer('/name')).toBe('/name');
  expect(fieldPointer('/title/de')).toBe('/title/de');
  expect(fieldPointer('/signals')).toBe('/signals');
  expect(fieldPointer('/signals/3')).toBe('/signals/3');
  expect(fieldPointer('/signals/3/range/0')).toBe('/signals/3/range');
  expect(fieldPointer('/signals/3/title/en')).toBe('/signals/3/title/en');
  expect(fieldPointer('/dimensions/0/weights/a~1b')).toBe('/dimensions/0/weights');
  expect(rowAt('/signals/3/range')).toEqual({ list: 'signals', at: 3 });
  expect(rowAt('/signals')).toBeNull();
  expect(rowAt('/version')).toBeNull();
});
