import type {
  EditProfile,
  FindPlace,
  HistoryPage,
  ImportRun,
  ListPlace,
  ListProfiles,
  ProfileDetail,
  ProfilePage,
  ProfileRow,
  ProfileStatus,
} from './generated';

const NAMES = [
  'Anna Keller',
  'Jonas Weber',
  'Mina Okafor',
  'Luc Perrin',
  'Sara Lindqvist',
  'Tom Ito',
];
const CITIES = ['Bern', 'Graz', 'Leipzig', 'Basel', 'Lyon', 'Malmö'];
const TAGS = ['repeat', 'vip', 'newsletter', 'b2b', 'churn-risk'];
const SIGNALS = ['order.value', 'visit.seconds', 'return.rate'];

/** A whole number from another, spread so that neighbours differ. */
function spread(seed: number, below: number): number {
  return Math.abs(Math.imul(seed + 1, 2_654_435_761) >> 7) % below;
}

const at = (index: number, minutes: number) =>
  new Date(Date.UTC(2026, 10, 20, 13, 3) - (index * 7 + minutes) * 60_000).toISOString();

interface RecordShape {
  display_name?: string;
  attributes: Record<string, unknown>;
  tags?: string[];
  observations: unknown[];
}

/** Rows made up as they are asked for, so that a million of them cost nothing. */
export class FakeRows {
  readonly #edited = new Map<string, ProfileDetail>();

  constructor(readonly count: number) {}

  page(request: ListProfiles): ProfilePage {
    const { filter = '', search = '', offset = 0, limit = 200, descending = false } = request;
    const wrong = /(^|\s)([a-z]+:)(\s|$)/.exec(filter);
    if (wrong !== null) {
      const end = wrong.index + wrong[1]!.length + wrong[2]!.length;
      throw {
        code: 'invalid_filter',
        message: 'a value is missing after this',
        range: { start: end - 1, end },
      };
    }
    const step = filter === '' && search === '' ? 1 : 13;
    const matching = search === 'nothing' ? 0 : Math.ceil(this.count / step);
    const rows: ProfileRow[] = [];
    for (let at = offset; at < Math.min(matching, offset + limit); at++) {
      rows.push(this.row((descending ? matching - 1 - at : at) * step));
    }
    return { rows, offset, matching, total: this.count };
  }

  place({ id, filter = '', search = '', descending = false }: FindPlace): ListPlace {
    const step = filter === '' && search === '' ? 1 : 13;
    const index = Number(id.slice(6)) - 1;
    const isHere = index >= 0 && index < this.count && index % step === 0 && search !== 'nothing';
    if (!isHere) return { rank: null };
    return { rank: descending ? Math.ceil(this.count / step) - 1 - index / step : index / step };
  }

