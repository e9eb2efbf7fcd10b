/** The engine that shows this page, as its own name for itself says: `Chromium 129`, `WebKit 605.1`. */
export function webEngine(userAgent: string): string {
  const chromium = /Chrome\/(\d+)/.exec(userAgent)?.[1];
  if (chromium !== undefined) return `Chromium ${chromium}`;
  const webkit = /AppleWebKit\/([\d.]+)/.exec(userAgent)?.[1];
  if (webkit !== undefined) return `WebKit ${webkit}`;
  const gecko = /rv:([\d.]+)\).*Gecko/.exec(userAgent)?.[1];
  return gecko === undefined ? '' : `Gecko ${gecko}`;
}
