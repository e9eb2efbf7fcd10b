/** Builds a JSON pointer (RFC 6901) from unescaped parts. */
export function pointer(...parts: string[]): string {
  return parts.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The unescaped parts of a JSON pointer. `~1` is undone before `~0`, so `~01` stays `~1`. */
export function pointerParts(text: string): string[] {
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
