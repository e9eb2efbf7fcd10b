import { fakeProblem, type Answers } from './fake';
import type { FakeRows } from './fake-rows';
import type { Facet, FacetValue, Field, SavedView, TableLayout, TableView } from './generated';

/** A view with what is left out filled in. */
export function fakeView(name: string, view: Partial<TableView> = {}): SavedView {
  return {
    id: `view-${name}`,
    name,
    view: {
      filter: '',
      search: '',
      sort: 'id',
      descending: false,
      layout: { widths: {} },
      ...view,
    },
    changed_at: '2026-11-20T13:03:00Z',
  };
}

const counted = (values: [unknown, number][]): FacetValue[] =>
  values.map(([value, count]) => ({
    value: value === undefined ? 'missing' : { is: value },
    count,
  }));

/** The values that made-up profiles have, with counts that look like such. */
function facetOf(field: Field, profiles: number): Facet {
  const share = (part: number) => Math.round(profiles * part);
  const of = (values: FacetValue[]): Facet => ({ values, distinct: values.length, profiles });
  if (field === 'status') {
    return of(
      counted([
        ['conflict', share(0.024)],
        ['rejected', share(0.01)],
        ['pending', share(0.14)],
        ['synced', share(0.826)],
      ]),
    );
  }
  if (field === 'tags') {
    const tags = ['repeat', 'vip', 'newsletter', 'b2b', 'churn-risk'];
    return of(counted(tags.map((tag, at) => [tag, share(0.3 - at * 0.05)])));
  }
  if (typeof field !== 'object') throw fakeProblem('invalid_request', 'this field has no facet');
  if (field.attribute === 'revenue') return { ...of([]), too_many: true };
  if (field.attribute === 'newsletter') {
    return of(
      counted([
        [true, share(0.5)],
        [false, share(0.5)],
      ]),
    );
  }
  if (field.attribute === 'segment') {
    return of(
      counted([
        [undefined, share(0.75)],
        [null, share(0.25)],
      ]),
    );
  }
  const cities = ['Bern', 'Graz', 'Leipzig', 'Basel', 'Lyon', 'Malmö'];
  return of(counted(cities.map((city, at) => [city, share(0.2 - at * 0.01)])));
}

/** The table's side of a host for looking at: columns, facets, saved views, copies. */
export function tableAnswers(rows: FakeRows): Answers {
  let layout: TableLayout = { widths: {} };
  let views: SavedView[] = [
    fakeView('Conflicts to decide', {
      filter: 'status:conflict',
      sort: 'changed',
      descending: true,
    }),
    fakeView('VIP in Bern', {
      filter: 'tag:vip attributes.city:"Bern"',
      layout: { columns: ['name', 'attribute:city', 'attribute:revenue', 'changed'], widths: {} },
    }),
  ];
  return {
    list_scores: () => ({ scores: [] }),
    list_attributes: () => ({
      attributes: [
        { name: 'city', profiles: rows.count, few: 6, numeric: false },
        { name: 'newsletter', profiles: rows.count, few: 2, numeric: false },
        { name: 'orders', profiles: rows.count, numeric: true },
        { name: 'revenue', profiles: rows.count, numeric: true },
        { name: 'segment', profiles: Math.round(rows.count / 4), few: 1, numeric: false },
      ],
    }),
    count_facet: ({ field, find }) => {
      const facet = facetOf(field, rows.count);
      const has = ({ value }: FacetValue) =>
        value !== 'missing' &&
        String(value.is)
          .toLowerCase()
          .includes((find ?? '').toLowerCase());
      const values = find ? facet.values.filter(has) : facet.values;
      return { ...facet, values, distinct: values.length };
    },
    narrow_filter: ({ filter = '', value }) => ({
      filter: `${filter} tag:${value === 'missing' ? 'none' : String(value.is)}`.trim(),
    }),
    copy_rows: ({ columns }) => ({ csv: ['id', ...columns].join(','), rows: 0, selected: 0 }),
    list_views: () => ({ views }),
    save_view: ({ id, name, view }) => {
      const saved = { ...fakeView(name), id: id ?? `view-${views.length}`, view };
      views = [...views.filter((one) => one.id !== saved.id), saved];
      return saved;
    },
    delete_view: ({ id }) => {
      views = views.filter((one) => one.id !== id);
      return { views };
    },
    table_layout: () => layout,
    keep_table_layout: (kept) => (layout = kept),
  };
}
