import { aloneAnswers } from './fake-profile';
import { FakeRows } from './fake-rows';
import { programAnswers } from './fake-program';
import { storeAnswers } from './fake-store';
import { systemAnswers } from './fake-system';
import { tableAnswers } from './fake-table';
import { analysisAnswers } from './fake-analyses';
import { behaviorAnswers } from './fake-behavior';
import { uploadAnswers } from './fake-uploads';
import type {
  About,
  Act,
  ActDone,
  ErasureReport,
  HostEvent,
  ImportEntry,
  ImportRun,
  Presence,
  Problem,
  ProfileDetail,
  SampleData,
  SyncStatus,
} from './generated';
import type { CommandName, FileSource, RequestOf, ResponseOf, Transport } from './transport';

/** Found by the build's check if this file ever gets into the bundle. */
export const MARK = 'KARTEI_FAKE_HOST';

export type Answers = {
  [N in CommandName]?: (request: RequestOf<N>) => ResponseOf<N> | Promise<ResponseOf<N>>;
};

export interface Call {
  name: CommandName;
  request: unknown;
}

/** A host in memory. Tests say how it answers, send events as it would, and see what was asked. */
export class FakeHost implements Transport {
  readonly calls: Call[] = [];
  files: FileSource = {
    kind: 'uploads',
    upload: (file) => Promise.resolve(`/dropped/${file.name}`),
  };
  readonly #answers: Answers;
  readonly #listeners = new Set<(event: HostEvent) => void>();

  constructor(answers: Answers = {}) {
    this.#answers = answers;
  }

  answer<N extends CommandName>(name: N, answer: NonNullable<Answers[N]>): void {
    this.#answers[name] = answer;
  }

  requests<N extends CommandName>(name: N): RequestOf<N>[] {
    return this.calls.filter((c) => c.name === name).map((c) => c.request as RequestOf<N>);
  }

  async call(name: CommandName, request: unknown): Promise<unknown> {
    this.calls.push({ name, request });
    const answer = this.#answers[name] as ((request: unknown) => unknown) | undefined;
    if (answer === undefined) throw fakeProblem('unknown_command', `${MARK}: no answer to ${name}`);
    return answer(request);
  }

  listen(onEvent: (event: HostEvent) => void, onGap: () => void): () => void {
    this.#listeners.add(onEvent);
    queueMicrotask(onGap);
    return () => this.#listeners.delete(onEvent);
  }

