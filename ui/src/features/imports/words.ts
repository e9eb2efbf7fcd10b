import { formatCount, formatPart, formatSize, formatSpan } from '$lib/format';
import { locale, m } from '$lib/i18n.svelte';
import type { ImportCounts, ImportReport, ImportRun, ProblemExample } from '$lib/ipc';
import { hasEnded } from './imports.svelte';

/** The outcomes of lines, in the order in which people ask for them. Zeroes are left out. */
export function outcomes(counts: ImportCounts): { key: keyof ImportCounts; label: string }[] {
  const all: { key: keyof ImportCounts; label: string }[] = [
    { key: 'created', label: m.count_created() },
    { key: 'updated', label: m.count_updated() },
    { key: 'unchanged', label: m.count_unchanged() },
    { key: 'rejected', label: m.count_rejected() },
    { key: 'conflicts', label: m.count_conflicts() },
    { key: 'duplicates', label: m.count_duplicates() },
    { key: 'warned', label: m.count_warned() },
    { key: 'blank', label: m.count_blank() },
  ];
  return all.filter(({ key }) => counts[key] > 0);
}

const MESSAGES: Record<string, unknown> = m;

function message(name: string): string | null {
  const found = MESSAGES[name];
  return typeof found === 'function' ? (found as () => string)() : null;
}

/**
 * What a broken rule means and how to mend it. The host says both in English, with the details of the line; in
 * another language this stands before them.
 */
export function ruleWords(rule: string): { name: string; mend: string } | null {
  const name = message(`rule_${rule}`);
  const mend = message(`mend_${rule}`);
  return locale.current === 'en' || name === null || mend === null ? null : { name, mend };
}

/** Profiles that the file brought, whether or not it changed them. */
export function accepted(counts: ImportCounts): number {
  return counts.created + counts.updated + counts.unchanged;
}

/** What came of a file, in one sentence. */
export function reportHeadline({ counts }: ImportReport, dryRun = false): string {
  const n = formatCount(accepted(counts));
  const rejected = formatCount(counts.rejected);
  if (dryRun) {
    const told = { count: accepted(counts), n, rejected };
    return counts.rejected === 0 ? m.check_all(told) : m.check_some(told);
  }
  if (counts.rejected === 0) return m.report_all({ count: accepted(counts), n });
  return m.report_some({
    count: accepted(counts),
    n,
    rejected,
  });
}

/** Where a kind of problem was found first: "line 1,204 (cdnow-00007): “2026-13-01”". */
export function exampleWords({ line, id, found }: ProblemExample): string {
  const at = m.example_line({ n: formatCount(line) });
  const who = id == null || id === '' ? at : `${at} (${id})`;
  return found == null ? who : `${who}: ${found}`;
}

/** Lines, megabytes, speed and time left of a run, as far as they can be said. */
export function progressWords(run: ImportRun): string[] {
  if (run.state === 'queued') return [m.import_queued()];
  const words: string[] = [m.import_lines({ count: run.lines, n: formatCount(run.lines) })];
  if (run.bytes_total >= 1_000_000) {
    const read = formatPart(run.bytes, run.bytes_total);
    words.push(m.import_bytes({ read, total: formatSize(run.bytes_total) }));
  } else if (run.bytes_total > 0) {
    words.push(formatSize(run.bytes_total));
  }
  if (!hasEnded(run)) {
    words.push(m.import_speed({ n: formatCount(run.lines_per_second) }));
    if (run.seconds_left != null) words.push(m.import_left({ span: formatSpan(run.seconds_left) }));
  }
  return words;
}

/** All files of a run together, for the line in the status bar. */
export function runTotals(run: ImportRun): { accepted: number; rejected: number } {
  return run.reports.reduce(
    (sum, { counts }) => ({
      accepted: sum.accepted + accepted(counts),
      rejected: sum.rejected + counts.rejected,
    }),
    { accepted: 0, rejected: 0 },
  );
}
