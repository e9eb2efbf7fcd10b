import { pointer } from '$lib/format/pointer';
import { parseScalar, type ScalarKind } from '$lib/format/scalar';
import type { Edit } from '$lib/ipc';

/** An edit of all picked profiles. */
export type BulkKind = 'add_tag' | 'remove_tag' | 'set' | 'unset' | 'notes' | 'no_notes';

/** What a person filled in. */
export interface BulkForm {
  what: BulkKind;
  /** The tag, or the attribute's name. */
  name: string;
  kind: ScalarKind;
  /** The attribute's value, or the notes. */
  text: string;
}

/** The edit that a form asks for; null where its value is none of the chosen kind. */
export function bulkEdit({ what, name, kind, text }: BulkForm): Edit | null {
  const named = name.trim();
  switch (what) {
    case 'add_tag':
      return { op: 'add', pointer: '/tags', value: named };
    case 'remove_tag':
      return { op: 'remove', pointer: '/tags', value: named };
    case 'unset':
      return { op: 'unset', pointer: pointer('attributes', named) };
    case 'notes':
      return { op: 'set', pointer: '/notes', value: text };
    case 'no_notes':
      return { op: 'unset', pointer: '/notes' };
    case 'set': {
      const value = parseScalar(kind, text);
      if (value === undefined) return null;
      return { op: 'set', pointer: pointer('attributes', named), value };
    }
  }
}
