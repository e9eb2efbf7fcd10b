import { expect, test } from 'vitest';
import { LOCALES, locale } from '$lib/i18n.svelte';
import schema from '../../../schemas/commands.schema.json';
import type { ProblemCode } from './ipc';
import { describeProblem } from './problem';

const codes = schema.$defs.ProblemCode.oneOf.map((one) => one.const as ProblemCode);

test('the schema lists the codes', () => {
  expect(codes).toContain('invalid_request');
  expect(codes.length).toBeGreaterThan(15);
});

test.each(codes)('`%s` says what happened and what to do, in both languages', (code) => {
  const said = LOCALES.map((language) => {
    locale.choose(language);
    const { text, action } = describeProblem({ code, message: '' });
    expect(text.length, `${language} text`).toBeGreaterThan(10);
    expect(action.length, `${language} action`).toBeGreaterThan(10);
    return text;
  });
  expect(said[0], 'each language in its own words').not.toBe(said[1]);
});

test('a code of a newer host is still told', () => {
  const problem = { code: 'not_yet_known' as ProblemCode, message: 'x' };
  expect(describeProblem(problem).text).toContain('Kartei');
});
