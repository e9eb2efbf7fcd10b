// The peer: a gzip file of NDJSON into SQLite, as one would write it in Node with the usual
// libraries. It does what `kartei import` does to each line: read, parse, check against the same
// schema, insert or update by id, in large transactions with a write-ahead log. It keeps less than
// Kartei does: no search index, no canonical form and hash, no outbox. usage: import.mjs FILE DB
import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import Database from 'better-sqlite3';

/** Rows in one transaction; more changed nothing measurable. */
const BATCH = 10_000;

const [file, path] = process.argv.slice(2);

const schemaUrl = new URL('../../schemas/user_profile.v1.schema.json', import.meta.url);
const ajv = new Ajv({ strict: true });
ajv.addVocabulary(['x-merge', 'x-merge-key', 'x-merge-prefer', 'x-derive-key', 'x-order']);
addFormats(ajv);
const validate = ajv.compile(JSON.parse(readFileSync(schemaUrl, 'utf8')));

const database = new Database(path);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = NORMAL');
database.exec(`
  CREATE TABLE IF NOT EXISTS profile (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    display_name TEXT,
    observations INTEGER NOT NULL,
    record TEXT NOT NULL
  )`);
const upsert = database.prepare(`
  INSERT INTO profile (id, display_name, observations, record) VALUES (?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET
    display_name = excluded.display_name,
    observations = excluded.observations,
    record = excluded.record`);
const store = database.transaction((records) => {
  for (const [record, line] of records) {
    upsert.run(record.id, record.display_name ?? null, record.observations?.length ?? 0, line);
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
