// What the page asks of the relay that served it: the operations under /admin and those of erasure, as
// /openapi.json describes them. Moments are milliseconds since 1970 unless they say otherwise.

import type { OidcSignIn, OidcWay } from './oidc';

export type Role = 'viewer' | 'analyst' | 'admin';

export interface FilesInfo {
  used: number;
  reserved: number;
  quota?: number;
  files: number;
  open_uploads: number;
}

export interface OrganisationInfo {
  name: string;
  created_at: number;
  epoch: string;
  head_rev: number;
  profiles: number;
  deleted: number;
  files: FilesInfo;
  tokens: number;
  devices: number;
  profiles_lie: 'open' | 'sealing' | 'sealed' | 'opening';
}

export interface TokenInfo {
  token_id: string;
  name: string;
  role: Role;
  created_at: number;
  created_by?: string;
  expires_at?: number;
  last_used_at?: number;
  revoked_at?: number;
  is_yours: boolean;
}

export interface TokenCreated extends TokenInfo {
  token: string;
}

export interface NewToken {
  name: string;
  role: Role;
  expires_in_days?: number;
}

export interface DeviceInfo {
  replica_id: string;
  name?: string;
  last_seen_at: number;
  rev?: number;
}

export interface QueueInfo {
  cap: number;
  weight: number;
  paused_at?: number;
  paused_analyses: string[];
  queued: number;
  running: number;
  lag_ms: number;
}

export interface RunningJob {
  job_id: string;
  analysis: string;
  by: string;
  worker?: string;
  attempts: number;
  attempts_max: number;
  started_at?: number;
  progress?: { done: number; total: number };
}

export interface RetentionInfo {
  results_days: number | null;
  jobs_days: number | null;
  imports_days: number | null;
  restore_days: number;
  automatic: boolean;
  held_at?: number;
}

export interface RetentionChange {
  results_days?: number | null;
  jobs_days?: number | null;
  imports_days?: number | null;
  restore_days?: number;
  automatic?: boolean;
  hold?: boolean;
}

export interface RetentionPlan {
  plan_hash: string;
  as_of: number;
  kinds: { kind: 'results' | 'jobs'; count: number; bytes: number; oldest?: number }[];
}

export interface RetentionRun {
  run_id: string;
  by: string;
  applied_at: number;
  restorable_until: number;
  results: number;
  jobs: number;
  bytes: number;
  restored_at?: number;
  purged_at?: number;
}

/** Its instants are written out (RFC 3339). */
export interface Erasure {
  revision: number;
  hash: string;
  at: string;
  by: string;
  attachments: number;
  outstanding: number;
  devices: { name: string; confirmed_at?: string; revoked: boolean }[];
  archives_clean_at?: string;
}

export interface AuditEvent {
  seq: number;
  at: number;
  actor: string;
  action: string;
  subject: string;
  data?: unknown;
  hash: string;
}

/** The newest first; `next` leads on. */
export interface AuditPage {
  events: AuditEvent[];
  next?: string;
}

export interface AuditFilter {
  action?: string;
  actor?: string;
  since?: number;
  until?: number;
}

export interface WhoAmI {
  organisation: string;
  name: string;
  role: Role;
}

/** What went wrong, by the code of the relay's problem document; `offline` where no answer came. */
export class RelayError extends Error {
  override name = 'RelayError';

  constructor(
    readonly code: string,
    /** The relay's own sentence, in English; empty where it said none. */
    detail: string,
  ) {
    super(detail);
  }
}

/** Reads whatever was thrown; what no request threw is a fault of this page. */
export function relayError(thrown: unknown): RelayError {
  if (thrown instanceof RelayError) return thrown;
  return new RelayError('internal', thrown instanceof Error ? thrown.message : String(thrown));
}

/** What the relay offers to people who have no token. */
export interface SignInWays {
  oidc?: OidcWay;
}

type Query = Record<string, string | number | undefined>;

function queryOf(query: Query): string {
  const said = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  );
  return said.length === 0 ? '' : `?${new URLSearchParams(said).toString()}`;
}

/** The relay behind a token. Every method throws a `RelayError`. */
export class Relay {
  constructor(
    /** Where the relay's own routes begin, with a slash at the end. */
    readonly base: URL,
    readonly token: string,
    /** Told when the relay does not know the token any more. */
    private readonly onRefused: () => void = () => {},
  ) {}

  whoami = () => this.#json<WhoAmI>('GET', 'sync/v1/whoami');
  organisation = () => this.#json<OrganisationInfo>('GET', 'admin/organisation');
  setQuota = (bytes: number | null) => this.#json<FilesInfo>('PUT', 'admin/quota', { bytes });