  row(index: number): ProfileRow {
    const id = `cdnow-${String(index + 1).padStart(5, '0')}`;
    const edited = this.#edited.get(id);
    const record = (edited?.record ?? this.#record(index, id)) as unknown as RecordShape;
    return {
      id,
      display_name: record.display_name ?? null,
      attributes: record.attributes,
      tags: record.tags ?? [],
      observations: record.observations.length,
      last_observation: at(index, 0),
      status: edited?.status ?? this.#status(index),
      changed_at: at(index, 0),
    };
  }

  detail(id: string): ProfileDetail {
    const edited = this.#edited.get(id);
    if (edited !== undefined) return edited;
    const index = Number(id.slice(6)) - 1;
    if (!(index >= 0 && index < this.count)) {
      throw { code: 'not_found', message: `there is no profile \`${id}\``, subject: id };
    }
    const status = this.#status(index);
    const record = this.#record(index, id);
    return {
      id,
      record,
      observations: (record['observations'] as unknown[]).length,
      consent_from: { by: 'jonas@example.org', at: at(index, 90_000), imported: false },
      hash: '9f2c4e81d7a35b06c1e8f94720ab63d5e1f08c927b4d6a35f0c8e2719d4b6a83',
      rev: 18_204 - index,
      status,
      pending: status === 'pending',
      conflicts: status === 'conflict' ? (index === 44 ? DELETION : CONFLICTS) : [],
      rejected:
        status === 'rejected'
          ? { code: 'too_large', message: `notes of \`${id}\` are larger than 65,536 characters` }
          : null,
      changed_at: at(index, 0),
    };
  }

  history(id: string): HistoryPage {
    const change = 'c2f1a97b30de';
    return {
      entries: [
        {
          change: `${change}3`,
          kind: 'edit',
          by: 'anna@example.org',
          at: at(0, 2),
          file: null,
          pending: true,
          fields: [
            { pointer: '/attributes/city', before: 'Bern', after: 'Basel' },
            { pointer: '/tags', after: 'vip' },
          ],
        },
        {
          change: `${change}2`,
          kind: 'import',
          by: null,
          at: null,
          file: '/data/cdnow-2026-11.ndjson.gz',
          pending: false,
          fields: [{ pointer: '/attributes/orders', before: 9, after: 11 }],
        },
        {
          change: `${change}1`,
          kind: 'genesis',
          by: null,
          at: null,
          file: '/data/cdnow.ndjson.gz',
          pending: false,
          fields: Object.entries(this.detail(id).record).map(([name, after]) => ({
            pointer: `/${name}`,
            after,
          })),
        },
      ],
    };
  }

  edit({ id, edits }: EditProfile): ProfileDetail {
    const detail = structuredClone(this.detail(id));
    for (const edit of edits) {
      const [, member = '', key] = edit.pointer.split('/');
      const target = (key === undefined ? detail.record : detail.record[member]) as Record<
        string,
        unknown
      >;
      const list = (detail.record[member] ?? []) as unknown[];
      if (edit.op === 'set') target[key ?? member] = edit.value;
      else if (edit.op === 'text') target[key ?? member] = edit.value;
      else if (edit.op === 'unset') delete target[key ?? member];
      else if (edit.op === 'add') detail.record[member] = [...list, edit.value].sort();
      else detail.record[member] = list.filter((one) => one !== edit.value);
    }
    if (detail.status !== 'conflict') detail.status = 'pending';
    detail.pending = true;
    this.#edited.set(id, detail);
    return detail;
  }

  resolve(id: string, pointer: string, key: string): ProfileDetail {
    const before = this.detail(id);
    const value = before.conflicts
      .find((conflict) => conflict.pointer === pointer)
      ?.values.find((one) => one.key === key)?.value;
    const detail = this.edit({ id, edits: [{ op: 'set', pointer, value }] });
    detail.conflicts = detail.conflicts.filter((conflict) => conflict.pointer !== pointer);
    detail.status = detail.conflicts.length > 0 ? 'conflict' : 'pending';
    return detail;
  }

  importRun(state: string): ImportRun {
    const ended = state !== 'running';
    return {
      run: 1,
      state: ended ? (state as ImportRun['state']) : 'running',
      dry_run: false,
      files: ['/data/cdnow-2026-11.ndjson.gz'],
      file_index: 0,
      lines: ended ? 200_000 : 124_000,
      bytes: ended ? 60_013_442 : 23_114_010,
      bytes_total: 60_013_442,
      lines_per_second: 61_240,
      seconds_left: ended ? null : 8.2,
      reports: ended ? [REPORT] : [],
    };
  }

  #status(index: number): ProfileStatus {
    if (index % 41 === 3) return 'conflict';
    if (index % 97 === 11) return 'rejected';
    return spread(index, 7) === 0 ? 'pending' : 'synced';
  }

  #record(index: number, id: string): Record<string, unknown> {
    const observations = Array.from(
      { length: 1 + spread(index, index % 50 === 5 ? 900 : 14) },
      (_, n) => ({
        id: `o-${n}`,
        signal: SIGNALS[n % 3],
        value: spread(index + n, 20_000) / 100,
        n: n % 4 === 0 ? 3 : 1,
        at: at(index, n * 1440),
        source: n % 2 === 0 ? 'shop' : 'crm',
      }),
    );
    const long =
      'Gesellschaft für angewandte Verhaltensforschung und Kundenbindung im Einzelhandel '
        .repeat(3)
        .slice(0, 200);
    return {
      schema: 'user_profile.v1',
      id,
      ...(index === 1 ? { display_name: long } : {}),
      ...(index !== 1 && index % 3 !== 2 ? { display_name: NAMES[spread(index, 6)] } : {}),
      attributes: {
        city: CITIES[spread(index, 6)],
        orders: 1 + spread(index, 60),
        revenue: spread(index * 3, 400_000) / 100,
        newsletter: index % 2 === 0,
        ...(index % 4 === 0 ? { segment: null } : {}),
      },
      tags: TAGS.filter((_, n) => spread(index + n, 4) === 0),
      ...(index % 5 === 3 ? { notes: 'Called on Monday.\nPrefers e-mail.' } : {}),
      consent: { analytics: index % 6 !== 0, recorded_at: at(index, 90_000), source: 'web form' },
      observations,
      created_at: at(index, 400_000),
    };
  }
}

