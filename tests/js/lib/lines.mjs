import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** The lines of a file, decompressed where its name ends in `.gz`. */
export function linesOf(file) {
  const bytes = readFileSync(file);
  const text = (String(file).endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text.split('\n').filter((line) => line !== '');
}
