// Writes src/lib/ipc/generated.ts from schemas/commands.schema.json, which in turn is printed from
// the Rust types in crates/protocol. `cargo xtask codegen` runs both; run alone, this script only
// turns the stored schema into types. The output depends on nothing but the schema.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';
import prettier from 'prettier';

const schemaUrl = new URL('../../schemas/commands.schema.json', import.meta.url);
const targetUrl = new URL('../src/lib/ipc/generated.ts', import.meta.url);

const banner = `// Generated from schemas/commands.schema.json. Do not edit: change crates/protocol and run
// \`cargo xtask codegen\`.
/* eslint-disable */
`;

/** Keywords that only annotate: a schema with no others allows any JSON value. */
const ANNOTATIONS = new Set(['description', 'title', '$comment', 'default']);

/**
 * Says in json-schema-to-typescript's terms what schemars means. Without this a described `$ref`
 * becomes a numbered copy of its type (`ImportRun1`), and any JSON value an index signature.
 */
function prepare(schema) {
  if (schema === true) return { tsType: 'unknown' };
  if (Array.isArray(schema)) return schema.map(prepare);
  if (schema === null || typeof schema !== 'object') return schema;
  if (typeof schema.$ref === 'string') return { $ref: schema.$ref };
  const entries = Object.entries(schema).map(([key, value]) => {
    if (key === 'properties' || key === '$defs') {
      return [key, Object.fromEntries(Object.entries(value).map(([k, v]) => [k, prepare(v)]))];
    }
    const holdsSchemas = ['items', 'oneOf', 'anyOf', 'allOf', 'additionalProperties'].includes(key);
    return [key, holdsSchemas ? prepare(value) : value];
  });
  const prepared = Object.fromEntries(entries);
  if (Object.keys(prepared).every((key) => ANNOTATIONS.has(key))) prepared.tsType = 'unknown';
  return prepared;
}

const schema = prepare(JSON.parse(await readFile(schemaUrl, 'utf8')));
for (const [name, definition] of Object.entries(schema.$defs)) definition.title = name;

const source = await compile(schema, 'Bridge', {
  bannerComment: banner,
  additionalProperties: false,
  format: false,
});

const options = await prettier.resolveConfig(fileURLToPath(targetUrl));
await writeFile(targetUrl, await prettier.format(source, { ...options, parser: 'typescript' }));
