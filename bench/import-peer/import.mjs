// The peer: a gzip file of NDJSON into SQLite, as one would write it in Node with the usual
// libraries. It does what `kartei import` does to each line: read, parse, check against the same
// schema, insert or update by id into the same table with the same indexes and outbox, in large
// transactions, with the same page size and checkpoints. It keeps less than Kartei does: no canonical
// form, no hash (the column holds zeroes), no columns for lists. With `fts`, it has a full-text index
// instead of Kartei's words. usage: import.mjs FILE DB [fts]
import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import Database from 'better-sqlite3';

/** Rows in one transaction; more changed nothing measurable. */
const BATCH = 10_000;

const [file, path, mode] = process.argv.slice(2);
const hasSearch = mode === 'fts';

const schemaUrl = new URL('../../schemas/user_profile.v1.schema.json', import.meta.url);
const ajv = new Ajv({ strict: true });
ajv.addVocabulary(['x-merge', 'x-merge-key', 'x-merge-prefer', 'x-derive-key', 'x-order']);
addFormats(ajv);
const validate = ajv.compile(JSON.parse(readFileSync(schemaUrl, 'utf8')));

const database = new Database(path);
database.pragma('page_size = 16384');
database.pragma('journal_mode = WAL');
database.pragma('synchronous = NORMAL');
database.pragma('wal_autocheckpoint = 4000');
database.pragma('cache_size = -32768');
database.exec(`
  CREATE TABLE IF NOT EXISTS profiles (
    pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    hash BLOB NOT NULL,
    genesis BLOB,
    accepted INTEGER NOT NULL,
    edited INTEGER NOT NULL,
    conflicts INTEGER NOT NULL,
    rev INTEGER,
    changed_at INTEGER NOT NULL,
    import INTEGER,
    loose INTEGER NOT NULL,
    stamp INTEGER NOT NULL,
    record TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS profiles_in_conflict ON profiles (pk) WHERE conflicts > 0;
  CREATE INDEX IF NOT EXISTS profiles_loose ON profiles (stamp) WHERE loose = 1;
  CREATE TABLE IF NOT EXISTS outbox (profile INTEGER PRIMARY KEY)`);
if (hasSearch) {
  database.exec(`CREATE VIRTUAL TABLE IF NOT EXISTS search USING fts5 (
    body, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2")`);
}
const upsert = database.prepare(`
  INSERT INTO profiles (id, hash, accepted, edited, conflicts, changed_at, import, loose, stamp, record)
  VALUES (?, ?, 0, 0, 0, ?, 1, 0, 0, ?)
  ON CONFLICT (id) DO UPDATE SET changed_at = excluded.changed_at, record = excluded.record
  RETURNING pk`);
const enqueue = database.prepare('INSERT OR IGNORE INTO outbox (profile) VALUES (?)');
const index = hasSearch
  ? database.prepare('INSERT OR REPLACE INTO search (rowid, body) VALUES (?, ?)')
  : null;
const hash = Buffer.alloc(32);
const now = Date.now();
const words = (record) =>
  [
    record.id,
    record.display_name,
    ...(record.tags ?? []),
    ...Object.values(record.attributes ?? {}),
    record.notes,
  ]
    .filter((value) => typeof value === 'string' || typeof value === 'number')
    .join(' ');
const store = database.transaction((records) => {
  for (const [record, line] of records) {
    const { pk } = upsert.get(record.id, hash, now, line);
    enqueue.run(pk);
    index?.run(pk, words(record));
  }
});

const counts = { stored: 0, rejected: 0 };
let batch = [];
const flush = () => {
  store(batch);
  counts.stored += batch.length;
  batch = [];
};

for await (const line of createInterface({ input: createReadStream(file).pipe(createGunzip()) })) {
  if (line.trim() === '') continue;
  let record;
  try {
    record = JSON.parse(line);
  } catch {
    counts.rejected += 1;
    continue;
  }
  if (!validate(record)) {
    counts.rejected += 1;
    continue;
  }
  batch.push([record, line]);
  if (batch.length === BATCH) flush();
}
flush();
database.close();
console.log(JSON.stringify(counts));
