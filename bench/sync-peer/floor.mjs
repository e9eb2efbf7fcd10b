// The floor: the bytes of an address with curl into a file, and their lines into one table. Nothing
// is checked, indexed, merged or resumed; no sync can be faster than that and still be one.
// usage: floor.mjs --url URL --dir FOLDER [--file NDJSON] [--deadline SECONDS]
import { spawn } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { options } from './lib/options.mjs';
import { linesOf, requireSame, sample } from './lib/profiles.mjs';
import { deadlineIn, meter, report, run } from './lib/run.mjs';

/** Rows in one transaction; more changed nothing measurable. */
const BATCH = 10_000;

/** The first member of that name is the profile's own: the floor doesn't even parse its lines. */
const ID = /"id":\s*"([^"\\]+)"/;

run(async () => {
  const asked = options(
    'floor.mjs --url URL --dir FOLDER [--file NDJSON] [--deadline SECONDS]',
    ['url', 'dir'],
    ['file', 'deadline'],
  );
  mkdirSync(asked.dir, { recursive: true });
  const body = join(asked.dir, 'body');
  const deadline = deadlineIn(asked.deadline, 'rows', null);
  const used = meter();
  await fetchInto(body, asked.url, asked.deadline);
  const transferred = used.seconds();
  const database = open(join(asked.dir, 'floor.sqlite'));
  await insert(database, body, deadline);
  // Its cost belongs to the insert: the rows are in the file itself then.
  database.pragma('wal_checkpoint(TRUNCATE)');
  const seconds = used.seconds();
  const cpu = used.cpuSeconds();
  const rows = database.prepare('SELECT count(*) FROM profiles').pluck().get();
  const compared = deadline.isOver ? {} : await verify(database, asked.file ?? body, rows);
  database.close();
  report({
    rows,
    bytes: statSync(body).size,
    ...(deadline.isOver ? { timed_out: true } : {}),
    seconds,
    seconds_transfer: transferred,
    seconds_insert: Math.round((seconds - transferred) * 100) / 100,
    cpu_seconds: cpu,
    ...compared,
  });
});

/** The bytes as the server sends them, compressed or not. */
function fetchInto(file, url, seconds) {
  const limits = ['--max-time', String(seconds), '--noproxy', '*'];
  const curl = spawn('curl', ['--silent', '--show-error', '--fail', ...limits, '-o', file, url], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    curl.on('error', reject);
    curl.on('close', (status) =>
      status === 0 ? resolve() : reject(new Error(`curl ended with status ${status}`)),
    );
  });
}

function open(path) {
  const database = new Database(path);
  database.pragma('page_size = 16384');
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = NORMAL');
  database.pragma('wal_autocheckpoint = 4000'); // of 16 KiB pages: 64 MB
  database.pragma('cache_size = -32768');
  database.exec(
    'CREATE TABLE profiles (pk INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL)',
  );
  return database;
}

async function insert(database, file, deadline) {
  const row = database.prepare('INSERT INTO profiles (id, body) VALUES (?, ?)');
  const store = database.transaction((lines) => {
    for (const line of lines) row.run(ID.exec(line)[1], line);
  });
  let batch = [];
  let rows = 0;
  const flush = () => {
    store(batch);
    deadline.count((rows += batch.length));
    batch = [];
  };
  for await (const lines of linesOf(file)) {
    batch.push(...lines);
    if (batch.length >= BATCH) flush();
    if (deadline.isOver) return;
  }
  flush();
}

/** As many rows as the source has records, and some of them equal. */
async function verify(database, file, rows) {
  const { seen, found: expected } = await sample(file);
  if (seen !== rows) throw new Error(`${rows} rows of ${seen} records`);
  const body = database.prepare('SELECT body FROM profiles WHERE id = ?').pluck();
  return requireSame(
    expected.map(({ id }) => JSON.parse(body.get(id) ?? 'null')),
    expected,
  );
}
