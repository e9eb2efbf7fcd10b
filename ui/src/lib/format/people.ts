import { locale } from '$lib/i18n.svelte';

/** The first letters of the first and the last part of a name, or of an address before its `@`. */
export function initials(name: string): string {
  const parts = (name.split('@')[0] ?? '').match(/[\p{L}\p{N}]+/gu) ?? [];
  const first = parts[0] ?? '?';
  const last = parts.length > 1 ? parts.at(-1)! : '';
  return ([...first][0]! + ([...last][0] ?? '')).toLocaleUpperCase(locale.tag);
}

/** `Ada, Ben and Cleo`, as the language joins names. */
export function formatNames(names: string[]): string {
  return new Intl.ListFormat(locale.tag, { type: 'conjunction' }).format(names);
}
