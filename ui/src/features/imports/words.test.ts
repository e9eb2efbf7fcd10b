import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { locale, m } from '$lib/i18n.svelte';
import { ruleWords } from './words';

afterEach(() => locale.choose('en'));

/** The rules that the host may name, from the table of what to do about each. */
function rulesOfTheHost(): string[] {
  const source = readFileSync('../crates/profile/src/violation.rs', 'utf8');
  const table = /const MENDING: &\[\(Rule, &str\)\] = &\[([\s\S]*?)\n\];/.exec(source)?.[1] ?? '';
  return [...table.matchAll(/\(\s*"(\w+)",/g)].map((found) => found[1] ?? '');
}

test('every rule of the host has words', () => {
  const rules = rulesOfTheHost();
  expect(rules).toContain('required');
  expect(rules.length).toBeGreaterThan(20);
  locale.choose('de');
  expect(rules.filter((rule) => ruleWords(rule) === null)).toEqual([]);
  expect(ruleWords('required')).toEqual({ name: m.rule_required(), mend: m.mend_required() });
});

test('English is what the host says itself, and so is what only a newer host knows', () => {
  expect(ruleWords('required')).toBeNull();
  locale.choose('de');
  expect(ruleWords('of_tomorrow')).toBeNull();
});
