// Gives profiles to a PouchDB server, one document each, in bulk; then counts them there.
// usage: pouch-fill.mjs --file NDJSON --port PORT [--count N] [--deadline SECONDS]
import PouchDB from 'pouchdb';
import { options } from './lib/options.mjs';
import { toDocument } from './lib/pouch.mjs';
import { profiles } from './lib/profiles.mjs';
import { deadlineIn, meter, report, rssMb, run } from './lib/run.mjs';

/** Documents in one request. */
const BATCH = 2000;

run(async () => {
  const asked = options(
    'pouch-fill.mjs --file NDJSON --port PORT [--count N] [--deadline SECONDS]',
    ['file', 'port'],
    ['count', 'deadline'],
  );
  const source = await profiles(asked.file, asked.count);
  const deadline = deadlineIn(asked.deadline, 'documents', source.length);
  const used = meter();
  const server = new PouchDB(`http://127.0.0.1:${asked.port}/profiles`);
  for (let at = 0; at < source.length && !deadline.isOver; at += BATCH) {
    const answers = await server.bulkDocs(source.slice(at, at + BATCH).map(toDocument));
    const refused = answers.find(({ error }) => error);
    if (refused) throw new Error(`a document was refused: ${JSON.stringify(refused)}`);
    deadline.count(at + answers.length);
  }
  const { doc_count: documents } = await server.info();
  if (documents !== source.length && !deadline.isOver) {
    throw new Error(`${documents} of ${source.length} are on the server`);
  }
  report({
    documents,
    of: source.length,
    ...(documents < source.length ? { timed_out: true } : {}),
    seconds: used.seconds(),
    cpu_seconds: used.cpuSeconds(),
    rss_mb: rssMb(),
  });
});
