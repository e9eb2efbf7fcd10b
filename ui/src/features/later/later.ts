import { m } from '$lib/i18n.svelte';

/** Places whose content a later version brings. They say so, and nothing in them pretends to work. */
export type Later = 'administration';

export const LATER: Record<Later, { view: () => string; title: () => string; text: () => string }> =
  {
    administration: {
      view: m.administration,
      title: m.later_administration_title,
      text: m.later_administration_text,
    },
  };

/** What an administrator types at the relay, as docs/relay.md has it. */
export const RELAY_COMMANDS = [
  'kartei-relay admin org create NAME',
  'kartei-relay admin token create --org NAME --role analyst --name PERSON',
  'kartei-relay admin erasures --org NAME',
];