  emit(event: HostEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

export function fakeProblem(code: Problem['code'], message: string): Problem {
  return { code, message };
}

export function fakeStatus(change: Partial<SyncStatus> = {}): SyncStatus {
  return {
    state: 'local',
    relay: null,
    organisation: null,
    role: null,
    pending: 0,
    conflicts: 0,
    rejected: 0,
    profiles: 0,
    rev: null,
    synced_at: null,
    offline_since: null,
    exchanged: 0,
    remaining: 0,
    problem: null,
    repaired: null,
    rereading: null,
    ...change,
  };
}

export function fakeDetail(change: Partial<ProfileDetail> = {}): ProfileDetail {
  return {
    id: 'cdnow-00042',
    record: { schema: 'user_profile.v1', id: 'cdnow-00042' },
    hash: '9f2c4e81d7a35b06c1e8f94720ab63d5e1f08c927b4d6a35f0c8e2719d4b6a83',
    observations: 0,
    rev: 18_204,
    status: 'synced',
    pending: false,
    conflicts: [],
    rejected: null,
    changed_at: '2026-11-20T13:03:00Z',
    ...change,
  };
}

export function fakeAbout(change: Partial<About> = {}): About {
  return {
    version: '0.1.0',
    data_dir: '/data/kartei',
    sqlite: '3.51.0',
    store_format: 6,
    record_schema: 'user_profile.v1',
    platform: 'linux x86_64',
    ...change,
  };
}

export function fakeSample(change: Partial<SampleData> = {}): SampleData {
  return { offered: 2_800, here: 0, filter: 'id:bfi-*', ...change };
}

export function fakeAct(change: Partial<Act> = {}): Act {
  return {
    act: 7,
    kind: 'edit',
    at: '2026-11-20T13:03:00Z',
    by: 'anna@example.org',
    profiles: 1,
    id: 'cdnow-00042',
    fields: ['/attributes/city'],
    reverts: null,
    reverted_by: null,
    ...change,
  };
}

export function fakeDone(change: Partial<ActDone> = {}): ActDone {
  return {
    act: fakeAct(),
    changed: 0,
    reopened: 0,
    unchanged: 0,
    refused: 0,
    obstacles: [],
    ...change,
  };
}

export function fakeErasure(change: Partial<ErasureReport> = {}): ErasureReport {
  return {
    revision: 18_205,
    hash: '9f2c4e81d7a35b06c1e8f94720ab63d5e1f08c927b4d6a35f0c8e2719d4b6a83',
    at: '2026-11-20T13:03:00Z',
    by: 'anna@example.org',
    outstanding: 2,
    devices: [
      { name: 'Anna Keller', confirmed_at: '2026-11-20T13:03:01Z' },
      { name: 'Ben Okafor' },
      { name: 'Counter, Bern' },
      { name: 'Old laptop', revoked: true },
    ],
    ...change,
  };
}

export function fakeEntry(change: Partial<ImportEntry> = {}): ImportEntry {
  return {
    import: 1,
    file: 'cdnow.ndjson.gz',
    path: '/data/cdnow.ndjson.gz',
    source: 'person',
    by: 'anna@example.org',
    started_at: '2026-11-20T13:03:00Z',
    ended_at: '2026-11-20T13:03:04Z',
    state: 'done',
    bytes: 60_013_442,
    digest: '9f2c4e81d7a35b06c1e8f94720ab63d5e1f08c927b4d6a35f0c8e2719d4b6a83',
    counts: {
      lines: 200,
      created: 190,
      updated: 4,
      unchanged: 0,
      rejected: 6,
      duplicates: 0,
      blank: 0,
      warned: 0,
      conflicts: 0,
    },
    undone_at: null,
    has_files: true,
    ...change,
  };
}

export function fakeRun(change: Partial<ImportRun> = {}): ImportRun {
  return {
    dry_run: false,
    run: 1,
    state: 'running',
    files: ['/data/cdnow.ndjson.gz'],
    file_index: 0,
    lines: 0,
    bytes: 0,
    bytes_total: 60_000_000,
    lines_per_second: 0,
    seconds_left: null,
    reports: [],
    ...change,
  };
}

const fakePresence = (): Presence['profiles'] => [
  { id: 'cdnow-00002', people: ['Ben Okafor'] },
  { id: 'cdnow-00004', people: ['Ada', 'Ben Okafor', 'Cleo Perrin', 'Dana Ito', 'Eli'] },
  { id: 'cdnow-00007', people: ['Ada', 'Cleo Perrin'] },
];

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

const STATES: Record<string, Partial<SyncStatus>> = {
  local: {},
  syncing: { state: 'syncing', exchanged: 4200, pending: 312 },
  repaired: {
    state: 'up_to_date',
    synced_at: minutesAgo(0.2),
    repaired: {
      at: minutesAgo(190),
      replaced: 21,
      offered: 2,
      ids: Array.from({ length: 20 }, (_, n) => `cdnow-${String(1_001 + n * 37).padStart(5, '0')}`),
    },
  },
  rereading: { state: 'syncing', exchanged: 12_000, remaining: 88_000, rereading: 'other_history' },
  getting: { state: 'syncing', exchanged: 12_000, remaining: 88_000 },
  up_to_date: { state: 'up_to_date', synced_at: minutesAgo(0.2), pending: 0, conflicts: 1 },
  offline: {
    state: 'offline',
    offline_since: minutesAgo(42),
    pending: 17,
    conflicts: 1,
    rejected: 2,
  },
  certificate: {
    state: 'problem',
    pending: 17,
    problem: {
      code: 'certificate_expired',
      message: 'the relay’s certificate is not accepted: it has expired',
    },
  },
  problem: {
    state: 'problem',
    pending: 17,
    problem: { code: 'unauthorized', message: 'the relay does not know this token' },
  },
};

/** A host for looking at: `?rows=26370&sync=offline&import=running|done&role=analyst&broken&alone`. */
export function fakeFromAddress(search: string): FakeHost {
  const options = new URLSearchParams(search);
  const rows = new FakeRows(Number(options.get('rows') ?? '26370'));
  const state = options.get('sync') ?? 'up_to_date';
  let status = fakeStatus({
    profiles: rows.count,
    ...(state === 'local'
      ? {}
      : {
          relay: 'https://relay.example',
          organisation: 'Example Retail',
          role: options.get('role') === 'analyst' ? 'analyst' : 'admin',
          rev: 18_204,
        }),
    ...STATES[state],
  });
  const host: FakeHost = new FakeHost({
    ...storeAnswers(rows, () => host),
    about: () => fakeAbout(),
    sample_data: () => fakeSample(options.has('sample') ? { here: 2_800, import: 3 } : {}),
    import_sample: () => fakeRun({ state: 'queued' }),
    open_data_folder: () => ({}),
    ...programAnswers(),
    ...tableAnswers(rows),
    ...uploadAnswers(options, () => host),
    ...analysisAnswers(options, () => host),
    ...behaviorAnswers(() => host),
    list_profiles: (request) => rows.page(request),
    find_place: (request) => rows.place(request),
    get_profile: ({ id }) => {
      if (id === 'erased') throw fakeProblem('erased', 'this profile was erased for good');
      return rows.detail(id);
    },
    profile_history: ({ id }) => rows.history(id),
    edit_profile: (request) => {
      const detail = rows.edit(request);
      setTimeout(() => host.emit({ kind: 'profiles_changed', generation: 1 }), 50);
      return detail;
    },
    resolve_conflict: ({ id, pointer, key }) => rows.resolve(id, pointer, key),
    ...aloneAnswers(rows, () => host),
    open_profile: () => ({ profiles: options.has('alone') ? [] : fakePresence() }),
    ...systemAnswers(options),
    take_opened_files: () => ({ paths: [] }),
    sync_status: () => status,
    sync_now: () => status,
    sign_out: () => (status = fakeStatus({ profiles: rows.count })),
    relay_ways: ({ url }) => (url.includes('sso') ? { provider: 'login.example' } : {}),
    begin_sign_in: () => ({
      address: 'https://login.example/auth?client_id=kartei',
      provider: 'login.example',
      opened: true,
    }),
    end_sign_in: () => new Promise(() => {}),
    cancel_sign_in: () => ({}),
    sign_in: ({ url }) => (status = fakeStatus({ ...STATES['syncing'], relay: url })),
    import_files: ({ dry_run }) => fakeRun({ state: 'queued', dry_run: dry_run === true }),
    cancel_import: ({ run }) => fakeRun({ run, state: 'cancelled' }),
    get_import: ({ run }) => fakeRun({ run }),
  });
  if (state === 'offline') {
    const offline = () => Promise.reject(fakeProblem('offline', 'connection refused'));
    host.answer('erase_profile', offline);
  }
  if (options.has('broken')) {
    const broken = () => Promise.reject(fakeProblem('store_damaged', 'page 7 cannot be read'));
    host.answer('list_profiles', broken);
    host.answer('list_imports', broken);
    host.answer('list_acts', broken);
    host.answer('store_info', broken);
  }
  const shown = options.get('import');
  if (shown !== null)
    setTimeout(() => host.emit({ kind: 'import', run: rows.importRun(shown) }), 0);
  if (options.has('hover')) {
    const paths = ['/data/cdnow-2026-11.ndjson.gz'];
    setTimeout(() => host.emit({ kind: 'files_hover', active: true, paths }), 0);
  }
  return host;
}
