// Fails the build if the fake host or a remote address found its way into a bundle: the window and the
// relay's page must show nothing but what their host says, and must never load anything from elsewhere.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUNDLES = ['dist', 'dist-admin'];
const forbidden = [
  { pattern: /KARTEI_FAKE_HOST/, why: 'the fake host is for tests and screenshots only' },
  { pattern: /(?:src|href)="https?:/, why: 'a page asset comes from elsewhere' },
  { pattern: /url\(["']?https?:/, why: 'a style asset comes from elsewhere' },
];

const faults = [];
for (const bundle of BUNDLES) {
  const folder = fileURLToPath(new URL(`../${bundle}`, import.meta.url));
  const files = await readdir(folder, { recursive: true });
  for (const file of files.filter((f) => /\.(js|css|html)$/.test(f)).sort()) {
    const text = await readFile(join(folder, file), 'utf8');
    for (const { pattern, why } of forbidden) {
      if (pattern.test(text)) faults.push(`${bundle}/${file}: ${pattern} – ${why}`);
    }
  }
}
if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
