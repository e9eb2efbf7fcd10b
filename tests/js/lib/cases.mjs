// The written cases of tests/fixtures/schema-cases.json. Long members are written short there:
// `grow` names a member and what it repeats. tests/tests/schema_agreement.rs does the same.
import { readFileSync } from 'node:fs';

const file = new URL('../../fixtures/schema-cases.json', import.meta.url);

function grownValue({ text, key, item, times }) {
  const numbered = (template, n) => template.replaceAll('{}', String(n));
  const counted = Array.from({ length: times }, (_, n) => n);
  if (text !== undefined) return text.repeat(times);
  if (key !== undefined) return Object.fromEntries(counted.map((n) => [numbered(key, n), n]));
  return counted.map((n) => JSON.parse(numbered(JSON.stringify(item), n)));
}

function grown(record, grow) {
  if (grow === undefined) return record;
  const steps = grow.member.split('/').slice(1);
  const last = steps.pop();
  const holder = steps.reduce((value, step) => value[step], record);
  holder[last] = grownValue(grow);
  return record;
}

/** All cases: `{ name, valid, record }`. */
export function cases() {
  return JSON.parse(readFileSync(file, 'utf8')).map(({ name, valid, record, grow }) => ({
    name,
    valid,
    record: grown(record, grow),
  }));
}