  tokens = async (withEnded: boolean) => {
    const query = queryOf({ include: withEnded ? 'ended' : undefined });
    return (await this.#json<{ tokens: TokenInfo[] }>('GET', `admin/tokens${query}`)).tokens;
  };
  createToken = (wanted: NewToken) => this.#json<TokenCreated>('POST', 'admin/tokens', wanted);
  revokeToken = (id: string) => this.#empty('DELETE', `admin/tokens/${encodeURIComponent(id)}`);

  devices = async () =>
    (await this.#json<{ devices: DeviceInfo[] }>('GET', 'admin/devices')).devices;

  queue = () => this.#json<QueueInfo>('GET', 'admin/queue');
  setQueue = (change: { cap?: number; weight?: number }) =>
    this.#json<QueueInfo>('PATCH', 'admin/queue', change);
  pause = () => this.#json<QueueInfo>('POST', 'admin/queue/pause', {});
  resume = () => this.#json<QueueInfo>('POST', 'admin/queue/resume', {});
  running = async () =>
    (await this.#json<{ jobs: RunningJob[] }>('GET', 'admin/jobs/running')).jobs;
  failJob = (id: string) => this.#json('POST', `admin/jobs/${encodeURIComponent(id)}/fail`);

  retention = () => this.#json<RetentionInfo>('GET', 'admin/retention');
  setRetention = (change: RetentionChange) =>
    this.#json<RetentionInfo>('PATCH', 'admin/retention', change);
  planRetention = () => this.#json<RetentionPlan>('POST', 'admin/retention/plan');
  applyRetention = ({ plan_hash, as_of }: RetentionPlan) =>
    this.#json<RetentionRun>('POST', 'admin/retention/apply', { plan_hash, as_of });
  retentionRuns = async () =>
    (await this.#json<{ runs: RetentionRun[] }>('GET', 'admin/retention/runs')).runs;
  restoreRun = (id: string) =>
    this.#json<RetentionRun>('POST', `admin/retention/runs/${encodeURIComponent(id)}/restore`);

  erasures = async () => (await this.#json<{ erasures: Erasure[] }>('GET', 'erasures')).erasures;
  erase = (id: string, isUnknown: boolean) => {
    const query = queryOf({ unknown: isUnknown ? 'true' : undefined });
    return this.#json<Erasure>('POST', `profiles/${encodeURIComponent(id)}/erase${query}`);
  };

  audit = (filter: AuditFilter, cursor?: string) =>
    this.#json<AuditPage>('GET', `admin/audit${queryOf({ ...filter, cursor, limit: 100 })}`);
  /** All events that match, as a file. */
  auditFile = async (filter: AuditFilter, format: 'csv' | 'ndjson') => {
    const answer = await this.#ask('GET', `admin/audit${queryOf({ ...filter, format })}`);
    return answer.blob();
  };

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.#ask(method, path, body);
    return (await answer.json()) as T;
  }

  async #empty(method: string, path: string): Promise<void> {
    await this.#ask(method, path);
  }

  async #ask(method: string, path: string, body?: unknown): Promise<Response> {
    try {
      return await ask(this.base, method, path, body, this.token);
    } catch (thrown) {
      if (thrown instanceof RelayError && thrown.code === 'unauthorized') this.onRefused();
      throw thrown;
    }
  }
}

/** Which ways the relay has of signing in. Throws a `RelayError`. */
export async function signInWays(base: URL): Promise<SignInWays> {
  const answer = await ask(base, 'GET', 'sign-in');
  return (await answer.json()) as SignInWays;
}

/** Makes a token of a code that the provider gave. Throws a `RelayError`. */
export async function endSignIn(base: URL, wish: OidcSignIn): Promise<string> {
  const answer = await ask(base, 'POST', 'sign-in/oidc', wish);
  return ((await answer.json()) as { token: string }).token;
}

async function ask(
  base: URL,
  method: string,
  path: string,
  body?: unknown,
  token?: string,
): Promise<Response> {
  const headers: Record<string, string> = {};
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let answer: Response;
  try {
    answer = await fetch(new URL(path, base), {
      method,
      headers,
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new RelayError('offline', '');
  }
  if (answer.ok) return answer;
  throw await problemOf(answer);
}

/** The problem document of an answer; something between that answers in its own way has none. */
async function problemOf(answer: Response): Promise<RelayError> {
  try {
    const { code, detail } = (await answer.json()) as { code?: unknown; detail?: unknown };
    if (typeof code === 'string') {
      return new RelayError(code, typeof detail === 'string' ? detail : '');
    }
  } catch {
    // Not JSON: told by its status below.
  }
  return new RelayError('relay_failed', `${String(answer.status)} ${answer.statusText}`.trim());
}
