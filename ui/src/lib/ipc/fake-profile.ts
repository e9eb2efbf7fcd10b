import type { Answers, FakeHost } from './fake';
import type { FakeRows } from './fake-rows';
import type { ConflictRow, Lane, ObservationRow } from './generated';

/** Profiles in conflict that the made-up host tells of. */
const IN_CONFLICT = 60;

interface Observed {
  id: string;
  signal: string;
  value: number;
  n: number;
  at: string;
  source: string;
}

const observedOf = (rows: FakeRows, id: string) =>
  (rows.detail(id).record['observations'] as Observed[]).toSorted((a, b) => (a.at < b.at ? -1 : 1));

function lanesOf(observed: Observed[], from: number, to: number): Lane[] {
  const signals = [...new Set(observed.map((one) => one.signal))].sort();
  return signals.map((signal) => {
    const points = observed
      .filter((one) => one.signal === signal)
      .map((one) => ({ at: Date.parse(one.at) / 1_000, value: one.value }))
      .filter((point) => point.at >= from && point.at <= to);
    const values = points.map((point) => point.value);
    return {
      signal,
      count: points.length,
      min: Math.min(...values),
      max: Math.max(...values),
      reduced: false,
      at: points.map((point) => point.at),
      values,
    };
  });
}

/** Answers about one profile at a time: its observations, conflicts and the relay's state of it. */
export function aloneAnswers(rows: FakeRows, host: () => FakeHost): Answers {
  const changed = () =>
    setTimeout(() => host().emit({ kind: 'profiles_changed', generation: 2 }), 50);
  const conflicting = (): ConflictRow[] => {
    const found: ConflictRow[] = [];
    for (let index = 0; index < rows.count && found.length < IN_CONFLICT; index++) {
      const row = rows.row(index);
      if (row.status !== 'conflict') continue;
      const { conflicts } = rows.detail(row.id);
      const { id, display_name, changed_at } = row;
      found.push({ id, display_name: display_name ?? null, changed_at, conflicts });
    }
    return found;
  };
  return {
    observation_series: ({ id, from, to }) => {
      const observed = observedOf(rows, id);
      const moments = observed.map((one) => Date.parse(one.at) / 1_000);
      return {
        total: observed.length,
        first: moments[0] ?? null,
        last: moments.at(-1) ?? null,
        lanes: lanesOf(observed, from ?? -Infinity, to ?? Infinity),
        left_out: 0,
      };
    },
    list_observations: ({ id, signal, offset = 0, limit = 200 }) => {
      const found = observedOf(rows, id ?? '')
        .reverse()
        .filter((one) => signal == null || one.signal === signal);
      const part: ObservationRow[] = found.slice(offset, offset + limit);
      return { rows: part, total: found.length };
    },
    list_conflicts: ({ search = '', offset = 0, limit = 100 }) => {
      const words = search.toLowerCase();
      const found = conflicting().filter((row) =>
        `${row.id} ${row.display_name ?? ''}`.toLowerCase().includes(words),
      );
      return { rows: found.slice(offset, offset + limit), total: found.length };
    },
    decide_conflicts: ({ id, decisions }) => {
      changed();
      const left = decisions.map((decision) =>
        rows.resolve(id, decision.pointer, 'key' in decision.choice ? decision.choice.key : ''),
      );
      return left.at(-1) ?? rows.detail(id);
    },
    decide_many: ({ ids }) => {
      changed();
      for (const id of ids) {
        for (const { pointer, values } of rows.detail(id).conflicts) {
          rows.resolve(id, pointer, values[0]?.key ?? '');
        }
      }
      return {
        act: null,
        changed: ids.length,
        reopened: 0,
        unchanged: 0,
        refused: 0,
        obstacles: [],
      };
    },
    get_deleted: ({ id }) => ({
      id,
      display_name: 'Anna Keller',
      by: 'Ben Okafor',
      at: '2026-11-20T12:31:00Z',
      mine: false,
    }),
    compare_with_relays: ({ id }) => ({
      id,
      known: true,
      deleted: false,
      changes: 2,
      fields: [
        { pointer: '/attributes/city', before: 'Bern', after: 'Basel' },
        { pointer: '/notes', before: 'Prefers e-mail.', after: 'Prefers e-mail and letters.' },
        { pointer: '/tags/vip', after: true },
      ],
    }),
    take_relays: () => host().call('sync_status', {}) as never,
  };
}
