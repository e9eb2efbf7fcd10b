import { analysisName, cohortOf } from '$features/analyses/words';
import type { Meaning } from '$lib/components/Shape.svelte';
import { m } from '$lib/i18n.svelte';
import type { Notification } from '$lib/ipc';

type Words = (inputs: { name: string; cohort: string }) => string;

const KINDS: Record<string, { meaning: Meaning; text: Words; title: () => string }> = {
  job_completed: { meaning: 'done', text: m.note_completed, title: m.notice_analysis_done },
  job_failed: { meaning: 'rejected', text: m.note_failed, title: m.notice_analysis_failed },
  job_canceled: { meaning: 'none', text: m.note_canceled, title: m.notice_analysis_canceled },
};

export const noteMeaning = ({ kind }: Notification): Meaning => KINDS[kind]?.meaning ?? 'none';

/** What somebody was told, as a sentence. */
export function noteText({ kind, analysis }: Notification): string {
  const words = KINDS[kind];
  if (words === undefined) return m.note_other();
  if (analysis == null) return m.note_gone();
  return words.text({ name: analysisName(analysis.analysis), cohort: cohortOf(analysis) });
}

/** The same as the two lines of a native note; nothing where there is nothing to say. */
export function noticeOf(note: Notification): { title: string; text: string } | null {
  const words = KINDS[note.kind];
  if (words === undefined || note.analysis == null) return null;
  // A filter can hold what a record holds: the note names the analysis alone.
  return { title: words.title(), text: analysisName(note.analysis.analysis) };
}
