import { fakeProblem, type Answers, type FakeHost } from './fake';
import type {
  BehaviorSchema,
  BehaviorVector,
  CalibrationDetail,
  CalibrationInfo,
  Calibrations,
  DimensionScore,
  SignalScore,
} from './generated';

const TEXT = JSON.stringify({
  schema: 'behavior_schema.v1',
  name: 'own',
  version: 1,
  signals: [{ name: 'a', kind: 'level' }],
  dimensions: [{ name: 'd', weights: { a: 1 } }],
});

export const fakeSchema: BehaviorSchema = {
  name: 'bfi',
  version: 1,
  title: { en: 'Big Five', de: 'Big Five' },
  ready: true,
  signals: 2,
  dimensions: 1,
  text: TEXT,
};

export function fakeCalibration(change: Partial<CalibrationInfo> = {}): CalibrationInfo {
  return {
    version: '0a1b2c3d4e5f60718293a4b5c6d7e8f9',
    schema: 'bfi',
    schema_version: 1,
    stage: 'active',
    as_of: '2010-06-01T00:00:00Z',
    filter: '',
    profiles: 2_800,
    made_at: '2026-11-20T13:03:00Z',
    change_band: null,
    ...change,
  };
}

export const fakeDraft = fakeCalibration({
  version: 'ffee0000ffee0000ffee0000ffee0000',
  stage: 'draft',
  filter: 'age<20',
  profiles: 562,
  change_band: 1_273,
});

export function fakeCalibrationDetail(
  calibration: CalibrationInfo,
  change: Partial<CalibrationDetail> = {},
): CalibrationDetail {
  const isDraft = calibration.stage === 'draft';
  return {
    calibration,
    population: '49564690aa',
    signals: [
      {
        name: 'A1',
        title: { en: 'Says little', de: 'Redet wenig' },
        reversed: true,
        people: 2_784,
        observations: 2_784,
        out_of_range: 0,
        median: 2,
        range: [1, 6],
        method: 'mid_rank',
        reliability: 1,
        measured: false,
        parts: [0, 10, 0, 0, 8, 0, 4, 0, 2, 1],
        stability: isDraft ? 0.04 : null,
      },
    ],
    dimensions: [
      {
        name: 'openness',
        title: { en: 'Openness', de: 'Offenheit' },
        people: 562,
        alpha: 0.56,
        complete: 545,
        change_band: isDraft ? [110, 2_800] : null,
        farthest: isDraft ? [{ id: 'bfi-61636', from: 0.526, to: 0.718 }] : [],
      },
    ],
    gates: [
      { kind: 'people', passes: true, failing: [], worst: 551, limit: 30 },
      {
        kind: 'alpha',
        passes: !isDraft,
        failing: isDraft ? ['openness'] : [],
        worst: 0.56,
        limit: 0.6,
      },
      { kind: 'stability', passes: true, failing: [], worst: null, limit: 0.25 },
    ],
    compared_with: null,
    compared: true,
    ...change,
  };
}

export function fakeSignal(change: Partial<SignalScore> = {}): SignalScore {
  return {
    name: 'A1',
    title: { en: 'Says little', de: 'Redet wenig' },
    reversed: false,
    standing: 'placed',
    value: 3,
    n_eff: 1,
    observations: 1,
    out_of_range: 0,
    later: 0,
    place: 0.132,
    extrapolated: false,
    reliability: 1,
    newest: [{ at: '2010-06-01T00:00:00Z', value: 3, n: 1, share: 1 }],
    ...change,
  };
}

export function fakeTrait(change: Partial<DimensionScore> = {}): DimensionScore {
  return {
    name: 'openness',
    title: { en: 'Openness', de: 'Offenheit' },
    score: 0.4264,
    band_90: [0.4, 0.45],
    confidence: 1,
    percentile: 0.153,
    t_score: 39.8,
    stanine: 3,
    band: 'low',
    parts: [{ signal: 0, weight: 1, value: -0.0736 }],
    marks: [0.2, 0.35, 0.5, 0.65, 0.8],
    ...change,
  };
}

export function fakeVector(change: Partial<BehaviorVector> = {}): BehaviorVector {
  return {
    schema: 'bfi',
    title: { en: 'Big Five', de: 'Big Five' },
    calibration: fakeCalibration().version,
    as_of: '2010-06-01T00:00:00Z',
    population: 2_800,
    dimensions: [fakeTrait()],
    signals: [fakeSignal()],
    ...change,
  };
}

/** Calibrations as a data folder has them that was worked with. */
export function behaviorAnswers(host: () => FakeHost): Answers {
  let calibrations = [fakeDraft, fakeCalibration()];
  const all = (): Calibrations => ({
    schemas: [fakeSchema],
    calibrations,
    acts: [
      {
        version: fakeCalibration().version,
        schema: 'bfi',
        act: 'activated',
        by: 'anna@example.org',
        at: '2026-11-20T13:04:00Z',
      },
    ],
    running: null,
  });
  const find = (version: string) => {
    const found = calibrations.find((one) => one.version === version);
    if (found === undefined) throw fakeProblem('not_found', `no calibration ${version}`);
    return found;
  };
  return {
    get_behavior: () => ({ vectors: [fakeVector()], calibrated: true }),
    list_calibrations: all,
    get_calibration: ({ version }) => fakeCalibrationDetail(find(version)),
    check_behavior_schema: ({ text }) =>
      text.includes('"weights":{"a":1}') || text.includes('"weights": {"a":1}')
        ? { schema: { ...fakeSchema, name: 'own' }, pointer: null, reason: null }
        : { schema: null, pointer: '/dimensions/0/weights', reason: 'there is no signal `b`' },
    fit_calibration: ({ schema }) => ({
      run: 1,
      state: 'running',
      schema,
      step: 'numbers',
      profiles: 400,
      profiles_total: 2_800,
      version: null,
      failure: null,
    }),
    activate_calibration: ({ version }) => {
      calibrations = calibrations.map((one) => ({
        ...one,
        stage: one.version === version ? 'active' : 'retired',
      }));
      host().emit({ kind: 'calibrated' });
      return all();
    },
    delete_calibration: ({ version }) => {
      calibrations = calibrations.filter((one) => one.version !== version);
      return all();
    },
  };
}
