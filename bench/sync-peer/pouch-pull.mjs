// The first sync of a fresh PouchDB with LevelDB files: it replicates the server's database.
// Afterwards, outside the measured time, it compares documents with the source.
// usage: pouch-pull.mjs --port PORT --dir FOLDER --file NDJSON --count N
//                       [--batch-size N] [--deadline SECONDS]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import PouchDB from 'pouchdb';
import { options } from './lib/options.mjs';
import { toProfile } from './lib/pouch.mjs';
import { requireSame, sample } from './lib/profiles.mjs';
import { deadlineIn, meter, report, rssMb, run } from './lib/run.mjs';

/** Documents in one request. */
const BATCH = 1000;

/** Requests under way at a time; the library's own number. */
const BATCHES = 10;

const USAGE =
  'pouch-pull.mjs --port PORT --dir FOLDER --file NDJSON --count N' +
  ' [--batch-size N] [--deadline SECONDS]';

run(async () => {
  const asked = options(USAGE, ['port', 'dir', 'file', 'count'], ['batch-size', 'deadline']);
  mkdirSync(asked.dir, { recursive: true });
  const deadline = deadlineIn(asked.deadline, 'documents', asked.count);
  const used = meter();
  const local = new PouchDB(join(asked.dir, 'profiles'), { adapter: 'leveldb' });
  const replication = local.replicate.from(`http://127.0.0.1:${asked.port}/profiles`, {
    batch_size: asked['batch-size'] ?? BATCH,
    batches_limit: BATCHES,
  });
  replication.on('change', ({ docs_written: written }) => deadline.count(written));
  void deadline.reached.then(() => replication.cancel());
  await replication;
  const { doc_count: documents } = await local.info();
  const result = {
    documents,
    of: asked.count,
    ...(deadline.isOver ? { timed_out: true } : {}),
    seconds: used.seconds(),
    cpu_seconds: used.cpuSeconds(),
    rss_mb: rssMb(),
  };
  if (documents !== asked.count && !deadline.isOver) {
    throw new Error(`${documents} of ${asked.count} arrived`);
  }
  report({ ...result, ...(await verify(local, asked)) });
});

/** Compares some of the documents that arrived, which at a deadline are the source's first ones. */
async function verify(local, { file, count }) {
  const { found: expected } = await sample(file, count);
  const { rows } = await local.allDocs({ keys: expected.map(({ id }) => id), include_docs: true });
  const arrived = rows.filter(({ doc }) => doc).map(({ doc }) => toProfile(doc));
  const ids = new Set(arrived.map(({ id }) => id));
  const due = expected.filter(({ id }) => ids.has(id));
  return requireSame(arrived, due);
}
