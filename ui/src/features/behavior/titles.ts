import { locale } from '$lib/i18n.svelte';
import type { Titles } from '$lib/ipc';

/** What a schema, trait or signal is called for people; its own name where it has no other. */
export function titleOf(one: { name: string; title?: Titles | null | undefined }): string {
  return one.title == null ? one.name : one.title[locale.current];
}
