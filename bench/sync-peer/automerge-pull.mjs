// The first sync of a fresh client of automerge-repo: with nothing in its storage it asks the server
// for every document by its id and stores it in files. Afterwards, outside the measured time, it
// counts the files and compares documents of them with the source.
// usage: automerge-pull.mjs --port PORT --ids FILE --dir FOLDER --file NDJSON
//                           [--window N] [--deadline SECONDS]
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Repo } from '@automerge/automerge-repo';
import { WebSocketClientAdapter } from '@automerge/automerge-repo-network-websocket';
import { CountingStorage, toProfile } from './lib/automerge.mjs';
import { options } from './lib/options.mjs';
import { requireSame, sample } from './lib/profiles.mjs';
import { deadlineIn, meter, report, rssMb, run, signal } from './lib/run.mjs';

/** Documents asked for at a time; 32 to 1,000 cost the client the same, 1,000 the server more. */
const WINDOW = 64;

const USAGE =
  'automerge-pull.mjs --port PORT --ids FILE --dir FOLDER --file NDJSON' +
  ' [--window N] [--deadline SECONDS]';

run(async () => {
  const asked = options(USAGE, ['port', 'ids', 'dir', 'file'], ['window', 'deadline']);
  const wanted = JSON.parse(readFileSync(asked.ids, 'utf8'));
  const deadline = deadlineIn(asked.deadline, 'documents', wanted.length);
  const used = meter();

  const storage = new CountingStorage(asked.dir);
  const connected = signal();
  const refused = new Map();
  const settled = signal();
  const look = () => {
    deadline.count(storage.stored.size);
    if (storage.stored.size + refused.size === wanted.length) settled.reach();
  };
  storage.onStored = look;
  const repo = new Repo({
    storage,
    network: [new WebSocketClientAdapter(`ws://127.0.0.1:${asked.port}`)],
  });
  // What is asked for before the server is there is taken for unavailable.
  repo.networkSubsystem.on('peer', connected.reach);
  await Promise.race([connected.promise, deadline.reached]);
  const queue = wanted.values();
  const worker = async () => {
    for (const [id] of queue) {
      if (deadline.isOver) return;
      try {
        await repo.find(id);
      } catch (error) {
        refused.set(id, String(error));
        look();
      }
    }
  };
  for (let n = 0; n < (asked.window ?? WINDOW); n += 1) void worker();
  await Promise.race([settled.promise, deadline.reached]);

  const result = {
    documents: storage.stored.size,
    of: wanted.length,
    ...(deadline.isOver ? { timed_out: true } : {}),
    ...(refused.size > 0 ? { refused: refused.size, why: [...refused.values()][0] } : {}),
    seconds: used.seconds(),
    cpu_seconds: used.cpuSeconds(),
    rss_mb: rssMb(),
  };
  report({ ...result, ...(await verify(asked, wanted, storage.stored)) });
});

/** Finds a snapshot of every document that is said to be stored, and reads some of them anew. */
async function verify({ dir, file }, wanted, stored) {
  // The storage shortens its folders by splitting the id.
  const folderOf = (id) => join(dir, id.slice(0, 2), id.slice(2), 'snapshot');
  const absent = [...stored].filter((id) => !existsSync(folderOf(id)));
  if (absent.length > 0) throw new Error(`${absent.length} documents are not in the storage`);
  const { found: expected } = await sample(file, wanted.length);
  const documentOf = new Map(wanted.map(([documentId, profileId]) => [profileId, documentId]));
  const due = expected.filter(({ id }) => stored.has(documentOf.get(id)));
  const repo = new Repo({ storage: new CountingStorage(dir) });
  const records = [];
  for (const { id } of due) {
    records.push(toProfile((await repo.find(documentOf.get(id))).doc()));
  }
  return requireSame(records, due);
}
