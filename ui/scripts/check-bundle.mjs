// Fails the build if the fake host or a remote address found its way into the bundle: the window
// must show nothing but what its host says, and must never load anything from elsewhere.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const forbidden = [
  { pattern: /KARTEI_FAKE_HOST/, why: 'the fake host is for tests and screenshots only' },
  { pattern: /(?:src|href)="https?:/, why: 'a page asset comes from elsewhere' },
  { pattern: /url\(["']?https?:/, why: 'a style asset comes from elsewhere' },
];

const files = (await readdir(dist, { recursive: true })).filter((f) => /\.(js|css|html)$/.test(f));
const faults = [];
for (const file of files.sort()) {
  const text = await readFile(join(dist, file), 'utf8');
  for (const { pattern, why } of forbidden) {
    if (pattern.test(text)) faults.push(`${file}: ${pattern} – ${why}`);
  }
}
if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
