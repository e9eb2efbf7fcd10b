// The record schema in Ajv's strict mode.
import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const file = new URL('../../../schemas/user_profile.v1.schema.json', import.meta.url);

/** Our annotations: strict mode refuses keywords that nobody declared. */
const ANNOTATIONS = ['x-merge', 'x-merge-key', 'x-merge-prefer', 'x-derive-key', 'x-order'];

export const schema = JSON.parse(readFileSync(file, 'utf8'));

/** Compiles the schema; throws where strict mode finds fault with it. */
export function compile() {
  const ajv = new Ajv({ strict: true, ownProperties: true });
  ajv.addVocabulary(ANNOTATIONS);
  addFormats(ajv);
  return ajv.compile(schema);
}
