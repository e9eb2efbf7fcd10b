// A file of many good lines and some that are wrong, each in a way of its own.
import { writeFileSync } from 'node:fs';
import { linesOf } from './lines.mjs';

const cdnow = new URL('../../fixtures/data/cdnow.ndjson.gz', import.meta.url);

/** How many lines are good. */
export const GOOD = 400;

const record = (members) => JSON.stringify({ schema: 'user_profile.v1', ...members });

/** The wrong lines, by the number that they get in the file, with the rule that they break. */
export const WRONG = [
  { line: 2, rule: 'syntax', text: '{"schema":"user_profile.v1","id":"cut"' },
  { line: 5, rule: 'type', text: record({ id: 'wrong-tags', tags: 'vip' }) },
  { line: 9, rule: 'required', text: record({ display_name: 'Nobody' }) },
  { line: 17, rule: 'duplicate_member', text: '{"schema":"user_profile.v1","id":"a","id":"b"}' },
];

/** Writes the file. */
export function writeWithMistakes(path) {
  const lines = linesOf(cdnow).slice(0, GOOD);
  for (const { line, text } of WRONG) lines.splice(line - 1, 0, text);
  writeFileSync(path, `${lines.join('\n')}\n`);
}
