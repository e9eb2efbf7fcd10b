import type { IconName } from '$lib/components/Icon.svelte';
import { m } from '$lib/i18n.svelte';

export const PLACES = [
  'overview',
  'tokens',
  'devices',
  'analyses',
  'retention',
  'erasure',
  'audit',
] as const;
export type Place = (typeof PLACES)[number];

export const PLACE_TEXTS: Record<Place, { label: () => string; icon: IconName }> = {
  overview: { label: m.admin_overview, icon: 'profiles' },
  tokens: { label: m.admin_tokens, icon: 'people' },
  devices: { label: m.admin_devices, icon: 'sync' },
  analyses: { label: m.admin_analyses, icon: 'analyses' },
  retention: { label: m.admin_retention, icon: 'steps' },
  erasure: { label: m.admin_erasure, icon: 'trash' },
  audit: { label: m.admin_audit, icon: 'log' },
};

/** What the address names; the overview where it names nothing. */
export function placeOf(hash: string): Place {
  const name = hash.replace(/^#\/?/, '');
  return PLACES.find((place) => place === name) ?? 'overview';
}

export const placeHref = (place: Place) => `#/${place}`;
