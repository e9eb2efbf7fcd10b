// Makes the bookmark out of the script: `node docs/migration/bookmark.mjs` writes it into
// docs/migration.md, `node docs/migration/bookmark.mjs FILE` prints that of an adapted script.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SCRIPT = new URL('export-prototype.js', import.meta.url);
const DOCUMENT = new URL('../migration.md', import.meta.url);

/** The line of the document that is the bookmark. */
const PLACE = /^javascript:.*$/m;

/** A script as a link: without comments of their own lines, and with what a link cannot hold escaped. */
export function bookmarkOf(script) {
  const lines = script.split('\n').map((line) => line.trim());
  const code = lines.filter((line) => line && !line.startsWith('//') && !line.startsWith('/**'));
  return `javascript:${code.join('\n').replaceAll(/[\s%#"<>]/g, encodeURIComponent)}`;
}

/** The document with the bookmark of the script that lies beside this. */
export function documentNow() {
  const bookmark = bookmarkOf(readFileSync(SCRIPT, 'utf8'));
  return readFileSync(DOCUMENT, 'utf8').replace(PLACE, () => bookmark);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file] = process.argv.slice(2);
  if (file === undefined) writeFileSync(DOCUMENT, documentNow());
  else console.log(bookmarkOf(readFileSync(file, 'utf8')));
}
