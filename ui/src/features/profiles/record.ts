import { pointerParts } from '$lib/format/pointer';
import type { Scalar } from '$lib/format/scalar';
import type { Edit } from '$lib/ipc';

export interface Consent {
  analytics: boolean;
  recorded_at: string;
  source?: string;
}

export interface Attachment {
  file_id: string;
  name: string;
  size: number;
  media_type: string;
  digest: string;
}

/** The members of `user_profile.v1` that the inspector shows. */
export interface ProfileRecord {
  display_name?: string;
  attributes?: Record<string, Scalar>;
  tags?: string[];
  notes?: string;
  consent?: Consent;
  attachments?: Attachment[];
  created_at?: string;
  updated_at?: string;
}

/** The host has validated the record against its schema; here it only gets its names back. */
export function asRecord(record: Record<string, unknown>): ProfileRecord {
  return record as ProfileRecord;
}

/**
 * The record as it will be once the edits are in: what the inspector shows until the host has
 * answered. Members that it cannot reach are left alone; the host's answer decides.
 */
export function withEdits(
  record: Record<string, unknown>,
  edits: readonly Edit[],
): Record<string, unknown> {
  const next = structuredClone(record);
  for (const edit of edits) {
    const [member, key] = pointerParts(edit.pointer);
    if (member === undefined) continue;
    if (edit.op === 'set' || edit.op === 'unset' || edit.op === 'text') {
      let target = next;
      if (key !== undefined) {
        target = { ...(next[member] as Record<string, unknown> | undefined) };
        next[member] = target;
      }
      if (edit.op === 'unset' || (edit.op === 'text' && edit.value === '')) {
        delete target[key ?? member];
      } else {
        target[key ?? member] = edit.value;
      }
    } else {
      const members = (next[member] as unknown[] | undefined) ?? [];
      const others = members.filter((m) => m !== edit.value);
      next[member] = edit.op === 'add' ? [...others, edit.value].sort() : others;
    }
  }
  return next;
}
