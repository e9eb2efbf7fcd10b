import { m } from '$lib/i18n.svelte';

/** What the filter language can say, with an example of each. The language has one wording. */
export const FILTER_TERMS: { example: string; means: () => string }[] = [
  { example: 'tag:vip', means: m.filter_help_tag },
  { example: 'status:conflict', means: m.filter_help_status },
  { example: 'attributes.age>=30', means: m.filter_help_attribute },
  { example: 'has:city', means: m.filter_help_has },
  { example: 'observed:order_value>100', means: m.filter_help_observed },
  { example: 'observations>=10', means: m.filter_help_observations },
  { example: 'score.openness>0.7', means: m.filter_help_score },
  { example: 'after:2026-01-01', means: m.filter_help_after },
  { example: 'changed>=2026-01', means: m.filter_help_changed },
  { example: 'id:cdnow-*', means: m.filter_help_id },
  { example: '"green tea"', means: m.filter_help_words },
  { example: '-tag:new', means: m.filter_help_not },
  { example: '(tag:vip or tag:new)', means: m.filter_help_or },
];

/** A filter with one more term, which must hold too. */
export function withTerm(filter: string, term: string): string {
  const before = filter.trim();
  if (before === '') return term;
  // `or` binds less than the blank that joins terms.
  const isOr = /(^|\s)or(\s|$)/i.test(before);
  return `${isOr ? `(${before})` : before} ${term}`;
}

/** A filter around its mistake, so that a mark can stand under the wrong letters. */
export function aroundMistake(
  filter: string,
  range: { start: number; end: number } | null | undefined,
): { before: string; marked: string; atEnd: boolean } | null {
  if (range == null) return null;
  const start = Math.min(range.start, filter.length);
  const marked = filter.slice(start, Math.max(start, range.end));
  return { before: filter.slice(0, start), marked, atEnd: marked === '' };
}