const DELETION: ProfileDetail['conflicts'] = [
  {
    pointer: '',
    values: [
      {
        value: false,
        removed: false,
        key: 'kept',
        by: 'anna@example.org',
        at: at(0, 12),
        imported: false,
        mine: true,
      },
      {
        value: true,
        removed: false,
        key: 'deleted',
        by: 'jonas@example.org',
        at: at(0, 31),
        imported: false,
        mine: false,
      },
    ],
  },
];

const CONFLICTS: ProfileDetail['conflicts'] = [
  {
    pointer: '/attributes/city',
    base: 'Bern',
    values: [
      {
        value: 'Basel',
        removed: false,
        key: 'k1',
        by: 'anna@example.org',
        at: at(0, 12),
        imported: false,
        mine: true,
      },
      {
        value: 'Zürich',
        removed: false,
        key: 'k2',
        by: 'jonas@example.org',
        at: at(0, 31),
        imported: false,
        mine: false,
      },
    ],
  },
  {
    pointer: '/display_name',
    values: [
      {
        value: 'Anna Keller',
        removed: false,
        key: 'k3',
        by: null,
        at: null,
        imported: true,
        mine: false,
      },
      {
        value: null,
        removed: true,
        key: 'k4',
        by: 'jonas@example.org',
        at: at(0, 31),
        imported: false,
        mine: false,
      },
    ],
  },
];

const REPORT: ImportRun['reports'][number] = {
  file: '/data/cdnow-2026-11.ndjson.gz',
  counts: {
    lines: 200_000,
    created: 173_504,
    updated: 26_102,
    unchanged: 268,
    rejected: 126,
    duplicates: 0,
    blank: 0,
    warned: 41,
    conflicts: 3,
  },
  import: 1,
  has_files: true,
  seconds: 3.26,
  failure: null,
  kinds: [
    {
      rule: 'format',
      place: '/observations/*/at',
      warning: false,
      count: 84,
      first_line: 1_204,
      example: '"2026-13-01" is not a date-time (RFC 3339)',
      mend: 'Write it as the schema says.',
      examples: [{ line: 1_204, id: 'cdnow-00007', found: '\"2026-13-01\"' }],
    },
    {
      rule: 'derived',
      place: '/behavior_vector',
      warning: true,
      count: 41,
      first_line: 87,
      example: 'a derived member was ignored: it is always computed here',
      mend: 'Write it as the schema says.',
      examples: [{ line: 87, id: 'cdnow-00007', found: '\"2026-13-01\"' }],
    },
    {
      rule: 'required',
      place: '/id',
      warning: false,
      count: 31,
      first_line: 9_310,
      example: 'the member "id" is missing',
      mend: 'Write it as the schema says.',
      examples: [{ line: 9_310, id: 'cdnow-00007', found: '\"2026-13-01\"' }],
    },
    {
      rule: 'syntax',
      place: '',
      warning: false,
      count: 11,
      first_line: 77_001,
      example: 'expected `,` or `}` at column 118',
      mend: 'Write it as the schema says.',
      examples: [{ line: 77_001, id: 'cdnow-00007', found: '\"2026-13-01\"' }],
    },
  ],
  problems: Array.from({ length: 126 }, (_, n) => ({
    line: 1_204 + n * 1_311,
    ...(n % 3 === 2 ? {} : { id: `cdnow-${String(n * 131 + 7).padStart(5, '0')}` }),
    pointer: n % 3 === 0 ? `/observations/${n % 9}/at` : n % 3 === 1 ? '/id' : '',
    rule: n % 3 === 0 ? 'format' : n % 3 === 1 ? 'required' : 'syntax',
    reason:
      n % 3 === 0
        ? '"2026-13-01" is not a date-time (RFC 3339)'
        : n % 3 === 1
          ? 'the member "id" is missing'
          : 'expected `,` or `}` at column 118',
    mend: 'Write it as the schema says.',
    warning: false,
  })),
};
