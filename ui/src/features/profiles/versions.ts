import { pointer } from '$lib/format/pointer';

/** A field of an earlier state beside what it is now. */
export interface VersionRow {
  pointer: string;
  /** Absent where the field was, or is, not set. */
  then?: unknown;
  now?: unknown;
  differs: boolean;
}

/** Said elsewhere: they name the profile, or change with everything else. */
const LEFT_OUT = new Set(['schema', 'id', 'updated_at']);

/** Equal JSON values, whatever the order of their members. */
function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [Object.entries(a), b as Record<string, unknown>];
  if (left.length !== Object.keys(b).length) return false;
  return left.every(([key, value]) => Object.hasOwn(right, key) && same(value, right[key]));
}

/** Fields of a record by pointer; each attribute is one of its own. */
function fieldsOf(record: Record<string, unknown>): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  for (const [name, value] of Object.entries(record)) {
    if (LEFT_OUT.has(name)) continue;
    if (name === 'attributes' && typeof value === 'object' && value !== null) {
      for (const [key, one] of Object.entries(value)) fields.set(pointer(name, key), one);
    } else {
      fields.set(pointer(name), value);
    }
  }
  return fields;
}

/** An earlier state field by field: what differs from now first, then the rest. */
export function versionRows(
  then: Record<string, unknown>,
  now: Record<string, unknown>,
): VersionRow[] {
  const [before, after] = [fieldsOf(then), fieldsOf(now)];
  const rows = [...new Set([...before.keys(), ...after.keys()])].map((field): VersionRow => ({
    pointer: field,
    ...(before.has(field) ? { then: before.get(field) } : {}),
    ...(after.has(field) ? { now: after.get(field) } : {}),
    differs: before.has(field) !== after.has(field) || !same(before.get(field), after.get(field)),
  }));
  return rows.sort((a, b) => Number(b.differs) - Number(a.differs));
}
