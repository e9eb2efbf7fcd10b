/**
 * Puts a text on the clipboard; answers whether that went well. A text that is still to come is
 * promised to the clipboard at once, since WebKit allows it only while a key or a click is answered;
 * why it did not come is thrown.
 */
export async function copyText(text: string | Promise<string>): Promise<boolean> {
  if (typeof text !== 'string') return copiedWhenThere(text);
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // WebKitGTK refuses the clipboard outside a secure page; the old way works everywhere.
    return copiedTheOldWay(text);
  }
}

async function copiedWhenThere(text: Promise<string>): Promise<boolean> {
  try {
    const blob = text.then((plain) => new Blob([plain], { type: 'text/plain' }));
    await navigator.clipboard.write([new ClipboardItem({ 'text/plain': blob })]);
    return true;
  } catch {
    return copyText(await text);
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
