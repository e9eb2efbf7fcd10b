// One edit of a saved profile document by Automerge's own JavaScript, for a test in Rust: it saves a
// document, runs this, and loads what comes back. Prints one JSON line: `read`, the document as it
// came, and `written`, as it was saved, both as plain values; with each its heads.
// usage: interop.mjs DOCUMENT RESULT --city TEXT --tag NAME --append TEXT
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as Automerge from '@automerge/automerge';

const text = { type: 'string' };
const { values: edit, positionals } = parseArgs({
  options: { city: text, tag: text, append: text },
  allowPositionals: true,
});
const [from, to] = positionals;
if (to === undefined || Object.keys(edit).length < 3) {
  console.error('usage: interop.mjs DOCUMENT RESULT --city TEXT --tag NAME --append TEXT');
  process.exit(2);
}

const read = Automerge.load(new Uint8Array(readFileSync(from)));
const edited = Automerge.change(Automerge.clone(read), (document) => {
  // A string of its own would become a text object; attributes are scalars.
  document.attributes.city = new Automerge.ImmutableString(edit.city);
  document.tags[edit.tag] = true;
  Automerge.splice(document, ['notes'], document.notes.length, 0, edit.append);
});
const bytes = Automerge.save(edited);
writeFileSync(to, bytes);
// What is told as written is what anybody reads from those bytes.
console.log(JSON.stringify({ read: told(read), written: told(Automerge.load(bytes)) }));

function told(document) {
  return {
    heads: Automerge.getHeads(document).sort(),
    value: mapOf(Automerge.getBackend(document), '_root'),
  };
}

/** A map of the document, read below the proxies: those lose a key called `__proto__`. */
function mapOf(backend, object) {
  const entries = backend.keys(object).map((key) => [key, valueOf(backend, object, key)]);
  // This defines the keys as the object's own, whatever they are called.
  return Object.fromEntries(entries);
}

function valueOf(backend, object, key) {
  const [kind, value] = backend.getWithType(object, key);
  switch (kind) {
    case 'map':
      return mapOf(backend, value);
    case 'list':
      return Array.from({ length: backend.length(value) }, (_, at) => valueOf(backend, value, at));
    case 'text':
      return backend.text(value);
    case 'int':
    case 'uint':
      // Within the 53 bits that profiles keep to, a number holds it exactly.
      return Number(value);
    case 'str':
    case 'f64':
    case 'boolean':
    case 'null':
      return value;
    default:
      throw new Error(`a profile has no value of the kind ${kind}: ${object}/${key}`);
  }
}
