// The record schema holds in Ajv's strict mode, and says about written cases and real lines what
// it should. That `jsonschema` in Rust says the same is tested in schema_agreement.rs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cases } from './lib/cases.mjs';
import { linesOf } from './lib/lines.mjs';
import { compile, schema } from './lib/schema.mjs';

test('the schema compiles in strict mode, without a warning', (t) => {
  const warn = t.mock.method(console, 'warn');
  compile();
  assert.equal(warn.mock.callCount(), 0);
});

test('every member says how it is merged', () => {
  for (const [name, member] of Object.entries(schema.properties)) {
    assert.equal(typeof member['x-merge'], 'string', name);
  }
});

test('written cases get their verdict', () => {
  const validate = compile();
  const written = cases();
  assert.ok(written.length >= 60, `the fixture lost its cases: ${written.length}`);
  for (const { name, valid, record } of written) {
    assert.equal(validate(record), valid, `${name}: ${JSON.stringify(validate.errors)}`);
  }
});

for (const [name, count] of [
  ['bfi', 2_800],
  ['cdnow', 23_570],
]) {
  test(`every line of ${name} is valid`, () => {
    const validate = compile();
    const lines = linesOf(new URL(`../fixtures/data/${name}.ndjson.gz`, import.meta.url));
    assert.equal(lines.length, count);
    for (const [index, line] of lines.entries()) {
      assert.ok(validate(JSON.parse(line)), `line ${index + 1}: ${JSON.stringify(validate.errors)}`);
    }
  });
}
