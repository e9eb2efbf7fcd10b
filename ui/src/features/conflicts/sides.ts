import { formatMoment } from '$lib/format';
import { valueText } from '$lib/format/scalar';
import { m } from '$lib/i18n.svelte';
import type { Choice, Conflict, ConflictValue } from '$lib/ipc';

/** The columns of a conflict: what was there before, what was written here, and what was not. */
export type Column = 'base' | 'mine' | 'theirs';

/** One of the values that a field in conflict can become. */
export interface Option {
  column: Column;
  /** Names it among the field's options. */
  key: string;
  value: unknown;
  absent: boolean;
  choice: Choice;
  /** Who wrote it and when; empty for what was there before. */
  origin: string;
}

/** A conflict of the whole profile: one side deleted it, the other wrote beside that. */
export const isDeletion = (conflict: Conflict) => conflict.pointer === '';

/** Who wrote a value, as people would say it. */
export function whoOf(value: ConflictValue): string {
  if (value.mine) return m.conflict_mine();
  if (value.imported) return m.conflict_imported();
  return value.by ?? m.conflict_someone();
}

export function originOf(value: ConflictValue): string {
  return value.at ? `${whoOf(value)} · ${formatMoment(value.at)}` : whoOf(value);
}

/**
 * The values of a conflict in their columns. Where nothing of it was written here, the first value,
 * which every replica shows, stands in the middle: nobody's side is left empty.
 */
export function optionsOf(conflict: Conflict): Option[] {
  const hasOwn = conflict.values.some((value) => value.mine);
  const sides = conflict.values.map((value, at): Option => ({
    column: (hasOwn ? value.mine : at === 0) ? 'mine' : 'theirs',
    key: value.key,
    value: value.value,
    absent: value.removed,
    choice: { take: 'side', key: value.key },
    origin: originOf(value),
  }));
  const order: Column[] = ['base', 'mine', 'theirs'];
  if (isDeletion(conflict)) return sides;
  const base: Option = {
    column: 'base',
    key: 'base',
    value: conflict.base,
    absent: conflict.base === undefined || conflict.base === null,
    choice:
      conflict.base === undefined || conflict.base === null
        ? { take: 'removed' }
        : { take: 'value', value: conflict.base },
    origin: '',
  };
  return [base, ...sides].sort((a, b) => order.indexOf(a.column) - order.indexOf(b.column));
}

/** What to take for one side in all conflicts that have it, by pointer. */
export function allOf(conflicts: Conflict[], column: Column): Map<string, Option> {
  const taken = new Map<string, Option>();
  for (const conflict of conflicts) {
    const option = optionsOf(conflict).find((one) => one.column === column);
    if (option !== undefined) taken.set(conflict.pointer, option);
  }
  return taken;
}

/** A value in a sentence, for names of controls. */
export function spoken(option: Pick<Option, 'value' | 'absent'>): string {
  return option.absent ? m.value_absent() : valueText(option.value);
}
