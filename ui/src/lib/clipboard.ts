/** Puts a text on the clipboard; answers whether that went well. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // WebKitGTK refuses the clipboard outside a secure page; the old way works everywhere.
    return copiedTheOldWay(text);
  }
}

function copiedTheOldWay(text: string): boolean {
  const before = document.activeElement;
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  // Selecting took the focus; it must not be lost.
  if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  return copied;
}
