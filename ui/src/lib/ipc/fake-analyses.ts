import { fakeProblem, type Answers, type FakeHost } from './fake';
import type { Analysis, AnalysisDetail, Notification, QualityReport, Share } from './generated';

export function fakeAnalysis(change: Partial<Analysis> = {}): Analysis {
  return {
    id: 'job-7d2f',
    here: false,
    stage: 'completed',
    analysis: 'quality',
    filter: null,
    by: 'anna@example.org',
    created_at: '2026-11-20T13:03:00Z',
    started_at: '2026-11-20T13:03:00Z',
    finished_at: '2026-11-20T13:03:04Z',
    attempts: 1,
    ending: false,
    progress: { done: 2_800, total: 2_800, seconds_left: null },
    event_seq: 4,
    retry_of: null,
    result: 'result-51c0',
    reason: null,
    detail: null,
    ...change,
  };
}

const share = (count: number, of: number): Share => ({ count, share: count / of });

export function fakeReport(change: Partial<QualityReport> = {}): QualityReport {
  const of = 2_800;
  const part = (count: number) => share(count, of);
  return {
    engine: 1,
    input: { epoch: 'e1', revision: 2_800, filter: null, as_of: 1_790_000_000_000 },
    done: of,
    total: of,
    profiles: {
      named: part(0),
      tagged: part(2_800),
      with_notes: part(0),
      in_conflict: part(1),
      unobserved: part(0),
      observed_ahead: part(0),
    },
    consent: { given: part(2_800), withheld: part(0), unknown: part(0) },
    observations: { count: 2_800, mean: 24.8, deviation: 0.51, least: 18, greatest: 25 },
    ages: [7, 30, 90, 365, 1_095, null].map((within_days) => ({
      within_days,
      profiles: part(within_days === null ? 2_800 : 0),
    })),
    attributes: [
      {
        name: 'age',
        present: part(2_800),
        missing: part(0),
        texts: 0,
        numbers: 2_800,
        flags: 0,
        nulls: 0,
        values: null,
        of_numbers: { count: 2_800, mean: 28.782, deviation: 11.1275, least: 3, greatest: 86 },
      },
      {
        name: 'education',
        present: part(2_577),
        missing: part(223),
        texts: 2_577,
        numbers: 0,
        flags: 0,
        nulls: 0,
        values: 5,
        of_numbers: null,
      },
    ],
    signals: [
      {
        name: 'A1',
        present: part(2_784),
        missing: part(16),
        of_values: { count: 2_784, mean: 2.4134, deviation: 1.4077, least: 1, greatest: 6 },
      },
    ],
    names_left_out: false,
    findings: [
      {
        code: 'attribute_missing',
        about: 'education',
        count: 223,
        en: '`education` is missing in 223 of 2,800 profiles (8.0 %).',
        de: '`education` fehlt bei 223 von 2.800 Profilen (8,0 %).',
      },
    ],
    ...change,
  };
}

/** The same of a part, with bands. */
function openReport({ done, total }: { done: number; total: number }): QualityReport {
  const report = fakeReport({ done, total });
  const band = (share: Share): Share => {
    const middle = share.share ?? 0;
    return { ...share, low: Math.max(0, middle - 0.03), high: Math.min(1, middle + 0.03) };
  };
  return {
    ...report,
    attributes: report.attributes.map((one) => ({ ...one, present: band(one.present) })),
    signals: report.signals.map((one) => ({ ...one, present: band(one.present) })),
  };
}

export function fakeNote(change: Partial<Notification> = {}): Notification {
  return {
    id: 3,
    kind: 'job_completed',
    job: 'job-7d2f',
    analysis: fakeAnalysis(),
    created_at: '2026-11-20T13:03:04Z',
    read: false,
    ...change,
  };
}

/** Analyses and notifications for looking at: `?analyses=none`, `?analyses=old`. */
export function analysisAnswers(options: URLSearchParams, host: () => FakeHost): Answers {
  const said = options.get('analyses');
  const open = { started_at: null, finished_at: null, progress: null, result: null };
  let analyses =
    said === null
      ? [
          fakeAnalysis({
            ...open,
            id: 'local-2',
            stage: 'waiting',
            filter: 'gender:female',
            by: null,
            problem: fakeProblem('offline', 'the relay cannot be reached: connection refused'),
          }),
          fakeAnalysis({
            ...open,
            id: 'job-9a11',
            stage: 'running',
            filter: 'orders>=4',
            started_at: '2026-11-20T13:04:00Z',
            progress: { done: 9_216, total: 23_570, seconds_left: 11.4 },
          }),
          fakeAnalysis(),
          fakeAnalysis({ ...open, id: 'job-6b00', stage: 'failed', reason: 'lease_lost' }),
          fakeAnalysis({ ...open, id: 'job-5a00', stage: 'canceled', by: 'ben@example.org' }),
        ]
      : [];
  let notes =
    said === null
      ? [fakeNote(), fakeNote({ id: 2, kind: 'job_failed', job: 'job-6b00', read: true })]
      : [];
  const told = () => ({
    notifications: notes,
    unread: notes.filter((note) => !note.read).length,
    heard: true,
  });
  const find = (id: string): Analysis => {
    const analysis = analyses.find((one) => one.id === id || one.result === id);
    if (analysis === undefined) throw fakeProblem('not_found', 'there is no such analysis');
    return analysis;
  };
  const add = (change: Partial<Analysis>): Analysis => {
    const analysis = fakeAnalysis({ ...open, stage: 'waiting', by: null, ...change });
    analyses = [analysis, ...analyses];
    return analysis;
  };
  const detail = (id: string): AnalysisDetail => {
    const analysis = find(id);
    const { stage, progress } = analysis;
    const quality =
      stage === 'completed'
        ? fakeReport()
        : stage === 'running' && progress != null
          ? openReport(progress)
          : null;
    const events = ['queued', 'started', 'completed'].map((kind, at) => ({
      seq: at + 1,
      kind,
      actor: at === 0 ? 'anna@example.org' : 'worker',
      at: '2026-11-20T13:03:00Z',
    }));
    return {
      analysis,
      report: quality === null ? null : { quality },
      events: stage === 'completed' ? events : [],
    };
  };
  return {
    list_analyses: () => ({ analyses, supported: said !== 'old' }),
    get_analysis: ({ id }) => detail(id),
    ask_analysis: ({ filter }) => add({ id: `local-${analyses.length}`, filter: filter ?? null }),
    cancel_analysis: ({ id }) => {
      analyses = id.startsWith('local-')
        ? analyses.filter((one) => one.id !== id)
        : analyses.map((one) => (one.id === id ? { ...one, ending: true } : one));
      return { analyses, supported: true };
    },
    retry_analysis: ({ id }) => add({ id: `local-${analyses.length}`, retry_of: find(id).id }),
    save_made: ({ name }) => ({ path: `/anna/Downloads/${name}`, bytes: 4_096 }),
    save_result: ({ id }) => ({ path: `/anna/Downloads/${id}.json`, bytes: 4_096 }),
    list_notifications: told,
    read_notifications: ({ id }) => {
      notes = notes.map((note) => (id == null || note.id === id ? { ...note, read: true } : note));
      host().emit({ kind: 'notified', fresh: [], unread: told().unread });
      return told();
    },
  };
}
