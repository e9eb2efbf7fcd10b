import { tick } from 'svelte';

/**
 * Waits for what a button of a row does. The button may be gone then, or the row: the focus goes to what took its
 * place, the first `target` in it.
 */
export async function keepFocus(
  row: HTMLElement,
  target: string,
  done: Promise<unknown>,
): Promise<void> {
  const beside = row.nextElementSibling ?? row.previousElementSibling;
  await done;
  await tick();
  const { activeElement } = document;
  if (activeElement !== null && activeElement !== document.body) return;
  const there = row.isConnected ? row : beside;
  const next = there?.querySelector<HTMLElement>(target);
  (next ?? document.querySelector<HTMLElement>('main'))?.focus();
}
