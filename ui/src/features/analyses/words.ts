import { shortVersion } from '$features/behavior/words';
import type { Meaning } from '$lib/components/Shape.svelte';
import { formatCount, formatDay, formatSeconds, formatSpan } from '$lib/format';
import { locale, m } from '$lib/i18n.svelte';
import type { Analysis, AnalysisStage, ReportFinding } from '$lib/ipc';
import { kindOf } from './kinds';

/** Each stage with its shape and its word. */
export const STAGES: Record<AnalysisStage, { meaning: Meaning; text: () => string }> = {
  waiting: { meaning: 'none', text: m.analysis_waiting },
  refused: { meaning: 'rejected', text: m.analysis_refused },
  queued: { meaning: 'none', text: m.analysis_queued },
  running: { meaning: 'pending', text: m.analysis_running },
  completed: { meaning: 'done', text: m.analysis_completed },
  failed: { meaning: 'rejected', text: m.analysis_failed },
  canceled: { meaning: 'none', text: m.analysis_canceled },
};

export const stageOf = (analysis: Analysis): { meaning: Meaning; text: () => string } =>
  analysis.ending ? { meaning: 'pending', text: m.analysis_ending } : STAGES[analysis.stage];

/** Jobs of the relay that nobody asks for among the analyses: calibrations that it makes. */
const OTHERS: Record<string, () => string> = {
  calibration: m.analysis_calibration,
  dry_run: m.analysis_dry_run,
};

/** What an analysis is called. */
export const analysisName = (analysis: string): string =>
  (kindOf(analysis)?.title ?? OTHERS[analysis])?.() ?? analysis;

/** Whom it is of, in one line. */
/** Whether it is of the records of a file, and not of profiles. */
export const isOfFile = ({ params }: Analysis): boolean =>
  (params as Record<string, unknown> | null | undefined)?.['dataset'] !== undefined;

export const everybodyOf = (analysis: Analysis): string =>
  isOfFile(analysis) ? m.analysis_all_records() : m.analysis_all();

export const cohortOf = (analysis: Analysis): string => analysis.filter ?? everybodyOf(analysis);

/** What it was told that tells it from others of its kind, in one line. */
export function toldOf(analysis: Analysis): string | null {
  const told = (analysis.params ?? {}) as Record<string, unknown>;
  const own = ownOf(analysis.analysis, told);
  if (!isOfFile(analysis)) return own;
  return own === null ? m.analysis_told_dataset() : `${m.analysis_told_dataset()} · ${own}`;
}

function ownOf(analysis: string, told: Record<string, unknown>): string | null {
  const text = (name: string) => {
    const value = told[name];
    return typeof value === 'string' ? value : null;
  };
  if (analysis === 'compare') {
    return m.analysis_told_compare({ other: text('other') ?? m.analysis_everybody_else() });
  }
  if (analysis === 'similar') return text('id');
  const k = analysis === 'segments' ? told['k'] : null;
  if (typeof k === 'number') return m.analysis_told_segments({ n: formatCount(k) });
  const from = analysis === 'drift' ? text('from') : null;
  if (from !== null) return m.analysis_told_drift({ day: formatDay(from) });
  const against = analysis === 'drift' ? text('against') : null;
  if (against !== null) return m.analysis_told_against({ version: shortVersion(against) });
  return null;
}

/** Why it failed, in the person's language. */
const REASONS: Record<string, () => string> = {
  lease_lost: m.analysis_lease_lost,
  overdue: m.analysis_overdue,
  forced: m.analysis_forced,
  analysis: m.analysis_not_possible,
  relay: m.analysis_relay_failed,
};
export function reasonOf({ reason, detail }: Analysis): string {
  return (reason == null ? undefined : REASONS[reason])?.() ?? detail ?? m.analysis_failed();
}

/** Share that was looked at, 0 to 1; null before that is known. */
export function shareDone({ progress }: Analysis): number | null {
  if (progress == null) return null;
  return progress.total === 0 ? 1 : progress.done / progress.total;
}

/** How far it is, and how long it takes still or took. */
export function progressWords(analysis: Analysis): string[] {
  const { progress, stage, started_at, finished_at } = analysis;
  const words: string[] = [];
  if (progress != null) {
    const counted = isOfFile(analysis) ? m.analysis_records : m.analysis_profiles;
    words.push(
      stage === 'completed'
        ? counted({ count: progress.total, n: formatCount(progress.total) })
        : m.analysis_part({ n: formatCount(progress.done), total: formatCount(progress.total) }),
    );
    if (progress.seconds_left != null) {
      words.push(m.analysis_left({ time: formatSpan(Math.ceil(progress.seconds_left)) }));
    }
  }
  if (stage === 'completed' && started_at != null && finished_at != null) {
    const seconds = (Date.parse(finished_at) - Date.parse(started_at)) / 1000;
    if (seconds >= 1) words.push(m.analysis_took({ time: formatSeconds(seconds) }));
  }
  return words;
}

/** A finding in parts; every second one is a name. */
export const findingParts = (finding: ReportFinding): string[] =>
  finding[locale.current].split('`');

/** What happened to an analysis, as a sentence. */
const EVENTS: Record<string, () => string> = {
  queued: m.analysis_event_queued,
  started: m.analysis_event_started,
  cancel_requested: m.analysis_event_cancel_requested,
  retried: m.analysis_event_retried,
  lapsed: m.analysis_event_lapsed,
  released: m.analysis_event_released,
  completed: m.analysis_event_completed,
  failed: m.analysis_event_failed,
  canceled: m.analysis_event_canceled,
};
export const eventText = (kind: string): string => EVENTS[kind]?.() ?? kind;
