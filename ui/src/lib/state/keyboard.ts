/** Whether a key belongs to a field or a dialog, so that it is no shortcut. */
export function isTyping(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return true;
  return inField(event);
}

/** Whether a key belongs to a field or a dialog, which have an undo of their own. */
export function inField(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  return target.closest('input, textarea, select, dialog, [contenteditable]') !== null;
}

const withCommand = (event: KeyboardEvent) =>
  (event.ctrlKey || event.metaKey) && !event.altKey && !event.defaultPrevented;

/** Ctrl+Z; Ctrl+Shift+Z and Ctrl+Y do again. In a field they are the field's own. */
export function stepOf(event: KeyboardEvent): 'undo' | 'redo' | null {
  if (!withCommand(event) || inField(event)) return null;
  const key = event.key.toLowerCase();
  if (key === 'z') return event.shiftKey ? 'redo' : 'undo';
  return key === 'y' && !event.shiftKey ? 'redo' : null;
}

/** Ctrl+A outside of fields. */
export function isPickAll(event: KeyboardEvent): boolean {
  return (
    withCommand(event) && !event.shiftKey && event.key.toLowerCase() === 'a' && !inField(event)
  );
}
