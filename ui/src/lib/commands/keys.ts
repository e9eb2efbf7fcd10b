import { m } from '$lib/i18n.svelte';

/**
 * Keys as the table writes them: strokes with a blank between them (`g p`), each with its modifiers
 * (`Mod+Shift+z`). `Mod` is Ctrl, and Cmd on a Mac. A sign stands for itself, however it is typed.
 */
export type Keys = string;

const isMac = /mac/i.test(navigator.platform);

/** A stroke as the table writes it; null for a modifier alone and for what belongs to the system. */
export function strokeOf(event: KeyboardEvent): string | null {
  const { key } = event;
  if (key === 'Control' || key === 'Shift' || key === 'Alt' || key === 'Meta') return null;
  // AltGr types signs, as [ on a German keyboard; some systems report it as Ctrl with Alt.
  const typesSign = event.getModifierState('AltGraph') && key.length === 1;
  if (event.altKey && !typesSign) return null;
  const mod = (event.ctrlKey || event.metaKey) && !typesSign;
  if (key === ' ') return withModifiers('Space', mod, event.shiftKey);
  if (key.length > 1) return withModifiers(key, mod, event.shiftKey);
  return mod ? withModifiers(key.toLowerCase(), mod, event.shiftKey) : key;
}

const withModifiers = (key: string, mod: boolean, shift: boolean) =>
  (mod ? 'Mod+' : '') + (shift ? 'Shift+' : '') + key;

const NAMES: Record<string, () => string> = {
  Mod: () => (isMac ? '⌘' : m.key_ctrl()),
  Shift: m.key_shift,
  ArrowUp: () => '↑',
  ArrowDown: () => '↓',
  ArrowLeft: () => '←',
  ArrowRight: () => '→',
  Escape: () => 'Esc',
  Space: m.key_space,
};

/** The caps of one stroke after another, as they are printed on the keyboard: `g`, then `p`. */
export function keyCaps(keys: Keys): string[] {
  return keys.split(' ').map((stroke) =>
    stroke
      .split('+')
      .map((part) => NAMES[part]?.() ?? (stroke.includes('+') ? part.toUpperCase() : part))
      .join(' '),
  );
}

/** Keys in a tooltip or beside a command, in one line. */
export const keysText = (keys: Keys) => keyCaps(keys).join(' ');
