// Makes one Automerge document of each profile and gives them all to the server, which has stored
// them when this ends; or, with --dir instead of --port, straight into the folder of a server that
// is not running. The ids of the documents and of their profiles go to a file, in the source's order.
// usage: automerge-fill.mjs --file NDJSON --ids FILE (--port PORT | --dir FOLDER)
//                           [--count N] [--deadline SECONDS]
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import * as Automerge from '@automerge/automerge';
import { Repo, generateAutomergeUrl, parseAutomergeUrl } from '@automerge/automerge-repo';
import { WebSocketClientAdapter } from '@automerge/automerge-repo-network-websocket';
import { CountingStorage, toContent } from './lib/automerge.mjs';
import { options } from './lib/options.mjs';
import { profiles } from './lib/profiles.mjs';
import { deadlineIn, meter, report, rssMb, run } from './lib/run.mjs';

/** Documents made before this looks whether the server has stored them. */
const WINDOW = 500;

/** Milliseconds between two looks. */
const LOOK_MS = 50;

const USAGE =
  'automerge-fill.mjs --file NDJSON --ids FILE (--port PORT | --dir FOLDER)' +
  ' [--count N] [--deadline SECONDS]';

run(async () => {
  const asked = options(USAGE, ['file', 'ids'], ['port', 'dir', 'count', 'deadline']);
  if ((asked.port === undefined) === (asked.dir === undefined)) throw new Error(`usage: ${USAGE}`);
  const source = await profiles(asked.file, asked.count);
  const deadline = deadlineIn(asked.deadline, 'documents', source.length);
  const used = meter();
  const target = asked.dir === undefined ? overNetwork(asked.port) : intoFolder(asked.dir);

  const made = [];
  while (made.length < source.length && !deadline.isOver) {
    const window = source.slice(made.length, made.length + WINDOW);
    const ids = await target.make(window.map(toContent));
    ids.forEach((id, at) => made.push([id, window[at].id]));
    await target.settle(ids, made.length, deadline);
    deadline.count(made.length);
  }
  const stored = new Set(await target.stored());
  const arrived = made.filter(([id]) => stored.has(id));
  writeFileSync(asked.ids, JSON.stringify(arrived));
  const isWhole = arrived.length === source.length;
  if (!isWhole && !deadline.isOver) {
    throw new Error(`${arrived.length} of ${source.length} are stored`);
  }
  report({
    documents: arrived.length,
    of: source.length,
    ...(isWhole ? {} : { timed_out: true }),
    seconds: used.seconds(),
    cpu_seconds: used.cpuSeconds(),
    rss_mb: rssMb(),
    ids: asked.ids,
  });
});

/** Over a socket to a running server; that says what it has stored. */
function overNetwork(port) {
  const repo = new Repo({ network: [new WebSocketClientAdapter(`ws://127.0.0.1:${port}`)] });
  const ask = async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).json();
  return {
    make: async (contents) => contents.map((content) => repo.create(content).documentId),
    stored: () => ask('/stored/ids'),
    settle: async (ids, count, deadline) => {
      while (!deadline.isOver && (await ask('/stored')).stored < count) await pause(LOOK_MS);
      // What is stored need not stay in this process: it would only make the next ones slower.
      if (!deadline.isOver) await Promise.all(ids.map((id) => repo.removeFromCache(id)));
    },
  };
}

/** Into the files of a server, as its storage would write them. */
function intoFolder(dir) {
  const storage = new CountingStorage(dir);
  const store = async (content) => {
    const { documentId } = parseAutomergeUrl(generateAutomergeUrl());
    const document = Automerge.from(content);
    const key = [documentId, 'snapshot', Automerge.getHeads(document).join('')];
    await storage.save(key, Automerge.save(document));
    return documentId;
  };
  return {
    make: (contents) => Promise.all(contents.map(store)),
    stored: async () => storage.stored,
    settle: () => storage.idle(),
  };
}
