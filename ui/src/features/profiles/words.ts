import type { Meaning } from '$lib/components/Shape.svelte';
import { pointerParts } from '$lib/format/pointer';
import { m } from '$lib/i18n.svelte';
import type { HistoryEntry, ProfileStatus } from '$lib/ipc';

const STATUS: Record<ProfileStatus, { meaning: Meaning; label: () => string; long: () => string }> =
  {
    synced: { meaning: 'done', label: m.status_synced, long: m.status_synced_long },
    pending: { meaning: 'pending', label: m.status_pending, long: m.status_pending_long },
    conflict: { meaning: 'conflict', label: m.status_conflict, long: m.status_conflict_long },
    rejected: { meaning: 'rejected', label: m.status_rejected, long: m.status_rejected_long },
  };

export function statusWords(status: ProfileStatus) {
  const { meaning, label, long } = STATUS[status];
  return { meaning, label: label(), long: long() };
}

const MEMBERS: Record<string, () => string> = {
  display_name: m.field_display_name,
  attributes: m.field_attributes,
  tags: m.field_tags,
  notes: m.field_notes,
  consent: m.field_consent,
  observations: m.field_observations,
  attachments: m.field_attachments,
  created_at: m.field_created,
  updated_at: m.field_updated,
};

/** A field as people call it: the member's name, or an attribute's own. */
export function fieldLabel(pointer: string): string {
  const [member, ...rest] = pointerParts(pointer);
  if (member === undefined) return m.field_whole();
  if (member === 'attributes' && rest.length > 0) return rest.join(' / ');
  const name = MEMBERS[member]?.() ?? member;
  return rest.length === 0 ? name : `${name}: ${rest.join(' / ')}`;
}

const HISTORY: Record<HistoryEntry['kind'], () => string> = {
  genesis: m.history_genesis,
  import: m.history_import,
  edit: m.history_edit,
  deletion: m.history_deletion,
  reopening: m.history_reopening,
  revival: m.history_revival,
};

export function historyKind(entry: HistoryEntry): string {
  return entry.became == null ? HISTORY[entry.kind]() : m.merged_into({ id: entry.became });
}

/** The tag that a field of the history is about; tags are members of a set, present or not. */
export function tagOf(pointer: string): string | null {
  const [member, tag] = pointerParts(pointer);
  return member === 'tags' && tag !== undefined ? tag : null;
}
