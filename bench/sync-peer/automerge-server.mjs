// A sync server of automerge-repo, as its own sync server is written: a repo with files for storage
// behind a WebSocket, which announces nothing and answers what it is asked for. It also answers
// GET /stored (the number of documents on its disk) and GET /stored/ids on the same port.
// usage: automerge-server.mjs --dir FOLDER [--lifetime SECONDS]
import { createServer } from 'node:http';
import { Repo } from '@automerge/automerge-repo';
import { WebSocketServerAdapter } from '@automerge/automerge-repo-network-websocket';
import { WebSocketServer } from 'ws';
import { CountingStorage } from './lib/automerge.mjs';
import { options } from './lib/options.mjs';
import { serve } from './lib/run.mjs';

/**
 * Milliseconds between the server's looks at whether a client is alive. The library's 5 seconds
 * would cut off clients that are only busy, and a busy client is what is measured.
 */
const KEEP_ALIVE_MS = 120_000;

const USAGE = 'automerge-server.mjs --dir FOLDER [--lifetime SECONDS]';
const { dir, lifetime } = options(USAGE, ['dir'], ['lifetime']);

const storage = new CountingStorage(dir);
const http = createServer((request, response) => {
  const answer =
    request.url === '/stored/ids' ? [...storage.stored] : { stored: storage.stored.size };
  response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
});
const sockets = new WebSocketServer({ server: http });
const repo = new Repo({
  storage,
  network: [new WebSocketServerAdapter(sockets, KEEP_ALIVE_MS)],
  shareConfig: { announce: async () => false, access: async () => true },
});
serve(http, lifetime, async () => {
  sockets.clients.forEach((client) => client.terminate());
  // `repo.shutdown` throws where a document is still on its way.
  const ready = Object.values(repo.handles).filter((handle) => handle.isReady());
  await repo.flush(ready.map(({ documentId }) => documentId));
  await storage.idle();
});
