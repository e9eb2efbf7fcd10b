/** Whether a key belongs to a field or a dialog, so that it is no shortcut of the window. */
export function inField(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  return target.closest('input, textarea, select, dialog, [contenteditable]') !== null;
}

/** Whether a key belongs to a field or a dialog, or comes with another one: no plain letter. */
export function isTyping(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return true;
  return inField(event);
}

/** Ctrl+A outside of fields. */
export function isPickAll(event: KeyboardEvent): boolean {
  const withCommand = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  const isFree = !event.defaultPrevented && !inField(event);
  return withCommand && isFree && event.key.toLowerCase() === 'a';
}
