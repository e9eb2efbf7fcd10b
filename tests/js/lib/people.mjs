// A small file for journeys: real lines, and one that is wrong.
import { writeFileSync } from 'node:fs';
import { linesOf } from './lines.mjs';

const cdnow = new URL('../../fixtures/data/cdnow.ndjson.gz', import.meta.url);

/** How many profiles the file has, beside its bad line. */
export const PEOPLE = 60;

/** The bad line's number. */
export const BAD_LINE = 3;

/** A profile of the file; everyone else is a number. */
export const ANNA = {
  schema: 'user_profile.v1',
  id: 'anna-keller',
  display_name: 'Anna Keller',
  attributes: { city: 'Bern', orders: 11 },
  tags: ['vip'],
  notes: 'Prefers mail.',
  observations: [{ signal: 'order_value', value: 26.5, at: '2026-01-05T10:00:00Z', source: 'shop' }],
};

/** Writes the file. */
export function writePeople(path) {
  const lines = [JSON.stringify(ANNA), ...linesOf(cdnow).slice(0, PEOPLE - 1)];
  lines.splice(BAD_LINE - 1, 0, '{"schema":"user_profile.v1","id":"broken","tags":"vip"}');
  writeFileSync(path, `${lines.join('\n')}\n`);
}
