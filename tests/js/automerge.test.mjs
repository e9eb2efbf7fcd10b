// The golden documents of crates/profile, read by Automerge's own JavaScript: another
// implementation finds the same heads and the same content.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as Automerge from '@automerge/automerge';

const file = new URL('../../crates/profile/tests/golden/genesis.v1.json', import.meta.url);
const fixtures = JSON.parse(readFileSync(file, 'utf8'));

const load = (hex) => Automerge.load(Uint8Array.from(Buffer.from(hex, 'hex')));

/** Strings outside text objects come as a class of their own. */
const plain = (value) => (Automerge.isImmutableString(value) ? value.val : value);

/** A map of the document, read below the proxies: those lose a key called `__proto__`. */
function mapOf(document, name) {
  const backend = Automerge.getBackend(document);
  const path = `/${name}`;
  return new Map(backend.keys(path).map((key) => [key, scalar(backend, path, key)]));
}

function scalar(backend, path, key) {
  const value = backend.getWithType(path, key)?.[1];
  // Integers that a JavaScript number holds exactly all the same.
  return typeof value === 'bigint' ? Number(value) : value;
}

/** Items of a list by their key, without it, as the JSON that a document keeps of them. */
const byKey = (items, key) =>
  new Map(
    items.map(({ [key]: name, ...rest }) => [name, rest]).sort(([a], [b]) => (a < b ? -1 : 1)),
  );

const parsed = (map) => new Map([...map].map(([key, text]) => [key, JSON.parse(text)]));

test('the fixtures are there', () => assert.ok(fixtures.length >= 6));

for (const { name, canonical, document: hex, genesis } of fixtures) {
  const record = JSON.parse(canonical);
  const document = load(hex);

  test(`${name}: the head is the genesis change`, () => {
    assert.deepEqual(Automerge.getHeads(document), [genesis]);
  });

  test(`${name}: the containers hold the canonical record`, () => {
    const { attributes = {}, tags = [], notes = '', observations = [], attachments = [] } = record;
    assert.deepEqual(mapOf(document, 'attributes'), new Map(Object.entries(attributes)));
    assert.deepEqual([...mapOf(document, 'tags').keys()].sort(), [...tags].sort());
    assert.equal(document.notes, notes);
    assert.deepEqual(parsed(mapOf(document, 'observations')), byKey(observations, 'id'));
    assert.deepEqual(parsed(mapOf(document, 'attachments')), byKey(attachments, 'file_id'));
  });

  test(`${name}: the other members hold it too`, () => {
    for (const member of ['schema', 'id', 'display_name', 'created_at', 'updated_at']) {
      assert.equal(plain(document[member]), record[member], member);
    }
    const consent = plain(document.consent);
    assert.deepEqual(consent === undefined ? undefined : JSON.parse(consent), record.consent);
  });
}

test('changes made in JavaScript on two copies of a golden document merge', () => {
  const base = load(fixtures.find(({ name }) => name === 'everything').document);
  const left = Automerge.change(Automerge.clone(base), (doc) => {
    doc.attributes.city = new Automerge.ImmutableString('Graz');
  });
  const right = Automerge.change(Automerge.clone(base), (doc) => {
    doc.attributes.age = 42;
  });
  const merged = Automerge.merge(Automerge.clone(left), right);
  assert.equal(plain(merged.attributes.city), 'Graz');
  assert.equal(merged.attributes.age, 42);
});
