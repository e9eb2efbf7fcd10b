import { formatNumber } from '$lib/format';
import { valueText } from '$lib/format/scalar';
import type { Field, FieldValue, ProfileRow } from '$lib/ipc';
import { attributeOf, scoreOf } from './columns';

/** An attribute as its cell shows it; numbers of a column have equally many decimals. */
export function attributeText(row: ProfileRow, name: string, decimals?: number): string {
  const value = row.attributes[name];
  if (typeof value === 'number') return formatNumber(value, decimals);
  return value === undefined ? '' : valueText(value);
}

/** The value of a cell as it is in the data: what a copy of it holds. */
export function cellValue(row: ProfileRow, column: string | null): string {
  switch (column) {
    case null:
    case 'id':
      return row.id;
    case 'status':
      return row.status;
    case 'name':
      return row.display_name ?? '';
    case 'tags':
      return row.tags.join(', ');
    case 'observations':
      return String(row.observations);
    case 'last_observation':
      return row.last_observation ?? '';
    case 'changed':
      return row.changed_at;
  }
  const score = scoreOf(column);
  if (score !== null) return String(row.scores?.[score] ?? '');
  const value = row.attributes[attributeOf(column) ?? ''];
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A value that lists can be filtered by. */
export interface Filterable {
  field: Field;
  value: FieldValue;
  /** As people read it. */
  text: string;
}

/** What a cell offers to filter by; a cell of tags offers each of them. */
export function filterables(row: ProfileRow, column: string | null): Filterable[] {
  const of = (field: Field, value: unknown): Filterable => ({
    field,
    value: { is: value },
    text: valueText(value),
  });
  switch (column) {
    case null:
    case 'id':
      return [of('id', row.id)];
    case 'status':
      return [of('status', row.status)];
    case 'name':
      return row.display_name ? [of('name', row.display_name)] : [];
    case 'tags':
      return row.tags.map((tag) => of('tags', tag));
    case 'observations':
      return [of('observations', row.observations)];
  }
  const name = attributeOf(column);
  if (name === null) return [];
  const field: Field = { attribute: name };
  const value = row.attributes[name];
  if (value === undefined) return [{ field, value: 'missing', text: '' }];
  return [of(field, value)];
}
